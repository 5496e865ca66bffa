/* eval_html.c - the page of `birefnet eval --html`: tables and the worst photos, in one file that loads nothing. */
#include "cli/eval.h"

#include "base/file.h"
#include "base/visible.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PAGE_BYTES ((size_t)64 << 20)

static const char head[] =
    "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; img-src data:; style-src "
    "'unsafe-inline'\">\n"
    "<meta name=\"viewport\" content=\"width=device-width\">\n<title>Masks measured</title>\n<style>\n"
    "body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 1500px; padding: 0 1rem; "
    "color: #1d1d1f; background: #fff }\n"
    "table { border-collapse: collapse; margin: 0 0 1.5rem } th, td { padding: .2rem .7rem; text-align: "
    "right; "
    "border-bottom: 1px solid #ddd; font-variant-numeric: tabular-nums }\n"
    "th:first-child, td:first-child { text-align: left } tr.worst td { color: #767676 }\n"
    "figure { margin: 0 0 1.2rem; padding: 0 } figcaption { margin: 0 0 .3rem; overflow-wrap: anywhere }\n"
    "figure div { display: flex; flex-wrap: wrap; gap: .4rem } figure span { font-size: 12px; color: #595959 "
    "}\n"
    "figure img { display: block; max-width: 100%; border: 1px solid #ddd }\n</style>\n";

/* A page that is being written; the first error stays. */
typedef struct page {
    bn_buffer text;
    bn_status status;
    bn_error *err;
} page;

