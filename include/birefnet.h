/* birefnet.h - background removal with the BiRefNet network.
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
 *   - It returns BIREFNET_OK (0) or a status; results come through out-parameters, which are left as they
 *     were on failure unless said otherwise.
 *   - `error` may be NULL. When given and the call fails, it holds the status and one line for a person.
 *   - Nothing is printed; messages go to the logger of the options. No process-wide state is changed, except
 *     oneDNN's level of instructions where birefnet_model_options says so.
 *   - `_open` makes an object that the matching `_close` frees; `_close` takes the address of the pointer, sets
 *     it to NULL and accepts NULL.
 *   - A model may be shared by any number of threads. A session is used by one thread at a time.
 *   - NULL where something is needed is BIREFNET_ERROR_ARGUMENT; functions without a status then do nothing, and
 *     info about NULL is all zeros.
 *   - Options structs are filled by their `_default` function first; NULL for options means all defaults.
 */
#ifndef BIREFNET_H
#define BIREFNET_H

#include <stddef.h>
#include <stdint.h>

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

/* A short name of a status: "ok", "argument", "memory", ... Never NULL; static storage. */
BIREFNET_API const char *birefnet_status_name(birefnet_status status);

/* "MAJOR.MINOR.PATCH" of the library that is linked; static storage. */
BIREFNET_API const char *birefnet_version(void);

/* Bytes of a public struct of that name ("birefnet_cut_options") in the library that is linked, 0 for any other name: bindings
 * of other languages write structs down anew and can so tell that they were made for another version. */
BIREFNET_API size_t birefnet_struct_bytes(const char *name);

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
    birefnet_precision precision; /* default AUTO; BF16 and F16 fail where what computes does not have them */
    birefnet_tile_order tile_order; /* default AUTO */
    const char *max_isa; /* use the CPU's instructions up to "plain", "avx2", "avx512", "avx512_bf16" or
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

BIREFNET_API void birefnet_model_options_default(birefnet_model_options *options);

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
 * The file is only read; it must not change while the model is open. */
BIREFNET_API birefnet_status birefnet_model_open(const char *path, const birefnet_model_options *options,
                                                 birefnet_model **model, birefnet_error *error);
BIREFNET_API void birefnet_model_close(birefnet_model **model); /* after all its sessions are closed */
BIREFNET_API void birefnet_model_get_info(const birefnet_model *model, birefnet_model_info *info);

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
 * there are none is no failure: OK, and error->message then says what is missing. */
BIREFNET_API birefnet_status birefnet_devices(birefnet_device *devices, int room, int *count,
                                              birefnet_error *error);

typedef struct birefnet_model_place {
    char path[4096]; /* for birefnet_model_open, zero-terminated */
    int width,
        height;     /* pixels to open a session with, by what its weights are made for; 0: the model's own */
    int is_starter; /* these are the small starter weights, which are for trying things out */
} birefnet_model_place;

/* Where the weights of that name are, by the rules of `birefnet remove --model`: "light", "General Use (Light)", a path, the
 * name of a file in a models folder, "seeded:..."; NULL or "" for the best ones for general use that are there. Models
 * folders are `folder` (NULL: none), $BIREFNET_MODELS, $XDG_DATA_HOME/birefnet or ~/.local/share/birefnet, and the
 * installed data. Nothing is downloaded; NOT_FOUND says how to get the file. Reads the environment: no thread may change it
 * meanwhile. */
BIREFNET_API birefnet_status birefnet_model_find(const char *model, const char *folder,
                                                 birefnet_model_place *place, birefnet_error *error);

/* ---- sessions: a model made ready for one size ---------------------------------------------------------- */

typedef struct birefnet_session birefnet_session;

/* Asked between layers, from the calling thread; return non-zero to stop with BIREFNET_ERROR_CANCELLED.
 * `part` is the part that begins (static storage), `done` the share of the work behind it, 0 to 1. */
typedef int (*birefnet_progress_fn)(void *user, const char *part, double done);

typedef struct birefnet_session_options {
    int width, height; /* what the network sees, pixels; rounded up to multiples of 32; 0 = the model's own */
    int threads;       /* 0 = as many as the affinity mask and the cgroup quota allow */
    int batch;         /* pictures that one run computes; 0 = 1; more than 1 (to 64) on graphics cards only */
} birefnet_session_options;

