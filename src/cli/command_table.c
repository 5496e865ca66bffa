/* command_table.c - every command with its words; see options.h. Their options: option_table.c. */
#include "cli/options.h"

static const bn_command_spec commands[BN_COMMANDS] = {
    [BN_COMMAND_REMOVE] =
        {"remove", "INPUT...", 1, 1 << 24, "Cut the subject out of photos",
         "An INPUT is a photo, a folder (searched with all folders below it; files that are not images and "
         "links to folders are passed over), a pattern in quotes ('photos/*.jpg'), an http or https URL, or "
         "- for standard input. "
         "JPEG, PNG, WebP, GIF, TIFF, AVIF, HEIC, JPEG XL, BMP and PNM are read. Animated GIF, WebP, PNG and "
         "AVIF stay animations, in time and loops, where the output is gif, webp or png; else their first "
         "frame is taken, and that is said.\n"
         "With several inputs the run goes on after a photo that fails and ends with a summary and exit code "
         "3. "
         "Files appear whole or not at all, and an input is never overwritten. What an output is called "
         "depends on its input's name alone: in the folder of -o, shoe.jpg becomes shoe.png, and any suffix "
         "but jpg stays in the "
         "name, so that shoe.webp becomes shoe-webp.png, and shoe (without one) shoe-image.png. Inputs that "
         "would share an output all the same (a/shoe.jpg and b/shoe.jpg into one folder) are refused. "
         "Cut-outs and masks that lie beside their photo from an earlier run are not taken as inputs when a "
         "folder is given.\n",
         "birefnet remove photo.jpg\tcut-out in photo-cutout.png\n"
         "birefnet remove photo.jpg -o out.webp --mask\tas WebP, with its mask in out-mask.png\n"
         "birefnet remove holidays -o cut --skip-existing\ta tree of folders, going on where it stopped\n"
         "birefnet remove shoes/*.jpg -o shop/ -b white -f jpeg\ton white, for a shop\n"
         "birefnet remove shoes -o shop/ --for amazon\tas a shop wants them\n"
         "birefnet remove a.jpg --fit 80% --shadow contact -b '#eee'\tstanding on grey\n"
         "birefnet remove - -o - < in.jpg > out.png\tin a pipe\n"
         "birefnet remove a.jpg -m heavy -r 2048x2048 --crop=5%\tfinest edges, cut to the subject\n",
         NULL},
    [BN_COMMAND_WATCH] = {"watch", "FOLDER", 1, 1, "Cut out photos as they come into a folder",
                          "Photos that lie in FOLDER and below it are cut out into OUT, then each that "
                          "comes, once it is closed after "
                          "writing or moved there, until Ctrl-C. Names are those of birefnet remove FOLDER "
                          "-o OUT. What has its output "
                          "already is left alone, so that a second watch goes on where the first one ended. "
                          "A photo that fails is named and "
                          "tried again when it is written anew. The exit code is 0 after Ctrl-C, 3 where "
                          "photos failed, 4 where FOLDER "
                          "vanished.\n",
                          "birefnet watch camera -o cut\tinto a folder beside it\n"
                          "birefnet watch in -o shop --for ebay\tas the shop wants them\n",
                          NULL},
    [BN_COMMAND_STREAM] =
        {"stream", "", 0, 0, "Cut out raw frames between two pipes",
         "Reads frames of raw RGB from standard input, 3 bytes a pixel, row by row without gaps, and writes "
         "each as "
         "raw RGBA of the same size, in their order, until the input ends. One session serves any number of "
         "frames. An input that ends inside a frame is an error; what was written until then stays.\n",
         "birefnet stream --size 640x480 < in.rgb > out.rgba\tbetween any two tools that know raw frames\n"
         "birefnet stream --size 640x480 --smooth < in.rgb > out.rgba\tmasks evened over "
         "time\n",
         NULL},
    [BN_COMMAND_VIDEO] =
        {"video", "IN", 1, 1, "Cut the subject out of every frame of a video",
         "OUT is .webm (VP9) or .mov (ProRes 4444), both with transparency, .mp4 (H.264), which needs an "
         "opaque "
         "--background, or a folder for PNG files, 000001.png and so on. Frames keep their rate (a changing "
         "rate becomes "
         "its average) and their shape (pixels that are not square become square); the first track of sound "
         "is copied, or encoded anew where the file cannot hold it. "
         "The installed ffmpeg and ffprobe do the reading and writing; without them the exit code is 12. The "
         "file "
         "appears whole or not at all; of a folder the frames that were done stay.\n",
         "birefnet video in.mp4 -o out.webm\twith transparency, for the web\n"
         "birefnet video in.mp4 -o out.mov --smooth\tfor editing; masks evened over time\n"
         "birefnet video in.mp4 -o out.mp4 -b '#00b140'\ton a green screen\n"
         "birefnet video in.mp4 -o frames/\tPNG files\n",
         NULL},
    [BN_COMMAND_MODELS] =
        {"models", "", 0, 0, "List the presets: licence, size, where found; check weights",
         "The weights are looked for in --models-dir, in $BIREFNET_MODELS, in the user's data folder "
         "($XDG_DATA_HOME/birefnet or ~/.local/share/birefnet), and where the program was installed.\n",
         "birefnet models\tpresets and where their files lie\n"
         "birefnet models --json\tthe same for programs\n"
         "birefnet models --check light\tdo these weights make sensible masks?\n"
         "birefnet models --check old.pth -r 512x512\tfaster\n",
         NULL},
    [BN_COMMAND_PULL] =
        {"pull", "[NAME...]", 0, 64, "Download published weights",
         "Downloads continue where they stopped, are checked to be weights, and their SHA-256 is noted "
         "beside "
         "them. Proxies are taken from the environment as curl does; $BIREFNET_MIRROR or $HF_ENDPOINT name "
         "another host.\n",
         "birefnet pull light\tthe general weights\n"
         "birefnet pull heavy matting\ttwo presets\n"
         "birefnet pull --verify\tcheck what is there\n",
         NULL},
    [BN_COMMAND_INFO] = {"info", "", 0, 0, "Show CPU, threads, precision, versions, memory a model needs",
                         "Tells what would run: nothing falls back silently. With --model the weights are "
                         "opened and made ready "
                         "for --resolution.\n",
                         "birefnet info\tabout this machine\n"
                         "birefnet info -m light -r 1024x1024\tand how much memory that model needs\n",
                         NULL},
    [BN_COMMAND_BENCH] =
        {"bench", "", 0, 0, "Time a network by parts, beside what the machine can do",
         "Prints the time of each part of the network, its arithmetic, and the floor: how long the "
         "multiply-adds alone "
         "would take on these threads; beside it the rate of a large product.\n",
         "birefnet bench -m light -r 1024x1024\tfive runs\n"
         "birefnet bench -m seeded:gen3-swin_v1_t:1 --json\ta published architecture without its weights\n"
         "birefnet bench --photo photo.jpg\twith a photo of your own\n",
         NULL},
    [BN_COMMAND_EVAL] =
        {"eval", "PHOTOS [TRUTHS]", 1, 2, "Measure the masks of a model against true ones",
         "PHOTOS is a folder, searched with all below it. TRUTHS holds a true mask of the same place, stem "
         "and size "
         "for each photo: white is subject, black is background, or a cut-out whose alpha is the mask. "
         "Without TRUTHS "
         "the masks lie beside the photos as .png.\n"
         "Prints for each folder the means and the worst values of IoU, mean absolute error (MAE), S-measure "
         "(S), "
         "weighted F (wF), maximum F, E-measure (E) and boundary IoU (bIoU), and, where true masks are soft, "
         "of SAD, "
         "MSE, Grad and Conn. MAE and the last four are errors: less is better.\n"
         "The run goes on after a photo that fails (no true mask, another size, unreadable) and ends with "
         "exit code "
         "3.\n",
         "birefnet eval photos masks\tthe weights that remove would use\n"
         "birefnet eval photos masks -m matting --against light\twhich is better for these photos?\n"
         "birefnet eval photos masks --html report.html\tand see where it fails\n"
         "birefnet eval photos masks -m my.safetensors -r 512x512 --json\tfigures for programs\n",
         NULL},
    [BN_COMMAND_SERVE] = {"serve", "", 0, 0, "Answer HTTP as fal-ai/birefnet/v2 does",
                          "The clients of that endpoint work with this server when they are given its "
                          "address (see docs/SERVER.md), and "
                          "so do those of rembg's server. A page to try it is at the address itself. "
                          "Accepted requests survive a "
                          "crash. Without keys only this machine is answered.\n",
                          "birefnet serve\ton this machine, port 8000\n"
                          "birefnet serve -l 0.0.0.0:8000 --preload light\tfor a network; make keys first\n"
                          "birefnet serve --tls-self-signed\tand TLS on port 8443\n",
                          NULL},
    [BN_COMMAND_WORK] = {"work", "", 0, 0, "Work on the requests that servers accept",
                         "Shares the queue of a server: its data folder on the same machine (--data), or its "
                         "database (--store). The server may go on working itself, or leave it to workers "
                         "(serve --no-worker). A worker may come, go and be killed at any time.\n",
                         "birefnet work\tfor a server on this machine\n"
                         "birefnet work -j 4 --data /srv/birefnet\tfour photos at a time\n",
                         NULL},
    [BN_COMMAND_KEYS] =
        {"keys", "ACTION [NAME]", 1, 2, "Make, list and revoke the keys of a server",
         "ACTION is add, list or revoke. A key is shown once, when it is made; the server stores a "
         "hash. A running server takes the change at once.\n",
         "birefnet keys add alice\ta new key\n"
         "birefnet keys list\tids, days, names\n"
         "birefnet keys revoke alice\tby name or id\n",
         .actions = "add|list|revoke"},
    [BN_COMMAND_MIGRATE] =
        {"migrate", "", 0, 0, "Make or migrate the tables of a shared store",
         "A server with --store postgresql://... refuses a database whose tables are older than it "
         "needs. This makes them what this program needs, in one transaction a step; servers of the "
         "last release go on beside it. First this, then new workers, then new front ends.\n",
         "birefnet migrate --store postgresql://birefnet@db/birefnet\tmake or migrate\n"
         "birefnet migrate --store postgresql://birefnet@db/birefnet --check\tonly look\n",
         NULL},
    [BN_COMMAND_QUEUE] =
        {"queue", "", 0, 0, "Show what waits, what runs where, and who is alive",
         "Reads the store of servers and workers, and changes nothing: the requests that have not ended in "
         "their order, who holds which and how far it is, and all processes with the time since they were "
         "heard of.\n",
         "birefnet queue\tof the server on this machine\n"
         "birefnet queue --store postgresql://birefnet@db/birefnet --json\tof a cluster, for programs\n",
         NULL},
};

const bn_command_spec *bn_command_get_spec(bn_command command)
{
    return &commands[command];
}
