// fusion_narrow.comp - the foreground's colours from fusion_wide.comp's estimates: boxes of 6 x 6, from 3 before to 2 behind.
//   spans     0 photo, bytes [h][w][3]; 1 matte, bytes [h][w]; 2 estimates, uint [..][w][3]; 3 colours, bytes [rows][w][3]
//   numbers   0 w, 1 h; 2 first row, 3 rows of colours; 4, 5 bytes from one row to the next of photo and matte; 6 rows of a
//             group; 7 the row of the photo that estimates begin with; 8 words (4 bytes) from one row of colours to the next;
//             floats: 9, 10 as fusion.glsl
// Estimates hold the rows that boxes reach. groups.x covers w by COLUMNS, groups.y the rows by number 6.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "call.glsl"
#include "fusion.glsl"

#define BEFORE  3
#define AFTER   2
#define COLUMNS 248 // a multiple of 4, so that a group writes whole words
#define AREA    36

shared uint made[3 * COLUMNS]; // bytes of a row

void add_row(inout int sum[7], int y, uint x, int sign)
{
    const uint row = mirrored(y, call.number[1]);
    const int alpha = int(matte_at(row, x));
    sum[0] += sign * alpha;
    [[unroll]] for (uint c = 0; c < 3; c++) {
        const uint both = Words(call.at[2]).v[((row - call.number[7]) * call.number[0] + x) * 3 + c];
        sum[1 + c] += sign * int(both & 0xffffu) * alpha;
        sum[4 + c] += sign * int(both >> 16) * (255 - alpha);
    }
}

// box: of 6 = 2 + 4 columns.
void boxes(int sum[7], out int box[7])
{
    double_up(sum, 1, 0);
    double_up(sum, 2, 1); // of 4; shared memory has those of 2
    for (uint plane = 0; plane < 7; plane++) box[plane] = sum[plane] + further(plane, 4, 1);
}

void make(int box[7], uint y, uint x)
{
    const float alpha_scale = number(9), scale = number(10);
    const float alpha = divide(float(matte_at(y, x)), 255.0);
    precise const float covered = float(box[0]) * alpha_scale + TINY;
    precise const float open = float(255 * AREA - box[0]) * alpha_scale + TINY;
    [[unroll]] for (uint c = 0; c < 3; c++) {
        precise const float front_sum = float(box[1 + c]) * scale, back_sum = float(box[4 + c]) * scale;
        const float front = divide(front_sum, covered), back = divide(back_sum, open);
        const float value = fuse(front, back, divide(float(photo_at(y, x, c)), 255.0), alpha);
        precise const float step = value * 255.0;
        made[3 * gl_LocalInvocationID.x + c] = uint(step);
    }
}

void main()
{
    const uint me = gl_LocalInvocationID.x, width = call.number[0], words = call.number[8];
    const uint first_x = gl_WorkGroupID.x * COLUMNS, out_x = first_x + me, x = mirrored(int(out_x) - BEFORE, width);
    const int begin = int(call.number[2] + gl_WorkGroupID.y * call.number[6]);
    const int end = min(begin + int(call.number[6]), int(call.number[2] + call.number[3]));
    int sum[7] = int[7](0, 0, 0, 0, 0, 0, 0);
    for (int y = begin - BEFORE; y <= begin + AFTER; y++) add_row(sum, y, x, 1);
    for (int y = begin; y < end; y++) {
        int box[7];
        boxes(sum, box);
        if (me < COLUMNS && out_x < width)
            make(box, uint(y), out_x);
        else if (me < COLUMNS)
            for (uint c = 0; c < 3; c++) made[3 * me + c] = 0;
        barrier();
        const uint word = first_x / 4 * 3 + me;
        if (me < COLUMNS / 4 * 3 && word < words)
            Words(call.at[3]).v[(uint(y) - call.number[2]) * words + word] =
                made[4 * me] | made[4 * me + 1] << 8 | made[4 * me + 2] << 16 | made[4 * me + 3] << 24;
        add_row(sum, y + AFTER + 1, x, 1);
        add_row(sum, y - BEFORE, x, -1);
        barrier();
    }
}