BIREFNET_API void birefnet_session_options_default(birefnet_session_options *options);

/* Everything that inference needs is allocated here, and packed weights that no other session of this model
 * has asked for yet are made. Not to be called from two threads at once on ONE session; any number of
 * sessions of one model may be opened at the same time. */
BIREFNET_API birefnet_status birefnet_session_open(birefnet_model *model,
                                                   const birefnet_session_options *options,
                                                   birefnet_session **session, birefnet_error *error);
BIREFNET_API void birefnet_session_close(birefnet_session **session);

typedef struct birefnet_session_info {
    int width, height; /* pixels, multiples of 32 */
    int threads;
    size_t arena_bytes; /* activations and scratch memory of the session */
    double giga_macs;   /* multiply-accumulates of one run, in 10^9, after the exact rewrites */
    int batch;          /* pictures that one run computes */
} birefnet_session_info;

BIREFNET_API void birefnet_session_get_info(const birefnet_session *session, birefnet_session_info *info);

/* progress may be NULL. Takes effect from the next run. */
BIREFNET_API void birefnet_session_set_progress(birefnet_session *session, birefnet_progress_fn progress,
                                                void *user);

/* The network alone; with a batch, [batch] of each, one behind the other.
 *   input:  float32 [3][height][width], planar RGB, normalised as (value/255 - mean) / deviation with means
 *           0.485 0.456 0.406 and deviations 0.229 0.224 0.225
 *   logits: float32 [height][width], before the sigmoid */
BIREFNET_API birefnet_status birefnet_session_run(birefnet_session *session, const float *input,
                                                  float *logits, birefnet_error *error);

/* Photo in, matte out, at the photo's size.
 *   rgb:   uint8 [height][width][3], sRGB, rows stride_bytes apart (>= 3 * width)
 *   matte: uint8 [height][width], 0 background to 255 foreground, rows matte_stride_bytes apart (>= width)
 * Resizing as the authors' pipeline does it: antialiased bilinear in, antialiased bicubic out. */
BIREFNET_API birefnet_status birefnet_session_matte(birefnet_session *session, const uint8_t *rgb, int width,
                                                    int height, ptrdiff_t stride_bytes, uint8_t *matte,
                                                    ptrdiff_t matte_stride_bytes, birefnet_error *error);

/* ---- colours ------------------------------------------------------------------------------------------- */

/* Estimate the foreground's own colours (blur fusion, radius 90 then 6), so that a cut-out has no halo of the
 * old background. Time per pixel does not depend on the radius.
 *   rgb, foreground: uint8 [height][width][3], rows stride_bytes apart; may be the same buffer
 *   matte:           uint8 [height][width], rows matte_stride_bytes apart
 *   threads:         0 = as many as there are; never more than 64
 * The bytes are those of the authors' pipeline, within 1: where matte is 255 their rounding loses a step now and then,
 * so keep the photo's own colours there, as the program does. */
BIREFNET_API birefnet_status birefnet_refine_foreground(const uint8_t *rgb, const uint8_t *matte, int width,
                                                        int height, ptrdiff_t stride_bytes,
                                                        ptrdiff_t matte_stride_bytes, uint8_t *foreground,
                                                        int threads, birefnet_error *error);

/* ---- whole photos -------------------------------------------------------------------------------------- */

