/* schema.c - the table of input fields, and the JSON Schema that says the same. */
#include "schema/schema.h"

#include "schema/openapi_own.h"

#include "base/size.h"
#include "cutout/shops.h"
#include "cutout/words.h"

#include <string.h>

static const char *const models[] = {"General Use (Light)",
                                     "General Use (Light 2K)",
                                     "General Use (Heavy)",
                                     "Matting",
                                     "Portrait",
                                     "General Use (Dynamic)",
                                     NULL};
static const char *const resolutions[] = {"1024x1024", "2048x2048", "2304x2304", NULL};
static const char *const formats[] = {"webp", "png", "gif", NULL};
static const char *const image_examples[] = {"https://storage.googleapis.com/falserverless/example_inputs/"
                                             "birefnet-input.jpeg",
                                             NULL};

static const char *const shops[] = {"none", "amazon", "ebay", "etsy", "shopify", "square", NULL};
static const char *const alignments[] = {"center", "bottom", NULL};
static const char *const shadows[] = {"none", "soft", "contact", NULL};
static const char *const metadata[] = {"none", "safe", "all", NULL};

/* ---- what extra fields do ---- */

static bool take_shop(const char *word, bn_cutout_options *picture)
{
    const bn_shop *shop = bn_shop_find(word);
    if (shop) bn_shop_apply(shop, picture);
    return true; /* none */
}

static bool take_background(const char *word, bn_cutout_options *picture)
{
    return bn_background_parse(word, &picture->background);
}

static bool take_canvas(const char *word, bn_cutout_options *picture)
{
    return bn_placement_parse(word, &picture->canvas);
}

static bool take_fit(const char *word, bn_cutout_options *picture)
{
    return bn_fit_parse(word, &picture->canvas);
}

/* The default alone moves nothing: clients that fill in the document's defaults send it with every request. */
static bool take_align(const char *word, bn_cutout_options *picture)
{
    const bool used = picture->canvas.used;
    const bool known = bn_align_parse(word, &picture->canvas);
    if (picture->canvas.align == BN_ALIGN_CENTER) picture->canvas.used = used;
    return known;
}

static bool take_shadow(const char *word, bn_cutout_options *picture)
{
    return bn_shadow_parse(word, &picture->shadow);
}

static bool take_crop(const char *word, bn_cutout_options *picture)
{
    if (strcmp(word, "false") == 0) return true;
    return bn_crop_parse(strcmp(word, "true") == 0 ? NULL : word, picture);
}

static bool take_metadata(const char *word, bn_cutout_options *picture)
{
    for (bn_metadata level = BN_METADATA_NONE; level <= BN_METADATA_ALL; level++)
        if (strcmp(word, metadata[level]) == 0) picture->cutout_encoding.metadata = level;
    return true;
}

static void put_model(const char *choice, bool given, bn_input *input)
{
    (void)given;
    snprintf(input->model, sizeof input->model, "%s", choice);
}

static void put_resolution(const char *choice, bool given, bn_input *input)
{
    input->has_resolution = given;
    sscanf(choice, "%dx%d", &input->width, &input->height);
}

static void put_format(const char *choice, bool given, bn_input *input)
{
    (void)given;
    input->format = bn_format_from_name(choice);
}

