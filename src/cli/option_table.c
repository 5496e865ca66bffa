/* option_table.c - every option with its words; see options.h. The commands: command_table.c. */
#include "cli/options.h"

#define REMOVE  (1u << BN_COMMAND_REMOVE)
#define WATCH   (1u << BN_COMMAND_WATCH)
#define STREAM  (1u << BN_COMMAND_STREAM)
#define VIDEO   (1u << BN_COMMAND_VIDEO)
#define MODELS  (1u << BN_COMMAND_MODELS)
#define PULL    (1u << BN_COMMAND_PULL)
#define INFO    (1u << BN_COMMAND_INFO)
#define BENCH   (1u << BN_COMMAND_BENCH)
#define EVAL    (1u << BN_COMMAND_EVAL)
#define SERVE   (1u << BN_COMMAND_SERVE)
#define WORK    (1u << BN_COMMAND_WORK)
#define KEYS    (1u << BN_COMMAND_KEYS)
#define MIGRATE (1u << BN_COMMAND_MIGRATE)
#define QUEUE   (1u << BN_COMMAND_QUEUE)

static const bn_option_spec options[BN_OPTIONS] = {
    [BN_OPTION_OUTPUT] = {"output", 'o', BN_KIND_TEXT, "OUT", .takes_path = true,
                          .commands = REMOVE | WATCH | VIDEO,
                          .help =
                              "Write to this file, into this folder (several inputs, a name ending in / or a "
                              "folder that exists; trees are kept), or to standard output (-). Without it "
                              "the cut-out of photo.jpg is photo-cutout.png beside it, that of photo.png "
                              "photo-png-cutout.png. watch needs it, a folder; video, a file or a folder."},
    [BN_OPTION_MODEL] = {"model", 'm', BN_KIND_TEXT, "MODEL", .takes_path = true,
                         .commands = REMOVE | WATCH | STREAM | VIDEO | INFO | BENCH | EVAL,
                         .help = "A preset (see birefnet models), a .safetensors or .pth file, or "
                                 "seeded:GENERATION-BACKBONE:SEED for trials. Default: the published general "
                                 "weights if they are there, else the starter weights; info opens none."},
    [BN_OPTION_RESOLUTION] =
        {"resolution", 'r', BN_KIND_TEXT, "SIZE", .otherwise = "the model's own",
         .commands = REMOVE | WATCH | STREAM | VIDEO | MODELS | INFO | BENCH | EVAL,
         .help =
             "What the network sees: 1024x1024, 2048x2048, any WIDTHxHEIGHT from 64 to "
             "4096, or, but for models, info and bench, native: each photo at its own size (at most 2304)."},
    [BN_OPTION_MASK] = {"mask", 0, BN_KIND_TEXT, "FILE", .argument_may_lack = true, .takes_path = true,
                        .commands = REMOVE | WATCH,
                        .help =
                            "Also write the mask: to FILE, or beside the cut-out with -mask in its name."},
    [BN_OPTION_MASK_ONLY] = {"mask-only", 0, BN_KIND_FLAG, .commands = REMOVE | WATCH,
                             .help = "Write the mask (grey, white is foreground) and no cut-out."},
    [BN_OPTION_NO_REFINE] = {"no-refine", 0, BN_KIND_FLAG, .commands = REMOVE | WATCH | STREAM | VIDEO,
                             .help = "Keep the photo's colours at soft edges instead of estimating the "
                                     "foreground's own: faster, but the old background shines through."},
    [BN_OPTION_FORMAT] =
        {"format", 'f', BN_KIND_CHOICE, "FORMAT", .choices = "png|webp|gif|tiff|jpeg|jpg",
         .commands = REMOVE | WATCH,
         .help = "Format of what is written. Default: by the suffix of OUT, else png. jpeg needs "
                 "an opaque background. webp is lossless unless --quality is given."},
    [BN_OPTION_QUALITY] = {"quality", 0, BN_KIND_WHOLE, "N", .low = 1, .high = 100,
                           .commands = REMOVE | WATCH,
                           .help = "For jpeg and lossy webp, 1 smallest to 100 best. Default 90 for jpeg."},
    [BN_OPTION_BACKGROUND] = {"background", 'b', BN_KIND_TEXT, "BACK", .takes_path = true,
                              .otherwise = "transparent", .commands = REMOVE | WATCH | STREAM | VIDEO,
                              .help =
                                  "What to put behind the subject: a colour (#rgb, #rrggbb, #rrggbbaa or a "
                                  "basic name such as white), blur or blur:PERCENT for the photo's own out "
                                  "of focus and without the subject (0 sharp to 100, usually 3), or an "
                                  "image file."},
    [BN_OPTION_CROP] = {"crop", 0, BN_KIND_TEXT, "MARGIN", .argument_may_lack = true,
                        .commands = REMOVE | WATCH,
                        .help =
                            "Cut to the box around the subject, with a margin of pixels (20) or of the box's "
                            "longer side (5%). No margin where none is given."},
    [BN_OPTION_FOR] = {"for", 0, BN_KIND_CHOICE, "SHOP", .choices = "amazon|ebay|etsy|shopify|square",
                       .commands = REMOVE | WATCH,
                       .help =
                           "A picture as the shop wants it: its canvas, the subject large on pure white, "
                           "sRGB, jpeg. Other options change parts of that. docs/SHOPS.md has the rules."},
    [BN_OPTION_CANVAS] = {"canvas", 0, BN_KIND_TEXT, "SIZE", .commands = REMOVE | WATCH,
                          .help = "Put the subject onto a canvas of WIDTHxHEIGHT pixels, or of SIDE, 16 to "
                                  "30000, whatever its size in the photo."},
    [BN_OPTION_FIT] = {"fit", 0, BN_KIND_TEXT, "PERCENT", .otherwise = "90%", .commands = REMOVE | WATCH,
                       .help = "How much of the canvas's width and height the subject may take. Without "
                               "--canvas that is as large as the photo."},
    [BN_OPTION_ALIGN] = {"align", 0, BN_KIND_CHOICE, "HOW", .choices = "center|bottom", .standard = "center",
                         .commands = REMOVE | WATCH,
                         .help =
                             "Where the subject stands on the canvas: in its middle, or down on the margin."},
    [BN_OPTION_SHADOW] = {"shadow", 0, BN_KIND_CHOICE, "KIND", .choices = "none|soft|contact",
                          .standard = "none", .commands = REMOVE | WATCH,
                          .help = "Under the subject: soft, as of a lamp above, or contact, along the edge "
                                  "that it stands on."},
    [BN_OPTION_THRESHOLD] =
        {"threshold", 0, BN_KIND_REAL, "LEVEL", .low = 0.004, .high = 1,
         .commands = REMOVE | WATCH | STREAM | VIDEO,
         .help = "Hard edge: what is at least this opaque (0.5, say) becomes fully opaque, the "
                 "rest transparent."},
    [BN_OPTION_PROFILE] = {"profile", 0, BN_KIND_CHOICE, "WHICH", .choices = "keep|srgb", .standard = "keep",
                           .commands = REMOVE | WATCH,
                           .help = "Keep the photo's colour profile and samples, or convert to sRGB."},
    [BN_OPTION_FIRST_FRAME] = {"first-frame", 0, BN_KIND_FLAG, .commands = REMOVE | WATCH,
                               .help = "Of an animation take the first frame only. Without this all frames "
                                       "are cut out where the output is gif, webp or png."},
    [BN_OPTION_SMOOTH] =
        {"smooth", 0, BN_KIND_REAL, "STRENGTH", .argument_may_lack = true, .low = 0,
         .high = 0.95, .standard = "0", .otherwise = "0 without, 0.6 with --smooth",
         .bare = "0.6", .commands = REMOVE | WATCH | STREAM | VIDEO,
         .help =
             "Even the masks of moving pictures over time: where a pixel keeps its colour, so much of its "
             "last mask stays; where it changes by 32 of 255 or more, none."},
    [BN_OPTION_METADATA] =
        {"metadata", 0, BN_KIND_CHOICE, "WHICH", .choices = "none|safe|all", .standard = "none",
         .commands = REMOVE | WATCH,
         .help = "What of the photo's EXIF, XMP and IPTC goes into the cut-out: safe is camera, "
                 "lens, exposure, time, author and copyright; all adds place, "
                 "descriptions, software, owner and serial numbers. Never thumbnails nor "
                 "the maker's note. Density and colours are kept always."},
    [BN_OPTION_SIZE] = {"size", 0, BN_KIND_TEXT, "WIDTHxHEIGHT", .commands = STREAM,
                        .help = "Of every frame, in pixels. Must be given."},
    [BN_OPTION_MAX_PIXELS] = {"max-pixels", 0, BN_KIND_REAL, "MILLIONS", .low = 0.001, .high = 10000,
                              .standard = "100",
                              .commands = REMOVE | WATCH | STREAM | VIDEO | EVAL | SERVE | WORK,
                              .help = "Refuse photos of more pixels before any memory is taken for them."},
    [BN_OPTION_SKIP_EXISTING] = {"skip-existing", 's', BN_KIND_FLAG, .commands = REMOVE,
                                 .help = "Leave inputs alone whose output is already there, and say which."},
    [BN_OPTION_JOBS] =
        {"jobs", 'j', BN_KIND_WHOLE, "N", .low = 1, .high = 64,
         .otherwise = "1; on a graphics card 3 for several photos, with serve and work 2 a card",
         .commands = REMOVE | WATCH | BENCH | SERVE | WORK,
         .help = "Photos at a time: so many sessions of the network beside each other, each on "
                 "its share of --threads, and so many threads that finish and write. Each "
                 "session takes the work space that birefnet info prints; no more are opened "
                 "than there are threads and photos, and 16 by serve and work. bench: time them, too."},
    [BN_OPTION_REPORT] =
        {"report", 0, BN_KIND_TEXT, "FILE", .takes_path = true, .commands = REMOVE,
         .help = "Write a JSON report: for each input its output, state, error, size and times."},
    [BN_OPTION_YES] = {"yes", 'y', BN_KIND_FLAG, .commands = REMOVE | WATCH | STREAM | VIDEO,
                       .help = "Download a preset's weights without asking if they are not there."},
    [BN_OPTION_THREADS] = {"threads", 't', BN_KIND_WHOLE, "N", .low = 1, .high = 64,
                           .otherwise = "all that the process may use",
                           .commands =
                               REMOVE | WATCH | STREAM | VIDEO | MODELS | INFO | BENCH | EVAL | SERVE | WORK,
                           .help = "Threads of the network."},
    [BN_OPTION_DEVICE] = {"device", 0, BN_KIND_TEXT, "DEVICE", .standard = "auto",
                          .commands =
                              REMOVE | WATCH | STREAM | VIDEO | MODELS | INFO | BENCH | EVAL | SERVE | WORK,
                          .help = "What computes: cpu, gpu (the first graphics card that birefnet info "
                                  "lists), gpu:NUMBER, or auto: the "
                                  "first card that has the memory, else the CPU, which also bf16 and "
                                  "--cpumask choose. serve and work take "
                                  "several, gpu:0,gpu:1, and compute "
                                  "photos on all of them."},
    [BN_OPTION_PRECISION] =
        {"precision", 'p', BN_KIND_CHOICE, "TYPE", .choices = "auto|f32|bf16|f16", .standard = "auto",
         .commands = REMOVE | WATCH | STREAM | VIDEO | MODELS | INFO | BENCH | EVAL,
         .help =
             "Arithmetic of the network. auto is bf16 where the CPU multiplies it natively "
             "and faster than f32, and f16 on a graphics card; asking for what is not there is an error."},
    [BN_OPTION_CPUMASK] = {"cpumask", 0, BN_KIND_CHOICE, "LEVEL",
                           .choices = "auto|plain|neon|avx2|avx512|avx512_bf16|amx", .standard = "auto",
                           .commands = REMOVE | WATCH | STREAM | VIDEO | MODELS | INFO | BENCH | EVAL,
                           .help = "Use instructions of the CPU up to this level only, as on an older one; "
                                   "plain is portable C, and SSE4.1 in oneDNN. auto is all that the CPU has "
                                   "but AMX, which has not passed every test yet."},
    [BN_OPTION_TILE_ORDER] =
        {"tile-order", 0, BN_KIND_CHOICE, "ORDER", .choices = "auto|channel|grid", .standard = "auto",
         .commands = REMOVE | WATCH | STREAM | VIDEO | MODELS | INFO | BENCH | EVAL,
         .help = "How the decoder reads image tiles: channel for weights since November 2024, "
                 "grid for older ones. auto tells it by the weights."},
    [BN_OPTION_MODELS_DIR] = {"models-dir", 0, BN_KIND_TEXT, "FOLDER", .takes_path = true,
                              .commands = REMOVE | WATCH | STREAM | VIDEO | MODELS | PULL | INFO | BENCH |
                                          EVAL | SERVE | WORK,
                              .help = "Look for weights here first, and pull them to here."},
    [BN_OPTION_RUNS] =
        {"runs", 'n', BN_KIND_WHOLE, "N", .low = 1, .high = 1000, .standard = "5", .commands = BENCH,
         .help =
             "Runs that are timed, after one that is not; the middle one counts. Without this, fewer where "
             "they take more than half a minute."},
    [BN_OPTION_BATCH] =
        {"batch", 0, BN_KIND_WHOLE, "N", .low = 1, .high = 64, .standard = "1",
         .commands = REMOVE | WATCH | BENCH | SERVE | WORK,
         .help = "Photos that a graphics card computes in one run, where so many of one size wait: "
                 "faster on large cards, for so much more of their memory. Nothing to a CPU, but "
                 "bench refuses it there."},
    [BN_OPTION_PHOTO] =
        {"photo", 0, BN_KIND_TEXT, "FILE", .takes_path = true, .commands = BENCH,
         .help = "Time decoding to encoding of this photo instead of a 12-megapixel JPEG made for it."},
    [BN_OPTION_COMPARE] = {"compare-precision", 0, BN_KIND_FLAG, .commands = BENCH,
                           .help = "Also run in float32 and say how far the result is from that."},
    [BN_OPTION_AGAINST] = {"against", 0, BN_KIND_TEXT, "MODEL", .takes_path = true, .commands = EVAL,
                           .help =
                               "Measure this model, too, and say by how much the first one is better, with a "
                               "95 % interval (paired bootstrap)."},
    [BN_OPTION_UNKNOWN] =
        {"unknown", 0, BN_KIND_FLAG, .commands = EVAL,
         .help = "Pixels of exactly 128 in a true mask are not known and count nowhere (trimaps). "
                 "Without it they are half subject."},
    [BN_OPTION_HTML] =
        {"html", 0, BN_KIND_TEXT, "FILE", .takes_path = true, .commands = EVAL,
         .help = "Write a page with the figures and the worst twenty photos side by side: photo, truth, "
                 "mask, difference. One file that loads nothing."},
    [BN_OPTION_LISTEN] = {"listen", 'l', BN_KIND_TEXT, "HOST:PORT", .standard = "127.0.0.1:8000",
                          .commands = SERVE | WORK,
                          .help =
                              "Where plain HTTP is answered; 0.0.0.0:8000 is every network of this machine. "
                              "work: /healthz, /readyz and /metrics only, to everybody who reaches it; "
                              "nothing unless it is given."},
    [BN_OPTION_DATA] = {"data", 'd', BN_KIND_TEXT, "FOLDER", .takes_path = true,
                        .otherwise = "birefnet/server in the user's data folder",
                        .commands = SERVE | WORK | KEYS | QUEUE,
                        .help = "Queue, files, keys and webhooks lie here."},
    [BN_OPTION_STORE] =
        {"store", 0, BN_KIND_TEXT, "ADDRESS", .otherwise = "BIREFNET_STORE, else the data folder's",
         .commands = SERVE | WORK | MIGRATE | KEYS | QUEUE,
         .help =
             "Where requests and keys are kept: postgresql://USER@HOST/DATABASE (several hosts with commas; "
             "a password is better in PGPASSWORD or ~/.pgpass), or sqlite:FILE."},
    [BN_OPTION_NO_WORKER] = {"no-worker", 0, BN_KIND_FLAG, .commands = SERVE,
                             .help = "Compute nothing here: workers do (birefnet work)."},
    [BN_OPTION_ORDER] = {"order", 0, BN_KIND_CHOICE, "ORDER", .choices = "arrival|keys",
                         .standard = "arrival", .commands = SERVE,
                         .help = "keys: keys take turns, however many requests each has waiting."},
    [BN_OPTION_LEASE] = {"lease", 0, BN_KIND_WHOLE, "SECONDS", .low = 1, .high = 3600, .standard = "15",
                         .commands = SERVE | WORK | QUEUE,
                         .help = "A process that is not heard of for so long has gone: others do what it had "
                                 "begun. The same for all that share a store."},
    [BN_OPTION_STORE_CONNECTIONS] = {"store-connections", 0, BN_KIND_WHOLE, "N", .low = 1, .high = 64,
                                     .standard = "4", .commands = SERVE | WORK,
                                     .help = "Connections to the database of --store."},
    [BN_OPTION_STORE_LISTEN] =
        {"store-listen", 0, BN_KIND_TEXT, "ADDRESS", .otherwise = "that of --store", .commands = SERVE | WORK,
         .help = "Where PostgreSQL itself is reached to hear of work at once (LISTEN), where --store leads "
                 "through pgbouncer; off: only look now and then."},
    [BN_OPTION_FALLBACK_MODEL] = {"fallback-model", 0, BN_KIND_TEXT, "MODEL", .takes_path = true,
                                  .may_be_empty = true, .standard = "starter", .commands = SERVE | WORK,
                                  .help =
                                      "Answers for presets whose weights are not here: a preset, a file or "
                                      "seeded:GENERATION-BACKBONE:SEED. Empty: such requests fail."},
    [BN_OPTION_PRELOAD] = {"preload", 0, BN_KIND_TEXT, "NAMES", .commands = SERVE | WORK,
                           .help = "Open these presets, separated by commas, before the server is ready."},
    [BN_OPTION_ONLY] = {"only", 0, BN_KIND_TEXT, "NAMES", .otherwise = "all", .commands = WORK,
                        .help = "Take requests for these presets alone, separated by commas; others are left "
                                "to others."},
    [BN_OPTION_MAX_MODELS] = {"max-models", 0, BN_KIND_WHOLE, "N", .low = 1, .high = 16, .standard = "2",
                              .commands = SERVE | WORK,
                              .help = "Models in memory at a time; the one not used for longest goes."},
    [BN_OPTION_PUBLIC_URL] = {"public-url", 0, BN_KIND_TEXT, "URL", .otherwise = "what each client says",
                              .commands = SERVE,
                              .help =
                                  "Scheme, host and port that clients reach this server at, behind a proxy."},
    [BN_OPTION_ANYONE] = {"anyone", 0, BN_KIND_FLAG, .commands = SERVE,
                          .help = "Answer every machine although no key is configured."},
    [BN_OPTION_ALLOW_PRIVATE] = {"allow-private", 0, BN_KIND_FLAG, .commands = SERVE | WORK,
                                 .help =
                                     "Fetch photos from private and loopback addresses, and send webhooks "
                                     "there, too."},
    [BN_OPTION_WEBHOOKS_PUBLIC_ONLY] = {"webhooks-public-only", 0, BN_KIND_FLAG, .commands = SERVE,
                                        .help =
                                            "Send webhooks to public addresses only, whoever asks for them."},
    [BN_OPTION_TLS_LISTEN] = {"tls-listen", 0, BN_KIND_TEXT, "HOST:PORT", .otherwise = "port 8443",
                              .commands = SERVE, .help = "Where TLS is answered, beside plain HTTP."},
    [BN_OPTION_TLS_CERT] = {"tls-cert", 0, BN_KIND_TEXT, "FILE", .takes_path = true, .commands = SERVE,
                            .help = "Certificate chain, PEM."},
    [BN_OPTION_TLS_KEY] = {"tls-key", 0, BN_KIND_TEXT, "FILE", .takes_path = true, .commands = SERVE,
                           .help = "Its private key, PEM."},
    [BN_OPTION_TLS_SELF_SIGNED] = {"tls-self-signed", 0, BN_KIND_FLAG, .commands = SERVE,
                                   .help =
                                       "Make a private authority and a certificate in the data folder, and "
                                       "print the environment that the Python client needs."},
    [BN_OPTION_CONNECT_PROXY] =
        {"connect-proxy", 0, BN_KIND_TEXT, "[HOST:]PORT", .commands = SERVE,
         .help = "Answer CONNECT there, for clients of this machine that take a proxy from "
                 "HTTPS_PROXY: the service's host names lead to this server's TLS port, "
                 "all others are refused. Needs TLS."},
    [BN_OPTION_ACCESS_LOG] = {"access-log", 0, BN_KIND_TEXT, "FILE", .takes_path = true,
                              .otherwise = "standard output", .commands = SERVE,
                              .help = "One JSON line a request; off for none."},
    [BN_OPTION_MAX_BODY] = {"max-body", 0, BN_KIND_REAL, "MiB", .low = 0.01, .high = 2000, .standard = "96",
                            .commands = SERVE,
                            .help = "Refuse larger requests; photos may come inside of them as data URIs."},
    [BN_OPTION_MAX_DECODE_MEMORY] =
        {"max-decode-memory", 0, BN_KIND_REAL, "MB", .low = 1, .high = 1e6, .standard = "3000",
         .commands = SERVE | WORK,
         .help = "Memory of all photos that are decoded at a time; others wait for their turn."},
    [BN_OPTION_MAX_WAITING] = {"max-waiting", 0, BN_KIND_WHOLE, "N", .low = 1, .high = 1e6,
                               .standard = "10000", .commands = SERVE,
                               .help = "Requests that may wait, of all callers together."},
    [BN_OPTION_FETCHES] = {"fetches", 0, BN_KIND_WHOLE, "N", .low = 1, .high = 64, .standard = "16",
                           .commands = SERVE | WORK,
                           .help =
                               "Photos fetched from other hosts at a time; half of them of one key at most."},
    [BN_OPTION_FILES] = {"files", 0, BN_KIND_TEXT, "URL", .otherwise = "a folder of --data",
                         .commands = SERVE | WORK,
                         .help =
                             "Where the bytes of files lie: folder:PATH, or s3://BUCKET/PREFIX?endpoint=URL, "
                             "with &region=NAME and &style=path or host behind it."},
    [BN_OPTION_FILES_CREDENTIALS] =
        {"files-credentials", 0, BN_KIND_TEXT, "FILE", .takes_path = true,
         .otherwise = "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN",
         .commands = SERVE | WORK,
         .help = "Keys of S3, as lines aws_access_key_id=..., aws_secret_access_key=... and perhaps "
                 "aws_session_token=...; read again when the file has changed."},
    [BN_OPTION_SPOOL] = {"spool", 0, BN_KIND_TEXT, "FOLDER", .takes_path = true,
                         .otherwise = "a folder of --data", .commands = SERVE,
                         .help = "Uploads arrive here before they go to --files."},
    [BN_OPTION_SERVE_FILES] =
        {"serve-files", 0, BN_KIND_CHOICE, "HOW", .choices = "proxy|redirect", .standard = "proxy",
         .commands = SERVE,
         .help = "How clients read files of S3: through this server, or by being sent to addresses of S3."},
    [BN_OPTION_UPLOADS] =
        {"uploads", 0, BN_KIND_CHOICE, "HOW", .choices = "proxy|direct", .standard = "proxy",
         .commands = SERVE | WORK,
         .help = "How uploads come to S3: through this server, or from clients to addresses of S3. Those in "
                 "parts always pass this server."},
    [BN_OPTION_REDIRECT_SECONDS] = {"redirect-seconds", 0, BN_KIND_WHOLE, "N", .low = 1, .high = 604800,
                                    .standard = "300", .commands = SERVE,
                                    .help = "How long such an address is good for."},
    [BN_OPTION_MAX_STORED] = {"max-stored", 0, BN_KIND_REAL, "GiB", .low = 0.001, .high = 1e6,
                              .standard = "20", .commands = SERVE | WORK,
                              .help = "Bytes of all stored files together."},
    [BN_OPTION_RETENTION] = {"retention", 0, BN_KIND_REAL, "HOURS", .low = 0.001, .high = 87600,
                             .standard = "24", .commands = SERVE | WORK,
                             .help = "How long results and files without a lifecycle are kept."},
    [BN_OPTION_PER_MINUTE] = {"per-minute", 0, BN_KIND_WHOLE, "N", .low = 0, .high = 1e6, .standard = "0",
                              .otherwise = "no limit", .commands = SERVE | KEYS,
                              .help = "Requests that one key may send in a minute."},
    [BN_OPTION_MAX_RUNNING] = {"max-running", 0, BN_KIND_WHOLE, "N", .low = 0, .high = 1e6, .standard = "0",
                               .otherwise = "no limit", .commands = SERVE | WORK | KEYS,
                               .help = "Requests of one key that run at a time."},
    [BN_OPTION_KEY_WAITING] = {"key-waiting", 0, BN_KIND_WHOLE, "N", .low = 0, .high = 1e6, .standard = "0",
                               .otherwise = "no limit", .commands = SERVE | KEYS,
                               .help = "Requests of one key that may wait."},
    [BN_OPTION_DRAIN] = {"drain", 0, BN_KIND_WHOLE, "SECONDS", .low = 0, .high = 86400, .standard = "60",
                         .commands = SERVE | WORK,
                         .help = "How long a stop waits for what runs. A second signal ends at once."},
    [BN_OPTION_TEST_RESOLUTION] = {"test-resolution", 0, BN_KIND_TEXT, "SIZE", .commands = SERVE | WORK,
                                   .help =
                                       "For tests only: what the network sees, whatever requests ask for."},
    [BN_OPTION_KEY] = {"key", 0, BN_KIND_TEXT, "ID:SECRET", .commands = KEYS,
                       .help = "Take this key instead of making one."},
    [BN_OPTION_ADMIN] = {"admin", 0, BN_KIND_FLAG, .commands = KEYS,
                         .help = "This key opens /admin, too: it sees all requests, makes and revokes keys."},
    [BN_OPTION_CHECK] =
        {"check", 0, BN_KIND_TEXT, "MODEL", .takes_path = true, .commands = MODELS,
         .help = "Run a photo whose mask is known through this preset or file, in both tile orders, and "
                 "say whether the mask makes sense and which order is the better. Exit code 0: good as "
                 "it would run; 10: not, or only in the other order; 7: not weights of a BiRefNet."},
    [BN_OPTION_ONLY_CHECK] = {"check", 0, BN_KIND_FLAG, .commands = MIGRATE,
                              .help = "Change nothing: exit code 0 where there is nothing to do, else 14."},
    [BN_OPTION_VERIFY] =
        {"verify", 0, BN_KIND_FLAG, .commands = PULL,
         .help = "Download nothing: check that the files that are there have the SHA-256 noted when they "
                 "were pulled and every tensor that the network needs. Without NAME all that are there."},
    [BN_OPTION_JSON] = {"json", 0, BN_KIND_FLAG, .commands = MODELS | INFO | BENCH | EVAL | KEYS | QUEUE,
                        .help = "Print JSON for programs instead of text."},
    [BN_OPTION_NO_PROGRESS] = {"no-progress", 0, BN_KIND_FLAG,
                               .commands = REMOVE | WATCH | STREAM | VIDEO | PULL | EVAL,
                               .help = "No progress bar, even in a terminal."},
    [BN_OPTION_QUIET] = {"quiet", 'q', BN_KIND_FLAG,
                         .commands = REMOVE | WATCH | STREAM | VIDEO | PULL | EVAL | SERVE | WORK | KEYS |
                                     MIGRATE | QUEUE,
                         .help = "Print errors only."},
    [BN_OPTION_VERBOSE] = {"verbose", 'v', BN_KIND_FLAG,
                           .commands =
                               REMOVE | WATCH | STREAM | VIDEO | PULL | INFO | BENCH | EVAL | SERVE | WORK,
                           .help = "Say more: the model, the times of each photo."},
    [BN_OPTION_HELP] = {"help", 'h', BN_KIND_FLAG,
                        .commands = REMOVE | WATCH | STREAM | VIDEO | MODELS | PULL | INFO | BENCH | EVAL |
                                    SERVE | WORK | KEYS | MIGRATE | QUEUE,
                        .help = "Print this and stop."},
};

const bn_option_spec *bn_option_get_spec(bn_option option)
{
    return &options[option];
}
