/* gpu_layers.c - the small layers of the network on a graphics card, at the sizes of Swin-L 1024 in float16: time and bytes a
 * second of each. What a card copies in a second (the first line) is what they can reach, unless its cache holds them.
 *
 *   bench_gpu_layers [--device N] [--tiny]
 *
 * --tiny: a sixteenth of the pixels, for a software device. */
#include "bench/gpu_card.h"
#include "base/seeded.h"
#include "base/size.h"
#include "nn/backend.h"
#include "nn/gpu/packs.h"
#include "nn/gpu/photo.h"
#include "nn/layers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ROUNDS = 20, BEST_OF = 5 };

typedef struct bench {
    bn_gpu *gpu;
    bn_gpu_packs *packs;
    int side; /* of the picture, pixels */
} bench;

typedef struct numbers_source {
    bn_source source;
    size_t weights, biases;
} numbers_source;

static bn_status load_seeded(const bn_source *source, float *weight, float *bias, bn_error *err)
{
    (void)err;
    const numbers_source *self = (const numbers_source *)source;
    if (weight) bn_seeded_fill(source->key, 1, 0, 0.1f, 0, weight, self->weights);
    if (bias) bn_seeded_fill(source->key, 2, 0, 0.1f, 0, bias, self->biases);
    return BIREFNET_OK;
}

static numbers_source source_of(const char *key, size_t weights, size_t biases)
{
    numbers_source made = {.source = {.load = load_seeded}, .weights = weights, .biases = biases};
    snprintf(made.source.key, sizeof made.source.key, "%s", key);
    return made;
}

static bn_map map_of(bn_graph *graph, int side, int c)
{
    return bn_graph_map(graph, side, side, c, bn_graph_type(graph));
}

/* ---- the layers: each is appended ROUNDS times; s is the picture's side ------------------------------------------- */

static void copy_64_mib(bn_graph *g, int s)
{
    bn_layer_copy_into(g, map_of(g, s / 4, 512), map_of(g, s / 4, 512));
}

static void copy_slice(bn_graph *g, int s)
{
    bn_layer_copy_into(g, map_of(g, s / 4, 48), bn_map_channels(map_of(g, s / 4, 240), 192, 48));
}

static void halve(bn_graph *g, int s)
{
    bn_layer_halve(g, bn_planes_make(g, s, s));
}

static void patches(bn_graph *g, int s)
{
    bn_layer_patches(g, bn_planes_make(g, s, s), 4);
}

static void tiles_of_4(bn_graph *g, int s)
{
    bn_layer_tiles(g, bn_planes_make(g, s, s), 4, 4, true);
}

static void tiles_of_32(bn_graph *g, int s)
{
    bn_layer_tiles(g, bn_planes_make(g, s, s), 32, 32, true);
}

static void resize_down(bn_graph *g, int s)
{
    bn_layer_resize_into(g, map_of(g, s / 4, 192), bn_map_channels(map_of(g, s / 32, 5760), 0, 192), 0, 0,
                         NULL, false);
}

static void resize_twice(bn_graph *g, int s)
{
    bn_layer_resize_into(g, map_of(g, s / 8, 192), bn_map_channels(map_of(g, s / 32, 5760), 192, 192), s / 4,
                         s / 4, NULL, false);
}

static void resize_add(bn_graph *g, int s)
{
    bn_layer_resize_into(g, map_of(g, s / 8, 192), bn_map_channels(map_of(g, s / 4, 240), 0, 192), 0, 0, NULL,
                         true);
}

static void resize_gate_add(bn_graph *g, int s)
{
    const bn_map gate = bn_graph_map(g, s / 8, s / 8, 1, BN_F32);
    bn_layer_resize_into(g, map_of(g, s / 8, 192), bn_map_channels(map_of(g, s / 4, 240), 0, 192), 0, 0,
                         &gate, true);
}

static void gate(bn_graph *g, int s)
{
    const numbers_source source = source_of("gate", 16, 1);
    bn_layer_gate(g, map_of(g, s / 8, 16), &source.source);
}

static void pooled_bias(bn_graph *g, int s)
{
    const numbers_source pool = source_of("pool", 256 * 64, 256), weight = source_of("weight", 64 * 256, 64);
    bn_layer_pooled_bias(g, map_of(g, s / 4, 64), 256, 64, &pool.source, &weight.source);
}

