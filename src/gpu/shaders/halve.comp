// halve.comp - a planar picture resized bilinearly, corners aligned.
//   spans     0 picture, float32 [3][h][w]; 1 result, float32 [3][h][w]
//   numbers   0 h, 1 w of the picture; 2 h, 3 w of the result; floats: 4, 5 steps of rows and columns
// One invocation a pixel of a plane; groups.x * groups.y cover the three planes.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "call.glsl"

const uint WIDTH = 1;
layout(local_size_x = 256) in;

#include "width.glsl"
#include "taps.glsl"

void main()
{
    const uint i = invocation(), h = call.number[2], w = call.number[3];
    if (i >= 3 * h * w) return;
    const uint row = i / w; // of all planes
    const Taps rows = taps_of(number(4), row % h, call.number[0]), columns = taps_of(number(5), i % w, call.number[1]);
    float sum[2];
    [[unroll]] for (uint y = 0; y < 2; y++) {
        const uint first = (row / h * call.number[0] + rows.index[y]) * call.number[1];
        sum[y] = columns.weight[0] * load(0, F32, first + columns.index[0]) +
                 columns.weight[1] * load(0, F32, first + columns.index[1]);
    }
    store(1, F32, i, rows.weight[0] * sum[0] + rows.weight[1] * sum[1]);
}
