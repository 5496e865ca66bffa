// copy.comp - channels of a map to another place, converted where the types differ.
//   spans     0 from, 1 to
//   numbers   0 pixels, 1 channels, 2 stride of from, 3 stride of to (elements)
//   constants 0 type of from, 1 type of to, 2 channels an invocation copies: 4, or 1 for any other number
// groups.x * groups.y cover them.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "call.glsl"

layout(constant_id = 0) const uint FROM_TYPE = F32;
layout(constant_id = 1) const uint TO_TYPE = F32;
layout(constant_id = 2) const uint CHANNELS = 1;
layout(local_size_x = 256) in;
const uint WIDTH = CHANNELS == 4 ? 4 : 1;

#include "width.glsl"

void main()
{
    const uint i = invocation(), each = call.number[1] / WIDTH;
    if (i >= call.number[0] * each) return;
    const uint pixel = i / each, c = i % each * WIDTH;
    store_width(1, TO_TYPE, pixel * call.number[3] + c, load_width(0, FROM_TYPE, pixel * call.number[2] + c));
}
