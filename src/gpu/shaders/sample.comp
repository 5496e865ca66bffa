// sample.comp - rows of samples for a product: pixel after pixel, kernel x kernel taps each, moved by offsets (rows.glsl, SAMPLES).
//   spans    0 map, 1 rows [pixel][tap][channel], 4 offsets
//   numbers  1 first pixel, 0 the one behind the last, 2 taps * channels, 3 stride of the map, 6 channels, 7 height, 8 and 9 width,
//            10 kernel | 1 << 8 | kernel / 2 << 16, 11 stride of offsets, 12 first offset | first modulator << 16
//   constants 0 type of both, 1 whether channels, strides and addresses are multiples of four
// One invocation eight columns of a pixel, most often of one tap; groups.x * groups.y covers them.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "call.glsl"
#include "four.glsl"

layout(constant_id = 0) const uint TYPE = F32;
layout(constant_id = 1) const uint FOURS = 1;
const uint LOADER = 2;
layout(local_size_x = 256) in;

#include "rows.glsl"

void main()
{
    const uint i = (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * 256 + gl_LocalInvocationIndex;
    const uint depth = call.number[2], eights = (depth + 7) / 8, first = call.number[1], pixel = first + i / eights;
    if (pixel >= call.number[0]) return;
    Row row = row_begin(pixel);
    for (uint k = i % eights * 8; k < min(depth, (i % eights + 1) * 8); k += 4) {
        const vec4 value = row_load(row, TYPE, FOURS != 0, k);
        store_some(1, TYPE, (pixel - first) * depth + k, value, depth - k, FOURS != 0);
    }
}
