// copy.comp - channels of a map to another place, converted where the types differ.
//   spans    0 from, 1 to
//   numbers  0 pixels, 1 channels, 2 stride of from, 3 stride of to (elements)
//   constants 0 type of from, 1 type of to
// One invocation an element; groups.x covers pixels x channels.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "call.glsl"

layout(constant_id = 0) const uint FROM_TYPE = F32;
layout(constant_id = 1) const uint TO_TYPE = F32;
layout(local_size_x = 256) in;

void main()
{
    const uint i = gl_GlobalInvocationID.x, channels = call.number[1];
    if (i >= call.number[0] * channels) return;
    const uint pixel = i / channels, c = i % channels;
    store(1, TO_TYPE, pixel * call.number[3] + c, load(0, FROM_TYPE, pixel * call.number[2] + c));
}
