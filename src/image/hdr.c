/* hdr.c - see hdr.h. */
#include "image/hdr.h"

#include "base/size.h"

#include <math.h>
#include <stdlib.h>

#define WHITE_NITS 203.0
#define PEAK_NITS  1000.0
#define KNEE       0.5

/* BT.2100, table 4: light in units of white. */
static double pq_light(double value)
{
    const double m1 = 0.1593017578125, m2 = 78.84375, c1 = 0.8359375, c2 = 18.8515625, c3 = 18.6875;
    const double power = pow(value, 1 / m2);
    return 10000 / WHITE_NITS * pow(fmax(power - c1, 0) / (c2 - c3 * power), 1 / m1);
}

/* BT.2100, table 5: the scene's light, 0 to 1. */
static double hlg_light(double value)
{
    const double a = 0.17883277, b = 0.28466892, c = 0.55991073;
    return value <= 0.5 ? value * value / 3 : (exp((value - c) / a) + b) / 12;
}

static double srgb_encode(double light)
{
    return light <= 0.0031308 ? 12.92 * light : 1.055 * pow(light, 1 / 2.4) - 0.055;
}

/* ---- primaries ----------------------------------------------------------------------------------------- */

typedef double matrix[3][3];

static bool invert(matrix m, matrix out)
{
    double det = 0;
    for (int i = 0; i < 3; i++) {
        const int j = (i + 1) % 3, k = (i + 2) % 3;
        det += m[0][i] * (m[1][j] * m[2][k] - m[1][k] * m[2][j]);
    }
    if (fabs(det) < 1e-9) return false;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) {
            const int a = (j + 1) % 3, b = (j + 2) % 3, c = (i + 1) % 3, d = (i + 2) % 3;
            out[i][j] = (m[a][c] * m[b][d] - m[a][d] * m[b][c]) / det;
        }
    return true;
}

static void multiply(matrix a, matrix b, matrix out)
{
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++) out[i][j] = a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j];
}

/* Linear RGB of these primaries to XYZ, white at Y = 1 (SMPTE RP 177). */
static bool to_xyz(const bn_primaries *p, matrix out)
{
    const double *const ends[3] = {p->red, p->green, p->blue};
    matrix columns, inverse;
    for (int c = 0; c < 3; c++) {
        columns[0][c] = ends[c][0];
        columns[1][c] = ends[c][1];
        columns[2][c] = 1 - ends[c][0] - ends[c][1];
    }
    if (p->white[1] < 1e-6 || !invert(columns, inverse)) return false;
    const double white[3] = {p->white[0] / p->white[1], 1, (1 - p->white[0] - p->white[1]) / p->white[1]};
    for (int c = 0; c < 3; c++) {
        const double scale = inverse[c][0] * white[0] + inverse[c][1] * white[1] + inverse[c][2] * white[2];
        for (int i = 0; i < 3; i++) out[i][c] = columns[i][c] * scale;
    }
    return true;
}

/* ---- pixels -------------------------------------------------------------------------------------------- */

typedef struct mapping {
    matrix to_srgb;
    double luminance[3]; /* of the source's primaries, for HLG */
    bool is_hlg;
    const float *light; /* of each sample value */
} mapping;

static void map_pixel(const mapping *m, double rgb[3])
{
    double light[3], most = 0;
    if (m->is_hlg) { /* the screen's own curve: BT.2100, system gamma 1.2 */
        const double y = m->luminance[0] * rgb[0] + m->luminance[1] * rgb[1] + m->luminance[2] * rgb[2];
        const double gain = y > 0 ? PEAK_NITS / WHITE_NITS * pow(y, 0.2) : 0;
        for (int c = 0; c < 3; c++) rgb[c] *= gain;
    }
    for (int c = 0; c < 3; c++) {
        const double *row = m->to_srgb[c];
        light[c] = fmax(row[0] * rgb[0] + row[1] * rgb[1] + row[2] * rgb[2], 0);
        most = fmax(most, light[c]);
    }
    const double peak = (PEAK_NITS / WHITE_NITS - KNEE) / (1 - KNEE), r = (most - KNEE) / (1 - KNEE);
    const double mapped = most <= KNEE ? most : KNEE + (1 - KNEE) * r * (1 + r / (peak * peak)) / (1 + r);
    const double gain = most > 0 ? mapped / most : 0;
    for (int c = 0; c < 3; c++) rgb[c] = srgb_encode(fmin(light[c] * gain, 1));
}

static void map_pixels(const mapping *m, bn_image *image)
{
    const size_t pixels = (size_t)image->width * (size_t)image->height, channels = (size_t)image->channels;
    uint8_t *p8 = image->pixels;
    uint16_t *p16 = image->pixels;
    for (size_t i = 0; i < pixels * channels; i += channels) {
        double rgb[3];
        for (size_t c = 0; c < 3; c++) rgb[c] = m->light[image->depth == 16 ? p16[i + c] : p8[i + c]];
        map_pixel(m, rgb);
        for (size_t c = 0; c < 3; c++)
            if (image->depth == 16)
                p16[i + c] = (uint16_t)(rgb[c] * 65535 + 0.5);
            else
                p8[i + c] = (uint8_t)(rgb[c] * 255 + 0.5);
    }
}

bn_status bn_image_tone_map(bn_image *image, const bn_primaries *primaries, bool is_hlg, bn_error *err)
{
    mapping m = {.is_hlg = is_hlg};
    matrix own, srgb, from_xyz;
    if (image->channels < 3 || !to_xyz(primaries, own) || !to_xyz(&bn_primaries_srgb, srgb) ||
        !invert(srgb, from_xyz))
        return BIREFNET_OK;
    multiply(from_xyz, own, m.to_srgb);
    for (int c = 0; c < 3; c++) m.luminance[c] = own[1][c];
    const size_t values = image->depth == 16 ? 65536 : 256;
    float *light = malloc(values * sizeof *light);
    if (!light) return bn_fail_memory(err, values * sizeof *light, "a table of light");
    for (size_t i = 0; i < values; i++) {
        const double value = (double)i / (double)(values - 1);
        light[i] = (float)(is_hlg ? hlg_light(value) : pq_light(value));
    }
    m.light = light;
    map_pixels(&m, image);
    free(light);
    return BIREFNET_OK;
}
