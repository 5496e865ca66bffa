// product.comp - dst (+)= activation(A W^T + bias) on matrix cores, f16 operands, float32 sums; A as shaders/product.comp has it.
//   spans    0 A, 1 W f16 [columns][depth], rows padded to 32 numbers, 2 bias (float32) or none, 3 dst, 4 offsets (float32)
//   numbers  0 rows, 1 columns, 2 depth (a multiple of 8), 3 stride of A (a multiple of 8), 4 stride of dst, 5 pieces;
//            filters: 6 width of dst, 7 8 9 height, width, channels of A (a multiple of 8), 10 kernel | stride << 8 |
//            pad << 16; samples: 11 stride of offsets, 12 first offset, 13 first modulator
//   constants 0 tile: rows | columns << 16; 1 depth step | buffers << 8 | order << 12 | prefetch << 16
//            2 subgroups along rows | along columns << 8; 3 fragment: m | n << 8 | k << 16 | subgroup's size << 24
//            4 loader | type of A << 8 | exact << 16: the depth is a multiple of the step
//            5 activation | type of dst << 8 | add << 16 | aligned << 17: columns and stride of dst are multiples of 8
//            7 invocations
// One group a tile; groups.x covers columns, groups.y rows, `pieces` times over: each piece of the depth then leaves its sums
// as float32 [piece][rows][columns] in dst, which sums.comp adds up.
#version 460
#pragma use_vulkan_memory_model
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#include "../call.glsl"
#include "../gelu.glsl"

layout(constant_id = 0) const uint TILE = 0x00200020;
layout(constant_id = 1) const uint STEP = 0x00011020;
layout(constant_id = 2) const uint SUBGROUPS = 0x0101;
layout(constant_id = 3) const uint FRAGMENT = 0x20101010;
layout(constant_id = 4) const uint SOURCE = 0x00010200;
layout(constant_id = 5) const uint RESULT = 0x00020200;
layout(constant_id = 7) const uint THREADS = 32;
layout(local_size_x_id = 7) in;

const uint TILE_M = TILE & 0xffff, TILE_N = TILE >> 16;
const uint TILE_K = STEP & 255, BUFFERS = STEP >> 8 & 15, ORDER = STEP >> 12 & 15, PREFETCH = STEP >> 16 & 1;
const uint ALONG_M = SUBGROUPS & 255, ALONG_N = SUBGROUPS >> 8;
const uint FRAG_M = FRAGMENT & 255, FRAG_N = FRAGMENT >> 8 & 255, FRAG_K = FRAGMENT >> 16 & 255, SUBGROUP = FRAGMENT >> 24;
const uint LOADER = SOURCE & 255, A_TYPE = SOURCE >> 8 & 255;
const bool EXACT = (SOURCE >> 16 & 1) == 1;
const uint ACTIVATION = RESULT & 255, DST_TYPE = RESULT >> 8 & 255;
const bool ADD = (RESULT >> 16 & 1) == 1, ALIGNED = (RESULT >> 17 & 1) == 1;

const uint LOADER_ROWS = 0, LOADER_TAPS = 1, LOADER_SAMPLES = 2; // bn_gpu_loader
const uint RELU = 1, GELU = 2;                                   // bn_activation
// ORDER: a step's fragments of W one by one | all fragments first | those of the next step before this one's products
const uint ONE_BY_ONE = 0, ALL_FIRST = 1, AHEAD = 2;

#include "fetch.glsl"

const uint SUB_M = TILE_M / ALONG_M, SUB_N = TILE_N / ALONG_N; // a subgroup's part of the tile
const uint COUNT_M = SUB_M / FRAG_M, COUNT_N = SUB_N / FRAG_N, STEPS = TILE_K / FRAG_K;
const uint PITCH = ROW + 1;
const uint B_BASE = BUFFERS * TILE_M * PITCH;
const uint TILE_QUADS = BUFFERS * (TILE_M + TILE_N) * PITCH;
// For the end: FRAG_M rows of a subgroup's sums, float32. 8 numbers more a row: fragments are written without meeting a bank twice.
const uint SLAB_PITCH = SUB_N / 4 + 2;
const uint SLAB_QUADS = ALONG_M * ALONG_N * FRAG_M * SLAB_PITCH;

shared uvec4 fast[TILE_QUADS > SLAB_QUADS ? TILE_QUADS : SLAB_QUADS];

#define SUMS coopmat<float, gl_ScopeSubgroup, FRAG_M, FRAG_N, gl_MatrixUseAccumulator>
#define LEFT coopmat<float16_t, gl_ScopeSubgroup, FRAG_M, FRAG_K, gl_MatrixUseA>
#define RIGHT coopmat<float16_t, gl_ScopeSubgroup, FRAG_K, FRAG_N, gl_MatrixUseB>

SUMS sums[COUNT_M][COUNT_N];

