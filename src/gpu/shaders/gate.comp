// gate.comp - sigmoid of the product of a pixel's channels with a filter.
//   spans     0 x; 1 dst, float32, one number a pixel; 2 float32 weight [c], bias
//   numbers   0 pixels, 1 channels, 2 stride of x
//   constants 0 type of x, 1 WIDTH: channels read at once
// One invocation a pixel; groups.x * groups.y cover the pixels.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "call.glsl"

layout(constant_id = 0) const uint X_TYPE = F32;
layout(constant_id = 1) const uint WIDTH = 1;
layout(local_size_x = 256) in;

#include "width.glsl"

void main()
{
    const uint pixel = invocation(), channels = call.number[1];
    if (pixel >= call.number[0]) return;
    float sum = load(2, F32, channels);
    for (uint c = 0; c < channels; c += WIDTH)
        sum += dot(load_width(2, F32, c), load_width(0, X_TYPE, pixel * call.number[2] + c));
    store(1, F32, pixel, 1.0 / (1.0 + exp(-sum)));
}
