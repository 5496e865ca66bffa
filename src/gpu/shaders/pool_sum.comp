// pool_sum.comp - sums over pixels, a stretch of them for each group: the first half of pool_bias.comp.
//   spans     0 x; 1 sums, float32 [groups.x][channels]
//   numbers   0 pixels, 1 channels, 2 stride of x, 3 pixels of a group
//   constants 0 type of x, 1 WIDTH
// An invocation sums WIDTH channels of every ROWS-th pixel, then the group's rows are joined in the order of a tree: always the
// same. COLUMNS * WIDTH channels at a time.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "call.glsl"

layout(constant_id = 0) const uint X_TYPE = F32;
layout(constant_id = 1) const uint WIDTH = 1;
layout(local_size_x = 256) in;

#include "width.glsl"

#define COLUMNS 16
#define ROWS    16

shared vec4 part[ROWS][COLUMNS];

void main()
{
    const uint column = gl_LocalInvocationID.x % COLUMNS, row = gl_LocalInvocationID.x / COLUMNS;
    const uint channels = call.number[1], first = gl_WorkGroupID.x * call.number[3];
    const uint end = min(first + call.number[3], call.number[0]);
    for (uint base = 0; base < channels; base += COLUMNS * WIDTH) {
        const uint c = base + column * WIDTH;
        vec4 sum = vec4(0.0);
        if (c < channels)
            for (uint pixel = first + row; pixel < end; pixel += ROWS)
                sum += load_width(0, X_TYPE, pixel * call.number[2] + c);
        part[row][column] = sum;
        barrier();
        for (uint half_rows = ROWS / 2; half_rows > 0; half_rows /= 2) {
            if (row < half_rows) part[row][column] += part[row + half_rows][column];
            barrier();
        }
        if (row == 0 && c < channels) store_width(1, F32, gl_WorkGroupID.x * channels + c, part[0][column]);
        barrier();
    }
}
