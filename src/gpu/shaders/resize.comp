// resize.comp - dst (+)= x * gate, resized bilinearly with aligned corners, as if resized to `via` first.
//   spans     0 x, 1 dst, 2 gate (float32, one number a pixel of x)
//   numbers   0 h, 1 w, 2 stride of x; 3 h, 4 w, 5 stride of dst; 6 channels; 7 h, 8 w of via, or of dst without;
//             floats: 9, 10 steps of rows and columns to via; 11, 12 from there to dst
//   constants 0 type of x, 1 type of dst, 2 WIDTH, 3 VIA: 1 with a size between, 4 GATED, 5 ADD
// One invocation WIDTH channels of a pixel of dst; groups.x * groups.y cover them. Memory: dst written once (and read with
// ADD); of x, 4 pixels (16 with VIA) a pixel of dst, which the cache has for neighbours.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "call.glsl"

layout(constant_id = 0) const uint X_TYPE = F32;
layout(constant_id = 1) const uint DST_TYPE = F32;
layout(constant_id = 2) const uint WIDTH = 1;
layout(constant_id = 3) const uint VIA = 0;
layout(constant_id = 4) const uint GATED = 0;
layout(constant_id = 5) const uint ADD = 0;
layout(local_size_x = 256) in;

#include "width.glsl"
#include "taps.glsl"

const uint COUNT = VIA == 0 ? 2 : 4;

// Where a row (or column) of dst takes its values.
struct Axis {
    uint index[4];
    float weight[4];
};

// at: the number that holds the first step; the second is two numbers further on.
Axis axis_of(uint i, uint from, uint via, uint at)
{
    Axis axis;
    if (VIA == 0) {
        const Taps taps = taps_of(number(at), i, from);
        axis.index = uint[4](taps.index[0], taps.index[1], 0, 0);
        axis.weight = float[4](taps.weight[0], taps.weight[1], 0.0, 0.0);
    } else {
        const Taps outer = taps_of(number(at + 2), i, via);
        [[unroll]] for (uint k = 0; k < 2; k++) {
            const Taps inner = taps_of(number(at), outer.index[k], from);
            [[unroll]] for (uint j = 0; j < 2; j++) {
                axis.index[2 * k + j] = inner.index[j];
                axis.weight[2 * k + j] = inner.weight[j] * outer.weight[k];
            }
        }
    }
    return axis;
}

void main()
{
    const uint w = call.number[4], each = call.number[6] / WIDTH, i = invocation(), pixel = i / each;
    if (pixel >= call.number[3] * w) return;
    const uint c = i % each * WIDTH, to = pixel * call.number[5] + c;
    const Axis rows = axis_of(pixel / w, call.number[0], call.number[7], 9);
    const Axis columns = axis_of(pixel % w, call.number[1], call.number[8], 10);
    vec4 sum = ADD == 0 ? vec4(0.0) : load_width(1, DST_TYPE, to);
    [[unroll]] for (uint y = 0; y < COUNT; y++)
        [[unroll]] for (uint x = 0; x < COUNT; x++) {
            const uint from = rows.index[y] * call.number[1] + columns.index[x];
            float weight = rows.weight[y] * columns.weight[x];
            if (GATED != 0) weight *= load(2, F32, from);
            sum += weight * load_width(0, X_TYPE, from * call.number[2] + c);
        }
    store_width(1, DST_TYPE, to, sum);
}
