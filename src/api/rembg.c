/* rembg.c - the HTTP API of rembg's server: a photo by address or form in, the bytes of the cut-out out. Its users
 * switch by changing an address; rembg_wish.c reads their parameters. */
#include "api/rembg_wish.h"

#include "base/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

/* The endpoint's input that does the same; NULL where memory ran out. */
static char *make_input(const bn_rembg_wish *wish, const char *address, const char *background)
{
    json_t *input = json_pack("{s:s, s:s, s:b}", "image_url", address, "model", wish->preset, "mask_only",
                              wish->only_mask);
    if (input && background) json_object_set_new(input, "background", json_string(background));
    char *text = input ? json_dumps(input, JSON_COMPACT) : NULL;
    json_decref(input);
    return text;
}

static bn_http_next submit(bn_call *call, bn_http_request *request, const bn_rembg_wish *asked,
                           const char *address, const char *background)
{
    char *input = make_input(asked, address, background);
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
                            .sure = asked->sure,
                            .public_only = call->foreign,
                            .key_id = *call->key_id ? call->key_id : NULL};
    bn_answer answer = {0};
    bn_jobs_submit(call->service->jobs, &wish, call->job_id, NULL, &answer);
    free(input);
    if (answer.code == 200 && !answer.body) return BN_HTTP_PARK;
    *call->job_id = '\0';
    return bn_reply_answer(request, &answer);
}

static bn_http_next start_by_address(bn_call *call, bn_http_request *request)
{
    bn_rembg_wish wish;
    const char *address = bn_target_query(&call->target, "url");
    if (!address) return bn_reply_detail(request, 422, "The address of the photo is missing: ?url=");
    json_t *text = json_string(address);
    if (!text) return bn_reply_detail(request, 422, "The address of the photo is not UTF-8");
    json_decref(text);
    const char *fault = bn_rembg_wish_read(call, NULL, &wish);
    const bn_http_next next = fault ? bn_reply_detail(request, 422, "%s", fault)
                                    : submit(call, request, &wish, address, wish.background);
    bn_rembg_wish_free(&wish);
    return next;
}

/* Files of the form go into the store, where the job finds them. */
static bn_http_next start_by_form(bn_call *call, bn_http_request *request, const bn_form *form)
{
    bn_rembg_wish wish;
    char address[BN_BASE_MAX_BYTES + 400], behind[BN_BASE_MAX_BYTES + 400];
    bn_error err = {0};
    const bn_form_part *file = bn_form_find(form, "file"), *backdrop = bn_form_find(form, "background");
    if (!file) return bn_reply_detail(request, 422, "The body is not a form with a part named file");
    if (backdrop && !*backdrop->file_name) backdrop = NULL; /* words, which the wish has */
    const char *fault = bn_rembg_wish_read(call, form, &wish);
    bn_http_next next;
    if (fault) {
        next = bn_reply_detail(request, 422, "%s", fault);
    } else {
        bn_status status = store_photo(call, file, address, sizeof address, &err);
        if (status == BIREFNET_OK && backdrop)
            status = store_photo(call, backdrop, behind, sizeof behind, &err);
        next = status == BIREFNET_OK
                   ? submit(call, request, &wish, address, backdrop ? behind : wish.background)
                   : bn_reply_error(request, status, &err);
    }
    bn_rembg_wish_free(&wish);
    return next;
}

static bn_http_next start(bn_call *call, bn_http_request *request)
{
    if (call->route.kind == BN_ROUTE_REMBG_GET) return start_by_address(call, request);
    bn_form *form = malloc(sizeof *form);
    if (!form) return bn_reply_fault(request, 500, "internal_error", "Internal Server Error");
    const bool read =
        bn_form_parse(bn_http_header(request, "Content-Type"), request->body.data, request->body.size, form);
    const bn_http_next next =
        read ? start_by_form(call, request, form)
             : bn_reply_detail(request, 422, "The body is not a form with a part named file");
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
