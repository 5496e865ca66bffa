/* structure.c - the S-measure: likeness of the object as a whole and of the four parts around its centre.
 *
 * Fan, Cheng, Liu, Li, Borji, "Structure-measure: a new way to evaluate foreground maps", ICCV 2017; alpha 0.5. */
#include "measure/families.h"

#include "base/size.h"

#include <float.h>
#include <math.h>

/* Sums over pixels; the mask counts 0 to 255, the truth 0 or 1. */
typedef struct sums {
    uint64_t pixels, mask, mask_squares, truth, both; /* both: the mask where the truth is 1 */
    bool mask_varies;
    unsigned first; /* the mask of the first pixel */
} sums;

static void add(sums *part, unsigned mask, bool truth)
{
    if (part->pixels++ == 0) part->first = mask;
    part->mask_varies = part->mask_varies || mask != part->first;
    part->mask += mask;
    part->mask_squares += (uint64_t)mask * mask;
    part->truth += truth;
    part->both += truth ? mask : 0;
}

/* sum (a - mean a)(b - mean b) / (n - 1), from the sums of a, b and their product. */
static double covariance(double a, double b, double product, double n)
{
    return n > 1 ? (product - a * b / n) / (n - 1) : 0;
}

/* How evenly bright the mask is inside the object: 1 is right everywhere. Sums are of the mask, or of its negative. */
static double object_score(double sum, double squares, double n)
{
    if (n < 1) return 0;
    const double mean = sum / n, deviation = sqrt(BN_MAX(covariance(sum, sum, squares, n), 0));
    return 2 * mean / (mean * mean + 1 + deviation + DBL_EPSILON);
}

static double object_part(const sums *subject, const sums *background)
{
    const double inside = (double)subject->pixels, outside = (double)background->pixels;
    const double in =
        object_score((double)subject->mask / 255, (double)subject->mask_squares / 65025, inside);
    /* of 1 - mask: sum n - s, squares n - 2 s + q */
    const double s = (double)background->mask / 255, q = (double)background->mask_squares / 65025;
    const double out = object_score(outside - s, outside - 2 * s + q, outside);
    return (inside * in + outside * out) / (inside + outside);
}

/* Structural similarity of one of the four parts. What does not vary has no covariance, whatever rounding says. */
static double likeness(const sums *part)
{
    const bool truth_varies = part->truth > 0 && part->truth < part->pixels;
    if (!truth_varies || !part->mask_varies) return truth_varies || part->mask_varies ? 0 : 1;
    const double n = (double)part->pixels, p = (double)part->mask / 255, g = (double)part->truth;
    const double x = p / n, y = g / n;
    const double spread = covariance(p, p, (double)part->mask_squares / 65025, n) + covariance(g, g, g, n);
    return 4 * x * y * covariance(p, g, (double)part->both / 255, n) /
           ((x * x + y * y) * spread + DBL_EPSILON);
}

typedef struct centre {
    int x, y; /* the first column and row of the right and lower parts */
} centre;

static centre find_centre(const bn_mask_pair *pair)
{
    uint64_t count = 0, xs = 0, ys = 0;
    for (int y = 0; y < pair->height; y++)
        for (int x = 0; x < pair->width; x++) {
            const size_t i = (size_t)y * (size_t)pair->width + (size_t)x;
            if (!bn_is_known(pair, i) || pair->truth[i] < BN_SUBJECT_FROM) continue;
            count++;
            xs += (uint64_t)x;
            ys += (uint64_t)y;
        }
    if (count == 0) return (centre){pair->width / 2, pair->height / 2};
    return (centre){(int)rint((double)xs / (double)count) + 1, (int)rint((double)ys / (double)count) + 1};
}

double bn_structure(const bn_mask_pair *pair)
{
    const centre middle = find_centre(pair);
    sums parts[4] = {{0}}, sides[2] = {{0}}; /* left and right, upper then lower; background, subject */
    for (int y = 0; y < pair->height; y++)
        for (int x = 0; x < pair->width; x++) {
            const size_t i = (size_t)y * (size_t)pair->width + (size_t)x;
            if (!bn_is_known(pair, i)) continue;
            const bool subject = pair->truth[i] >= BN_SUBJECT_FROM;
            add(&parts[2 * (y >= middle.y) + (x >= middle.x)], pair->mask[i], subject);
            add(&sides[subject], pair->mask[i], subject);
        }
    const double known = (double)(sides[0].pixels + sides[1].pixels);
    if (known < 1) return 1;
    if (sides[1].pixels == 0) return 1 - (double)sides[0].mask / 255 / known;
    if (sides[0].pixels == 0) return (double)sides[1].mask / 255 / known;
    double regions = 0;
    for (int i = 0; i < 4; i++)
        if (parts[i].pixels > 0) regions += (double)parts[i].pixels / known * likeness(&parts[i]);
    return BN_MAX(0.5 * object_part(&sides[1], &sides[0]) + 0.5 * regions, 0);
}
