// mask.comp - logits to a mask's bytes, floor(255 / (1 + exp(-logit))), and how many are not a number (their byte is 0).
//   spans     0 logits, float32 [pixels]; 1 mask, bytes [pixels]; 2 broken, one uint a group
//   numbers   0 pixels, a multiple of 4
// The step of span 1 counts words of 4 bytes. One invocation 4 pixels; groups.x * groups.y cover pixels / 4.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "call.glsl"

const uint WIDTH = 4;
layout(local_size_x = 256) in;

#include "width.glsl"

layout(buffer_reference, std430, buffer_reference_align = 4) buffer Words { uint v[]; };

shared uint broken;

void main()
{
    if (gl_LocalInvocationID.x == 0) broken = 0;
    barrier();
    const uint i = invocation();
    if (4 * i < call.number[0]) {
        const vec4 logit = load_width(0, F32, 4 * i), share = 1.0 / (1.0 + exp(-logit));
        uint word = 0, bad = 0;
        [[unroll]] for (uint k = 0; k < 4; k++) {
            if ((floatBitsToUint(logit[k]) & 0x7fffffffu) > 0x7f800000u)
                bad++;
            else
                word |= uint(255.0 * share[k]) << (8 * k);
        }
        Words(call.at[1]).v[i + gl_WorkGroupID.z * call.step[1]] = word;
        if (bad > 0) atomicAdd(broken, bad);
    }
    barrier();
    if (gl_LocalInvocationID.x == 0)
        Words(call.at[2]).v[i / gl_WorkGroupSize.x + gl_WorkGroupID.z * call.step[2]] = broken;
}
