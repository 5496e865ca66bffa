#!/bin/sh
# check_arm64.sh - cross-build for aarch64 with Debian's arm64 packages and run under qemu-user what needs no server: the fast
# tests of the library's rooms (but `model`, which takes too long there), a golden network in float32, and a photo by 1 to 4
# threads.
#   BN_CI_CACHE   where the packages are kept between runs; default ~/.cache/birefnet
set -eu
cd "$(dirname "$0")/.."

for tool in aarch64-linux-gnu-gcc qemu-aarch64; do
    command -v $tool >/dev/null || missing=yes
done
if [ -n "${missing:-}" ]; then
    apt-get update -q
    DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends gcc-aarch64-linux-gnu libc6-dev-arm64-cross qemu-user
fi

BN_ARM64_ROOT=${BN_CI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/birefnet}/arm64
export BN_ARM64_ROOT
# shellcheck disable=SC2046 # a list of words
scripts/unpack_packages.sh "$BN_ARM64_ROOT" arm64 here $(scripts/setup.sh names | grep -e '-dev$') ocl-icd-opencl-dev opencl-c-headers
cmake -G Ninja -S . -B build/arm64 -DCMAKE_BUILD_TYPE=Release -DCMAKE_TOOLCHAIN_FILE=cmake/aarch64.cmake >/dev/null
cmake --build build/arm64
rooms='base|weights|pth|presets|weights_memory|kernels|products|layers|image_.*|cutout|measure'
golden='golden_f32_gen3-pvt_v2_b0-256x256-.*|golden_image_.*'
unset BN_REQUIRE_GPU # there is no driver of a graphics card for it here
ctest --test-dir build/arm64 --output-on-failure -j2 -R "^($rooms|$golden)\$" -E '^image_memory$'

# The same bytes for any number of threads.
for threads in 1 2 3 4; do
    qemu-aarch64 -L "$BN_ARM64_ROOT" build/arm64/bin/birefnet remove examples/photo1.jpg --mask-only -r 128x128 -p f32 -q \
        -m models/starter.safetensors -t "$threads" -o "build/arm64/mask-$threads.png"
    cmp build/arm64/mask-1.png "build/arm64/mask-$threads.png"
done
