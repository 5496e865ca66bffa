/* birefnet.h - background removal with the BiRefNet network: pixels in, mattes out. birefnet-image.h, over this, takes files.
 *
 *     birefnet_model *model = NULL;
 *     birefnet_session *session = NULL;
 *     birefnet_error error;
 *     if (birefnet_model_open("models/starter.safetensors", NULL, &model, &error) ||
 *         birefnet_session_open(model, NULL, &session, &error) ||
 *         birefnet_session_matte(session, rgb, width, height, 3 * width, matte, width, &error))
 *         fprintf(stderr, "%s\n", error.message);
 *     birefnet_session_close(&session);
 *     birefnet_model_close(&model);
 *
 * Rules that hold for every function here:
 *   - Errors. It returns BIREFNET_OK (0) or a status; results come through out-parameters, which are left as they
 *     were on failure unless said otherwise. `error` may be NULL. When given and the call fails, it holds the status and one
 *     line for a person. Each function names the statuses that it may return; besides, there may always be MEMORY and INTERNAL,
 *     ARGUMENT for NULL where something is needed, and for options what "Versions" says. Functions without a status do
 *     nothing with NULL, and info about it is all zeros.
 *   - Ownership. `_open` makes an object that the matching `_close` frees; `_close` takes the address of the pointer, sets
 *     it to NULL and accepts NULL. What is given to a function stays the caller's, and is read or written during the call
 *     only, unless said otherwise. Static storage is never freed.
 *   - Threads. Functions may be called from any number of threads at a time. A model may be shared by them; a session is used
 *     by one thread at a time, and may go from thread to thread. After fork() without exec the child makes its own; for that,
 *     OpenMP's team of the thread that forks ends, and starts again when it is needed. From within a progress function, fork
 *     for exec only.
 *   - Nothing is printed; messages go to the logger of the options. No process-wide state is changed, except
 *     oneDNN's level of instructions where birefnet_model_options says so. Signals are left alone.
 *
 * Versions. The library's file is libbirefnet.so.1: whatever was built with this header runs with every libbirefnet.so.1 that
 * is as new or newer. Structs may get more fields at their ends, and enums more values, with that number unchanged:
 *   - Options begin with `size`, which their `_default` function sets to what the caller was compiled with; fields behind it
 *     have their defaults. 0 stands for the first version of the struct (0.2.0), so that {0} and designated initialisers
 *     do. ARGUMENT: a size that no version has. UNSUPPORTED: a field that the library is too old for, and that is not zero.
 *   - Structs that the library fills in (info, devices, places) have their size told by a small inline function: the function
 *     named `_sized` writes no further.
 *   - birefnet_error and birefnet_image stay as they are.
 * Options are filled by their `_default` function first; NULL for options means all defaults. */
#ifndef BIREFNET_H
#define BIREFNET_H

#include <stddef.h>
#include <stdint.h>

/* Of this header; birefnet_version is that of the library. BIREFNET_VERSION_AT_LEAST(0, 2, 0) is for #if. */
#define BIREFNET_VERSION_MAJOR 0
#define BIREFNET_VERSION_MINOR 2
#define BIREFNET_VERSION_PATCH 0
#define BIREFNET_VERSION                                                                                     \
    (BIREFNET_VERSION_MAJOR * 1000000 + BIREFNET_VERSION_MINOR * 1000 + BIREFNET_VERSION_PATCH)
#define BIREFNET_VERSION_AT_LEAST(major, minor, patch)                                                       \
    (BIREFNET_VERSION >= (major)*1000000 + (minor)*1000 + (patch))

#if defined(__GNUC__)
#    define BIREFNET_API __attribute__((visibility("default")))
#else
#    define BIREFNET_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- errors -------------------------------------------------------------------------------------------- */

