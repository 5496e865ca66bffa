/* check.c - birefnet-check: compares this build with golden files of the reference; built, not installed.
 *
 *   birefnet-check network GENERATION BACKBONE HxW SEED FILE.npy [--precision f32|bf16|f16] [--isa LEVEL]
 *                  [--threads N] [--device cpu|gpu|gpu:N]
 *   birefnet-check image FOLDER NAME
 *   birefnet-check weights FILE
 *
 * Exit codes: 0 within the tolerance, 1 not, 2 wrong words, 77 this CPU cannot do what was asked (CTest skips). */
#include "base/seeded.h"
#include "base/size.h"
#include "image/codec.h"
#include "pixels/resample.h"
#include "model/model.h"
#include "tests/npy.h"
#include "weights/print.h"

#include <glob.h>
#include <math.h>
#include <stdio.h>

static int complain(const bn_error *err)
{
    fprintf(stderr, "birefnet-check: %s\n", err->message);
    return 1;
}

/* ---- network --------------------------------------------------------------------------------------------------- */

/* 1.25 * (L1 + L8 + L32): blocks of k x k pixels of seeded numbers, [3][h][w]. */
static bn_status fill_input(float *input, int h, int w, uint64_t seed, bn_error *err)
{
    static const int sizes[] = {1, 8, 32};
    memset(input, 0, sizeof *input * 3 * (size_t)h * (size_t)w);
    for (size_t s = 0; s < BN_COUNT(sizes); s++) {
        const int k = sizes[s], down = (h + k - 1) / k, across = (w + k - 1) / k;
        char name[32];
        snprintf(name, sizeof name, "input.%d", k);
        float *blocks = malloc(sizeof *blocks * 3 * (size_t)down * (size_t)across);
        if (!blocks) return bn_fail_memory(err, 3 * (size_t)down * (size_t)across, "the input");
        bn_seeded_fill(name, seed, 0, 1, 0, blocks, 3 * (size_t)down * (size_t)across);
        for (int plane = 0; plane < 3; plane++)
            for (int y = 0; y < h; y++)
                for (int x = 0; x < w; x++)
                    input[((size_t)plane * (size_t)h + (size_t)y) * (size_t)w + (size_t)x] +=
                        blocks[(plane * down + y / k) * across + x / k];
        free(blocks);
    }
    for (size_t i = 0; i < 3 * (size_t)h * (size_t)w; i++) input[i] *= 1.25f;
    return BIREFNET_OK;
}

typedef struct difference {
    double max, mean, sigmoid_mean, agree; /* agree: share of pixels on the same side of 0 */
} difference;

static difference compare(const float *got, const float *wanted, size_t count)
{
    difference d = {0};
    for (size_t i = 0; i < count; i++) {
        const double error = fabs((double)got[i] - wanted[i]);
        if (!(error <= d.max)) d.max = error; /* a NaN stays */
        d.mean += error;
        d.sigmoid_mean += fabs(1 / (1 + exp(-(double)got[i])) - 1 / (1 + exp(-(double)wanted[i])));
        d.agree += (got[i] > 0) == (wanted[i] > 0);
    }
    d.mean /= (double)count;
    d.sigmoid_mean /= (double)count;
    d.agree /= (double)count;
    return d;
}

typedef struct network_case {
    const char *generation, *backbone, *file;
    const char *device;
    int h, w, threads;
    unsigned long long seed;
    birefnet_precision precision;
    bn_isa isa;
} network_case;

static int parse_network(int count, char **words, network_case *c)
{
    *c = (network_case){.precision = BIREFNET_PRECISION_F32, .isa = bn_isa_trusted(bn_cpu_isa())};
    if (count < 5 || (count - 5) % 2) return 2;
    c->generation = words[0];
    c->backbone = words[1];
    c->file = words[4];
    char rest;
    if (sscanf(words[2], "%dx%d%c", &c->h, &c->w, &rest) != 2 ||
        sscanf(words[3], "%llu%c", &c->seed, &rest) != 1)
        return 2;
    for (int i = 5; i < count; i += 2) {
        const char *value = words[i + 1];
        if (strcmp(words[i], "--precision") == 0 && strcmp(value, "bf16") == 0)
            c->precision = BIREFNET_PRECISION_BF16;
        else if (strcmp(words[i], "--precision") == 0 && strcmp(value, "f16") == 0)
            c->precision = BIREFNET_PRECISION_F16;
        else if (strcmp(words[i], "--device") == 0)
            c->device = value;
        else if (strcmp(words[i], "--threads") == 0 && atoi(value) > 0)
            c->threads = atoi(value);
        else if (!(strcmp(words[i], "--precision") == 0 && strcmp(value, "f32") == 0) &&
                 !(strcmp(words[i], "--isa") == 0 && bn_isa_from_name(value, &c->isa)))
            return 2;
    }
    return 0;
}

