// finish.glsl - what product.comp does with its sums: bias, what is in dst, activation, dst's type. Where the numbers of a
// fragment lie is the driver's secret, so a subgroup lays FRAG_M rows at a time into shared memory and reads them back in order.

layout(buffer_reference, std430, buffer_reference_align = 16) buffer Quads_out { uvec4 v[]; };
layout(buffer_reference, std430, buffer_reference_align = 16) buffer Fours_out { vec4 v[]; };

float activate(float x)
{
    if (ACTIVATION == RELU) return x > 0.0 ? x : 0.0; // what is not a number becomes 0, as on the CPU
    if (ACTIVATION == GELU) return gelu(x);
    return x;
}

vec4 activate4(vec4 x)
{
    return vec4(activate(x.x), activate(x.y), activate(x.z), activate(x.w));
}

bool has_bias()
{
    return call.at[BIAS] != uvec2(0);
}

const uint WIDE = DST_TYPE == F16 ? 8 : 4; // numbers that an invocation stores at once: 16 bytes, neighbours side by side

vec4 biased(vec4 sums_, uint column)
{
    return has_bias() ? sums_ + Fours(call.at[BIAS]).v[(gl_WorkGroupID.z * call.step[BIAS] + column) / 4] : sums_;
}

// WIDE columns of a row from `column` on, all there, at element `at` of dst; of float32 four, in `low`.
void store_wide(uint at, uint column, vec4 low, vec4 high)
{
    low = biased(low, column);
    if (DST_TYPE == F16) {
        high = biased(high, column + 4);
        Quads_out dst = Quads_out(call.at[DST]);
        if (ADD) {
            const uvec4 old = dst.v[at / 8];
            low += vec4(unpackHalf2x16(old.x), unpackHalf2x16(old.y));
            high += vec4(unpackHalf2x16(old.z), unpackHalf2x16(old.w));
        }
        dst.v[at / 8] = half_quad(activate4(low), activate4(high));
    } else {
        Fours_out dst = Fours_out(call.at[DST]);
        if (ADD) low += dst.v[at / 4];
        dst.v[at / 4] = activate4(low);
    }
}

void store_one(uint at, uint column, float value)
{
    if (column >= columns) return;
    if (has_bias()) value += load(BIAS, F32, column);
    if (DST_TYPE == F16) {
        Halves dst = Halves(call.at[DST]);
        if (ADD) value += float(dst.v[at]);
        dst.v[at] = float16_t(saturate(activate(value)));
    } else {
        Floats dst = Floats(call.at[DST]);
        if (ADD) value += dst.v[at];
        dst.v[at] = activate(value);
    }
}

// FRAG_M rows of this subgroup, first of them `row`, columns from `n0` on.
void store_slab(uint slab, uint row, uint n0, uint dst_first)
{
    const uint pieces = SUB_N / WIDE;
    [[unroll]] for (uint e = 0; e < FRAG_M * pieces; e += SUBGROUP) {
        const uint i = e + gl_SubgroupInvocationID, r = i / pieces, c = i % pieces * WIDE, column = n0 + c;
        if ((FRAG_M * pieces) % SUBGROUP != 0 && i >= FRAG_M * pieces) continue;
        if (row + r >= rows || column >= columns) continue;
        const uint from = slab + r * SLAB_PITCH + c / 4, at = dst_first + (row + r) * call.number[4] + column;
        const vec4 low = uintBitsToFloat(fast[from]), high = WIDE == 8 ? uintBitsToFloat(fast[from + 1]) : vec4(0);
        if (ALIGNED) {
            store_wide(at, column, low, high);
        } else {
            [[unroll]] for (uint k = 0; k < 4; k++) {
                store_one(at + k, column + k, low[k]);
                if (WIDE == 8) store_one(at + 4 + k, column + 4 + k, high[k]);
            }
        }
    }
}

void subgroup_wait()
{
    controlBarrier(gl_ScopeSubgroup, gl_ScopeSubgroup, gl_StorageSemanticsShared, gl_SemanticsAcquireRelease);
}

void finish(uint m0, uint n0, uint dst_first)
{
    const uint slab = gl_SubgroupID * FRAG_M * SLAB_PITCH;
    m0 += gl_SubgroupID / ALONG_N * SUB_M;
    n0 += gl_SubgroupID % ALONG_N * SUB_N;
    [[unroll]] for (uint i = 0; i < COUNT_M; i++) {
        [[unroll]] for (uint j = 0; j < COUNT_N; j++)
            coopMatStore(sums[i][j], fast, slab + j * (FRAG_N / 4), SLAB_PITCH, gl_CooperativeMatrixLayoutRowMajor);
        subgroup_wait();
        store_slab(slab, m0 + i * FRAG_M, n0, dst_first);
        subgroup_wait();
    }
}
