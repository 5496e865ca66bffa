// product.comp - dst (+)= activation(A W^T + bias) in tiles of TILE_M x TILE_N, without matrix cores; sums float32.
//   spans    0 A (rows.glsl), 1 W [out][depth, padded with zeros], 2 bias float32, 3 dst, or sums of slices, 4 offsets
//   numbers  0 rows, 1 columns (out), 2 depth, 3 stride of A, 4 stride of dst, 5 stride of W,
//            6 channels of A, 7 its height, 8 its width, 9 width of dst, 10 kernel | stride << 8 | pad << 16 | flags << 24
//            (result.glsl), 11 stride of offsets, 12 first offset | first modulator << 16,
//            13 depth of a slice, a multiple of DEPTH: dst is then float32 [slice][rows][columns] without anything added; 0: no slices
//   constants 0 type of A, 1 type of W, 2 type of dst, 3 LOADER, 4 TILE_M, 5 TILE_N (16 to 128, multiples of 16),
//            6 whether channels, stride and address of A are multiples of four,
//            7 whether to unroll what is costly to compile (drivers that compute on the CPU take seconds)
// groups.x covers columns, groups.y rows, slice by slice. 16 x 16 invocations, each TILE_M/16 rows and TILE_N/16 columns, 16 apart.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "call.glsl"
#include "four.glsl"

layout(constant_id = 0) const uint A_TYPE = F32;
layout(constant_id = 1) const uint W_TYPE = F32;
layout(constant_id = 2) const uint DST_TYPE = F32;
layout(constant_id = 3) const uint LOADER = 0;
layout(constant_id = 4) const uint TILE_M = 64;
layout(constant_id = 5) const uint TILE_N = 64;
layout(constant_id = 6) const uint FOURS = 1;
layout(constant_id = 7) const uint UNROLL = 1;
layout(local_size_x = 256) in;

#include "rows.glsl"
#include "result.glsl"

#define DEPTH 16 // columns at a time: four invocations load four each of a row
#define LINE 5   // a row's vec4 in shared memory: one more than there are, so that neighbouring rows lie in other banks

shared vec4 a_tile[TILE_M * LINE];
shared vec4 w_tile[TILE_N * LINE];

const uint M = TILE_M / 16, N = TILE_N / 16;                           // of an invocation
const uint A_LOADS = (TILE_M + 63) / 64, W_LOADS = (TILE_N + 63) / 64; // vec4 that an invocation brings

Row row[A_LOADS];
vec4 a_next[A_LOADS], w_next[W_LOADS];
float sum[M][N];

// Read columns k .. k + DEPTH - 1 of the tile's rows; invocation i reads vec4 i % 4 of row i / 4.
void bring(uint first_column, uint k)
{
    const uint line = gl_LocalInvocationIndex / 4, quarter = gl_LocalInvocationIndex % 4 * 4;
    [[unroll]] for (uint i = 0; i < A_LOADS; i++) a_next[i] = row_load(row[i], A_TYPE, FOURS != 0, k + quarter);
    [[unroll]] for (uint i = 0; i < W_LOADS; i++)
        if (line + 64 * i < TILE_N)
            w_next[i] = load4(1, W_TYPE, (first_column + line + 64 * i) * call.number[5] + k + quarter);
}

void put()
{
    const uint line = gl_LocalInvocationIndex / 4, quarter = gl_LocalInvocationIndex % 4;
    [[unroll]] for (uint i = 0; i < A_LOADS; i++)
        if (line + 64 * i < TILE_M) a_tile[(line + 64 * i) * LINE + quarter] = a_next[i];
    [[unroll]] for (uint i = 0; i < W_LOADS; i++)
        if (line + 64 * i < TILE_N) w_tile[(line + 64 * i) * LINE + quarter] = w_next[i];
}

void multiply()
{
    const uint line = gl_LocalInvocationIndex / 16, column = gl_LocalInvocationIndex % 16;
    [[unroll]] for (uint q = 0; q < DEPTH / 4; q++) {
        vec4 a[M];
        [[unroll]] for (uint i = 0; i < M; i++) a[i] = a_tile[(line + 16 * i) * LINE + q];
        [[unroll]] for (uint j = 0; j < N; j++) {
            const vec4 w = w_tile[(column + 16 * j) * LINE + q];
            [[unroll]] for (uint i = 0; i < M; i++) {
                sum[i][j] = fma(a[i].x, w.x, sum[i][j]);
                sum[i][j] = fma(a[i].y, w.y, sum[i][j]);
                sum[i][j] = fma(a[i].z, w.z, sum[i][j]);
                sum[i][j] = fma(a[i].w, w.w, sum[i][j]);
            }
        }
    }
}

void main()
{
    const uint tiles = (call.number[0] + TILE_M - 1) / TILE_M, slice = gl_WorkGroupID.y / tiles;
    const uint first_row = gl_WorkGroupID.y % tiles * TILE_M, first_column = gl_WorkGroupID.x * TILE_N;
    const uint sliced = call.number[13], begin = slice * sliced;
    const uint end = sliced == 0 ? call.number[2] : min(call.number[2], begin + sliced);
    [[unroll]] for (uint i = 0; i < M; i++)
        [[unroll]] for (uint j = 0; j < N; j++) sum[i][j] = 0.0;
    [[unroll]] for (uint i = 0; i < A_LOADS; i++)
        row[i] = row_begin(TILE_M >= 64 || gl_LocalInvocationIndex / 4 < TILE_M
                               ? first_row + gl_LocalInvocationIndex / 4 + 64 * i : ~0u);

    if (UNROLL != 0) bring(first_column, begin);
    for (uint k = begin; k < end; k += DEPTH) {
        if (UNROLL == 0) bring(first_column, k);
        put();
        barrier();
        if (UNROLL != 0 && k + DEPTH < end) bring(first_column, k + DEPTH); // on its way while this is multiplied
        multiply();
        barrier();
    }

    const uint never = UNROLL != 0 ? 0 : call.number[0] >> 31; // a compiler does not know
    const uint flags = call.number[10] >> 24;
    [[unroll]] for (uint i = 0; i < M + never; i++)
        [[unroll]] for (uint j = 0; j < N + never; j++) {
            const uint r = first_row + gl_LocalInvocationIndex / 16 + 16 * i;
            const uint c = first_column + gl_LocalInvocationIndex % 16 + 16 * j;
            if (r >= call.number[0] || c >= call.number[1]) continue;
            if (sliced == 0)
                result_store(3, flags, r * call.number[4] + c, c, sum[i][j]);
            else
                store(3, F32, (slice * call.number[0] + r) * call.number[1] + c, sum[i][j]);
        }
}