static bn_status run_network(const network_case *c, const npy *wanted, float *logits, bn_error *err)
{
    char path[128];
    snprintf(path, sizeof path, "seeded:%s-%s:%llu", c->generation, c->backbone, c->seed);
    const birefnet_model_options options = {
        .precision = c->precision, .max_isa = bn_isa_name(c->isa), .device = c->device};
    const birefnet_session_options size = {.width = c->w, .height = c->h, .threads = c->threads};
    birefnet_model *model = NULL;
    birefnet_session *session = NULL;
    bn_status status = BIREFNET_OK;
    if (wanted->shape[0] != (size_t)c->h || wanted->shape[1] != (size_t)c->w || !wanted->f32)
        BN_TRY_DONE(
            bn_fail(err, BIREFNET_ERROR_FORMAT, "%s does not hold float32 [%d, %d]", c->file, c->h, c->w));
    BN_TRY_DONE(birefnet_model_open(path, &options, &model, err));
    BN_TRY_DONE(birefnet_session_open(model, &size, &session, err));
    BN_TRY_DONE(fill_input(bn_session_input(session), c->h, c->w, c->seed, err));
    BN_TRY_DONE(bn_session_run_inplace(session, err));
    memcpy(logits, bn_session_logits(session), sizeof *logits * (size_t)c->h * (size_t)c->w);
done:
    birefnet_session_close(&session);
    birefnet_model_close(&model);
    return status;
}

static int check_network(int count, char **words)
{
    network_case c;
    if (parse_network(count, words, &c) != 0 || c.h < 1 || c.w < 1 || c.h > 8192 || c.w > 8192) return 2;
    if (c.isa > bn_cpu_isa()) {
        fprintf(stderr, "birefnet-check: this CPU has no %s\n", bn_isa_name(c.isa));
        return 77;
    }
    bn_error err = {0};
    npy wanted;
    float *logits = malloc(sizeof *logits * (size_t)c.h * (size_t)c.w);
    int code = 1;
    if (npy_read(c.file, &wanted, &err) != BIREFNET_OK || !logits ||
        run_network(&c, &wanted, logits, &err) != BIREFNET_OK) {
        complain(&err);
        if (err.status == BIREFNET_ERROR_UNSUPPORTED && !c.device) code = 77;
    } else {
        const difference d = compare(logits, wanted.f32, wanted.count);
        printf("max %.3e mean %.3e sigmoid-mean %.3e agree %.4f%%\n", d.max, d.mean, d.sigmoid_mean,
               100 * d.agree);
        const bool fine = c.precision == BIREFNET_PRECISION_F32 ? d.max <= 2e-3 && d.mean <= 2e-4
                                                                : d.sigmoid_mean <= 2e-3 && d.agree >= 0.995;
        code = fine ? 0 : 1;
    }
    free(logits);
    npy_free(&wanted);
    return code;
}

/* ---- image ------------------------------------------------------------------------------------------------------- */

/* Read the one file FOLDER/NAME-WHAT*.npy. */
static bn_status read_case(const char *folder, const char *name, const char *what, npy *array, bn_error *err)
{
    char pattern[1024];
    glob_t found;
    *array = (npy){0};
    snprintf(pattern, sizeof pattern, "%s/%s-%s*.npy", folder, name, what);
    if (glob(pattern, 0, NULL, &found) != 0)
        return bn_fail(err, BIREFNET_ERROR_NOT_FOUND, "no file %s", pattern);
    const bn_status status = npy_read(found.gl_pathv[0], array, err);
    globfree(&found);
    return status;
}

/* Prints the line; true if every byte is within 1 and 99.5 % are equal. */
static bool bytes_agree(const char *what, const uint8_t *got, const npy *wanted)
{
    int worst = 0;
    size_t equal = 0;
    for (size_t i = 0; i < wanted->count; i++) {
        const int off = abs(got[i] - wanted->u8[i]);
        worst = BN_MAX(worst, off);
        equal += off == 0;
    }
    const double share = (double)equal / (double)wanted->count;
    printf("%s: worst %d equal %.4f%%\n", what, worst, 100 * share);
    return worst <= 1 && share >= 0.995;
}

