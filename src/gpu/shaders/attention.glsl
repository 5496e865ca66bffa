// attention.glsl - softmax(q k^T + bias) v of one query an invocation, over keys that come in tiles in shared memory, with a
// running softmax in float32. Before it: DIM (elements of a head) and TILE (keys of a tile), and
//   float key_score(float dot, uint key)    score of a key of the tile, HIDDEN where the query does not see it
// CHUNK keys are done between two corrections of the sums, unrolled; it divides TILE. (Drivers that compute on the CPU take
// many seconds to compile a long one.)

const uint FOUR_COUNT = (DIM + 3) / 4;

shared vec4 tile_keys[TILE * FOUR_COUNT], tile_values[TILE * FOUR_COUNT]; // zeros behind the keys that there are

vec4 attend_query[FOUR_COUNT], attend_sum[FOUR_COUNT];
float attend_highest, attend_weight;

// Read the query of DIM elements from element `at` of slot 0, where there is one.
void attend_begin(uint at, uint type, bool there, bool whole, float scale)
{
    attend_highest = HIDDEN;
    attend_weight = 0.0;
    for (uint i = 0; i < FOUR_COUNT; i++) {
        attend_query[i] = there ? scale * load_some(0, type, at + 4 * i, DIM - 4 * i, whole) : vec4(0.0);
        attend_sum[i] = vec4(0.0);
    }
}

// The tile's keys first .. first + CHUNK - 1, of which those below `count` are there.
void attend_chunk(uint first, uint count)
{
    float score[CHUNK];
    float highest = attend_highest;
    [[unroll]] for (uint j = 0; j < CHUNK; j++) {
        vec4 four = vec4(0.0);
        for (uint i = 0; i < FOUR_COUNT; i++)
            four = fma(attend_query[i], tile_keys[(first + j) * FOUR_COUNT + i], four);
        score[j] = first + j < count ? key_score((four.x + four.y) + (four.z + four.w), first + j) : HIDDEN;
        highest = max(highest, score[j]);
    }
    const float factor = exp(attend_highest - highest);
    attend_highest = highest;
    attend_weight *= factor;
    for (uint i = 0; i < FOUR_COUNT; i++) attend_sum[i] *= factor;
    [[unroll]] for (uint j = 0; j < CHUNK; j++) {
        const float share = score[j] == HIDDEN ? 0.0 : exp(score[j] - highest);
        attend_weight += share;
        for (uint i = 0; i < FOUR_COUNT; i++)
            attend_sum[i] = fma(vec4(share), tile_values[(first + j) * FOUR_COUNT + i], attend_sum[i]);
    }
}

void attend_tile(uint count)
{
    for (uint first = 0; first < count; first += CHUNK) attend_chunk(first, count);
}

// Write the result from element `at` of slot 1 on.
void attend_end(uint at, uint type, bool whole)
{
    for (uint i = 0; i < FOUR_COUNT; i++)
        store_some(1, type, at + 4 * i, attend_sum[i] / attend_weight, DIM - 4 * i, whole);
}