/* `for` stands before the fields that change parts of what it means: they are taken in this order. */
static const bn_field fields[] = {
    {.name = "image_url",
     .title = "Image Url",
     .description =
         "The photo whose background goes: an http or https address, a data URI, or a file that was "
         "uploaded to this server",
     .type = BN_FIELD_STRING,
     .required = true,
     .examples = image_examples,
     .place = offsetof(bn_input, image_url)},
    {.name = "model",
     .title = "Model",
     .description =
         "The weights to use. Light suits most photos; Light 2K fine detail at 2048x2048; Heavy is "
         "slower; Matting gives soft edges such as hair; Portrait is for people; Dynamic was trained "
         "for many sizes",
     .type = BN_FIELD_CHOICE,
     .choices = models,
     .default_text = "General Use (Light)",
     .put = put_model},
    {.name = "operating_resolution",
     .title = "Operating Resolution",
     .description = "What the network sees; the result always has the size of the photo. 2304x2304 is for "
                    "General Use (Dynamic) only",
     .type = BN_FIELD_CHOICE,
     .choices = resolutions,
     .default_text = "1024x1024",
     .put = put_resolution},
    {.name = "output_format",
     .title = "Output Format",
     .description = "The format of the image and of the mask",
     .type = BN_FIELD_CHOICE,
     .choices = formats,
     .default_text = "png",
     .put = put_format},
    {.name = "output_mask",
     .title = "Output Mask",
     .description = "Whether to give the mask as well",
     .type = BN_FIELD_BOOL,
     .place = offsetof(bn_input, output_mask)},
    {.name = "refine_foreground",
     .title = "Refine Foreground",
     .description =
         "Whether to estimate the foreground's own colours, so that no halo of the old background stays",
     .type = BN_FIELD_BOOL,
     .default_bool = true,
     .place = offsetof(bn_input, refine_foreground)},
    {.name = "sync_mode",
     .title = "Sync Mode",
     .description = "Whether the result carries the images as data URIs instead of addresses",
     .type = BN_FIELD_BOOL,
     .place = offsetof(bn_input, sync_mode)},
    {.name = "mask_only",
     .title = "Mask Only",
     .description = "Whether `image` is the mask instead of the cut-out",
     .type = BN_FIELD_BOOL,
     .place = offsetof(bn_input, mask_only)},
    {.name = "for",
     .title = "For",
     .description =
         "A picture as a shop wants it: its canvas, the subject large on pure white, sRGB. Fields below "
         "change parts of that",
     .type = BN_FIELD_CHOICE,
     .choices = shops,
     .default_text = "none",
     .extra = true,
     .take = take_shop},
    {.name = "background",
     .title = "Background",
     .description =
         "Behind the subject: a colour (`#rrggbb`, `white`), `none`, `blur` or `blur:PERCENT`, or an image "
         "that covers all: an http or https address, a data URI, or a file that was uploaded to this server",
     .type = BN_FIELD_WORDS_OR_IMAGE,
     .extra = true,
     .take = take_background},
    {.name = "canvas",
     .title = "Canvas",
     .description = "Put the subject onto a canvas of `WIDTHxHEIGHT` or `SIDE` pixels",
     .type = BN_FIELD_WORDS,
     .extra = true,
     .take = take_canvas},
    {.name = "fit",
     .title = "Fit",
     .description = "How much of the canvas the subject may take, 1 to 100 %; usually 90",
     .type = BN_FIELD_WORDS,
     .extra = true,
     .take = take_fit},
    {.name = "align",
     .title = "Align",
     .description = "Where the subject stands on a canvas",
     .type = BN_FIELD_CHOICE,
     .choices = alignments,
     .default_text = "center",
     .extra = true,
     .take = take_align},
    {.name = "shadow",
     .title = "Shadow",
     .description = "Under the subject: soft, as of a lamp above, or contact, where it stands",
     .type = BN_FIELD_CHOICE,
     .choices = shadows,
     .default_text = "none",
     .extra = true,
     .take = take_shadow},
    {.name = "crop",
     .title = "Crop",
     .description = "Cut to the subject: `true`, or a margin of pixels (`20`) or of its longer side (`5%`)",
     .type = BN_FIELD_WORDS,
     .extra = true,
     .take = take_crop},
    {.name = "metadata",
     .title = "Metadata",
     .description =
         "What of the photo's EXIF, XMP and IPTC goes into the image: safe is camera, lens, time, author, "
         "copyright; all adds place and the rest",
     .type = BN_FIELD_CHOICE,
     .choices = metadata,
     .default_text = "none",
     .extra = true,
     .take = take_metadata},
};

size_t bn_schema_count(void)
{
    return BN_COUNT(fields);
}

const bn_field *bn_schema_at(size_t index)
{
    return index < BN_COUNT(fields) ? &fields[index] : NULL;
}

static json_t *list_of(const char *const *texts)
{
    json_t *list = json_array();
    for (; texts && *texts; texts++) json_array_append_new(list, json_string(*texts));
    return list;
}

static json_t *field_schema(const bn_field *field)
{
    json_t *schema = json_pack("{s:s, s:s, s:s}", "type", field->type == BN_FIELD_BOOL ? "boolean" : "string",
                               "title", field->title, "description", field->description);
    if (field->type == BN_FIELD_CHOICE) {
        json_object_set_new(schema, "enum", list_of(field->choices));
        json_object_set_new(schema, "default", json_string(field->default_text));
    }
    if (field->type == BN_FIELD_BOOL)
        json_object_set_new(schema, "default", json_boolean(field->default_bool));
    if (field->type >= BN_FIELD_WORDS) json_object_set_new(schema, "default", json_string(""));
    if (field->extra) json_object_set_new(schema, "x-birefnet-extra", json_true());
    if (field->examples) json_object_set_new(schema, "examples", list_of(field->examples));
    return schema;
}

