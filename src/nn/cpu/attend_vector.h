/* attend_vector.h - attention in float32: scores and weighted values are small products by the tiles of product_vector.h,
 * behind which it is included, with keys and values laid out as panels. */
static inline const float *token_row(const bn_attend_job *job, const void *base, const void *pad, int token)
{
    const int row = job->rows ? job->rows[token] : token;
    return row < 0 ? pad : (const float *)base + row * job->kv_stride;
}

#if LANES == 8
/* to[d][0 .. 8) = from[0 .. 8)[d] for 8 numbers d; rows of `to` are `stride` apart. */
static inline void transpose_block(const float *const from[8], float *to, ptrdiff_t stride)
{
    vf a[8], b[8];
    for (int i = 0; i < 8; i++) a[i] = vf_load(from[i]);
    for (int i = 0; i < 8; i += 2) { /* pairs of rows, interleaved */
        b[i] = __builtin_shufflevector(a[i], a[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
        b[i + 1] = __builtin_shufflevector(a[i], a[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
    }
    for (int i = 0; i < 8; i += 4)
        for (int k = 0; k < 2; k++) {
            a[i + 2 * k] = __builtin_shufflevector(b[i + k], b[i + k + 2], 0, 1, 8, 9, 4, 5, 12, 13);
            a[i + 2 * k + 1] = __builtin_shufflevector(b[i + k], b[i + k + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    for (int i = 0; i < 4; i++) {
        vf_store(to + i * stride, __builtin_shufflevector(a[i], a[i + 4], 0, 1, 2, 3, 8, 9, 10, 11));
        vf_store(to + (i + 4) * stride, __builtin_shufflevector(a[i], a[i + 4], 4, 5, 6, 7, 12, 13, 14, 15));
    }
}
#else
static inline void transpose_block(const float *const from[LANES], float *to, ptrdiff_t stride)
{
    for (int d = 0; d < LANES; d++)
        for (int j = 0; j < LANES; j++) to[d * stride + j] = from[j][d];
}
#endif

/* Keys as panels [dim][COLUMNS] of COLUMNS keys each, zero up to `padded`; values as panels [keys][COLUMNS] of as many of
 * their numbers, zero up to `width`. */
static void lay_out_head(const bn_attend_job *job, int padded, int width, float *keys, float *values)
{
    const ptrdiff_t dim = job->dim, whole = job->keys / LANES * LANES;
    for (int j = 0; j < job->keys; j++) {
        const float *value = token_row(job, job->v, job->pad_v, j);
        for (ptrdiff_t d = 0; d < width; d += LANES)
            vf_store(values + (d / COLUMNS * job->keys + j) * COLUMNS + d % COLUMNS,
                     d < dim ? vf_load(value + d) : vf_set(0));
    }
    for (int j = 0; j < whole; j += LANES) {
        const float *from[LANES];
        for (int i = 0; i < LANES; i++) from[i] = token_row(job, job->k, job->pad_k, j + i);
        float *to = keys + j / COLUMNS * dim * COLUMNS + j % COLUMNS;
        for (ptrdiff_t d = 0; d < dim; d += LANES) {
            transpose_block(from, to + d * COLUMNS, COLUMNS);
            for (int i = 0; i < LANES; i++) from[i] += LANES;
        }
    }
    for (int j = (int)whole; j < padded; j++) {
        const float *key = j < job->keys ? token_row(job, job->k, job->pad_k, j) : NULL;
        float *to = keys + j / COLUMNS * dim * COLUMNS + j % COLUMNS;
        for (ptrdiff_t d = 0; d < dim; d++) to[d * COLUMNS] = key ? key[d] : 0;
    }
}

typedef uint8_t region_vector __attribute__((vector_size(LANES)));

/* Those of LANES keys from j on that the query sees: no padding, and keys of its own region. */
static inline vi visible(const bn_attend_job *job, int query, int j)
{
    static const int32_t numbers[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
    vi lane;
    memcpy(&lane, numbers, sizeof lane);
    const vi mask = lane < (vi){0} + (job->keys - j);
    if (!job->regions) return mask;
    region_vector regions = {0};
    memcpy(&regions, job->regions + j, (size_t)(job->keys - j < LANES ? job->keys - j : LANES));
    return mask & (__builtin_convertvector(regions, vi) == (vi){0} + job->regions[query]);
}

/* Scores scaled, biased and masked in place; returns the highest. */
static float mark(const bn_attend_job *job, int query, float *scores)
{
    const float *bias = job->bias ? job->bias + query * job->bias_stride : NULL;
    const int plain = job->regions ? 0 : job->keys / LANES * LANES;
    vf highest = vf_set(-INFINITY);
    for (int j = 0; j < job->keys; j += LANES) {
        vf score = vf_load(scores + j) * job->scale;
        if (bias) score += vf_load(bias + j);
        if (j >= plain) score = vf_select(visible(job, query, j), score, vf_set(-INFINITY));
        vf_store(scores + j, score);
        highest = vf_max(score, highest);
    }
    return vf_highest(highest);
}

/* Scores to weights in place (not yet divided by their sum, which is returned). */
static float soften(float *scores, int keys, float top)
{
    vf sum = vf_set(0);
    for (int j = 0; j < keys; j += LANES) {
        const vf weight = vf_exp(vf_load(scores + j) - top);
        vf_store(scores + j, weight);
        sum += weight;
    }
    return vf_sum(sum);
}

/* out[rows][panels * COLUMNS] = rows by panels of `in` terms. */
static void multiply_panels(const float *const *rows, int count, int in, const float *panels, int columns,
                            float *out)
{
    static const float none[COLUMNS];
    tile t = {.rows = rows, .taps = 1, .in = in, .weight = panels, .bias = none, .out_stride = columns};
    for (int column = 0; column < columns; column += COLUMNS, t.weight += (ptrdiff_t)in * COLUMNS) {
        t.out = out + column;
        tiles[count - 1](&t);
    }
}

static void attend_rows(const bn_attend_job *job, const int *queries, int count, int padded, int width,
                        const float *keys, const float *values, float *scores, float *mixed)
{
    const float *from[TILE_ROWS], *weights[TILE_ROWS];
    int rows[TILE_ROWS];
    float top[TILE_ROWS], total[TILE_ROWS];
    for (int r = 0; r < count; r++) {
        rows[r] = job->rows ? job->rows[queries[r]] : queries[r];
        from[r] = (const float *)job->q + rows[r] * job->q_stride;
        weights[r] = scores + (ptrdiff_t)r * padded;
    }
    multiply_panels(from, count, job->dim, keys, padded, scores);
    /* in two loops: in one, each row would wait for its highest score */
    for (int r = 0; r < count; r++) top[r] = mark(job, queries[r], scores + (ptrdiff_t)r * padded);
    for (int r = 0; r < count; r++) total[r] = soften(scores + (ptrdiff_t)r * padded, job->keys, top[r]);
    multiply_panels(weights, count, job->keys, values, width, mixed);
    for (int r = 0; r < count; r++) {
        float *out = (float *)job->out + rows[r] * job->out_stride;
        for (int d = 0; d < job->dim; d += LANES)
            vf_store(out + d, vf_load(mixed + (ptrdiff_t)r * width + d) * (1.0f / total[r]));
    }
}

static void attend_f32(const bn_attend_job *job)
{
    if (job->dim % LANES) { /* no published network has such heads */
        bn_kernels_plain.attend_f32(job);
        return;
    }
    const int padded = (int)bn_size_round_up((size_t)job->keys, COLUMNS),
              width = (int)bn_size_round_up((size_t)job->dim, COLUMNS);
    float *keys = job->scratch, *values = keys + (ptrdiff_t)padded * job->dim;
    float *scores = values + (ptrdiff_t)job->keys * width, *mixed = scores + (ptrdiff_t)TILE_ROWS * padded;
    lay_out_head(job, padded, width, keys, values);
    int left = bn_attend_wanted(job), next = 0, queries[TILE_ROWS];
    for (int some = bn_ceil_div(left, TILE_ROWS); some > 0; some--) {
        const int count = bn_attend_next(job, &next, bn_ceil_div(left, some), queries);
        attend_rows(job, queries, count, padded, width, keys, values, scores, mixed);
        left -= count;
    }
}
