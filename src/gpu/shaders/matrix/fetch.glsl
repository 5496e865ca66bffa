// fetch.glsl - what product.comp multiplies, read from memory in 16-byte pieces ("quads": 8 numbers of f16).
//
// An invocation reads the same column of quads of several rows of both tiles, step after step along the depth. Memory serves
// eight neighbours (128 bytes) at a time: they read whole pieces of as few rows as can be, of such rows that what they then
// write to shared memory, padded by a quad a row, meets no bank twice.

layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Quads { uvec4 v[]; };
layout(buffer_reference, std430, buffer_reference_align = 16) readonly buffer Fours { vec4 v[]; };

const uint ROW = TILE_K / 8;                           // quads of a tile's row
const uint ROWS_AT_ONCE = THREADS / ROW;               // that all invocations read together
const uint A_QUADS = (TILE_M + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE; // of one invocation
const uint B_QUADS = (TILE_N + ROWS_AT_ONCE - 1) / ROWS_AT_ONCE;

// Sizes, from call.number.
const uint A = 0, WEIGHT = 1, BIAS = 2, DST = 3, OFFSETS = 4; // spans
uint rows, columns, depth_quads, a_stride_quads, a_h, a_w, a_channel_quads, kernel;

// Where this invocation reads.
uint first_row, quad_column;              // in the tile
uint a_at[A_QUADS];                       // LOADER_ROWS: first quad of its row; LOADER_SAMPLES: pixel
int a_y[A_QUADS], a_x[A_QUADS];           // else: the filter's first pixel
uint b_at[B_QUADS];                       // first quad of its row of the weight
uint position;                            // quads along the depth
uint channel_quad, tap_y, tap_x;          // position, taken apart
uint a_first;                             // quad of this picture
uint placed_tap;                          // LOADER_SAMPLES: the tap that these are of, one quad and weight a corner
uvec4 a_corner[A_QUADS];
vec4 a_weight[A_QUADS];
uvec4 a_quads[A_QUADS], b_quads[B_QUADS]; // what was read last

// The g-th row of eight. A row's quads begin (ROW + 1) quads behind the row's before: 5 r or 3 r modulo 8 banks of a quad.
uint spread(uint g)
{
    return ROW == 4 ? g / 2 + g % 2 * 4 : ROW == 2 ? g % 4 * 2 + g / 4 : g;
}

void begin_fetch(uint m0, uint n0, uint first_position)
{
    const uint t = gl_LocalInvocationID.x, block = t / (8 * ROW), within = t % (8 * ROW);
    first_row = block * 8 + spread(within / ROW);
    quad_column = within % ROW;
    position = first_position + quad_column;
    a_first = gl_WorkGroupID.z * call.step[A] / 8;
    const uint packed = call.number[10], stride = packed >> 8 & 255, pad = packed >> 16, dst_w = call.number[6];
    [[unroll]] for (uint i = 0; i < A_QUADS; i++) {
        const uint row = min(m0 + first_row + i * ROWS_AT_ONCE, rows - 1); // rows behind the last are not stored
        if (LOADER == LOADER_ROWS) {
            a_at[i] = a_first + row * a_stride_quads;
        } else {
            a_at[i] = row;
            a_y[i] = int(row / dst_w * stride) - int(pad);
            a_x[i] = int(row % dst_w * stride) - int(pad);
        }
    }
    const uint weight_stride = (call.number[2] + 31) / 32 * 4; // rows are padded to 32 numbers
    [[unroll]] for (uint i = 0; i < B_QUADS; i++)
        b_at[i] = min(n0 + first_row + i * ROWS_AT_ONCE, columns - 1) * weight_stride;
    if (LOADER != LOADER_ROWS) {
        const uint tap = position / a_channel_quads;
        channel_quad = position % a_channel_quads;
        tap_y = tap / kernel;
        tap_x = tap % kernel;
        placed_tap = ~0u;
    }
}

uvec4 half_quad(vec4 low, vec4 high)
{
    low = saturate(low);
    high = saturate(high);
    return uvec4(packHalf2x16(low.xy), packHalf2x16(low.zw), packHalf2x16(high.xy), packHalf2x16(high.zw));
}

uvec4 read_a(uint quad)
{
    if (A_TYPE == F16) return Quads(call.at[A]).v[quad];
    return half_quad(Fours(call.at[A]).v[2 * quad], Fours(call.at[A]).v[2 * quad + 1]);
}

// Where tap (tap_y, tap_x) of row i lies, as deform_taps of kernels_plain.c: corners outside of the map weigh nothing.
void place_sample(uint i)
{
    const uint tap = tap_y * kernel + tap_x;
    const uint at = gl_WorkGroupID.z * call.step[OFFSETS] + a_at[i] * call.number[11];
    Floats offsets = Floats(call.at[OFFSETS]);
    const float y = float(a_y[i] + int(tap_y)) + offsets.v[at + call.number[12] + 2 * tap];
    const float x = float(a_x[i] + int(tap_x)) + offsets.v[at + call.number[12] + 2 * tap + 1];
    const float strength = 2.0 / (1.0 + exp(-offsets.v[at + call.number[13] + tap]));
    const float y0 = floor(y), x0 = floor(x), fy = y - y0, fx = x - x0;
    const bool inside = y > -1.0 && x > -1.0 && y < float(a_h) && x < float(a_w); // false if not a number
    [[unroll]] for (uint corner = 0; corner < 4; corner++) {
        const int cy = int(y0) + int(corner / 2), cx = int(x0) + int(corner % 2);
        const bool there = inside && uint(cy) < a_h && uint(cx) < a_w;
        const float weight = (corner / 2 != 0 ? fy : 1.0 - fy) * (corner % 2 != 0 ? fx : 1.0 - fx) * strength;
        a_corner[i][corner] = there ? a_first + (uint(cy) * a_w + uint(cx)) * a_stride_quads : 0;
        a_weight[i][corner] = there ? weight : 0.0;
    }
}

// One tap's 8 channels, bilinear, zeros outside, in float32. No branches, so that all reads are on their way at once; what lies
// where a corner weighs nothing may be no number.
uvec4 sample_a(uint i)
{
    vec4 low = vec4(0), high = vec4(0);
    [[unroll]] for (uint corner = 0; corner < 4; corner++) {
        const float weight = a_weight[i][corner];
        const uint quad = a_corner[i][corner] + channel_quad;
        vec4 read_low, read_high;
        if (A_TYPE == F16) {
            const uvec4 eight = Quads(call.at[A]).v[quad];
            read_low = vec4(unpackHalf2x16(eight.x), unpackHalf2x16(eight.y));
            read_high = vec4(unpackHalf2x16(eight.z), unpackHalf2x16(eight.w));
        } else {
            read_low = Fours(call.at[A]).v[2 * quad];
            read_high = Fours(call.at[A]).v[2 * quad + 1];
        }
        low += weight != 0.0 ? weight * read_low : vec4(0);
        high += weight != 0.0 ? weight * read_high : vec4(0);
    }
    return half_quad(low, high);
}

uvec4 fetch_a(uint i, bool inside)
{
    if (LOADER == LOADER_ROWS) {
        if (EXACT || inside) return read_a(a_at[i] + position);
        return uvec4(0);
    }
    if (!EXACT && !inside) return uvec4(0);
    if (LOADER == LOADER_SAMPLES) return sample_a(i);
    const uint y = uint(a_y[i] + int(tap_y)), x = uint(a_x[i] + int(tap_x)); // negative: beyond all sizes
    if (y >= a_h || x >= a_w) return uvec4(0);
    return read_a(a_first + (y * a_w + x) * a_stride_quads + channel_quad);
}

void advance()
{
    position += ROW;
    if (LOADER == LOADER_ROWS) return;
    channel_quad += ROW;
    while (channel_quad >= a_channel_quads) {
        channel_quad -= a_channel_quads;
        if (++tap_x == kernel) {
            tap_x = 0;
            tap_y++;
        }
    }
}

void fetch()
{
    const bool inside = position < depth_quads;
    [[unroll]] for (uint i = 0; i < B_QUADS; i++)
        b_quads[i] = EXACT || inside ? Quads(call.at[WEIGHT]).v[b_at[i] + position] : uvec4(0);
    if (LOADER == LOADER_SAMPLES && placed_tap != tap_y * kernel + tap_x && (EXACT || inside)) {
        placed_tap = tap_y * kernel + tap_x;
        [[unroll]] for (uint i = 0; i < A_QUADS; i++) place_sample(i);
    }
    [[unroll]] for (uint i = 0; i < A_QUADS; i++) a_quads[i] = fetch_a(i, inside);
    advance();
}
