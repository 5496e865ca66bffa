// pool_bias.comp - base + weight . relu(pool . mean + pool_bias), mean from the sums of pool_sum.comp.
//   spans     0 sums, float32 [parts][channels]; 1 dst, float32 [out]; 2 pool, float32 [width][channels], bias [width];
//             3 weight, float32 [out][width], base [out]
//   numbers   0 parts, 1 channels, 2 width, 3 out; float: 4 pixels
//   constants 0 CHANNELS and 1 HIDDEN: room for channels and width in shared memory, 1024 each at most; 2 WIDTH: 4 where both
//             are multiples of 4
// One group, since nothing here is large; what counts is how many loads wait for one another. Four invocations multiply a row,
// and all sums are in one order always.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "call.glsl"

layout(constant_id = 0) const uint CHANNELS = 64;
layout(constant_id = 1) const uint HIDDEN = 256;
layout(constant_id = 2) const uint WIDTH = 1;
layout(local_size_x = 256) in;

#include "width.glsl"

#define COLUMNS 16 // of the sums, WIDTH channels each
#define ROWS    16

shared float value[CHANNELS + HIDDEN]; // means, then what the first product makes of them
shared vec4 part[256];

void make_means()
{
    const uint me = gl_LocalInvocationID.x, parts = call.number[0], channels = call.number[1];
    for (uint base = 0; base < channels; base += COLUMNS * WIDTH) {
        const uint c = base + me % COLUMNS * WIDTH;
        vec4 sum = vec4(0.0);
        if (c < channels)
            for (uint i = me / COLUMNS; i < parts; i += ROWS) sum += load_width(0, F32, i * channels + c);
        part[me] = sum;
        barrier();
        if (me < COLUMNS && c < channels) {
            for (uint row = 1; row < ROWS; row++) sum += part[row * COLUMNS + me];
            for (uint k = 0; k < WIDTH; k++) value[c + k] = sum[k] / number(4);
        }
        barrier();
    }
}

// Every fourth WIDTH numbers of a row times as many values from `at` on.
float quarter(uint slot, uint row, uint depth, uint at)
{
    float sum = 0.0;
    for (uint i = gl_LocalInvocationID.x % 4 * WIDTH; i < depth; i += 4 * WIDTH) {
        const vec4 weight = load_width(slot, F32, row * depth + i);
        for (uint k = 0; k < WIDTH; k++) sum += weight[k] * value[at + i + k];
    }
    return sum;
}

// The first of four invocations gets the row's product and what is added to it.
float product(uint slot, uint row, uint rows, uint depth, uint at)
{
    const uint me = gl_LocalInvocationID.x;
    part[me].x = row < rows ? quarter(slot, row, depth, at) : 0.0;
    barrier();
    float sum = 0.0;
    if (me % 4 == 0 && row < rows) {
        sum = load(slot, F32, rows * depth + row);
        for (uint k = 0; k < 4; k++) sum += part[me + k].x;
    }
    barrier();
    return sum;
}

void main()
{
    const uint first = gl_LocalInvocationID.x / 4, channels = call.number[1], width = call.number[2];
    const uint out_channels = call.number[3];
    const bool is_first = gl_LocalInvocationID.x % 4 == 0;
    make_means();
    for (uint base = 0; base < width; base += 64) {
        const uint row = base + first;
        const float sum = product(2, row, width, channels, 0);
        if (is_first && row < width) value[CHANNELS + row] = sum > 0.0 ? sum : 0.0;
    }
    barrier();
    for (uint base = 0; base < out_channels; base += 64) {
        const uint row = base + first;
        const float sum = product(3, row, out_channels, width, CHANNELS);
        if (is_first && row < out_channels) store(1, F32, row, sum);
    }
}
