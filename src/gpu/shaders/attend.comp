// attend.comp - attention over all keys: softmax(scale q k^T) v, heads side by side.
//   spans     0 queries [..][c], 1 to [..][c], 2 keys and values side by side [..][2c]
//   numbers   0 queries, 1 keys, 2 stride of 0, 3 stride of 1, 4 stride of 2 (elements), 5 heads, 6 scale
//   constants 0 type, 1 elements of a head, 2 keys of a tile, 3 invocations, 4 whether all places allow reads of four,
//             5 keys of a chunk
// One invocation a query and head; groups.x is blocks of queries x heads, heads fastest.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "call.glsl"
#include "four.glsl"

layout(constant_id = 0) const uint TYPE = F32;
layout(constant_id = 1) const uint DIM = 64;
layout(constant_id = 2) const uint TILE = 24;
layout(constant_id = 3) const uint INVOCATIONS = 64;
layout(constant_id = 4) const uint FOURS = 1;
layout(constant_id = 5) const uint CHUNK = 8;
layout(local_size_x_id = 3) in;

#define HIDDEN -3.402823e38

float key_score(float dot, uint key)
{
    return dot;
}

#include "attention.glsl"

void load_tile(uint head, uint first)
{
    for (uint i = gl_LocalInvocationIndex; i < TILE * FOUR_COUNT; i += INVOCATIONS) {
        const uint key = first + i / FOUR_COUNT, e = 4 * (i % FOUR_COUNT);
        const uint at = key * call.number[4] + head * DIM + e;
        const bool there = key < call.number[1];
        tile_keys[i] = there ? load_some(2, TYPE, at, DIM - e, FOURS != 0) : vec4(0.0);
        tile_values[i] = there ? load_some(2, TYPE, at + call.number[5] * DIM, DIM - e, FOURS != 0) : vec4(0.0);
    }
}

void main()
{
    const uint heads = call.number[5], head = gl_WorkGroupID.x % heads, keys = call.number[1];
    const uint query = gl_WorkGroupID.x / heads * INVOCATIONS + gl_LocalInvocationIndex;
    const bool there = query < call.number[0];
    attend_begin(query * call.number[2] + head * DIM, TYPE, there, FOURS != 0, number(6));
    for (uint first = 0; first < keys; first += TILE) {
        barrier();
        load_tile(head, first);
        barrier();
        attend_tile(min(TILE, keys - first));
    }
    if (there) attend_end(query * call.number[3] + head * DIM, TYPE, FOURS != 0);
}
