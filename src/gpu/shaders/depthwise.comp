// depthwise.comp - a 3x3 filter for each channel, zeros outside, then GELU.
//   spans     0 x; 1 dst of the same type; 2 float32 weight [9][c], bias [c]
//   numbers   0 h, 1 w, 2 channels, 3 stride of x, 4 stride of dst
//   constants 0 type, 1 WIDTH
// One invocation WIDTH channels of SPAN neighbouring pixels of a row, so that weights and pixels are read once for several;
// groups.x * groups.y cover h * ceil(w / SPAN) * channels / WIDTH. SPAN is 4.
#version 450
#extension GL_GOOGLE_include_directive : require
#include "call.glsl"

layout(constant_id = 0) const uint TYPE = F32;
layout(constant_id = 1) const uint WIDTH = 1;
layout(local_size_x = 256) in;

#include "gelu.glsl"
#include "width.glsl"

#define SPAN 4

void main()
{
    const int h = int(call.number[0]), w = int(call.number[1]);
    const uint each = call.number[2] / WIDTH, spans = (w + SPAN - 1) / SPAN, i = invocation(), span = i / each;
    const uint c = i % each * WIDTH;
    const int y = int(span / spans), first = int(span % spans) * SPAN;
    if (y >= h) return;
    vec4 sum[SPAN];
    const vec4 bias = load_width(2, F32, 9 * call.number[2] + c);
    [[unroll]] for (int k = 0; k < SPAN; k++) sum[k] = bias;
    for (int dy = max(y - 1, 0); dy <= min(y + 1, h - 1); dy++) {
        vec4 weight[3];
        [[unroll]] for (int j = 0; j < 3; j++)
            weight[j] = load_width(2, F32, uint((dy - y + 1) * 3 + j) * call.number[2] + c);
        [[unroll]] for (int k = 0; k < SPAN + 2; k++) {
            const int x = first + k - 1;
            if (x < 0 || x >= w) continue;
            const vec4 value = load_width(0, TYPE, uint(dy * w + x) * call.number[3] + c);
            [[unroll]] for (int j = 0; j < 3; j++)
                if (k - j >= 0 && k - j < SPAN) sum[k - j] += weight[j] * value;
        }
    }
    [[unroll]] for (int k = 0; k < SPAN; k++) {
        if (first + k >= w) break;
        vec4 value = vec4(gelu(sum[k].x), 0.0, 0.0, 0.0);
        if (WIDTH == 4) value.yzw = vec3(gelu(sum[k].y), gelu(sum[k].z), gelu(sum[k].w));
        store_width(1, TYPE, uint(y * w + first + k) * call.number[4] + c, value);
    }
}
