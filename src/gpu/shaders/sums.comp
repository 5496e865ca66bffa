// sums.comp - dst (+)= activation(sum over pieces + bias): ends a product whose depth was cut into pieces, in their order.
//   spans    0 sums float32 [piece][row][column], 2 bias (float32) or none, 3 dst
//   numbers  0 rows, 1 columns, 4 stride of dst (elements), 5 pieces
//   constants 5 activation | type of dst << 8 | add << 16
// One invocation an element; groups.x covers rows x columns.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "call.glsl"
#include "gelu.glsl"

layout(constant_id = 5) const uint RESULT = 0;
layout(local_size_x = 256) in;

const uint ACTIVATION = RESULT & 255, DST_TYPE = RESULT >> 8 & 255;
const bool ADD = (RESULT >> 16 & 1) == 1;
const uint RELU = 1, GELU = 2; // bn_activation

void main()
{
    const uint i = gl_GlobalInvocationID.x, columns = call.number[1], count = call.number[0] * columns;
    if (i >= count) return;
    const uint at = i / columns * call.number[4] + i % columns;
    float sum = 0.0;
    for (uint piece = 0; piece < call.number[5]; piece++) sum += load(0, F32, piece * count + i);
    if (call.at[2] != uvec2(0)) sum += load(2, F32, i % columns);
    if (ADD) sum += load(3, DST_TYPE, at);
    if (ACTIVATION == RELU) sum = sum > 0.0 ? sum : 0.0; // 0 of what is not a number, as on CPUs
    if (ACTIVATION == GELU) sum = gelu(sum);
    store(3, DST_TYPE, at, sum);
}
