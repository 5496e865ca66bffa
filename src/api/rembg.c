/* rembg.c - the HTTP API of rembg's server: a photo by address or form in, the bytes of the cut-out out. Its users
 * switch by changing an address; its model names mean the preset that does the same job. Alpha matting (a, af, ab, ae)
 * is taken without effect: the network's masks are soft, and foreground colours are always estimated. */
#include "api/call.h"

#include "http/form.h"
#include "base/file.h"
#include "base/size.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* All of rembg's names, so that none of its users is turned away. NULL: what it means there is not to be had here, and
 * the general preset does it. */
static const struct {
    const char *name, *preset;
} model_names[] = {
    {"birefnet-general", NULL},
    {"birefnet-general-lite", "General Use (Light 2K)"},
    {"birefnet-portrait", "Portrait"},
    {"birefnet-massive", "General Use (Heavy)"},
    {"birefnet-dis", NULL},
    {"birefnet-hrsod", NULL},
    {"birefnet-cod", NULL},
    {"u2net", NULL},
    {"u2netp", NULL},
    {"u2net_human_seg", "Portrait"},
    {"u2net_cloth_seg", NULL},
    {"u2net_custom", NULL},
    {"silueta", NULL},
    {"isnet-general-use", NULL},
    {"isnet-anime", NULL},
    {"dis_custom", NULL},
    {"sam", NULL},
    {"bria-rmbg", NULL},
    {"ben_custom", NULL},
    {"withoutbg", NULL},
};

/* A parameter of the query, else of the form: rembg takes some from here and some from there, its users from both. The text
 * is the caller's to free; NULL where it was not given. */
static char *parameter(const bn_call *call, const bn_form *form, const char *name)
{
    const char *query = bn_target_query(&call->target, name);
    if (query) return strdup(query);
    const bn_form_part *part = form ? bn_form_find(form, name) : NULL;
    return part ? strndup((const char *)part->data, part->size) : NULL;
}

static bool is_true(const char *text)
{
    return text && (strcasecmp(text, "true") == 0 || strcmp(text, "1") == 0 || strcasecmp(text, "on") == 0 ||
                    strcasecmp(text, "yes") == 0);
}

/* rembg's bgc, "R,G,B" or "R,G,B,A", as "#rrggbbaa". False for anything else. */
static bool read_colour(const char *text, char colour[10])
{
    unsigned part[4] = {0, 0, 0, 255};
    int read = 0;
    const int count =
        sscanf(text, " %3u , %3u , %3u%n , %3u%n", &part[0], &part[1], &part[2], &read, &part[3], &read);
    if (count < 3 || text[read + (int)strspn(text + read, " ")] != '\0') return false;
    for (int i = 0; i < 4; i++)
        if (part[i] > 255) return false;
    snprintf(colour, 10, "#%02x%02x%02x%02x", part[0], part[1], part[2], part[3]);
    return true;
}

/* NULL for a name that is not rembg's. None was given: rembg's default. */
static const char *preset_of(const char *model)
{
    static const char general[] = "General Use (Light)";
    if (!model || !*model) return general;
    for (size_t i = 0; i < BN_COUNT(model_names); i++)
        if (strcmp(model, model_names[i].name) == 0)
            return model_names[i].preset ? model_names[i].preset : general;
    return NULL;
}

/* The form's file in the store, where the job fetches it; address is filled. */
static bn_status store_photo(bn_call *call, const bn_form_part *part, char *address, size_t size,
                             bn_error *err)
{
    const int fd = bn_file_open_nameless(bn_jobs_incoming_folder(call->service->jobs));
    if (fd < 0) return bn_fail_errno(err, errno, "cannot keep the photo");
    bn_status status = BIREFNET_OK;
    for (size_t done = 0; done < part->size && status == BIREFNET_OK;) {
        const ssize_t written = write(fd, part->data + done, part->size - done);
        if (written > 0)
            done += (size_t)written;
        else if (errno != EINTR)
            status = bn_fail_errno(err, errno, "cannot keep the photo");
    }
    const bn_upload upload = {.name = *part->file_name ? part->file_name : "photo",
                              .type = *part->type ? part->type : NULL,
                              .lifecycle = "{\"expiration_duration_seconds\":3600}",
                              .key_id = *call->key_id ? call->key_id : NULL};
    bn_file_facts facts;
    if (status == BIREFNET_OK) status = bn_jobs_upload(call->service->jobs, &upload, fd, &facts, err);
    close(fd);
    if (status == BIREFNET_OK)
        snprintf(address, size, "%s/files/b/%s/%s", call->target.file_base, facts.id, facts.name);
    return status;
}

typedef struct rembg_wish {
    const char *preset;
    bool only_mask, hard_mask;
    char colour[10]; /* "" for none */
} rembg_wish;

