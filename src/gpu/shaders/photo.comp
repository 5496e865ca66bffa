// photo.comp - a photo's bytes, normalised, as planes.
//   spans     0 photo, bytes [pixels][3]; 1 planes, float32 [3][pixels]; 2 float32 [3][256]: what a byte of each colour becomes;
//             3 wanted, uint: 0 leaves the planes as they are
//   numbers   0 pixels, a multiple of 4
// The step of span 0 counts words of 4 bytes. One invocation 4 pixels; groups.x * groups.y cover pixels / 4.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "call.glsl"

const uint WIDTH = 4;
layout(local_size_x = 256) in;

#include "width.glsl"

layout(buffer_reference, std430, buffer_reference_align = 4) readonly buffer Words { uint v[]; };

void main()
{
    const uint i = invocation(), pixels = call.number[0];
    if (4 * i >= pixels || Words(call.at[3]).v[gl_WorkGroupID.z * call.step[3]] == 0) return;
    const uint first = 3 * i + gl_WorkGroupID.z * call.step[0];
    vec4 colour[3];
    [[unroll]] for (uint k = 0; k < 3; k++) {
        const uint word = Words(call.at[0]).v[first + k];
        [[unroll]] for (uint j = 0; j < 4; j++) {
            const uint at = 4 * k + j, plane = at % 3;
            colour[plane][at / 3] = load(2, F32, 256 * plane + bitfieldExtract(word, int(8 * j), 8));
        }
    }
    [[unroll]] for (uint plane = 0; plane < 3; plane++) store_width(1, F32, plane * pixels + 4 * i, colour[plane]);
}
