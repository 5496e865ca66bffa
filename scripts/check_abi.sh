#!/bin/sh
# check_abi.sh [update]: whether programs that were built with the last release's headers still run with these libraries, by
# abidiff: against the last tag where there is one, else against tests/abi/*.abi, which `update` writes anew: at a release, or
# when something was added. What is removed or changed needs another soname (src/CMakeLists.txt).
set -eu
cd "$(dirname "$0")/.."
command -v abidiff >/dev/null || { echo "skipped: no abidiff (apt-get install abigail-tools)"; exit 77; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# describe SOURCE FOLDER: the public types and functions of the libraries of that source.
describe()
{
    cmake -S "$1" -B "$2/build" -G Ninja -DCMAKE_BUILD_TYPE=Debug -DCMAKE_C_FLAGS=-O0 -DBN_PARTS=libraries -DBN_VULKAN=OFF >"$scratch/log" 2>&1 &&
        cmake --build "$2/build" --target birefnet_shared birefnet_image_shared >"$scratch/log" 2>&1 ||
        { cat "$scratch/log"; exit 1; }
    for name in birefnet birefnet-image; do
        abidw --headers-dir "$1/include" --drop-private-types --exported-interfaces-only --no-show-locs --no-comp-dir-path --no-corpus-path \
            --no-architecture "$2/build/src/lib$name.so" >"$2/lib$name.abi"
    done
}

mkdir "$scratch/new" "$scratch/old"
describe . "$scratch/new"
if [ "${1:-}" = update ]; then
    cp "$scratch"/new/*.abi tests/abi
    exit 0
fi
tag=$(git describe --tags --abbrev=0 2>/dev/null || true)
if [ -n "$tag" ] && git show "$tag:include/birefnet-image.h" >/dev/null 2>&1; then
    mkdir "$scratch/source"
    git archive "$tag" | tar -x -C "$scratch/source"
    describe "$scratch/source" "$scratch/old"
else
    tag=tests/abi
    cp tests/abi/*.abi "$scratch/old"
fi
for name in birefnet birefnet-image; do
    abidiff --no-added-syms "$scratch/old/lib$name.abi" "$scratch/new/lib$name.abi" ||
        { echo "lib$name is not what $tag was" >&2; exit 1; }
done
echo "libbirefnet and libbirefnet-image are as in $tag"
