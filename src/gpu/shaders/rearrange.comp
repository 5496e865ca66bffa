// rearrange.comp - a planar picture to channels: patches side by side, or tiles laid over each other.
//   spans     0 picture, float32 [3][h][w]; 1 dst [dst h][dst w][3 * down * across], dense
//   numbers   0 h, 1 w of the picture; 2 h, 3 w of dst; 4 down, 5 across; channel (plane, i, j) of pixel (y, x) is the picture's
//             row y * [6] + i * [7], column x * [8] + j * [9]; 10: 1 for channels in the order (j, i, plane)
//   constants 0 type of dst, 1 WIDTH: channels an invocation makes
// Eight neighbouring pixels of a row are neighbouring invocations, so that both what is read (32 bytes of a row of a tile) and
// what is written (WIDTH channels of each of 4 invocations) are whole sectors of memory. groups.x * groups.y cover
// dst h * ceil(dst w / 8) * channels / WIDTH * 8.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "call.glsl"

layout(constant_id = 0) const uint DST_TYPE = F32;
layout(constant_id = 1) const uint WIDTH = 1;
layout(local_size_x = 256) in;

#include "width.glsl"

// Element of the picture that is channel c of pixel (y, x).
uint source(uint c, uint y, uint x)
{
    const uint down = call.number[4], across = call.number[5];
    uint plane, i, j;
    if (call.number[10] != 0) {
        plane = c % 3;
        i = c / 3 % down;
        j = c / 3 / down;
    } else {
        j = c % across;
        i = c / across % down;
        plane = c / across / down;
    }
    return (plane * call.number[0] + y * call.number[6] + i * call.number[7]) * call.number[1] + x * call.number[8] +
           j * call.number[9];
}

void main()
{
    const uint h = call.number[2], w = call.number[3], channels = 3 * call.number[4] * call.number[5];
    const uint each = channels / WIDTH, runs = (w + 7) / 8, i = invocation(), run = i / 8 / each;
    const uint y = run / runs, x = run % runs * 8 + i % 8, c = i / 8 % each * WIDTH;
    if (y >= h || x >= w) return;
    vec4 value = vec4(0.0);
    [[unroll]] for (uint k = 0; k < WIDTH; k++) value[k] = load(0, F32, source(c + k, y, x));
    store_width(1, DST_TYPE, (y * w + x) * channels + c, value);
}
