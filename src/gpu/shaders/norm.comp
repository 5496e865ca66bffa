// norm.comp - layer norm of rows of a float32 map, or of its 2x2 squares as rows of four times the channels.
//   spans     0 x (float32), 1 to (may be x), 2 gamma [c] and beta [c] (float32)
//   numbers   0 rows, 1 stride of x, 2 stride of to (elements), 3 eps; of squares: 4 height, 5 width of x, 6 width of to
//   constants 0 type of to, 1 c, 2 threads of a row, 3 whether all places allow reads of four, 4 squares
// THREADS of a group's 128 invocations hold a row in their registers; groups.x * groups.y covers rows / (128 / THREADS).
// Sums go over partial sums in shared memory in one order, whatever the size of subgroups.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "call.glsl"
#include "four.glsl"

layout(constant_id = 0) const uint TYPE = F32;
layout(constant_id = 1) const uint C = 96;
layout(constant_id = 2) const uint THREADS = 16;
layout(constant_id = 3) const uint FOURS = 1;
layout(constant_id = 4) const uint SQUARES = 0;
layout(local_size_x = 128) in;

const uint ROWS = 128 / THREADS;
const uint EACH = (C + 4 * THREADS - 1) / (4 * THREADS); // fours of a thread

shared float sums[128];
shared vec2 moments[128]; // of what is left without the mean: sum, sum of squares

// Elements e .. e + 3 of a row of squares: part (0,0) (1,0) (0,1) (1,1) (y, x), zeros beyond an odd edge.
vec4 load_square(uint row, uint e)
{
    const uint h = call.number[4], w = call.number[5], channels = C / 4;
    const uint top = row / call.number[6] * 2, left = row % call.number[6] * 2;
    vec4 value = vec4(0.0);
    for (uint i = 0; i < (FOURS != 0 ? 1 : 4); i++) {
        const uint part = (e + i) / channels, channel = (e + i) % channels;
        const uint y = top + part % 2, x = left + part / 2, element = (y * w + x) * call.number[1] + channel;
        if (e + i >= C || y >= h || x >= w) continue;
        if (FOURS != 0)
            value = load4(0, F32, element);
        else
            value[i] = load(0, F32, element);
    }
    return value;
}

vec4 load_row(uint row, uint e)
{
    if (SQUARES != 0) return load_square(row, e);
    return load_some(0, F32, row * call.number[1] + e, C - e, FOURS != 0);
}

// 1 for those of elements e .. e + 3 that the row has.
vec4 inside(uint e)
{
    return vec4(lessThan(uvec4(e, e + 1, e + 2, e + 3), uvec4(C)));
}

void main()
{
    const uint lane = gl_LocalInvocationIndex % THREADS, first = gl_LocalInvocationIndex - lane;
    const uint row = (gl_WorkGroupID.y * gl_NumWorkGroups.x + gl_WorkGroupID.x) * ROWS + first / THREADS;
    const bool there = row < call.number[0];
    vec4 x[EACH];
    vec4 four = vec4(0.0);
    for (uint i = 0; i < EACH; i++) {
        const uint e = 4 * (i * THREADS + lane);
        x[i] = there && e < C ? load_row(row, e) : vec4(0.0);
        four += x[i];
    }
    sums[gl_LocalInvocationIndex] = (four.x + four.y) + (four.z + four.w);
    barrier();
    float mean = 0.0;
    for (uint i = 0; i < THREADS; i++) mean += sums[first + i];
    mean /= float(C);

    vec4 left = vec4(0.0), squares = vec4(0.0);
    for (uint i = 0; i < EACH; i++) {
        x[i] = (x[i] - mean) * inside(4 * (i * THREADS + lane));
        left += x[i];
        squares += x[i] * x[i];
    }
    moments[gl_LocalInvocationIndex] =
        vec2((left.x + left.y) + (left.z + left.w), (squares.x + squares.y) + (squares.z + squares.w));
    barrier();
    vec2 moment = vec2(0.0);
    for (uint i = 0; i < THREADS; i++) moment += moments[first + i];
    const float rest = moment.x / float(C); // what rounding left in the mean
    const float factor = 1.0 / sqrt(max(moment.y / float(C) - rest * rest, 0.0) + number(3));

    for (uint i = 0; i < EACH; i++) {
        const uint e = 4 * (i * THREADS + lane);
        if (!there || e >= C) continue;
        const vec4 gamma = load_some(2, F32, e, C - e, FOURS != 0), beta = load_some(2, F32, C + e, C - e, FOURS != 0);
        store_some(1, TYPE, row * call.number[2] + e, (x[i] - rest) * factor * gamma + beta, C - e, FOURS != 0);
    }
}
