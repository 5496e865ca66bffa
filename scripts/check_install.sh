#!/bin/sh
# check_install.sh - install into a scratch folder and build the C example against that, by pkg-config (shared and
# static) and by CMake; run each on a photo.
set -eu
cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
prefix=$scratch/prefix
photo=$PWD/examples/photo1.jpg
model=$PWD/models/starter.safetensors

make --no-print-directory install PREFIX="$prefix" >"$scratch/log" 2>&1 || { cat "$scratch/log"; exit 1; }
libdir=$(dirname "$(find "$prefix" -name libbirefnet.so)")
PKG_CONFIG_PATH=$libdir/pkgconfig
LD_LIBRARY_PATH=$libdir
export PKG_CONFIG_PATH LD_LIBRARY_PATH

echo "nothing but the public functions is visible"
if nm -D --defined-only "$libdir/libbirefnet.so" | awk '{ print $3 }' | grep -v '^birefnet_'; then exit 1; fi
echo "header alone"
echo '#include <birefnet.h>' | cc -std=c17 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I"$prefix/include" -xc -
if command -v c++ >/dev/null; then
    echo '#include <birefnet.h>' | c++ -std=c++11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I"$prefix/include" -xc++ -
fi
echo "shared, by pkg-config"
# shellcheck disable=SC2046 # lists of flags
cc -std=c17 examples/cut.c -o "$scratch/cut-shared" $(pkg-config --cflags --libs birefnet) -ljpeg
"$scratch/cut-shared" "$model" "$photo" "$scratch/shared.pgm"
echo "static, by pkg-config"
# shellcheck disable=SC2046
cc -std=c17 examples/cut.c -o "$scratch/cut-static" $(pkg-config --cflags birefnet) "$libdir/libbirefnet.a" \
    $(pkg-config --static --libs-only-L --libs-only-l birefnet | sed 's/-lbirefnet//') -ljpeg
"$scratch/cut-static" "$model" "$photo" "$scratch/static.pgm"
echo "shared, by CMake"
cmake -S examples -B "$scratch/build" -DCMAKE_PREFIX_PATH="$prefix" >/dev/null
cmake --build "$scratch/build" >/dev/null
"$scratch/build/cut" "$model" "$photo" "$scratch/cmake.pgm"
cmp "$scratch/shared.pgm" "$scratch/static.pgm"
cmp "$scratch/shared.pgm" "$scratch/cmake.pgm"
echo "the README's example, by the README's words"
sed -n '/^```c$/,/^```$/p' README.md | sed '/^```/d' >"$scratch/matte.c"
sed -n 's/^    \(export PKG_CONFIG_PATH=\|cc matte.c \)/\1/p' README.md | sed "s|PREFIX/|$prefix/|g" >"$scratch/words.sh"
(cd "$scratch" && unset PKG_CONFIG_PATH LD_LIBRARY_PATH && . ./words.sh && cd - >/dev/null &&
    { printf 'P6 64 64 255\n' && head -c 12288 "$photo"; } | "$scratch/matte" >"$scratch/matte.pgm")
test "$(head -c 9 "$scratch/matte.pgm")" = "P5 64 64 "
echo "the installed program, its pages and its weights"
(cd "$scratch" && HOME=$scratch "$prefix/bin/birefnet" remove "$photo" -o cut.png --quiet)
test -s "$scratch/cut.png"
test -s "$prefix/share/birefnet/models/ATTRIBUTION.md"
test -s "$prefix/share/man/man1/birefnet.1"
test -s "$prefix/share/bash-completion/completions/birefnet"
if grep -q "$PWD" "$prefix/bin/birefnet"; then
    echo "the installed program names the source tree" >&2
    exit 1
fi