static void put(page *self, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(page *self, const char *format, ...)
{
    char line[1024];
    va_list args;
    va_start(args, format);
    const int length = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    if (self->status == BIREFNET_OK && length > 0)
        self->status = bn_buffer_append(&self->text, line, strlen(line), self->err);
}

/* A name, made visible and harmless. */
static void put_escaped(page *self, const char *name)
{
    char *text = strdup(name);
    if (!text) {
        if (self->status == BIREFNET_OK) self->status = bn_fail_memory(self->err, strlen(name) + 1, "a name");
        return;
    }
    bn_make_visible(text, strlen(text));
    for (const char *c = text; *c; c++)
        if (strchr("<>&\"'", *c))
            put(self, "&#%d;", *c);
        else
            put(self, "%c", *c);
    free(text);
}

static void put_picture(page *self, const char *caption, const bn_buffer *picture)
{
    const size_t room = sodium_base64_ENCODED_LEN(picture->size, sodium_base64_VARIANT_ORIGINAL);
    char *text = malloc(room);
    if (!text) {
        if (self->status == BIREFNET_OK) self->status = bn_fail_memory(self->err, room, "the page");
        return;
    }
    sodium_bin2base64(text, room, picture->data, picture->size, sodium_base64_VARIANT_ORIGINAL);
    put(self, "<span>%s<img alt=\"%s\" src=\"data:image/webp;base64,", caption, caption);
    if (self->status == BIREFNET_OK)
        self->status = bn_buffer_append(&self->text, text, strlen(text), self->err);
    put(self, "\"></span>\n");
    free(text);
}

static void put_values(page *self, const bn_eval_sums *sums, const bn_summary *summary, const double *values)
{
    for (bn_measure m = 0; m < BN_MEASURES; m++) {
        if (!sums->has[m]) continue;
        if (bn_summary_has(summary, m))
            put(self, "<td>%.4f", values[m]);
        else
            put(self, "<td>-");
    }
    put(self, "\n");
}

static void put_model(page *self, const bn_eval *eval, const bn_eval_sums *sums, int which)
{
    char text[256];
    bn_eval_describe(&eval->models[which], text, sizeof text);
    put(self, "<h2>");
    put_escaped(self, text);
    put(self, "</h2>\n<table>\n<tr><th>folder<th>photos");
    for (bn_measure m = 0; m < BN_MEASURES; m++) {
        const bn_measure_facts *facts = bn_measure_get_facts(m);
        if (sums->has[m]) put(self, "<th title=\"%s\">%s", facts->about, facts->title);
    }
    put(self, "\n");
    for (size_t g = sums->count == 2 ? 1 : 0; g < sums->count; g++) {
        const bn_eval_group *group = &sums->groups[g];
        put(self, "<tr><td>");
        put_escaped(self, bn_eval_show_folder(group));
        put(self, "<td>%zu", group->models[which].count);
        put_values(self, sums, &group->models[which], group->models[which].mean);
        put(self, "<tr class=\"worst\"><td>&emsp;worst<td>");
        put_values(self, sums, &group->models[which], group->models[which].worst);
    }
    put(self, "</table>\n");
}

static void put_difference(page *self, const bn_eval *eval, const bn_eval_sums *sums)
{
    static const char *const verdicts[] = {"the second is better", "cannot be told apart",
                                           "the first is better"};
    put(self, "<h2>");
    put_escaped(self, eval->models[0].info.name);
    put(self, " less ");
    put_escaped(self, eval->models[1].info.name);
    put(self, "</h2>\n<table>\n<tr><th>measure<th>mean<th>95 %% interval (paired bootstrap)<th>\n");
    for (bn_measure m = 0; m < BN_MEASURES; m++) {
        const bn_paired *paired = &sums->difference[m];
        if (!sums->has[m]) continue;
        put(self, "<tr><td>%s<td>%+.4f<td>", bn_measure_get_facts(m)->title, paired->mean);
        if (sums->pairs[m] < BN_PAIRED_MIN)
            put(self, "too few photos<td>\n");
        else
            put(self, "%+.4f to %+.4f<td>%s\n", paired->low, paired->high,
                verdicts[bn_eval_verdict(sums, m) + 1]);
    }
    put(self, "</table>\n");
}

static void put_shot(page *self, const bn_eval *eval, const bn_eval_shot *shot)
{
    const bn_eval_row *row = &eval->rows[shot->row];
    put(self, "<figure>\n<figcaption><b>");
    put_escaped(self, eval->pairs->pairs[shot->row].photo->relative);
    put(self, "</b> %dx%d", row->width, row->height);
    for (int m = 0; m < eval->model_count; m++)
        put(self, "%s IoU %.4f, MAE %.4f", m ? "; second:" : ",", row->scores[m].value[BN_MEASURE_IOU],
            row->scores[m].value[BN_MEASURE_MAE]);
    put(self, "</figcaption>\n<div>\n");
    put_picture(self, "photo", &shot->photo);
    put_picture(self, "truth", &shot->truth);
    for (int m = 0; m < eval->model_count; m++) {
        put_picture(self, m ? "second mask" : "mask", &shot->mask[m]);
        put_picture(self, m ? "second difference" : "difference", &shot->difference[m]);
    }
    put(self, "</div>\n</figure>\n");
}

bn_status bn_eval_write_page(const bn_eval *eval, const bn_eval_sums *sums, const char *path, bn_error *err)
{
    page self = {.err = err};
    bn_buffer_init(&self.text, MAX_PAGE_BYTES);
    self.status = bn_buffer_append(&self.text, head, strlen(head), err);
    put(&self, "<h1>Masks of %zu photo%s, measured</h1>\n", eval->done, bn_plural(eval->done));
    if (eval->failed)
        put(&self, "<p>%zu more photo%s could not be measured.\n", eval->failed, bn_plural(eval->failed));
    for (int m = 0; m < eval->model_count; m++) put_model(&self, eval, sums, m);
    if (eval->model_count == 2) put_difference(&self, eval, sums);
    put(&self, "<h2>The worst %d by IoU</h2>\n<p>Difference: red is too much, blue too little%s.\n",
        eval->shot_count, eval->has_unknown ? ", yellow not known" : "");
    for (int i = 0; i < eval->shot_count; i++) put_shot(&self, eval, &eval->shots[i]);
    put(&self, "<p>birefnet %s\n</html>\n", birefnet_version());
    if (self.status == BIREFNET_OK) self.status = bn_file_write(path, self.text.data, self.text.size, err);
    bn_buffer_free(&self.text);
    return self.status;
}