/* NULL, or what is wrong with the request. */
static const char *read_wish(const bn_call *call, const bn_form *form, rembg_wish *wish)
{
    char *model = parameter(call, form, "model"), *only_mask = parameter(call, form, "om"),
         *background = parameter(call, form, "bgc"), *post_processed = parameter(call, form, "ppm");
    *wish = (rembg_wish){
        .preset = preset_of(model), .only_mask = is_true(only_mask), .hard_mask = is_true(post_processed)};
    const char *fault = NULL;
    if (background && *background && !read_colour(background, wish->colour))
        fault = "bgc is not a colour: R,G,B or R,G,B,A, each 0 to 255";
    if (!wish->preset)
        fault = "model is none of rembg's names: birefnet-general, birefnet-portrait, u2net ...";
    free(model);
    free(only_mask);
    free(background);
    free(post_processed);
    return fault;
}

/* The endpoint's input that does the same; NULL where memory ran out. */
static char *make_input(const rembg_wish *wish, const char *address)
{
    json_t *input = json_pack("{s:s, s:s, s:b}", "image_url", address, "model", wish->preset, "mask_only",
                              wish->only_mask);
    char *text = input ? json_dumps(input, JSON_COMPACT) : NULL;
    json_decref(input);
    return text;
}

static bn_http_next submit(bn_call *call, bn_http_request *request, const rembg_wish *asked,
                           const char *address)
{
    char *input = make_input(asked, address);
    if (!input) return bn_reply_fault(request, 500, "internal_error", "Internal Server Error");
    const bn_submit wish = {.id = request->id,
                            .body = input,
                            .body_bytes = strlen(input),
                            .app_path = "/v2",
                            .sync = true,
                            .max_queue_length = -1,
                            .lifecycle = "{\"expiration_duration_seconds\":3600}",
                            .file_base = call->target.file_base,
                            .background = *asked->colour ? asked->colour : NULL,
                            .hard_mask = asked->hard_mask,
                            .public_only = call->foreign,
                            .key_id = *call->key_id ? call->key_id : NULL};
    bn_answer answer = {0};
    bn_jobs_submit(call->service->jobs, &wish, call->job_id, NULL, &answer);
    free(input);
    if (answer.code == 200 && !answer.body) return BN_HTTP_PARK;
    *call->job_id = '\0';
    return bn_reply_answer(request, &answer);
}

static bn_http_next start(bn_call *call, bn_http_request *request)
{
    rembg_wish wish;
    if (call->route.kind == BN_ROUTE_REMBG_GET) {
        const char *address = bn_target_query(&call->target, "url");
        if (!address) return bn_reply_detail(request, 422, "The address of the photo is missing: ?url=");
        json_t *text = json_string(address);
        if (!text) return bn_reply_detail(request, 422, "The address of the photo is not UTF-8");
        json_decref(text);
        const char *fault = read_wish(call, NULL, &wish);
        return fault ? bn_reply_detail(request, 422, "%s", fault) : submit(call, request, &wish, address);
    }
    bn_form *form = malloc(sizeof *form);
    if (!form) return bn_reply_fault(request, 500, "internal_error", "Internal Server Error");
    const bool read =
        bn_form_parse(bn_http_header(request, "Content-Type"), request->body.data, request->body.size, form);
    const bn_form_part *file = read ? bn_form_find(form, "file") : NULL;
    bn_http_next next = BN_HTTP_REPLY;
    char address[BN_BASE_MAX_BYTES + 400];
    bn_error err = {0};
    const char *fault = file ? read_wish(call, form, &wish) : "The body is not a form with a part named file";
    if (fault) {
        next = bn_reply_detail(request, 422, "%s", fault);
    } else {
        const bn_status status = store_photo(call, file, address, sizeof address, &err);
        next = status == BIREFNET_OK ? submit(call, request, &wish, address)
                                     : bn_reply_error(request, status, &err);
    }
    free(form);
    bn_http_body_release(request);
    return next;
}

/* The image of a finished job, as bytes. */
static bn_http_next reply_image(bn_call *call, bn_http_request *request)
{
    bn_answer answer = {0};
    bn_jobs_result(call->service->jobs, call->job_id, call->target.file_base, &answer);
    call->job_done = true;
    if (answer.code != 200 || !*answer.image_id) return bn_reply_answer(request, &answer);
    bn_file_facts facts;
    bn_error err = {0};
    bn_status status = bn_jobs_file_find(call->service->jobs, answer.image_id, &facts, &err);
    if (status == BIREFNET_OK) status = bn_reply_file(call, request, &facts, &err);
    if (*answer.weights) bn_http_reply_field(request, "X-Fal-Served-From", "%s", answer.weights);
    bn_answer_free(&answer);
    if (status != BIREFNET_OK) return bn_reply_error(request, status, &err);
    request->reply.status = 200;
    request->reply.offset = 0;
    request->reply.size = facts.size;
    bn_http_reply_field(request, "Content-Type", "%s", facts.type);
    return BN_HTTP_REPLY;
}

bn_http_next bn_call_rembg(bn_call *call, bn_http_request *request)
{
    if (!*call->job_id) {
        const bn_http_next next = start(call, request);
        if (next != BN_HTTP_PARK) return next;
    }
    bool done = false;
    const bn_http_next next = bn_call_wait(call, request, &done);
    return done ? reply_image(call, request) : next;
}
