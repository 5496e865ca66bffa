/* info.c - `birefnet info`: the machine, what would run on it, and what a model would need. */
#include "cli/commands.h"

#include "base/cpu.h"
#include "base/size.h"
#include "cli/json.h"
#include "cli/look.h"
#include "cli/model.h"
#include "cli/versions.h"
#include "cutout/sessions.h"
#include "model/model.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static json_t *cpu_json(bn_isa isa)
{
    char name[128];
    bn_cpu_name(name, sizeof name);
    return json_pack("{s:s, s:s, s:s, s:i}", "name", name, "instructions", bn_isa_name(isa),
                     "best_instructions", bn_isa_name(bn_cpu_isa()), "threads", bn_cpu_threads());
}

static json_t *libraries_json(void)
{
    bn_library_version list[BN_LIBRARIES];
    bn_versions_get(list);
    json_t *json = json_object();
    for (size_t i = 0; i < BN_LIBRARIES; i++)
        json_object_set_new(json, list[i].name, json_string(list[i].version));
    return json;
}

/* The graphics cards, and in `why` what is missing where there are none. */
static json_t *devices_json(bn_error *why)
{
    static const char *const kinds[] = {"discrete", "integrated", "software"};
    birefnet_device list[16];
    int count = 0;
    birefnet_devices(list, (int)BN_COUNT(list), &count, why);
    json_t *json = json_array();
    for (int i = 0; i < BN_MIN(count, (int)BN_COUNT(list)); i++) {
        const birefnet_device *d = &list[i];
        json_array_append_new(
            json, json_pack("{s:s, s:s, s:s, s:s, s:b, s:I, s:I}", "device", d->id, "name", d->name, "driver",
                            d->driver, "kind", kinds[d->kind], "matrix_cores", d->has_matrix, "memory_bytes",
                            (json_int_t)d->memory_bytes, "free_bytes", (json_int_t)d->free_bytes));
    }
    return json;
}

static json_t *model_json(const bn_model_choice *choice, bn_isa isa, const birefnet_model_info *model,
                          const birefnet_session_info *session)
{
    static const char *const chosen_by[] = {"the caller", "the file's metadata", "the weights"};
    return json_pack("{s:s, s:s, s:o, s:b, s:s, s:s, s:s, s:s, s:s, s:I, s:[ii], s:[ii], s:i, s:f, s:I, s:I}",
                     "path", choice->path, "name", model->name, "device", bn_json_text(model->device),
                     "starter", choice->preset && !choice->preset->repository, "architecture",
                     model->architecture, "precision", birefnet_precision_name(model->precision),
                     "tile_order", model->tile_order == BIREFNET_TILES_GRID ? "grid" : "channel",
                     "tile_order_chosen_by", chosen_by[BN_MIN(BN_MAX(model->tile_order_chosen_by, 0), 2)],
                     "isa", bn_isa_name(isa), "parameters", (json_int_t)model->parameters, "trained_for",
                     model->width, model->height, "network_size", session->width, session->height, "threads",
                     session->threads, "giga_macs", session->giga_macs, "weight_bytes",
                     (json_int_t)model->weight_bytes, "arena_bytes", (json_int_t)session->arena_bytes);
}

/* What a run would need; nothing is packed, and no work space taken. */
static bn_status describe_model(const bn_values *values, bn_console *console, json_t **json, bn_error *err)
{
    bn_model_choice choice = {.path = ""};
    birefnet_model *model = NULL;
    bn_resolution resolution = {0};
    bn_status status = bn_values_choose_model(values, console, &choice, err);
    if (status != BIREFNET_OK) goto done;
    BN_TRY_DONE(bn_values_choose_size(values, &resolution, err));
    if (!values->text[BN_OPTION_RESOLUTION] && choice.preset && choice.preset->repository)
        resolution = (bn_resolution){.width = choice.preset->width, .height = choice.preset->height};
    const birefnet_model_options options = bn_values_model_options(values, console);
    BN_TRY_DONE(birefnet_model_open(choice.path, &options, &model, err));
    birefnet_session_options size;
    birefnet_session_options_default(&size);
    size.width = resolution.width;
    size.height = resolution.height;
    size.threads = (int)values->number[BN_OPTION_THREADS];
    birefnet_model_info model_info;
    birefnet_session_info session_info;
    birefnet_model_get_info(model, &model_info);
    BN_TRY_DONE(bn_session_estimate(model, &size, &session_info, &model_info.weight_bytes, err));
    *json = model_json(&choice, bn_values_isa(values), &model_info, &session_info);

done:
    birefnet_model_close(&model);
    return status;
}

static const char *string_of(const json_t *json, const char *key)
{
    return json_string_value(json_object_get(json, key));
}

static double mib(const json_t *json, const char *key)
{
    return (double)json_integer_value(json_object_get(json, key)) / (1 << 20);
}