static json_t *input_schema(void)
{
    json_t *properties = json_object(), *required = json_array(), *order = json_array();
    for (size_t i = 0; i < BN_COUNT(fields); i++) {
        json_object_set_new(properties, fields[i].name, field_schema(&fields[i]));
        json_array_append_new(order, json_string(fields[i].name));
        if (fields[i].required) json_array_append_new(required, json_string(fields[i].name));
    }
    return json_pack("{s:s, s:s, s:o, s:o, s:o}", "title", "BirefnetV2Input", "type", "object",
                     "x-fal-order-properties", order, "required", required, "properties", properties);
}

/* Of POST /touchup: the same fields, the mask, and the photo or the request that it was of. */
static json_t *touch_up_schema(void)
{
    json_t *schema = input_schema(), *properties = json_object_get(schema, "properties");
    json_object_set_new(schema, "title", json_string("TouchUpInput"));
    json_object_set_new(schema, "required", json_pack("[s]", "mask_url"));
    json_object_set_new(schema, "anyOf",
                        json_pack("[{s:[s]}, {s:[s]}]", "required", "image_url", "required", "request_id"));
    json_object_set_new(properties, "mask_url",
                        json_pack("{s:s, s:s, s:s}", "type", "string", "title", "Mask", "description",
                                  "A PNG of the photo's size: an address or a data URI. White is kept, "
                                  "black and transparent are not"));
    json_object_set_new(properties, "request_id",
                        json_pack("{s:s, s:s, s:s}", "type", "string", "title", "Request", "description",
                                  "Instead of image_url: a request that has ended well and whose photo came "
                                  "by its address, as uploads do"));
    return schema;
}

static json_t *nullable(const char *type, const char *title, const char *description)
{
    return json_pack("{s:[s,s], s:s, s:s}", "type", type, "null", "title", title, "description", description);
}

static json_t *file_schema(void)
{
    json_t *url = json_pack("{s:s, s:s, s:s}", "type", "string", "title", "Url", "description",
                            "Where the file is to be had, or the file itself as a data URI");
    return json_pack("{s:s, s:s, s:[s], s:{s:o, s:o, s:o, s:o, s:o, s:o}}", "title", "ImageFile", "type",
                     "object", "required", "url", "properties", "url", url, "content_type",
                     nullable("string", "Content Type", "The MIME type of the file"), "file_name",
                     nullable("string", "File Name", "The name of the file"), "file_size",
                     nullable("integer", "File Size", "Bytes"), "width",
                     nullable("integer", "Width", "Pixels"), "height",
                     nullable("integer", "Height", "Pixels"));
}

static json_t *reference_to(const char *name)
{
    char path[100];
    snprintf(path, sizeof path, "#/components/schemas/%s", name);
    return json_pack("{s:s}", "$ref", path);
}

static json_t *output_schema(void)
{
    return json_pack("{s:s, s:s, s:[s], s:{s:o, s:o}}", "title", "BirefnetV2Output", "type", "object",
                     "required", "image", "properties", "image", reference_to("ImageFile"), "mask_image",
                     reference_to("ImageFile"));
}

static json_t *status_schema(void)
{
    static const char *const states[] = {"IN_QUEUE", "IN_PROGRESS", "COMPLETED", NULL};
    return json_pack(
        "{s:s, s:[s,s], s:{s:{s:s,s:o}, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}, "
        "s:{s:s}, s:{s:s}}}",
        "type", "object", "required", "status", "request_id", "properties", "status", "type", "string",
        "enum", list_of(states), "request_id", "type", "string", "response_url", "type", "string",
        "status_url", "type", "string", "cancel_url", "type", "string", "queue_position", "type", "integer",
        "logs", "type", "array", "metrics", "type", "object", "error", "type", "string", "error_type", "type",
        "string");
}

/* {"description": ..., "content": {"application/json": {"schema": ...}}} */
static json_t *reply(const char *description, const char *schema)
{
    return json_pack("{s:s, s:{s:{s:o}}}", "description", description, "content", "application/json",
                     "schema", reference_to(schema));
}

static json_t *id_parameter(void)
{
    return json_pack("{s:s, s:s, s:b, s:{s:s, s:s}}", "name", "request_id", "in", "path", "required", 1,
                     "schema", "type", "string", "format", "uuid");
}

