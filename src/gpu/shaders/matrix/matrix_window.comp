// matrix_window.comp - attention in (shifted) windows on matrix cores, as window.comp: f16 operands, float32 sums and softmax.
//   spans     0 queries, keys, values side by side [h][w][3c] (f16), 1 to [h][w][c] (f16), 2 what a padding token's are [3c]
//             (f16), 3 bias / scale [heads][PADDED / M][PADDED / N][M][N] (f16), 4 which keys a query does not see, likewise:
//             [4][..] for windows inside, of the last row, of the last column, of both (f16, 1 or 0)
//   numbers   0 height, 1 width, 2 shift, 3 stride of 0, 4 stride of 1 (elements), 5 heads, 6 scale / ln 2
//   constants 0 elements of a head, 1 window, 2 tokens of a window, padded to whole fragments, 3 fragment: m | n << 8 |
//             k << 16 | subgroup's size << 24, 4 subgroups, 5 quads (8 elements) of a row in shared memory, 7 invocations
// A group is a window and head: groups.x is windows across x heads, heads fastest, groups.y windows down. A subgroup does M
// queries at a time: their scores for all keys stay in its registers. Where the numbers of a fragment lie is the driver's
// secret, so what rows have in common goes through shared memory, in the place of the queries that are no longer needed there.
// Strides, offsets and DIM are multiples of 8; M, N, K divide DIM and PADDED; 2 N <= DIM; M divides a subgroup; SUBGROUPS x M divides PADDED.
#version 460
#pragma use_vulkan_memory_model
#extension GL_GOOGLE_include_directive : require
#extension GL_KHR_memory_scope_semantics : require
#extension GL_KHR_cooperative_matrix : require
#extension GL_KHR_shader_subgroup_basic : require
#extension GL_EXT_shader_explicit_arithmetic_types_float16 : require
#include "../call.glsl"

layout(constant_id = 0) const uint DIM = 32;
layout(constant_id = 1) const uint WINDOW = 12;
layout(constant_id = 2) const uint PADDED = 144;
layout(constant_id = 3) const uint FRAGMENT = 0x20101010;
layout(constant_id = 4) const uint SUBGROUPS = 3;
layout(constant_id = 5) const uint PITCH = 5;
layout(constant_id = 7) const uint THREADS = 96;
layout(local_size_x_id = 7) in;

const uint M = FRAGMENT & 255, N = FRAGMENT >> 8 & 255, K = FRAGMENT >> 16 & 255, SUBGROUP = FRAGMENT >> 24;

#include "../windows.glsl"

layout(buffer_reference, std430, buffer_reference_align = 16) buffer Quads { uvec4 v[]; };

const uint ROW = DIM / 8;                // quads of a token
const uint TILES = PADDED / N;           // fragments of a row of scores
const uint KEYS = PADDED * PITCH, VALUES = 2 * KEYS; // first quads; the queries come first
const uint EACH = (PADDED * ROW + THREADS - 1) / THREADS;

shared uvec4 fast[3 * PADDED * PITCH];

#include "softmax.glsl"

// Queries, keys and values of the window's tokens; zeros behind the last.
void load_tokens(uvec2 window, uint head)
{
    const uint c = call.number[5] * ROW, picture = gl_WorkGroupID.z * call.step[0] / 8;
    uvec4 quads[3 * EACH];
    [[unroll]] for (uint e = 0; e < EACH; e++) {
        const uint i = e * THREADS + gl_LocalInvocationIndex, token = i / ROW;
        const uint pixel = token < TOKENS ? token_pixel(window, token) : NOWHERE;
        const uint at = head * ROW + i % ROW;
        [[unroll]] for (uint part = 0; part < 3; part++) {
            uvec4 quad = uvec4(0);
            if (pixel != NOWHERE)
                quad = Quads(call.at[0]).v[picture + pixel * (call.number[3] / 8) + part * c + at];
            else if (token < TOKENS)
                quad = Quads(call.at[2]).v[part * c + at];
            quads[3 * e + part] = quad;
        }
    }
    [[unroll]] for (uint e = 0; e < EACH; e++) {
        const uint i = e * THREADS + gl_LocalInvocationIndex;
        if (PADDED * ROW % THREADS != 0 && i >= PADDED * ROW) continue;
        [[unroll]] for (uint part = 0; part < 3; part++)
            fast[part * KEYS + i / ROW * PITCH + i % ROW] = quads[3 * e + part];
    }
}

