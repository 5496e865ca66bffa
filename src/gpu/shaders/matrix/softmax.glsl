// softmax.glsl - what the kernels of attention on matrix cores share. Where the numbers of a fragment lie is the driver's secret,
// so what rows have in common goes through shared memory: rows of PITCH quads (8 numbers of f16) in `fast`. An `area` there is
// M of them, which one subgroup has for itself. Values lie from quad VALUES on.

const uint LANES = SUBGROUP / M;        // invocations of a row
const uint ELEMENTS = M * N / SUBGROUP; // of a fragment of sums, in one invocation. Loops over them are unrolled: a fragment
                                        // whose elements are found by a number that is not constant leaves the registers

#define MINUS_INFINITY uintBitsToFloat(0xff800000)

#define SUMS coopmat<float, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>
#define HALF_SUMS coopmat<float16_t, gl_ScopeSubgroup, M, N, gl_MatrixUseAccumulator>
#define LEFT coopmat<float16_t, gl_ScopeSubgroup, M, K, gl_MatrixUseA>
#define RIGHT coopmat<float16_t, gl_ScopeSubgroup, K, N, gl_MatrixUseB>

const uint CHUNK = DIM / N; // fragments of scores in an area

SUMS score[TILES];              // of M queries
SUMS sums[DIM / N], weight;     // of values by shares; of shares: elements of a row are partial sums

void subgroup_wait()
{
    controlBarrier(gl_ScopeSubgroup, gl_ScopeSubgroup, gl_StorageSemanticsShared, gl_SemanticsAcquireRelease);
}

// The M x N floats at `area` become their row's maximum, or 1 / their row's sum.
void spread(uint area, bool sum)
{
    subgroup_wait();
    const uint lane = gl_SubgroupInvocationID, row = area + lane / LANES * PITCH;
    vec4 four = uintBitsToFloat(fast[row]);
    [[unroll]] for (uint q = 1; q < N / 4; q++) {
        const vec4 more = uintBitsToFloat(fast[row + q]);
        four = sum ? four + more : max(four, more);
    }
    const float one = sum ? 1.0 / ((four.x + four.y) + (four.z + four.w)) : max(max(four.x, four.y), max(four.z, four.w));
    subgroup_wait();
    for (uint q = lane % LANES; q < N / 4; q += LANES) fast[row + q] = uvec4(floatBitsToUint(one));
    subgroup_wait();
}

// Every element of the result is the highest score of its row.
SUMS highest_scores(uint area)
{
    SUMS most = score[0];
    [[unroll]] for (uint j = 1; j < TILES; j++)
        [[unroll]] for (uint i = 0; i < ELEMENTS; i++) most[i] = max(most[i], score[j][i]);
    subgroup_wait();
    coopMatStore(most, fast, area, PITCH, gl_CooperativeMatrixLayoutRowMajor);
    spread(area, false);
    coopMatLoad(most, fast, area, PITCH, gl_CooperativeMatrixLayoutRowMajor);
    return most;
}

// Scores become shares of the values, which add up in sums and weight.
void add_values(uint area, SUMS most, float factor)
{
    [[unroll]] for (uint j = 0; j < TILES; j++)
        [[unroll]] for (uint i = 0; i < ELEMENTS; i++) {
            const float share = exp2((score[j][i] - most[i]) * factor);
            score[j][i] = share;
            weight[i] += share;
        }
    [[unroll]] for (uint first = 0; first < TILES; first += CHUNK) {
        const uint tiles = min(CHUNK, TILES - first);
        subgroup_wait();
        [[unroll]] for (uint j = 0; j < tiles; j++)
            coopMatStore(HALF_SUMS(score[first + j]), fast, area + j * (N / 8), PITCH, gl_CooperativeMatrixLayoutRowMajor);
        subgroup_wait();
        [[unroll]] for (uint step = 0; step < tiles * N / K; step++) {
            LEFT shares;
            coopMatLoad(shares, fast, area + step * (K / 8), PITCH, gl_CooperativeMatrixLayoutRowMajor);
            [[unroll]] for (uint d = 0; d < DIM / N; d++) {
                RIGHT value;
                coopMatLoad(value, fast, VALUES + (first * N + step * K) * PITCH + d * (N / 8), PITCH, gl_CooperativeMatrixLayoutRowMajor);
                sums[d] = coopMatMulAdd(shares, value, sums[d]);
            }
        }
    }
}

// The area becomes sums / weight, f16.
void lay_results(uint area)
{
    subgroup_wait();
    coopMatStore(weight, fast, area, PITCH, gl_CooperativeMatrixLayoutRowMajor);
    spread(area, true);
    coopMatLoad(weight, fast, area, PITCH, gl_CooperativeMatrixLayoutRowMajor);
    subgroup_wait();
    [[unroll]] for (uint d = 0; d < DIM / N; d++) {
        [[unroll]] for (uint i = 0; i < ELEMENTS; i++) sums[d][i] = saturate(sums[d][i] * weight[i]);
        coopMatStore(HALF_SUMS(sums[d]), fast, area + d * (N / 8), PITCH, gl_CooperativeMatrixLayoutRowMajor);
    }
    subgroup_wait();
}
