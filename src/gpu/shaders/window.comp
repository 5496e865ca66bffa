// window.comp - attention in (shifted) windows: softmax(scale q k^T + bias, regions apart) v for a window and head.
//   spans     0 queries, keys, values side by side [h][w][3c], 1 to [h][w][c], 2 what a padding token's are [3c] (of the
//             same type), 3 relative position bias, float32 [heads][(2 WINDOW - 1)^2]
//   numbers   0 height, 1 width, 2 shift, 3 stride of 0, 4 stride of 1 (elements), 5 heads, 6 scale
//   constants 0 type, 1 elements of a head, 2 window, 3 invocations, 4 keys of a tile, 5 whether all places allow reads of
//             four, 6 keys of a chunk
// groups.x is windows across x heads, heads fastest; groups.y is windows down x blocks of a window's queries, blocks fastest.
// Padding is never written.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "call.glsl"
#include "four.glsl"

layout(constant_id = 0) const uint TYPE = F32;
layout(constant_id = 1) const uint DIM = 32;
layout(constant_id = 2) const uint WINDOW = 7;
layout(constant_id = 3) const uint INVOCATIONS = 64;
layout(constant_id = 4) const uint TILE = 48;
layout(constant_id = 5) const uint FOURS = 1;
layout(constant_id = 6) const uint CHUNK = 8;
layout(local_size_x_id = 3) in;

#include "windows.glsl"

#define HIDDEN -3.402823e38

const uint SPAN = 2 * WINDOW - 1;
const uint BLOCKS = (TOKENS + INVOCATIONS - 1) / INVOCATIONS;

shared float table[SPAN * SPAN];
shared uvec2 tile_marks[TILE]; // place in the table, region

uint query_place, query_region;

float key_score(float dot, uint key)
{
    const uvec2 mark = tile_marks[key];
    return mark.y == query_region ? dot + table[query_place - mark.x] : HIDDEN;
}

#include "attention.glsl"

// Keys and values of the window's tokens from `first` on, with their marks.
void load_tile(uvec2 window, uint head, uint first)
{
    const uint c = call.number[5] * DIM;
    for (uint i = gl_LocalInvocationIndex; i < TILE; i += INVOCATIONS) {
        const uint token = first + i;
        tile_marks[i] = uvec2(token / WINDOW * SPAN + token % WINDOW, token_region(window, token));
    }
    for (uint i = gl_LocalInvocationIndex; i < TILE * FOUR_COUNT; i += INVOCATIONS) {
        const uint token = first + i / FOUR_COUNT, e = 4 * (i % FOUR_COUNT), at = c + head * DIM + e;
        vec4 key = vec4(0.0), value = vec4(0.0);
        if (token < TOKENS) {
            const uint pixel = token_pixel(window, token);
            const uint slot = pixel == NOWHERE ? 2 : 0, row = pixel == NOWHERE ? 0 : pixel * call.number[3];
            key = load_some(slot, TYPE, row + at, DIM - e, FOURS != 0);
            value = load_some(slot, TYPE, row + c + at, DIM - e, FOURS != 0);
        }
        tile_keys[i] = key;
        tile_values[i] = value;
    }
}

void main()
{
    const uint heads = call.number[5], head = gl_WorkGroupID.x % heads;
    const uvec2 window = uvec2(gl_WorkGroupID.x / heads, gl_WorkGroupID.y / BLOCKS);
    const uint query = gl_WorkGroupID.y % BLOCKS * INVOCATIONS + gl_LocalInvocationIndex;
    const uint pixel = query < TOKENS ? token_pixel(window, query) : NOWHERE;
    for (uint i = gl_LocalInvocationIndex; i < SPAN * SPAN; i += INVOCATIONS)
        table[i] = load(3, F32, head * SPAN * SPAN + i);
    query_place = (min(query, TOKENS - 1) / WINDOW + WINDOW - 1) * SPAN + min(query, TOKENS - 1) % WINDOW + WINDOW - 1;
    query_region = token_region(window, query);
    attend_begin(pixel * call.number[3] + head * DIM, TYPE, pixel != NOWHERE, FOURS != 0, number(6));
    for (uint first = 0; first < TOKENS; first += TILE) {
        barrier();
        load_tile(window, head, first);
        barrier();
        attend_tile(min(TILE, TOKENS - first));
    }
    if (pixel != NOWHERE) attend_end(pixel * call.number[4] + head * DIM, TYPE, FOURS != 0);
}