/* What `birefnet remove` can be told, in its words; NULL, 0 and "" as said. Texts are read during the call only. */
typedef struct birefnet_cut_options {
    const char *format; /* of the result: "png" (default), "webp", "gif", "tiff", "jpeg" */
    int quality;        /* of jpeg and lossy webp, 1 to 100; default 0: 90 for jpeg, webp without loss */
    int mask_only;      /* the result is the mask; default 0 */
    int refine;         /* estimate the foreground's own colours; default 1 */
    double
        threshold; /* 0 to 1: what is at least this opaque becomes fully so, the rest goes; default 0: soft */
    int to_srgb;   /* convert to sRGB instead of keeping the photo's profile; default 0 */
    const char *
        metadata; /* of the photo's EXIF, XMP and IPTC: "none" (default), "safe" (camera, lens, exposure, time,
                             * author, copyright) or "all" (place and the rest, too; never thumbnails, nor the maker's note).
                             * Density and colours are always kept, the orientation is applied */
    const char
        *shop; /* "amazon", "ebay", "etsy", "shopify", "square": canvas, fit, white, sRGB, of which what is
                             * given below wins; default NULL: none */
    const char *
        background; /* a colour ("#rrggbb", "#rrggbbaa", "white"), "none", "blur" or "blur:PERCENT" (0 to 100):
                             * default NULL: transparent */
    const void *background_image; /* an image file in memory, instead; default NULL */
    size_t background_image_bytes;
    const char *canvas; /* "WIDTHxHEIGHT" or "SIDE" in pixels: put the subject onto that; default NULL */
    const char *fit;   /* "90%": of the canvas (without one: of the photo's size) that the subject may take */
    const char *align; /* on the canvas: "center" or "bottom" */
    const char *shadow; /* under the subject: "none", "soft", "contact" */
    const char
        *crop; /* cut to the subject with a margin: "20" pixels, "5%", "" none; default NULL: no crop */
    uint64_t max_pixels; /* of the photo and of the canvas; default 100 million */
} birefnet_cut_options;

BIREFNET_API void birefnet_cut_options_default(birefnet_cut_options *options);

/* A photo's file in memory to the file of its cut-out: decode, matte, colours, picture, encode, on the session's threads.
 * *result is the caller's, to be freed by birefnet_free. LIMIT where the photo, or the result for its format, is too large:
 * said before the network runs.
 * Read are JPEG, PNG, WebP, GIF, TIFF, AVIF, BMP and PNM, and HEIC and JPEG XL where libheif and libjxl are installed: those two
 * and libtiff are opened when a file of their kind comes. UNSUPPORTED names any other kind. */
BIREFNET_API birefnet_status birefnet_cut(birefnet_session *session, const void *bytes, size_t size,
                                          const birefnet_cut_options *options, void **result,
                                          size_t *result_bytes, birefnet_error *error);
BIREFNET_API void birefnet_free(void *bytes); /* accepts NULL */

/* ---- the same in steps, over pixels in memory ----------------------------------------------------------- */

/* Pixels [height][width][channels], rows stride_bytes apart. What the library fills in is freed by birefnet_image_release; one
 * that the caller fills in stays the caller's, is only read, and must not be released by it. */
typedef struct birefnet_image {
    int width, height;      /* pixels, at least 1; upright */
    int channels;           /* 1 grey, 3 RGB, 4 RGBA with straight alpha */
    int depth;              /* bits a sample: 8, or 16 in the machine's byte order */
    ptrdiff_t stride_bytes; /* at least width * channels * depth / 8 */
    void *pixels;
    void *icc; /* an RGB colour profile; NULL: sRGB */
    size_t icc_bytes;
} birefnet_image;

/* Free what *image holds and make it all zeros; accepts NULL and zeros. */
BIREFNET_API void birefnet_image_release(birefnet_image *image);

/* A photo's file in memory to upright pixels, 3 or 4 channels. max_pixels 0: 100 million. Reads what birefnet_cut reads; FORMAT,
 * LIMIT and UNSUPPORTED as there. Any number of threads may decode at a time. */
BIREFNET_API birefnet_status birefnet_decode(const void *bytes, size_t size, uint64_t max_pixels,
                                             birefnet_image *image, birefnet_error *error);

/* birefnet_cut without files: *result holds the cut-out (4 channels; 3 on an opaque background; the photo's depth but
 * on a canvas) or with mask_only the mask (1 channel, 8 bits). Of the options, format, quality and metadata mean nothing. */
BIREFNET_API birefnet_status birefnet_cut_image(birefnet_session *session, const birefnet_image *photo,
                                                const birefnet_cut_options *options, birefnet_image *result,
                                                birefnet_error *error);

/* Pixels to a file in memory, by the options' format and quality alone. *result is freed by birefnet_free. ARGUMENT where the
 * format cannot hold the image, LIMIT where it is too large for it. Any number of threads may encode at a time. */
BIREFNET_API birefnet_status birefnet_encode(const birefnet_image *image, const birefnet_cut_options *options,
                                             void **result, size_t *result_bytes, birefnet_error *error);

#ifdef __cplusplus
}
#endif

#endif
