// fusion_wide.comp - the first estimate of the foreground's colours: boxes of 90 x 90, from 45 before a pixel to 44 behind it.
//   spans     0 photo, bytes [h][w][3]; 1 matte, bytes [h][w]; 2 estimates, uint [rows][w][3]: front | back << 16 of each colour,
//             in 1/65535
//   numbers   0 w, 1 h; 2 first row, 3 rows of estimates; 4, 5 bytes from one row to the next of photo and matte; 6 rows of a
//             group; floats: 9, 10 as fusion.glsl
// groups.x covers w by COLUMNS, groups.y the rows by number 6.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "call.glsl"
#include "fusion.glsl"

#define BEFORE  45
#define AFTER   44
#define COLUMNS (256 - BEFORE - AFTER)
#define AREA    8100 // pixels of a box

// Add (sign 1) or take away (-1) a row of this invocation's column.
void add_row(inout int sum[7], int y, uint x, int sign)
{
    const uint row = mirrored(y, call.number[1]);
    const int alpha = int(matte_at(row, x));
    sum[0] += sign * alpha;
    [[unroll]] for (uint c = 0; c < 3; c++) {
        const int colour = int(photo_at(row, x, c));
        sum[1 + c] += sign * colour * alpha;
        sum[4 + c] += sign * colour;
    }
}

// sum: of one column of each plane; box: of 90 = 2 + 8 + 16 + 64 columns from there on.
void boxes(int sum[7], out int box[7])
{
    double_up(sum, 1, 0); // of 2 columns
    double_up(sum, 2, 1); // of 4; shared memory has those of 2
    for (uint plane = 0; plane < 7; plane++) box[plane] = further(plane, 88, 1);
    double_up(sum, 4, 0);
    double_up(sum, 8, 1); // of 16; those of 8
    for (uint plane = 0; plane < 7; plane++) box[plane] += further(plane, 80, 1);
    double_up(sum, 16, 0); // of 32; those of 16
    for (uint plane = 0; plane < 7; plane++) box[plane] += further(plane, 64, 0);
    double_up(sum, 32, 1);
    for (uint plane = 0; plane < 7; plane++) box[plane] += sum[plane];
}

void estimate(int box[7], uint y, uint x)
{
    const float alpha_scale = number(9), scale = number(10);
    const float alpha = divide(float(matte_at(y, x)), 255.0);
    precise const float covered = float(box[0]) * alpha_scale + TINY;
    precise const float open = float(255 * AREA - box[0]) * alpha_scale + TINY;
    [[unroll]] for (uint c = 0; c < 3; c++) {
        precise const float front_sum = float(box[1 + c]) * scale;
        precise const float back_sum = float(255 * box[4 + c] - box[1 + c]) * scale;
        const float front = divide(front_sum, covered), back = divide(back_sum, open);
        const float value = fuse(front, back, divide(float(photo_at(y, x, c)), 255.0), alpha);
        precise const float front_step = value * 65535.0 + 0.5, back_step = back * 65535.0 + 0.5;
        Words(call.at[2]).v[((y - call.number[2]) * call.number[0] + x) * 3 + c] =
            uint(front_step) | min(uint(back_step), 65535u) << 16;
    }
}

void main()
{
    const uint me = gl_LocalInvocationID.x, width = call.number[0];
    const uint out_x = gl_WorkGroupID.x * COLUMNS + me, x = mirrored(int(out_x) - BEFORE, width);
    const int begin = int(call.number[2] + gl_WorkGroupID.y * call.number[6]);
    const int end = min(begin + int(call.number[6]), int(call.number[2] + call.number[3]));
    int sum[7] = int[7](0, 0, 0, 0, 0, 0, 0);
    for (int y = begin - BEFORE; y <= begin + AFTER; y++) add_row(sum, y, x, 1);
    for (int y = begin; y < end; y++) {
        int box[7];
        boxes(sum, box);
        if (me < COLUMNS && out_x < width) estimate(box, uint(y), out_x);
        add_row(sum, y + AFTER + 1, x, 1);
        add_row(sum, y - BEFORE, x, -1);
    }
}