static json_t *paths(void)
{
    json_t *submit = json_pack("{s:{s:b, s:{s:{s:o}}}, s:{s:o}}", "requestBody", "required", 1, "content",
                               "application/json", "schema", reference_to("BirefnetV2Input"), "responses",
                               "200", reply("The request is in the queue", "QueueStatus"));
    json_t *logs = json_pack("{s:s, s:s, s:b, s:{s:s, s:i}}", "name", "logs", "in", "query", "required", 0,
                             "schema", "type", "number", "default", 0);
    json_t *status =
        json_pack("{s:[o,o], s:{s:o, s:o}}", "parameters", id_parameter(), logs, "responses", "200",
                  reply("Completed", "QueueStatus"), "202", reply("Waiting or running", "QueueStatus"));
    json_t *cancel = json_pack("{s:[o], s:{s:{s:s}, s:{s:s}, s:{s:s}}}", "parameters", id_parameter(),
                               "responses", "202", "description", "Will be cancelled", "400", "description",
                               "Was completed before", "404", "description", "No such request");
    json_t *result = json_pack("{s:[o], s:{s:o, s:o}}", "parameters", id_parameter(), "responses", "200",
                               reply("The result", "BirefnetV2Output"), "422",
                               reply("The input was refused", "HTTPValidationError"));
    return json_pack("{s:{s:o}, s:{s:o}, s:{s:o}, s:{s:o}}", "/fal-ai/birefnet/v2", "post", submit,
                     "/fal-ai/birefnet/requests/{request_id}/status", "get", status,
                     "/fal-ai/birefnet/requests/{request_id}/cancel", "put", cancel,
                     "/fal-ai/birefnet/requests/{request_id}", "get", result);
}

static json_t *error_schema(void)
{
    return json_pack("{s:s, s:{s:{s:s, s:{s:s, s:[s,s,s], s:{s:{s:s}, s:{s:s}, s:{s:s}}}}}}", "type",
                     "object", "properties", "detail", "type", "array", "items", "type", "object", "required",
                     "loc", "msg", "type", "properties", "loc", "type", "array", "msg", "type", "string",
                     "type", "type", "string");
}

static bn_status write_json(json_t *json, bn_buffer *out, bn_error *err)
{
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
    json_decref(json);
    if (!text) return bn_fail_memory(err, 0, "a schema");
    const bn_status status = bn_buffer_append(out, text, strlen(text), err);
    free(text);
    return status;
}

bn_status bn_schema_openapi(const char *server_url, bn_buffer *out, bn_error *err)
{
    json_t *all_paths = paths();
    const bool whole = bn_openapi_add_own(all_paths, server_url);
    json_t *schemas =
        json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}", "BirefnetV2Input", input_schema(), "TouchUpInput",
                  touch_up_schema(), "BirefnetV2Output", output_schema(), "ImageFile", file_schema(),
                  "QueueStatus", status_schema(), "HTTPValidationError", error_schema());
    json_t *security = json_pack("{s:{s:s, s:s, s:s, s:s}}", "apiKeyAuth", "type", "apiKey", "in", "header",
                                 "name", "Authorization", "description", "Key <your key>");
    json_t *document = json_pack(
        "{s:s, s:{s:s, s:s, s:s}, s:[{s:s}], s:{s:o, s:o}, s:o, s:[{s:[]}]}", "openapi", "3.1.0", "info",
        "title", "Queue OpenAPI for fal-ai/birefnet/v2", "version", BN_VERSION, "description",
        "Background removal with the BiRefNet network", "servers", "url", server_url, "components",
        "securitySchemes", security, "schemas", schemas, "paths", all_paths, "security", "apiKeyAuth");
    if (!whole) {
        json_decref(document);
        document = NULL; /* memory ran out */
    }
    return write_json(document, out, err);
}

static json_t *output_file(const bn_output_file *file)
{
    return json_pack("{s:s, s:s, s:s, s:I, s:i, s:i}", "url", file->url, "content_type", file->type,
                     "file_name", file->name, "file_size", (json_int_t)file->size, "width", file->width,
                     "height", file->height);
}

bn_status bn_output_make(const bn_output_file *image, const bn_output_file *mask, json_t **output,
                         bn_error *err)
{
    json_t *made = json_pack("{s:o}", "image", output_file(image));
    if (made && mask && json_object_set_new(made, "mask_image", output_file(mask)) != 0) {
        json_decref(made);
        made = NULL;
    }
    if (!made) return bn_fail_memory(err, 0, "a result");
    *output = made;
    return BIREFNET_OK;
}