typedef enum birefnet_status {
    BIREFNET_OK = 0,
    BIREFNET_ERROR_ARGUMENT,    /* the caller asked for something that makes no sense */
    BIREFNET_ERROR_MEMORY,      /* an allocation failed */
    BIREFNET_ERROR_NOT_FOUND,   /* no such file, model or preset */
    BIREFNET_ERROR_IO,          /* reading or writing failed: permissions, full disk, broken pipe */
    BIREFNET_ERROR_FORMAT,      /* the bytes are not what they claim to be: broken, truncated, not an image */
    BIREFNET_ERROR_UNSUPPORTED, /* well formed, but not something this build or CPU can do */
    BIREFNET_ERROR_LIMIT,       /* larger than a limit that the caller set: pixels, bytes, time */
    BIREFNET_ERROR_NETWORK,     /* a download failed */
    BIREFNET_ERROR_CANCELLED,   /* the cancel callback said so */
    BIREFNET_ERROR_INTERNAL,    /* a fault of this library */
    BIREFNET_ERROR_DEVICE,      /* a graphics card or its driver failed, or was taken away */
} birefnet_status;

typedef struct birefnet_error {
    birefnet_status status;
    char message[2048]; /* UTF-8, zero-terminated, no trailing newline */
} birefnet_error;

/* A short name of a status: "ok", "argument", "memory", ...; "unknown". Never NULL; static storage. */
BIREFNET_API const char *birefnet_status_name(birefnet_status status);

/* "MAJOR.MINOR.PATCH" of the library that is linked; static storage. */
BIREFNET_API const char *birefnet_version(void);

/* ---- logging ------------------------------------------------------------------------------------------- */

typedef enum birefnet_log_level {
    BIREFNET_LOG_ERROR = 0,
    BIREFNET_LOG_WARNING,
    BIREFNET_LOG_INFO,
    BIREFNET_LOG_DEBUG,
} birefnet_log_level;

/* Called with one line, no newline at its end. May be called from any thread that uses the library. */
typedef void (*birefnet_log_fn)(void *user, birefnet_log_level level, const char *line);

/* ---- models -------------------------------------------------------------------------------------------- */

typedef struct birefnet_model birefnet_model;

typedef enum birefnet_precision {
    BIREFNET_PRECISION_AUTO =
        0, /* bf16 where the CPU multiplies it natively and faster, else f32; on graphics cards f16 */
    BIREFNET_PRECISION_F32,
    BIREFNET_PRECISION_BF16, /* bf16 operands; f32 sums, residual stream, softmax, norms and offsets; on CPUs only */
    BIREFNET_PRECISION_F16, /* the same with f16 operands; on graphics cards only */
} birefnet_precision;

/* "auto", "f32", "bf16" or "f16"; never NULL; static storage. */
BIREFNET_API const char *birefnet_precision_name(birefnet_precision precision);

/* How the decoder's image tiles become channels; differs between generations of published weights. */
typedef enum birefnet_tile_order {
    BIREFNET_TILES_AUTO = 0, /* metadata of the file if it says so, else read off the weights */
    BIREFNET_TILES_CHANNEL,  /* (c, gy, gx): weights since November 2024 */
    BIREFNET_TILES_GRID,     /* (gx, gy, c): weights up to October 2024 */
} birefnet_tile_order;

typedef struct birefnet_model_options {
    size_t size;                  /* bytes: see "Versions" above */
    birefnet_precision precision; /* default AUTO; BF16 and F16 fail where what computes does not have them */
    birefnet_tile_order tile_order; /* default AUTO */
    const char *max_isa; /* use instructions up to "plain", "neon", "avx2", "avx512", "avx512_bf16" or
                                       "amx" only; default NULL: all of this CPU but AMX. See below. */
    birefnet_log_fn log; /* default NULL: silent */
    void *log_user;
    const char *
        device; /* what computes: "cpu" (also NULL and "", the default), "gpu" (the first of birefnet_devices), "gpu:N", or
                         * "auto": the first graphics card that has the memory, never a driver that computes on the CPU; without
                         * one the CPU, which the logger is told */
} birefnet_model_options;

