// pool_bias.comp - base + weight . relu(pool . mean + pool_bias), mean from the sums of pool_sum.comp.
//   spans     0 sums, float32 [parts][channels]; 1 dst, float32 [out]; 2 pool, float32 [width][channels], bias [width];
//             3 weight, float32 [out][width], base [out]
//   numbers   0 parts, 1 channels, 2 width, 3 out; float: 4 pixels
//   constants 0 CHANNELS and 1 WIDTH_MAX: room for them in shared memory, 4 KiB each at most
// One group: nothing here is large. Sums are in one order always.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "call.glsl"

layout(constant_id = 0) const uint CHANNELS = 64;
layout(constant_id = 1) const uint WIDTH_MAX = 256;
layout(local_size_x = 256) in;

shared float mean[CHANNELS];
shared float hidden[WIDTH_MAX];
shared float part[256];

void main()
{
    const uint me = gl_LocalInvocationID.x;
    const uint parts = call.number[0], channels = call.number[1], width = call.number[2], out_channels = call.number[3];
    for (uint base = 0; base < channels; base += 64) { // four invocations a channel
        const uint c = base + me % 64;
        float sum = 0.0;
        if (c < channels)
            for (uint i = me / 64; i < parts; i += 4) sum += load(0, F32, i * channels + c);
        part[me] = sum;
        barrier();
        if (me < 64 && c < channels)
            mean[c] = (part[me] + part[me + 64] + part[me + 128] + part[me + 192]) / number(4);
        barrier();
    }
    for (uint i = me; i < width; i += 256) {
        float sum = load(2, F32, width * channels + i);
        for (uint c = 0; c < channels; c++) sum += load(2, F32, i * channels + c) * mean[c];
        hidden[i] = sum > 0.0 ? sum : 0.0;
    }
    barrier();
    for (uint o = me; o < out_channels; o += 256) {
        float sum = load(3, F32, out_channels * width + o);
        for (uint i = 0; i < width; i++) sum += load(3, F32, o * width + i) * hidden[i];
        store(1, F32, o, sum);
    }
}
