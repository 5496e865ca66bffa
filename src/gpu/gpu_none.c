/* gpu_none.c - gpu.h in a build without Vulkan: there is no device, and nothing else is ever called. */
#include "gpu/gpu.h"

static bn_status fail(bn_error *err)
{
    return bn_fail(err, BIREFNET_ERROR_UNSUPPORTED,
                   "this build knows no graphics cards: it was made without Vulkan");
}

int bn_gpu_count(bn_error *why)
{
    fail(why);
    return 0;
}

bool bn_gpu_may_be_here(void)
{
    return false;
}

int bn_gpu_find(bn_gpu_facts *facts, int room, bn_error *why)
{
    (void)facts, (void)room;
    return bn_gpu_count(why);
}

bn_status bn_gpu_describe(int index, bn_gpu_facts *facts, bn_error *err)
{
    (void)index, (void)facts;
    return fail(err);
}

bn_status bn_gpu_open(int index, bn_gpu **gpu, bn_error *err)
{
    (void)index;
    *gpu = NULL;
    return fail(err);
}

void bn_gpu_close(bn_gpu **gpu)
{
    *gpu = NULL;
}

const bn_gpu_facts *bn_gpu_facts_of(const bn_gpu *gpu)
{
    (void)gpu;
    return NULL;
}

bool bn_gpu_cache_path(const bn_gpu *gpu, const char *kind, char *path, size_t room)
{
    (void)gpu, (void)kind, (void)path, (void)room;
    return false;
}

bn_status bn_gpu_buffer_create(bn_gpu *gpu, size_t bytes, bn_gpu_buffer **buffer, bn_error *err)
{
    (void)gpu, (void)bytes;
    *buffer = NULL;
    return fail(err);
}

void bn_gpu_buffer_destroy(bn_gpu_buffer **buffer)
{
    *buffer = NULL;
}

bn_status bn_gpu_host_create(bn_gpu *gpu, size_t bytes, bn_gpu_buffer **buffer, void **memory, bn_error *err)
{
    (void)gpu, (void)bytes, (void)memory;
    *buffer = NULL;
    return fail(err);
}

bn_status bn_gpu_upload(bn_gpu_buffer *buffer, size_t offset, const void *from, size_t bytes, bn_error *err)
{
    (void)buffer, (void)offset, (void)from, (void)bytes;
    return fail(err);
}

bn_status bn_gpu_download(const bn_gpu_buffer *buffer, size_t offset, void *to, size_t bytes, bn_error *err)
{
    (void)buffer, (void)offset, (void)to, (void)bytes;
    return fail(err);
}

bn_status bn_gpu_list_create(bn_gpu *gpu, bn_gpu_list **list, bn_error *err)
{
    (void)gpu;
    *list = NULL;
    return fail(err);
}

void bn_gpu_list_destroy(bn_gpu_list **list)
{
    *list = NULL;
}

bn_status bn_gpu_list_part(bn_gpu_list *list, const char *name, bn_error *err)
{
    (void)list, (void)name;
    return fail(err);
}

bn_status bn_gpu_list_call(bn_gpu_list *list, const bn_gpu_call *call, bn_error *err)
{
    (void)list, (void)call;
    return fail(err);
}

void bn_gpu_list_barrier(bn_gpu_list *list)
{
    (void)list;
}

bn_status bn_gpu_list_end(bn_gpu_list *list, bn_error *err)
{
    (void)list;
    return fail(err);
}

bn_status bn_gpu_list_begin(bn_gpu_list *list, const bn_gpu_errand *errand, bn_error *err)
{
    (void)list, (void)errand;
    return fail(err);
}

bn_status bn_gpu_list_wait(bn_gpu_list *list, bn_error *err)
{
    (void)list;
    return fail(err);
}

bn_status bn_gpu_list_run(bn_gpu_list *list, bn_gpu_ask_fn ask, void *user, bn_error *err)
{
    (void)list, (void)ask, (void)user;
    return fail(err);
}

double bn_gpu_list_part_ms(const bn_gpu_list *list, int part)
{
    (void)list, (void)part;
    return 0.0;
}
