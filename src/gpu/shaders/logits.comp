// logits.comp - a map of one channel enlarged bilinearly, corners aligned, plus the picture filtered (bn_picture_filter).
//   spans     0 map, float32; 1 picture, float32 [3][h][w]; 2 logits, float32 [h][w]; 3 filter, float32, as bn_picture_filter
//   numbers   0 h, 1 w, 2 stride of the map; 3 h, 4 w of the picture; floats: 5, 6 steps of rows and columns
// One invocation ROWS pixels of a column; groups.x covers the width by 32, groups.y the height by 8 * ROWS. Pixels on the border
// leave out taps of the outer filter beyond the picture, each with its share of the inner one.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "call.glsl"

layout(local_size_x = 32, local_size_y = 8) in;

#include "taps.glsl"

#define ROWS       4
#define WHOLE      0   // float[3][25], its bias
#define WHOLE_BIAS 75
#define TAP        76  // float[9][3][9]
#define TAP_BIAS   319 // float[9]
#define BIAS       328

int height, width;

bool inside(int y, int x)
{
    return y >= 0 && x >= 0 && y < height && x < width;
}

float filter_at(uint i)
{
    return load(3, F32, i);
}

// Loads without a branch around them wait together.
float picture_at(int plane, int y, int x)
{
    const int row = plane * height + clamp(y, 0, height - 1);
    const float value = load(1, F32, uint(row * width + clamp(x, 0, width - 1)));
    return inside(y, x) ? value : 0.0;
}

// What the picture adds to a pixel on the border.
float border(int y, int x)
{
    float sum = filter_at(BIAS);
    for (int tap = 0; tap < 9; tap++) {
        const int ty = y + tap / 3 - 1, tx = x + tap % 3 - 1;
        float share = filter_at(TAP_BIAS + tap);
        [[unroll]] for (int i = 0; i < 27; i++)
            share += filter_at(TAP + tap * 27 + i) * picture_at(i / 9, ty + i % 9 / 3 - 1, tx + i % 3 - 1);
        if (inside(ty, tx)) sum += share;
    }
    return sum;
}

float enlarged(int y, int x)
{
    const Taps rows = taps_of(number(5), y, call.number[0]), columns = taps_of(number(6), x, call.number[1]);
    float sum[2];
    [[unroll]] for (uint i = 0; i < 2; i++) {
        // rows first, as the CPU does
        const float upper = load(0, F32, (rows.index[0] * call.number[1] + columns.index[i]) * call.number[2]);
        const float lower = load(0, F32, (rows.index[1] * call.number[1] + columns.index[i]) * call.number[2]);
        sum[i] = rows.weight[0] * upper + rows.weight[1] * lower;
    }
    return columns.weight[0] * sum[0] + columns.weight[1] * sum[1];
}

void main()
{
    height = int(call.number[3]);
    width = int(call.number[4]);
    const int x = int(gl_GlobalInvocationID.x), top = int(gl_GlobalInvocationID.y) * ROWS;
    if (x >= width || top >= height) return;
    float sum[ROWS];
    [[unroll]] for (int k = 0; k < ROWS; k++) sum[k] = filter_at(WHOLE_BIAS);
    for (int plane = 0; plane < 3; plane++)
        for (int dx = 0; dx < 5; dx++) {
            float weight[5];
            [[unroll]] for (int i = 0; i < 5; i++) weight[i] = filter_at(WHOLE + plane * 25 + i * 5 + dx);
            [[unroll]] for (int i = 0; i < ROWS + 4; i++) {
                const float value = picture_at(plane, top + i - 2, x + dx - 2);
                [[unroll]] for (int k = 0; k < ROWS; k++)
                    if (i - k >= 0 && i - k < 5) sum[k] += weight[i - k] * value;
            }
        }
    [[unroll]] for (int k = 0; k < ROWS; k++) {
        const int y = top + k;
        if (y >= height) break;
        if (y == 0 || x == 0 || y == height - 1 || x == width - 1) sum[k] = border(y, x);
        store(2, F32, uint(y * width + x), enlarged(y, x) + sum[k]);
    }
}
