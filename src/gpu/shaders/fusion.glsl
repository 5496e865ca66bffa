// fusion.glsl - what both kernels of the foreground's colours share (pixels/foreground_kernels.c has the formula): bytes, mirrored
// rows and columns, sums over rows that slide, the estimate of a colour.
//
// A group goes down a strip of 256 neighbouring columns row by row, an invocation for each; sums over rows are in registers,
// sums over columns are made of them in shared memory, each of twice as many columns as the one before. All are integers: exact.
layout(local_size_x = 256) in;

layout(buffer_reference, std430, buffer_reference_align = 4) buffer Words { uint v[]; };

#define TINY 1e-5

// number[0] width, [1] height (pixels); [4], [5] bytes from one row to the next of photo (span 0) and matte (span 1); [9], [10]
// floats: what sums of alpha, and of colours times alpha, are multiplied by to lie between 0 and 1
uint byte_at(uint slot, uint at)
{
    return bitfieldExtract(Words(call.at[slot]).v[at / 4], int(at % 4 * 8), 8);
}

uint photo_at(uint y, uint x, uint colour)
{
    return byte_at(0, y * call.number[4] + 3 * x + colour);
}

uint matte_at(uint y, uint x)
{
    return byte_at(1, y * call.number[5] + x);
}

// ... 2 1 0 1 2 ... n-2 n-1 n-2 ..., for any distance from the image
uint mirrored(int i, uint count)
{
    if (count == 1) return 0;
    const uint period = 2 * (count - 1), at = uint(abs(i)) % period;
    return at < count ? at : period - at;
}

shared int part[2][7][256];

// To each sum of a plane the next `half_length` columns' sum: twice as many columns. sum: of this invocation's column on.
void double_up(inout int sum[7], uint half_length, uint into)
{
    const uint me = gl_LocalInvocationID.x;
    for (uint plane = 0; plane < 7; plane++) part[into][plane][me] = sum[plane];
    barrier();
    for (uint plane = 0; plane < 7; plane++) sum[plane] += part[into][plane][(me + half_length) % 256];
}

// What the sums that are in shared memory (those double_up was given last) hold `columns` further on.
int further(uint plane, uint columns, uint into)
{
    return part[into][plane][(gl_LocalInvocationID.x + columns) % 256];
}

// a / b as IEEE rounds it (but for a case in millions, perhaps): devices are allowed to be off in the last bits, which one in a
// hundred opaque pixels would show. By the remainder of a first quotient; products are split so that no error is lost.
float divide(float a, float b)
{
    precise const float inverse = 1.0 / b, first = a * inverse, product = first * b;
    precise const float wide_a = 4097.0 * first, high_a = wide_a - (wide_a - first), low_a = first - high_a;
    precise const float wide_b = 4097.0 * b, high_b = wide_b - (wide_b - b), low_b = b - high_b;
    precise const float error = ((high_a * high_b - product) + high_a * low_b + low_a * high_b) + low_a * low_b;
    precise const float rest = (a - product) - error, result = first + rest * inverse;
    return result;
}

// All between 0 and 1; single operations, as the CPU does them.
float fuse(float front, float back, float image, float alpha)
{
    precise const float value = front + alpha * (image - alpha * front - (1.0 - alpha) * back);
    return clamp(value, 0.0, 1.0);
}