static bn_status compare_image(const bn_image *photo, npy cases[4], bool *fine, bn_error *err)
{
    enum { RESIZED, MASK_IN, MASK_OUT, FOREGROUND };
    const int w = photo->width, h = photo->height;
    const int rw = (int)cases[RESIZED].shape[1], rh = (int)cases[RESIZED].shape[0];
    const int mw = (int)cases[MASK_IN].shape[1], mh = (int)cases[MASK_IN].shape[0];
    if (!cases[RESIZED].u8 || !cases[MASK_IN].f32 || !cases[MASK_OUT].u8 || !cases[FOREGROUND].u8 ||
        cases[MASK_OUT].count != (size_t)w * (size_t)h ||
        cases[FOREGROUND].count != 3 * (size_t)w * (size_t)h)
        return bn_fail(err, BIREFNET_ERROR_FORMAT, "the case's files do not belong together");
    bn_status status = BIREFNET_OK;
    uint8_t *got = malloc(3 * (size_t)BN_MAX(w, rw) * (size_t)BN_MAX(h, rh)),
            *mask = malloc(cases[MASK_IN].count);
    if (!got || !mask) BN_TRY_DONE(bn_fail_memory(err, cases[MASK_IN].count, "an image case"));
    BN_TRY_DONE(bn_resize_u8(photo->pixels, w, h, 3, 3 * (ptrdiff_t)w, got, rw, rh, 3 * (ptrdiff_t)rw,
                             BN_FILTER_BILINEAR, 1, bn_cpu_isa(), err));
    *fine = bytes_agree("resized", got, &cases[RESIZED]);
    for (size_t i = 0; i < cases[MASK_IN].count; i++) mask[i] = (uint8_t)(255.0f * cases[MASK_IN].f32[i]);
    BN_TRY_DONE(bn_resize_u8(mask, mw, mh, 1, mw, got, w, h, w, BN_FILTER_BICUBIC, 1, bn_cpu_isa(), err));
    *fine = bytes_agree("mask", got, &cases[MASK_OUT]) && *fine;
    BN_TRY_DONE(birefnet_refine_foreground(photo->pixels, cases[MASK_OUT].u8, w, h, 3 * (ptrdiff_t)w, w, got,
                                           1, err));
    *fine = bytes_agree("foreground", got, &cases[FOREGROUND]) && *fine;
done:
    free(got);
    free(mask);
    return status;
}

static int check_image(int count, char **words)
{
    static const char *const parts[] = {"resized", "mask-in", "mask-out", "foreground"};
    if (count != 2) return 2;
    bn_error err = {0};
    bn_status status = BIREFNET_OK;
    bn_image *photo = NULL;
    bn_buffer file;
    npy cases[BN_COUNT(parts)] = {{.dims = 0}};
    bool fine = false;
    char path[1024];
    bn_buffer_init(&file, (size_t)1 << 28);
    snprintf(path, sizeof path, "%s/%s-image.png", words[0], words[1]);
    BN_TRY_DONE(bn_file_read(path, &file, &err));
    BN_TRY_DONE(bn_image_decode(file.data, file.size, NULL, &photo, &err));
    for (size_t i = 0; i < BN_COUNT(parts); i++)
        BN_TRY_DONE(read_case(words[0], words[1], parts[i], &cases[i], &err));
    if (photo->channels != 3 || photo->depth != 8)
        BN_TRY_DONE(bn_fail(&err, BIREFNET_ERROR_FORMAT, "%s is not 8-bit RGB", path));
    BN_TRY_DONE(compare_image(photo, cases, &fine, &err));
done:
    for (size_t i = 0; i < BN_COUNT(parts); i++) npy_free(&cases[i]);
    bn_image_destroy(&photo);
    bn_buffer_free(&file);
    return status != BIREFNET_OK ? complain(&err) : fine ? 0 : 1;
}

/* ---- weights ----------------------------------------------------------------------------------------------------- */

static int check_weights(int count, char **words)
{
    if (count != 1) return 2;
    bn_error err = {0};
    bn_weights *weights = NULL;
    bn_status status = bn_weights_open(words[0], &weights, &err);
    if (status == BIREFNET_OK) status = bn_weights_print(weights, stdout, &err);
    bn_weights_close(&weights);
    return status == BIREFNET_OK ? 0 : complain(&err);
}

int main(int argc, char **argv)
{
    int code = 2;
    if (argc > 1 && strcmp(argv[1], "network") == 0) code = check_network(argc - 2, argv + 2);
    if (argc > 1 && strcmp(argv[1], "image") == 0) code = check_image(argc - 2, argv + 2);
    if (argc > 1 && strcmp(argv[1], "weights") == 0) code = check_weights(argc - 2, argv + 2);
    if (code == 2)
        fprintf(
            stderr,
            "usage: birefnet-check network GENERATION BACKBONE HxW SEED FILE.npy [--precision f32|bf16|f16]\n"
            "                              [--isa plain|avx2|avx512|avx512_bf16|amx] [--threads N]\n"
            "                              [--device cpu|gpu|gpu:N]\n"
            "       birefnet-check image FOLDER NAME\n"
            "       birefnet-check weights FILE\n");
    return code;
}