/* Own kernels are held to max_isa for each model. oneDNN has one level for the whole process, which is fixed when it is
 * first used: the first model that is opened with a level below the CPU's sets it (dnnl_set_max_cpu_isa). On CPUs with
 * AMX that is so by default, because AMX has not passed every test yet: unless max_isa is "amx" or the environment
 * variable ONEDNN_MAX_CPU_ISA is set, opening a model holds oneDNN to avx512_bf16 and tells the logger. On other CPUs
 * nothing is set without max_isa. Where oneDNN was used before, by the program or by another model, and runs at a higher
 * level: with max_isa opening fails (UNSUPPORTED); without it AUTO is F32, and BF16 fails. */

/* Fill *options with the defaults, and its size; size_bytes is what the caller has of it. */
BIREFNET_API void birefnet_model_options_default_sized(birefnet_model_options *options, size_t size_bytes);
static inline void birefnet_model_options_default(birefnet_model_options *options)
{
    birefnet_model_options_default_sized(options, sizeof *options);
}

typedef struct birefnet_model_info {
    char name[96];         /* from the file's metadata or its file name */
    char architecture[96]; /* for example "gen3 swin, dims 192 384 768 1536, depths 2 2 18 2, window 12" */
    birefnet_precision precision;   /* what runs: F32, BF16 or F16, never AUTO */
    birefnet_tile_order tile_order; /* what runs: CHANNEL or GRID, never AUTO */
    int tile_order_chosen_by;       /* 0 the caller, 1 the file's metadata, 2 correlation of the weights */
    int width, height;              /* pixels that the weights were trained for; 1024x1024 where unknown */
    uint64_t parameters;            /* number of weights */
    size_t weight_bytes;            /* packed weights held in memory so far */
    char device[160];               /* what computes: "cpu", or "gpu:0 NAME" */
} birefnet_model_info;

/* Open a checkpoint: a path to a .safetensors or .pth file, or "seeded:GENERATION-BACKBONE:SEED"
 * (for example "seeded:gen3-swin_v1_t:4"), a network of pseudo-random weights for tests and timing.
 * The file is only read; it must not change while the model is open. The options' log function and its user pointer must
 * outlive the model, texts are read during the call only. *model is freed by birefnet_model_close.
 * ARGUMENT: a word (seeded, max_isa, device), a precision or a tile order that is not understood. NOT_FOUND: no such file
 * or device. IO: the file cannot be read. FORMAT: it is broken, or holds no weights of a BiRefNet. LIMIT: its pickle holds
 * more than a checkpoint's.
 * UNSUPPORTED: a type or packing of tensors that is not read, a precision or level of instructions that this machine does not
 * have, a card or driver that lacks something. DEVICE: the card failed. */
BIREFNET_API birefnet_status birefnet_model_open(const char *path, const birefnet_model_options *options,
                                                 birefnet_model **model, birefnet_error *error);
BIREFNET_API void birefnet_model_close(birefnet_model **model); /* after all its sessions are closed */

/* Any thread, while sessions run, too; weight_bytes grows as they are opened. */
BIREFNET_API void birefnet_model_get_info_sized(const birefnet_model *model, birefnet_model_info *info,
                                                size_t info_bytes);
static inline void birefnet_model_get_info(const birefnet_model *model, birefnet_model_info *info)
{
    birefnet_model_get_info_sized(model, info, sizeof *info);
}

typedef enum birefnet_device_kind {
    BIREFNET_DEVICE_DISCRETE = 0, /* a card of its own */
    BIREFNET_DEVICE_INTEGRATED,   /* shares the CPU's memory */
    BIREFNET_DEVICE_SOFTWARE,     /* a driver that computes on the CPU, slowly: for tests */
} birefnet_device_kind;

typedef struct birefnet_device {
    char id[16]; /* for birefnet_model_options: "gpu:0" */
    char name[256], driver[256];
    birefnet_device_kind kind;
    uint64_t memory_bytes, free_bytes; /* of its own memory; free as far as the driver tells */
    int has_matrix;                    /* multiplies small matrices of f16 at once */
} birefnet_device;

/* The graphics cards that a model can run on: *count of them, discrete ones first; the first `room` are written to devices. That
 * there are none is no failure: OK, and error->message then says what is missing. device_bytes: from one device of the
 * caller's to the next. Drivers are loaded for it, which takes some ten milliseconds. ARGUMENT: room below 0, or no place. */
