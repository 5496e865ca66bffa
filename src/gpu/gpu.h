/* gpu.h - graphics cards: which there are, their memory, and lists of kernel calls that run there.
 *
 * Knows nothing of networks, and names no interface of any vendor: behind it is Vulkan (vk_*.c), later perhaps another.
 * The loader is opened when first asked; a machine without loader, driver or card has no device, which is no error for
 * those who do not ask for one. An opened device and its buffers and lists are used by one thread at a time. */
#ifndef BN_GPU_GPU_H
#define BN_GPU_GPU_H

#include "base/error.h"
#include "gpu/kernels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- devices ------------------------------------------------------------------------------------------------- */

typedef enum bn_gpu_kind {
    BN_GPU_DISCRETE = 0,
    BN_GPU_INTEGRATED,
    BN_GPU_SOFTWARE, /* computes on the CPU; taken only by name */
} bn_gpu_kind;

typedef struct bn_gpu_facts {
    char name[256], driver[256]; /* as the driver calls itself and its version, visible characters */
    bn_gpu_kind kind;
    uint64_t memory_bytes, free_bytes; /* of the device's own memory; free as far as the driver tells */
    uint64_t largest_bytes;            /* of one buffer */
    bool half;                         /* float16 can be stored and computed with */
    bool matrix;                       /* f16 x f16 -> f32 matrices of a subgroup (KHR_cooperative_matrix) */
    bool matrix_half;                  /* and f16 fragments of sums, of the same size */
    int matrix_m, matrix_n, matrix_k;  /* the fragment that is used, 0 without */
    int subgroup;                      /* invocations */
    int shared_bytes;                  /* of a work group */
} bn_gpu_facts;

/* How many devices there are, discrete ones first, then integrated, then software. 0 is no error: `why` (may be NULL)
 * then says what is missing, in words for a user. */
int bn_gpu_count(bn_error *why);
/* The same, and the facts of the first `room` at once. */
int bn_gpu_find(bn_gpu_facts *facts, int room, bn_error *why);
/* Whether the kernel has a card at all: costs nothing, where opening the loader and its drivers may cost a tenth of a second. */
bool bn_gpu_may_be_here(void);
bn_status bn_gpu_describe(int index, bn_gpu_facts *facts, bn_error *err);

typedef struct bn_gpu bn_gpu;
bn_status bn_gpu_open(int index, bn_gpu **gpu, bn_error *err);
void bn_gpu_close(bn_gpu **gpu); /* after its buffers and lists */
const bn_gpu_facts *bn_gpu_facts_of(const bn_gpu *gpu);

/* A file in the user's cache folder for what holds as long as this device, its driver and our version stay: "KIND" is the end
 * of its name. False where there is no such folder. */
bool bn_gpu_cache_path(const bn_gpu *gpu, const char *kind, char *path, size_t room);

/* ---- memory -------------------------------------------------------------------------------------------------- */

typedef struct bn_gpu_buffer bn_gpu_buffer;

/* Memory of the device, aligned to 256. BIREFNET_ERROR_MEMORY names what is wanted and what is free. */
bn_status bn_gpu_buffer_create(bn_gpu *gpu, size_t bytes, bn_gpu_buffer **buffer, bn_error *err);
void bn_gpu_buffer_destroy(bn_gpu_buffer **buffer);

/* Copy to or from the device, through staging memory. `from` may be written again when upload returns, and whatever is asked
 * for afterwards sees what was sent; a device that is lost meanwhile says so then. */
bn_status bn_gpu_upload(bn_gpu_buffer *buffer, size_t offset, const void *from, size_t bytes, bn_error *err);
bn_status bn_gpu_download(const bn_gpu_buffer *buffer, size_t offset, void *to, size_t bytes, bn_error *err);

/* Memory of the host that the device copies from and to, for the copies of lists; *memory stays until the buffer goes. */
bn_status bn_gpu_host_create(bn_gpu *gpu, size_t bytes, bn_gpu_buffer **buffer, void **memory, bn_error *err);

/* ---- kernel calls ---------------------------------------------------------------------------------------------- */

/* A place on the device. buffer NULL: none. */
typedef struct bn_gpu_span {
    const bn_gpu_buffer *buffer;
    size_t offset; /* bytes */
} bn_gpu_span;

#define BN_GPU_SPANS     6
#define BN_GPU_NUMBERS   14
#define BN_GPU_CONSTANTS 8

/* One dispatch. What the spans, numbers and constants mean, the head of the kernel's shader says. groups[2] counts pictures of a
 * batch: a kernel reads span i of picture z `step[i]` elements (of its own type) times z further on. */
typedef struct bn_gpu_call {
    bn_gpu_kernel kernel;
    uint32_t groups[3];
    bn_gpu_span span[BN_GPU_SPANS];
    uint32_t step[BN_GPU_SPANS];
    uint32_t number[BN_GPU_NUMBERS];
    uint32_t constant[BN_GPU_CONSTANTS]; /* of specialisation, 0 to 7: a pipeline of its own for each set */
} bn_gpu_call;

typedef struct bn_gpu_list bn_gpu_list;

/* A list is recorded once and run any number of times. */
bn_status bn_gpu_list_create(bn_gpu *gpu, bn_gpu_list **list, bn_error *err);
void bn_gpu_list_destroy(bn_gpu_list **list);

/* What follows belongs to the part of this name (static storage): a submission of its own, measured by the device. */
bn_status bn_gpu_list_part(bn_gpu_list *list, const char *name, bn_error *err);
bn_status bn_gpu_list_call(bn_gpu_list *list, const bn_gpu_call *call, bn_error *err);
void bn_gpu_list_barrier(bn_gpu_list *list); /* calls after it see what calls before it wrote */
bn_status bn_gpu_list_end(bn_gpu_list *list, bn_error *err);

/* `ask` (may be NULL) is called before each part; non-zero stops with BIREFNET_ERROR_CANCELLED. */
typedef int (*bn_gpu_ask_fn)(void *user, int part);

typedef struct bn_gpu_copy {
    const bn_gpu_buffer *from, *to;
    size_t from_offset, to_offset, bytes;
} bn_gpu_copy;

/* What a run copies before its first part and behind its last, and whom it asks. */
typedef struct bn_gpu_errand {
    const bn_gpu_copy *before, *behind;
    int before_count, behind_count;
    bn_gpu_ask_fn ask;
    void *user;
} bn_gpu_errand;

/* Hand over all parts with their copies; they run behind what was handed over before. Returns when two parts at least are
 * still to be done, or what took 20 ms in the last run, so that another list can be handed over meanwhile. Then wait, once for
 * each begin that went well: the only thing that a second thread may do while the device is in use.
 * BIREFNET_ERROR_DEVICE: the device was lost; nothing but closing works from then on. */
bn_status bn_gpu_list_begin(bn_gpu_list *list, const bn_gpu_errand *errand, bn_error *err);
bn_status bn_gpu_list_wait(bn_gpu_list *list, bn_error *err);
bn_status bn_gpu_list_run(bn_gpu_list *list, bn_gpu_ask_fn ask, void *user, bn_error *err); /* both */
double bn_gpu_list_part_ms(const bn_gpu_list *list, int part); /* in the last run, as the device says */

#endif