// What of span 4 is for this window; 0: its tokens are all of one region.
uint regions_of(uvec2 window)
{
    const bool down = window.y == padded(call.number[0]) / WINDOW - 1, across = window.x == padded(call.number[1]) / WINDOW - 1;
    return call.number[2] == 0 ? 0 : (down ? 1 : 0) + (across ? 2 : 0);
}

// Write M rows of results that lie at `area`, f16, to their pixels.
void store_rows(uint area, uvec2 window, uint first, uint head)
{
    const uint picture = gl_WorkGroupID.z * call.step[1] / 8;
    for (uint i = gl_SubgroupInvocationID; i < M * ROW; i += SUBGROUP) {
        const uint token = first + i / ROW;
        if (token >= TOKENS) continue;
        const uint pixel = token_pixel(window, token);
        if (pixel == NOWHERE) continue;
        Quads(call.at[1]).v[picture + pixel * (call.number[4] / 8) + head * ROW + i % ROW] = fast[area + i / ROW * PITCH + i % ROW];
    }
}

// M queries, first of them `first`.
void attend(uvec2 window, uint head, uint first, uint regions)
{
    const uint area = first * PITCH;
    {
        const uint at = (head * PADDED + first) * PADDED, see = (regions * PADDED + first) * PADDED;
        [[unroll]] for (uint j = 0; j < TILES; j++) {
            HALF_SUMS bias;
            coopMatLoad(bias, Halves(call.at[3]).v, at + j * M * N, N, gl_CooperativeMatrixLayoutRowMajor);
            score[j] = SUMS(bias);
        }
        if (PADDED != TOKENS || regions != 0)
            [[unroll]] for (uint j = 0; j < TILES; j++) {
                HALF_SUMS half_hidden;
                coopMatLoad(half_hidden, Halves(call.at[4]).v, see + j * M * N, N, gl_CooperativeMatrixLayoutRowMajor);
                const SUMS hidden = SUMS(half_hidden);
                [[unroll]] for (uint i = 0; i < ELEMENTS; i++)
                    if (hidden[i] != 0.0) score[j][i] = MINUS_INFINITY;
            }
    }
    [[unroll]] for (uint step = 0; step < DIM / K; step++) {
        LEFT query;
        coopMatLoad(query, fast, area + step * (K / 8), PITCH, gl_CooperativeMatrixLayoutRowMajor);
        [[unroll]] for (uint j = 0; j < TILES; j++) {
            RIGHT key;
            coopMatLoad(key, fast, KEYS + j * N * PITCH + step * (K / 8), PITCH, gl_CooperativeMatrixLayoutColumnMajor);
            score[j] = coopMatMulAdd(query, key, score[j]);
        }
    }
    weight = SUMS(0.0);
    [[unroll]] for (uint d = 0; d < DIM / N; d++) sums[d] = SUMS(0.0);
    const SUMS most = highest_scores(area);
    add_values(area, most, uintBitsToFloat(call.number[6]));
    lay_results(area);
    store_rows(area, window, first, head);
}

void main()
{
    const uint heads = call.number[5], head = gl_WorkGroupID.x % heads;
    const uvec2 window = uvec2(gl_WorkGroupID.x / heads, gl_WorkGroupID.y);
    load_tokens(window, head);
    barrier();
    const uint regions = regions_of(window);
    for (uint i = 0; i < PADDED / (SUBGROUPS * M); i++) attend(window, head, (i * SUBGROUPS + gl_SubgroupID) * M, regions);
}