BIREFNET_API birefnet_status birefnet_devices_sized(birefnet_device *devices, size_t device_bytes, int room,
                                                    int *count, birefnet_error *error);
static inline birefnet_status birefnet_devices(birefnet_device *devices, int room, int *count,
                                               birefnet_error *error)
{
    return birefnet_devices_sized(devices, sizeof *devices, room, count, error);
}

typedef struct birefnet_model_place {
    char path[4096]; /* for birefnet_model_open, zero-terminated */
    int width,
        height;     /* pixels to open a session with, by what its weights are made for; 0: the model's own */
    int is_starter; /* these are the small starter weights, which are for trying things out */
} birefnet_model_place;

/* Where the weights of that name are, by the rules of `birefnet remove --model`: "light", "General Use (Light)", a path, the
 * name of a file in a models folder, "seeded:..."; NULL or "" for the best ones for general use that are there. Models
 * folders are `folder` (NULL: none), $BIREFNET_MODELS, $XDG_DATA_HOME/birefnet or ~/.local/share/birefnet, and the
 * installed data. Nothing is downloaded. Reads the environment: no thread may change it meanwhile. ARGUMENT: a path of 4096
 * bytes or more. NOT_FOUND: no such preset or file; the message says how to get it. */
BIREFNET_API birefnet_status birefnet_model_find_sized(const char *model, const char *folder,
                                                       birefnet_model_place *place, size_t place_bytes,
                                                       birefnet_error *error);
static inline birefnet_status birefnet_model_find(const char *model, const char *folder,
                                                  birefnet_model_place *place, birefnet_error *error)
{
    return birefnet_model_find_sized(model, folder, place, sizeof *place, error);
}

/* ---- sessions: a model made ready for one size ---------------------------------------------------------- */

typedef struct birefnet_session birefnet_session;

/* Asked between layers, and in long ones now and then, from the calling thread; return non-zero to stop with
 * BIREFNET_ERROR_CANCELLED. It must not use the session. `part` is the part that begins or goes on (static storage), `done` the
 * share of the work behind it, 0 to 1. */
typedef int (*birefnet_progress_fn)(void *user, const char *part, double done);

typedef struct birefnet_session_options {
    size_t size;       /* bytes: see "Versions" above */
    int width, height; /* what the network sees, pixels; rounded up to multiples of 32; 0 = the model's own */
    int threads;       /* 0 = as many as the affinity mask and the cgroup quota allow */
    int batch;         /* pictures that one run computes; 0 = 1; more than 1 (to 64) on graphics cards only */
} birefnet_session_options;

/* Fill *options with the defaults, and its size; size_bytes is what the caller has of it. */
BIREFNET_API void birefnet_session_options_default_sized(birefnet_session_options *options,
                                                         size_t size_bytes);
static inline void birefnet_session_options_default(birefnet_session_options *options)
{
    birefnet_session_options_default_sized(options, sizeof *options);
}

/* Everything that inference needs is allocated here, and packed weights that no other session of this model
 * has asked for yet are made. Any number of sessions of one model may be opened at the same time. The model must outlive its
 * sessions; *session is freed by birefnet_session_close.
 * ARGUMENT: sides below 0 or above 16384 pixels, more than 64 threads, a batch above 64, or above 1 on a CPU. MEMORY: the
 * machine's or the card's is too small. FORMAT: a tensor is missing, of another shape, or not finite. LIMIT: a feature map is too
 * large to be addressed. UNSUPPORTED: tensors of a type, or layers of a shape, that are not computed here. DEVICE: the card
 * failed. */
BIREFNET_API birefnet_status birefnet_session_open(birefnet_model *model,
                                                   const birefnet_session_options *options,
                                                   birefnet_session **session, birefnet_error *error);
BIREFNET_API void birefnet_session_close(birefnet_session **session); /* not while it runs */