static void depthwise(bn_graph *g, int s)
{
    const numbers_source source = source_of("depthwise", 9 * 512, 512);
    bn_layer_depthwise_gelu(g, map_of(g, s / 4, 512), &source.source);
}

static void logits(bn_graph *g, int s)
{
    const numbers_source filter = source_of("filter", sizeof(bn_picture_filter) / sizeof(float), 0);
    bn_layer_logits(g, bn_graph_map(g, s / 4, s / 4, 1, BN_F32), bn_planes_make(g, s, s), &filter.source);
}

static void photo(bn_graph *g, int s)
{
    const numbers_source table = source_of("table", 768, 0);
    bn_gpu_photo_input(g, s, s, &table.source);
}

static void mask(bn_graph *g, int s)
{
    bn_gpu_mask_of(g, bn_graph_map(g, s, s, 1, BN_F32));
}

static const struct {
    const char *name;
    void (*append)(bn_graph *graph, int side);
} layers[] = {{"copy of 64 MiB", copy_64_mib},
              {"copy to a slice, 256^2 x 48", copy_slice},
              {"halve", halve},
              {"patches of 4", patches},
              {"tiles, 256^2 x 48", tiles_of_4},
              {"tiles, 32^2 x 3072", tiles_of_32},
              {"resize 256^2 to 32^2 x 192", resize_down},
              {"resize 128^2 by 256^2 to 32^2 x 192", resize_twice},
              {"resize 128^2 to 256^2 x 192, added", resize_add},
              {"the same, gated", resize_gate_add},
              {"gate, 128^2 x 16", gate},
              {"pooled bias, 256^2 x 64", pooled_bias},
              {"depthwise, 256^2 x 512", depthwise},
              {"logits", logits},
              {"photo to planes", photo},
              {"logits to a mask", mask}};

/* Bytes of photos that are not 0, and that they are wanted. */
static void fill_inputs(const bn_graph *graph)
{
    for (int i = 0; i < (int)bn_graph_buffer_count(graph); i++) {
        const bn_graph_place place = bn_graph_place_of(graph, i);
        if (place.input) memset(place.host, 1, place.bytes);
    }
}

static bn_status run_layer(const bench *b, size_t index, bn_error *err)
{
    bn_graph *graph = NULL;
    bn_status status = BIREFNET_OK;
    double best = 1e30;
    const bn_graph_options options = {
        .backend = &bn_gpu_backend, .type = bn_gpu_facts_of(b->gpu)->half ? BN_F16 : BN_F32, .gpu = b->packs};
    BN_TRY_DONE(bn_graph_create(&options, &graph, err));
    bn_graph_part(graph, layers[index].name);
    for (int i = 0; i < ROUNDS; i++) layers[index].append(graph, b->side);
    BN_TRY_DONE(bn_graph_finish(graph, err));
    fill_inputs(graph);
    for (int i = 0; i < BEST_OF; i++) {
        BN_TRY_DONE(bn_graph_run(graph, NULL, NULL, err));
        best = BN_MIN(best, bn_graph_part_stats(graph, 0).last_ms);
    }
    const double mib = bn_graph_part_stats(graph, 0).mib / ROUNDS;
    printf("%-38s %9.2f us %9.2f MiB %8.0f GB/s\n", layers[index].name, best / ROUNDS * 1e3, mib,
           mib * ROUNDS * 1048576 / (best * 1e6));
done:
    bn_graph_destroy(&graph);
    return status;
}

int main(int argc, char **argv)
{
    card_options card;
    if (!card_options_read(argc, argv, "bench_gpu_layers", &card)) return 2;
    bench b = {.side = card.is_tiny ? 256 : 1024};
    bn_error err = {0};
    bn_status status = BIREFNET_OK;
    BN_TRY_DONE(card_open(&card, &b.gpu, &err));
    BN_TRY_DONE(bn_gpu_packs_create(b.gpu, &b.packs, &err));
    for (size_t i = 0; i < BN_COUNT(layers); i++) BN_TRY_DONE(run_layer(&b, i, &err));
done:
    if (status != BIREFNET_OK) fprintf(stderr, "%s\n", err.message);
    bn_gpu_packs_destroy(&b.packs);
    bn_gpu_close(&b.gpu);
    return status == BIREFNET_OK ? 0 : 1;
}
