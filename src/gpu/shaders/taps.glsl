// taps.glsl - where bilinear resizing with aligned corners samples: what bn_resize_taps (nn/cpu/resize.h) computes, to the bit.
struct Taps {
    uint index[2];
    float weight[2];
};

// Value i of an axis that has `from` values; step = (from - 1) / (to - 1) in float32, made by the CPU.
Taps taps_of(float step, uint i, uint from)
{
    precise const float position = step * float(i);
    const uint index = min(uint(position), from - 1);
    precise const float share = position - float(index);
    precise const float other = 1.0 - share;
    Taps taps;
    taps.index[0] = index;
    taps.index[1] = min(index + 1, from - 1);
    taps.weight[0] = other;
    taps.weight[1] = share;
    return taps;
}
