// rows.glsl - rows of the matrix A that a product multiplies, read from slot 0 wherever they lie, four columns at a time.
// After call.glsl and four.glsl. Numbers 3 and 6 to 12 are those of product.comp. Indices are elements, 32 bits wide.
#define ROWS 0 // LOADER: bn_gpu_loader
#define TAPS 1
#define SAMPLES 2

// What is known of a row before its columns are read.
struct Row {
    bool there;  // else all zeros
    uint at;     // ROWS: its first element
    ivec2 place; // TAPS: (x, y) of the first tap; SAMPLES: of the pixel
    uint pixel;  // SAMPLES
    uint tap;    // SAMPLES: the one that corner and weight are of
    uvec4 corner; // SAMPLES: first elements
    vec4 weight;  // SAMPLES
};

uint rows_kernel() { return call.number[10] & 0xffu; }

Row row_begin(uint row)
{
    Row r;
    r.there = row < call.number[0];
    r.at = row * call.number[3];
    r.pixel = row;
    r.tap = ~0u;
    r.place = ivec2(0);
    r.corner = uvec4(0);
    r.weight = vec4(0);
    if (LOADER != ROWS) {
        const uint wide = call.number[9];
        const int stride = int(call.number[10] >> 8 & 0xffu), pad = int(call.number[10] >> 16 & 0xffu);
        r.place = ivec2(row % wide, row / wide) * stride - pad;
    }
    return r;
}

// Bilinear corners of a tap of a row, as deform_taps of kernels_plain.c: those outside of the map count nothing.
void row_sample(inout Row r, uint tap)
{
    const uint kernel = rows_kernel(), numbers = r.pixel * call.number[11];
    const uint first = numbers + (call.number[12] & 0xffffu), modulator = numbers + (call.number[12] >> 16);
    const ivec2 size = ivec2(call.number[8], call.number[7]);
    const float x = float(r.place.x + int(tap % kernel)) + load(4, F32, first + 2 * tap + 1);
    const float y = float(r.place.y + int(tap / kernel)) + load(4, F32, first + 2 * tap);
    const float strength = 2.0 / (1.0 + exp(-load(4, F32, modulator + tap)));
    r.tap = tap;
    r.corner = uvec4(0);
    r.weight = vec4(0);
    if (!(y > -1.0 && x > -1.0 && y < float(size.y) && x < float(size.x))) return; // not a number either
    const ivec2 low = ivec2(floor(x), floor(y));
    const vec2 f = vec2(x, y) - vec2(low);
    [[unroll]] for (int i = 0; i < 4; i++) {
        const ivec2 at = low + ivec2(i & 1, i >> 1);
        if (any(lessThan(at, ivec2(0))) || any(greaterThanEqual(at, size))) continue;
        r.corner[i] = uint(at.y * size.x + at.x) * call.number[3];
        r.weight[i] = ((i & 2) != 0 ? f.y : 1.0 - f.y) * ((i & 1) != 0 ? f.x : 1.0 - f.x) * strength;
    }
}

// Number `channel` of tap `tap`, or four from there on.
float row_tap(inout Row r, uint type, uint tap, uint channel)
{
    if (LOADER == SAMPLES) {
        if (tap != r.tap) row_sample(r, tap);
        float sum = 0.0;
        [[unroll]] for (int i = 0; i < 4; i++)
            if (r.weight[i] != 0.0) sum += r.weight[i] * load(0, type, r.corner[i] + channel);
        return sum;
    }
    const ivec2 at = r.place + ivec2(tap % rows_kernel(), tap / rows_kernel());
    if (any(lessThan(at, ivec2(0))) || at.x >= int(call.number[8]) || at.y >= int(call.number[7])) return 0.0;
    return load(0, type, (uint(at.y) * call.number[8] + uint(at.x)) * call.number[3] + channel);
}

vec4 row_tap4(inout Row r, uint type, uint tap, uint channel)
{
    if (LOADER == SAMPLES) {
        if (tap != r.tap) row_sample(r, tap);
        vec4 sum = vec4(0), corner[4];
        [[unroll]] for (int i = 0; i < 4; i++)
            corner[i] = load4(0, type, r.corner[i] + channel); // all on their way at once
        [[unroll]] for (int i = 0; i < 4; i++) // what lies where a corner weighs nothing may be no number
            sum += r.weight[i] != 0.0 ? r.weight[i] * corner[i] : vec4(0);
        return sum;
    }
    const ivec2 at = r.place + ivec2(tap % rows_kernel(), tap / rows_kernel());
    if (any(lessThan(at, ivec2(0))) || at.x >= int(call.number[8]) || at.y >= int(call.number[7])) return vec4(0);
    return load4(0, type, (uint(at.y) * call.number[8] + uint(at.x)) * call.number[3] + channel);
}

// Columns k .. k + 3 (k a multiple of four), zeros from the depth on. `whole`: channels, stride and addresses are multiples of four.
vec4 row_load(inout Row r, uint type, bool whole, uint k)
{
    vec4 v = vec4(0);
    if (!r.there || k >= call.number[2]) return v;
    const uint c = call.number[6];
    if (whole) return LOADER == ROWS ? load4(0, type, r.at + k) : row_tap4(r, type, k / c, k % c);
    [[unroll]] for (uint i = 0; i < 4; i++)
        if (k + i < call.number[2])
            v[i] = LOADER == ROWS ? load(0, type, r.at + k + i) : row_tap(r, type, (k + i) / c, (k + i) % c);
    return v;
}