void keep(uint which)
{
    const uint at = which * TILE_M * PITCH + first_row * PITCH + quad_column;
    const uint bt = B_BASE + which * TILE_N * PITCH + first_row * PITCH + quad_column;
    [[unroll]] for (uint i = 0; i < A_QUADS; i++)
        if (TILE_M % ROWS_AT_ONCE == 0 || first_row + i * ROWS_AT_ONCE < TILE_M)
            fast[at + i * ROWS_AT_ONCE * PITCH] = a_quads[i];
    [[unroll]] for (uint i = 0; i < B_QUADS; i++)
        if (TILE_N % ROWS_AT_ONCE == 0 || first_row + i * ROWS_AT_ONCE < TILE_N)
            fast[bt + i * ROWS_AT_ONCE * PITCH] = b_quads[i];
}

// The products of a tile in shared memory. Arrays of fragments are no parameters of functions: drivers would copy them.
void multiply(uint which)
{
    const uint a_base = which * TILE_M * PITCH + gl_SubgroupID / ALONG_N * SUB_M * PITCH;
    const uint b_base = B_BASE + which * TILE_N * PITCH + gl_SubgroupID % ALONG_N * SUB_N * PITCH;
    LEFT x[2][COUNT_M];
    RIGHT y[2][COUNT_N];
#define LOAD_LEFT(slot, step)                                                                                          \
    [[unroll]] for (uint i = 0; i < COUNT_M; i++)                                                                      \
        coopMatLoad(x[slot][i], fast, a_base + i * FRAG_M * PITCH + (step) * (FRAG_K / 8), PITCH, gl_CooperativeMatrixLayoutRowMajor);
#define LOAD_RIGHT(slot, step, j)                                                                                      \
    coopMatLoad(y[slot][j], fast, b_base + (j) * FRAG_N * PITCH + (step) * (FRAG_K / 8), PITCH, gl_CooperativeMatrixLayoutColumnMajor);
    if (ORDER == AHEAD) {
        LOAD_LEFT(0, 0)
        [[unroll]] for (uint j = 0; j < COUNT_N; j++) LOAD_RIGHT(0, 0, j)
    }
    [[unroll]] for (uint step = 0; step < STEPS; step++) {
        const uint slot = ORDER == AHEAD ? step % 2 : 0;
        if (ORDER == AHEAD && step + 1 < STEPS) {
            LOAD_LEFT(1 - slot, step + 1)
            [[unroll]] for (uint j = 0; j < COUNT_N; j++) LOAD_RIGHT(1 - slot, step + 1, j)
        }
        if (ORDER != AHEAD) LOAD_LEFT(0, step)
        if (ORDER == ALL_FIRST)
            [[unroll]] for (uint j = 0; j < COUNT_N; j++) LOAD_RIGHT(0, step, j)
        [[unroll]] for (uint j = 0; j < COUNT_N; j++) {
            if (ORDER == ONE_BY_ONE) LOAD_RIGHT(0, step, j)
            [[unroll]] for (uint i = 0; i < COUNT_M; i++) sums[i][j] = coopMatMulAdd(x[slot][i], y[slot][j], sums[i][j]);
        }
    }
}

#include "finish.glsl"

void run_steps(uint count)
{
    if (PREFETCH == 0) {
        for (uint step = 0; step < count; step++) {
            fetch();
            if (BUFFERS == 1) barrier(); // all have multiplied
            keep(step % BUFFERS);
            barrier();
            multiply(step % BUFFERS);
        }
        return;
    }
    fetch();
    keep(0);
    barrier();
    for (uint step = 0; step < count; step++) {
        const bool more = step + 1 < count;
        if (more) fetch(); // on its way while we multiply
        multiply(step % BUFFERS);
        if (BUFFERS == 1) barrier();
        if (more) keep((step + 1) % BUFFERS);
        barrier();
    }
}

void main()
{
    rows = call.number[0], columns = call.number[1], depth_quads = call.number[2] / 8, a_stride_quads = call.number[3] / 8;
    a_h = call.number[7], a_w = call.number[8], a_channel_quads = call.number[9] / 8, kernel = call.number[10] & 255;
    const uint pieces = call.number[5], tiles = (rows + TILE_M - 1) / TILE_M;
    const uint piece = pieces > 1 ? gl_WorkGroupID.y / tiles : 0;
    const uint m0 = (gl_WorkGroupID.y - piece * tiles) * TILE_M, n0 = gl_WorkGroupID.x * TILE_N;
    const uint all_steps = (depth_quads + ROW - 1) / ROW, piece_steps = (all_steps + pieces - 1) / pieces;
    const uint first = min(piece * piece_steps, all_steps), count = min(piece_steps, all_steps - first);
    [[unroll]] for (uint i = 0; i < COUNT_M; i++)
        [[unroll]] for (uint j = 0; j < COUNT_N; j++) sums[i][j] = SUMS(0.0);
    if (count > 0) {
        begin_fetch(m0, n0, first * ROW);
        run_steps(count);
    }
    barrier();
    finish(m0, n0, gl_WorkGroupID.z * call.step[DST] + piece * rows * columns);
}