static long long pair_at(const json_t *json, const char *key, size_t index)
{
    return json_integer_value(json_array_get(json_object_get(json, key), index));
}

static void print_model(const json_t *model)
{
    printf("\n");
    bn_console_print("model         %s%s", string_of(model, "name"),
                     json_is_true(json_object_get(model, "starter")) ? " (starter weights)" : "");
    bn_console_print("file          %s", string_of(model, "path"));
    printf("architecture  %s\n", string_of(model, "architecture"));
    printf("precision     %s\ntile order    %s (by %s)\n", string_of(model, "precision"),
           string_of(model, "tile_order"), string_of(model, "tile_order_chosen_by"));
    printf("own size      %lldx%lld\nruns at       %lldx%lld, %s, %lld threads, %.1f GMAC\n",
           pair_at(model, "trained_for", 0), pair_at(model, "trained_for", 1),
           pair_at(model, "network_size", 0), pair_at(model, "network_size", 1), string_of(model, "device"),
           json_integer_value(json_object_get(model, "threads")),
           json_real_value(json_object_get(model, "giga_macs")));
    printf("will need     %.0f MiB for weights, %.0f MiB of work space\n", mib(model, "weight_bytes"),
           mib(model, "arena_bytes"));
}

static void print_devices(const json_t *json)
{
    const json_t *devices = json_object_get(json, "devices"), *device;
    size_t i;
    const char *label = "graphics";
    json_array_foreach(devices, i, device)
    {
        const double gib = 1024.0;
        bn_console_print("%-13s %s %s (%s; %s, %.1f GiB, %.1f free; matrix cores: %s)", label,
                         string_of(device, "device"), string_of(device, "name"), string_of(device, "driver"),
                         string_of(device, "kind"), mib(device, "memory_bytes") / gib,
                         mib(device, "free_bytes") / gib,
                         json_is_true(json_object_get(device, "matrix_cores")) ? "KHR" : "none");
        label = "";
    }
    if (i == 0) bn_console_print("%-13s none: %s", label, string_of(json, "no_devices"));
}

static void print_text(json_t *json)
{
    const json_t *cpu = json_object_get(json, "cpu"), *model = json_object_get(json, "model"), *version;
    const char *name;
    printf("birefnet      %s\nCPU           %s\n", string_of(json, "version"), string_of(cpu, "name"));
    const char *used = string_of(cpu, "instructions"), *best = string_of(cpu, "best_instructions");
    printf("instructions  %s", used);
    if (strcmp(used, best) != 0)
        printf(" (this CPU has %s%s: --cpumask %s)", best,
               strcmp(best, bn_isa_name(BN_ISA_AMX)) == 0 ? ", which has not passed every test yet" : "",
               best);
    printf("\nthreads       %lld\nprecision     auto is %s here\n",
           json_integer_value(json_object_get(cpu, "threads")), string_of(json, "auto_precision"));
    print_devices(json);
    const char *label = "libraries";
    json_object_foreach(json_object_get(json, "libraries"), name, version)
    {
        printf("%-13s %s %s\n", label, name, json_string_value(version));
        label = "";
    }
    if (model) print_model(model);
}

/* Of this machine, held to isa. */
static json_t *machine_json(bn_isa isa)
{
    bn_error why = {0};
    json_t *json = json_pack("{s:s, s:o, s:s, s:o, s:o}", "version", birefnet_version(), "cpu", cpu_json(isa),
                             "auto_precision", bn_isa_bf16_pays(isa) ? "bf16" : "f32", "devices",
                             devices_json(&why), "libraries", libraries_json());
    if (json && why.message[0]) json_object_set_new(json, "no_devices", json_string(why.message));
    return json;
}

void bn_info_print_version(void)
{
    const bn_values none = {0};
    json_t *json = machine_json(bn_values_isa(&none));
    if (json) print_text(json);
    json_decref(json);
}

bn_exit bn_command_info(const bn_values *values, bn_console *console)
{
    bn_error err = {0};
    const bn_isa isa = bn_values_isa(values);
    json_t *json = machine_json(isa);
    bn_status status = json ? BIREFNET_OK : bn_fail_memory(&err, 0, "the facts");
    if (status == BIREFNET_OK && values->given[BN_OPTION_MODEL]) {
        json_t *model = NULL;
        status = describe_model(values, console, &model, &err);
        if (model) json_object_set_new(json, "model", model);
    }
    if (status != BIREFNET_OK)
        bn_console_error(console, "%s", err.message);
    else if (values->given[BN_OPTION_JSON])
        bn_json_print(json);
    else
        print_text(json);
    if (status == BIREFNET_OK && !values->given[BN_OPTION_JSON] && !values->given[BN_OPTION_MODEL])
        printf("\nWith --model birefnet info also tells what memory that model needs.\n");
    json_decref(json);
    return bn_exit_of(status, BN_STAGE_MODEL);
}
