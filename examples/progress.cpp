/* progress.cpp - a photo with its progress shown, which may be cancelled: here at a share of the work, in a program with a window
 * by its button.
 *
 *     c++ -std=c++17 progress.cpp -o progress $(pkg-config --cflags --libs birefnet-image)
 *     ./progress models/starter.safetensors photo.jpg cut.png [SHARE]      exit code 3: cancelled */
#include <birefnet-image.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <vector>

struct Run {
    double stop_at;                 /* share of the work */
    std::atomic<bool> stop{false};  /* any thread may set it */
};

/* On the thread that cuts, between layers; nothing may be thrown through the library. */
static int tell(void *user, const char *part, double done)
{
    Run *run = static_cast<Run *>(user);
    std::fprintf(stderr, "\r%3.0f %%  %-24s", 100 * done, part);
    if (done >= run->stop_at) run->stop = true;
    return run->stop;
}

int main(int argc, char **argv)
{
    if (argc != 4 && argc != 5) {
        std::fprintf(stderr, "usage: %s WEIGHTS PHOTO CUT.png [SHARE]\n", argv[0]);
        return 2;
    }
    std::ifstream in(argv[2], std::ios::binary);
    const std::vector<char> photo{std::istreambuf_iterator<char>(in), {}};
    Run run{argc == 5 ? std::atof(argv[4]) : 2};

    birefnet_model *model = nullptr;
    birefnet_session *session = nullptr;
    birefnet_error error{};
    void *cut = nullptr;
    std::size_t cut_bytes = 0;
    birefnet_status status = birefnet_model_open(argv[1], nullptr, &model, &error);
    if (status == BIREFNET_OK) status = birefnet_session_open(model, nullptr, &session, &error);
    if (status == BIREFNET_OK) {
        birefnet_session_set_progress(session, tell, &run); /* run outlives the session */
        status = birefnet_cut(session, photo.data(), photo.size(), nullptr, &cut, &cut_bytes, &error);
        std::fputc('\n', stderr);
    }
    if (status == BIREFNET_OK) {
        std::ofstream out(argv[3], std::ios::binary);
        out.write(static_cast<const char *>(cut), static_cast<std::streamsize>(cut_bytes));
        if (!out.flush()) {
            std::perror(argv[3]);
            status = BIREFNET_ERROR_IO;
        }
    } else {
        std::fprintf(stderr, "%s\n", error.message);
    }
    birefnet_free(cut);
    birefnet_session_close(&session);
    birefnet_model_close(&model);
    return status == BIREFNET_OK ? 0 : status == BIREFNET_ERROR_CANCELLED ? 3 : 1;
}
