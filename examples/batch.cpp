/* batch.cpp - many photos over several threads: one model, which they share, and a session for each of them.
 *
 *     c++ -std=c++17 batch.cpp -o batch $(pkg-config --cflags --libs birefnet-image) -pthread
 *     ./batch models/starter.safetensors cutouts/ *.jpg */
#include <birefnet-image.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <thread>
#include <vector>

struct Close {
    void operator()(birefnet_model *model) const { birefnet_model_close(&model); }
    void operator()(birefnet_session *session) const { birefnet_session_close(&session); }
};
using Model = std::unique_ptr<birefnet_model, Close>;
using Session = std::unique_ptr<birefnet_session, Close>;

static bool cut_one(birefnet_session *session, const std::filesystem::path &photo,
                    const std::filesystem::path &folder)
{
    std::ifstream in(photo, std::ios::binary);
    const std::vector<char> bytes{std::istreambuf_iterator<char>(in), {}};
    void *cut = nullptr;
    std::size_t cut_bytes = 0;
    birefnet_error error{};
    if (birefnet_cut(session, bytes.data(), bytes.size(), nullptr, &cut, &cut_bytes, &error) != BIREFNET_OK) {
        std::fprintf(stderr, "%s: %s\n", photo.c_str(), error.message);
        return false;
    }
    std::ofstream out(folder / (photo.filename().string() + ".png"), std::ios::binary);
    out.write(static_cast<const char *>(cut), static_cast<std::streamsize>(cut_bytes));
    birefnet_free(cut);
    return static_cast<bool>(out.flush());
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        std::fprintf(stderr, "usage: %s WEIGHTS FOLDER PHOTO...\n", argv[0]);
        return 2;
    }
    const std::filesystem::path folder = argv[2];
    const std::vector<std::filesystem::path> photos(argv + 3, argv + argc);
    std::filesystem::create_directories(folder);

    birefnet_error error{};
    birefnet_model *opened = nullptr;
    if (birefnet_model_open(argv[1], nullptr, &opened, &error) != BIREFNET_OK) {
        std::fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    const Model model(opened); /* closed after the threads have ended, and their sessions with them */

    std::atomic<std::size_t> next{0}, failed{0};
    const auto work = [&] {
        birefnet_session_options options;
        birefnet_session_options_default(&options);
        options.threads = 1; /* the cores are shared out by photos */
        birefnet_session *session = nullptr;
        birefnet_error why{};
        if (birefnet_session_open(model.get(), &options, &session, &why) != BIREFNET_OK) {
            std::fprintf(stderr, "%s\n", why.message);
            failed++;
            return;
        }
        const Session mine(session);
        for (std::size_t i; (i = next++) < photos.size();) failed += !cut_one(mine.get(), photos[i], folder);
    };
    std::vector<std::thread> threads;
    const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
    for (std::size_t i = 0; i < std::min(cores, photos.size()); i++) threads.emplace_back(work);
    for (std::thread &thread : threads) thread.join();
    return failed == 0 && next >= photos.size() ? 0 : 1;
}