typedef struct birefnet_session_info {
    int width, height; /* pixels, multiples of 32 */
    int threads;
    size_t arena_bytes; /* activations and scratch memory of the session */
    double giga_macs;   /* multiply-accumulates of one run, in 10^9, after the exact rewrites */
    int batch;          /* pictures that one run computes */
    double card_ms;     /* what a graphics card needed for the last run, by its clock; 0 on a CPU */
} birefnet_session_info;

BIREFNET_API void birefnet_session_get_info_sized(const birefnet_session *session,
                                                  birefnet_session_info *info, size_t info_bytes);
static inline void birefnet_session_get_info(const birefnet_session *session, birefnet_session_info *info)
{
    birefnet_session_get_info_sized(session, info, sizeof *info);
}

/* progress may be NULL; it and `user` must outlive the runs that ask it. Takes effect from the next run. */
BIREFNET_API void birefnet_session_set_progress(birefnet_session *session, birefnet_progress_fn progress,
                                                void *user);

/* The network alone; with a batch, [batch] of each, one behind the other.
 *   input:  float32 [3][height][width], planar RGB, normalised as (value/255 - mean) / deviation with means
 *           0.485 0.456 0.406 and deviations 0.229 0.224 0.225
 *   logits: float32 [height][width], before the sigmoid
 * CANCELLED: the progress function said so; the session may run again. DEVICE: the card failed; only closing is sure to work. */
BIREFNET_API birefnet_status birefnet_session_run(birefnet_session *session, const float *input,
                                                  float *logits, birefnet_error *error);

/* Photo in, matte out, at the photo's size.
 *   rgb:   uint8 [height][width][3], sRGB, rows stride_bytes apart (>= 3 * width)
 *   matte: uint8 [height][width], 0 background to 255 foreground, rows matte_stride_bytes apart (>= width)
 * Resizing as the authors' pipeline does it: antialiased bilinear in, antialiased bicubic out.
 * ARGUMENT: sides below 1, strides that are too small, a session with a batch. LIMIT: sides that cannot be resized to the
 * network's. FORMAT: the weights are broken, so that the network gives what is no number. CANCELLED, DEVICE: as
 * birefnet_session_run. */
BIREFNET_API birefnet_status birefnet_session_matte(birefnet_session *session, const uint8_t *rgb, int width,
                                                    int height, ptrdiff_t stride_bytes, uint8_t *matte,
                                                    ptrdiff_t matte_stride_bytes, birefnet_error *error);

/* One photo of several, as birefnet_session_matte takes it, and where its matte goes. */
typedef struct birefnet_photo {
    const unsigned char *rgb; /* [height][width][3] */
    int width, height;        /* pixels */
    ptrdiff_t stride_bytes;
    unsigned char *matte; /* [height][width] */
    ptrdiff_t matte_stride_bytes;
} birefnet_photo;

/* The mattes of as many photos as the session's batch, in one run: those that each gets alone. ARGUMENT: another count, else
 * as birefnet_session_matte, as are the other statuses; after a failure some of the mattes may be written. */
BIREFNET_API birefnet_status birefnet_session_mattes(birefnet_session *session, const birefnet_photo *photos,
                                                     int count, birefnet_error *error);

/* ---- colours ------------------------------------------------------------------------------------------- */

/* Estimate the foreground's own colours (blur fusion, radius 90 then 6), so that a cut-out has no halo of the
 * old background. Time per pixel does not depend on the radius.
 *   rgb, foreground: uint8 [height][width][3], rows stride_bytes apart; may be the same buffer
 *   matte:           uint8 [height][width], rows matte_stride_bytes apart
 *   threads:         0 = as many as there are; never more than 64
 * The bytes are those of the authors' pipeline, within 1: where matte is 255 their rounding loses a step now and then,
 * so keep the photo's own colours there, as the program does.
 * ARGUMENT: sides below 1, strides that are too small. */
BIREFNET_API birefnet_status birefnet_refine_foreground(const uint8_t *rgb, const uint8_t *matte, int width,
                                                        int height, ptrdiff_t stride_bytes,
                                                        ptrdiff_t matte_stride_bytes, uint8_t *foreground,
                                                        int threads, birefnet_error *error);

#ifdef __cplusplus
}
#endif

#endif
