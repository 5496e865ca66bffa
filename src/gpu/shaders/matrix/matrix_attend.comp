// matrix_attend.comp - attention over all keys on matrix cores, as attend.comp: f16 operands, float32 sums and softmax.
//   spans     0 queries [..][c], 1 to [..][c], 2 keys and values side by side [..][2c]; all f16
//   numbers   0 queries, 1 keys, 2 stride of 0, 3 stride of 1, 4 stride of 2 (elements), 5 heads, 6 scale / ln 2
//   constants 0 elements of a head, 1 keys of a tile, 2 fragment: m | n << 8 | k << 16 | subgroup's size << 24, 3 subgroups,
//             4 quads (8 elements) of a row in shared memory, 7 invocations
// groups.x is blocks of SUBGROUPS x M queries x heads, heads fastest. A subgroup keeps its queries in registers, goes over
// tiles of keys that all share, and corrects its sums when a tile has a higher score.
// Strides, offsets and DIM are multiples of 8; M, N, K divide DIM; N and K divide TILE; 2 N <= DIM; M divides a subgroup.
#version 460
#pragma use_vulkan_memory_model
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#include "../call.glsl"

layout(constant_id = 0) const uint DIM = 64;
layout(constant_id = 1) const uint TILE = 64;
layout(constant_id = 2) const uint FRAGMENT = 0x20101010;
layout(constant_id = 3) const uint SUBGROUPS = 4;
layout(constant_id = 4) const uint PITCH = 9;
layout(constant_id = 7) const uint THREADS = 128;
layout(local_size_x_id = 7) in;

const uint M = FRAGMENT & 255, N = FRAGMENT >> 8 & 255, K = FRAGMENT >> 16 & 255, SUBGROUP = FRAGMENT >> 24;

layout(buffer_reference, std430, buffer_reference_align = 16) buffer Quads { uvec4 v[]; };

const uint ROW = DIM / 8;                                    // quads of a row
const uint QUERIES = SUBGROUPS * M;                          // of a group
const uint TILES = TILE / N;                                 // fragments of a row of scores
const uint KEYS = QUERIES * PITCH, VALUES = KEYS + TILE * PITCH; // first quads; the queries come first
const uint EACH = (TILE * ROW + THREADS - 1) / THREADS;

shared uvec4 fast[(QUERIES + 2 * TILE) * PITCH];

#include "softmax.glsl"

LEFT query[DIM / K];
SUMS highest;

void load_queries(uint first, uint head)
{
    const uint picture = gl_WorkGroupID.z * call.step[0] / 8;
    for (uint i = gl_LocalInvocationIndex; i < QUERIES * ROW; i += THREADS) {
        const uint row = first + i / ROW;
        fast[i / ROW * PITCH + i % ROW] =
            row < call.number[0] ? Quads(call.at[0]).v[picture + row * (call.number[2] / 8) + head * ROW + i % ROW] : uvec4(0);
    }
}

// Keys and values from `first` on; zeros behind the last.
void load_tile(uint first, uint head)
{
    const uint values = call.number[5] * ROW, picture = gl_WorkGroupID.z * call.step[2] / 8;
    uvec4 quads[2 * EACH];
    [[unroll]] for (uint e = 0; e < EACH; e++) {
        const uint i = e * THREADS + gl_LocalInvocationIndex, row = first + i / ROW;
        const uint at = picture + row * (call.number[4] / 8) + head * ROW + i % ROW;
        const bool there = row < call.number[1];
        quads[2 * e] = there ? Quads(call.at[2]).v[at] : uvec4(0);
        quads[2 * e + 1] = there ? Quads(call.at[2]).v[at + values] : uvec4(0);
    }
    barrier(); // all have used the tile before
    [[unroll]] for (uint e = 0; e < EACH; e++) {
        const uint i = e * THREADS + gl_LocalInvocationIndex, to = i / ROW * PITCH + i % ROW;
        if (TILE * ROW % THREADS != 0 && i >= TILE * ROW) continue;
        fast[KEYS + to] = quads[2 * e];
        fast[VALUES + to] = quads[2 * e + 1];
    }
    barrier();
}

// For keys from the tile's `first` on, `count` of them there: 0 or minus infinity, M x N floats at `area`.
void lay_hidden(uint area, uint first, uint count)
{
    subgroup_wait();
    for (uint i = gl_SubgroupInvocationID; i < M * N / 4; i += SUBGROUP) {
        const uint q = i % (N / 4), key = first + 4 * q;
        const bvec4 there = lessThan(uvec4(key, key + 1, key + 2, key + 3), uvec4(count));
        fast[area + i / (N / 4) * PITCH + q] = floatBitsToUint(mix(vec4(MINUS_INFINITY), vec4(0.0), there));
    }
    subgroup_wait();
}

// A tile of which the first `count` keys are there.
void attend_tile(uint area, uint count)
{
    const float factor = uintBitsToFloat(call.number[6]);
    [[unroll]] for (uint j = 0; j < TILES; j++) {
        score[j] = SUMS(0.0);
        [[unroll]] for (uint step = 0; step < DIM / K; step++) {
            RIGHT key;
            coopMatLoad(key, fast, KEYS + j * N * PITCH + step * (K / 8), PITCH, gl_CooperativeMatrixLayoutColumnMajor);
            score[j] = coopMatMulAdd(query[step], key, score[j]);
        }
    }
    if (count < TILE)
        [[unroll]] for (uint j = 0; j < TILES; j++) {
            lay_hidden(area, j * N, count);
            SUMS hidden;
            coopMatLoad(hidden, fast, area, PITCH, gl_CooperativeMatrixLayoutRowMajor);
            score[j] = score[j] + hidden;
        }
    SUMS most = highest_scores(area);
    [[unroll]] for (uint i = 0; i < ELEMENTS; i++) {
        most[i] = max(most[i], highest[i]);
        const float less = exp2((highest[i] - most[i]) * factor);
        weight[i] *= less;
        [[unroll]] for (uint d = 0; d < DIM / N; d++) sums[d][i] *= less;
    }
    highest = most;
    add_values(area, most, factor);
}

// Write the results of the subgroup's queries, the first of them `first`.
void finish(uint area, uint first, uint head)
{
    lay_results(area);
    const uint picture = gl_WorkGroupID.z * call.step[1] / 8;
    for (uint i = gl_SubgroupInvocationID; i < M * ROW; i += SUBGROUP) {
        const uint row = first + i / ROW;
        if (row < call.number[0])
            Quads(call.at[1]).v[picture + row * (call.number[3] / 8) + head * ROW + i % ROW] = fast[area + i / ROW * PITCH + i % ROW];
    }
}

void main()
{
    const uint heads = call.number[5], head = gl_WorkGroupID.x % heads, block = gl_WorkGroupID.x / heads * QUERIES;
    const uint area = gl_SubgroupID * M * PITCH, keys = call.number[1];
    load_queries(block, head);
    barrier();
    [[unroll]] for (uint step = 0; step < DIM / K; step++)
        coopMatLoad(query[step], fast, area + step * (K / 8), PITCH, gl_CooperativeMatrixLayoutRowMajor);
    [[unroll]] for (uint d = 0; d < DIM / N; d++) sums[d] = SUMS(0.0);
    weight = SUMS(0.0);
    highest = SUMS(MINUS_INFINITY);
    for (uint first = 0; first < keys; first += TILE) {
        load_tile(first, head);
        attend_tile(area, min(TILE, keys - first));
    }
    finish(area, block + gl_SubgroupID * M, head);
}
