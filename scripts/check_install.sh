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

(umask 077 && make --no-print-directory install PREFIX="$prefix" >"$scratch/log" 2>&1) || { cat "$scratch/log"; exit 1; }
libdir=$(dirname "$(find "$prefix" -name libbirefnet.so)")
PKG_CONFIG_PATH=$libdir/pkgconfig
LD_LIBRARY_PATH=$libdir
export PKG_CONFIG_PATH LD_LIBRARY_PATH

echo "it is everybody's to use, whatever the umask of whoever installs"
closed=$(find "$prefix" \( -type d ! -perm -755 \) -o \( -type f ! -perm -644 \))
if [ -n "$closed" ]; then
    echo "closed to others: $closed" >&2
    exit 1
fi
echo "nothing but the public functions is visible"
for name in birefnet birefnet-image; do
    if nm -D --defined-only "$libdir/lib$name.so" | awk '$2 != "A" { print $3 }' | grep -v '^birefnet_'; then exit 1; fi
    # every function of the header, and no other: inline ones call those of the name with _sized
    nm -D --defined-only "$libdir/lib$name.so" | awk '$2 == "T" { sub("@.*", "", $3); print $3 }' | sort >"$scratch/shown"
    sed -n 's/^BIREFNET_API .*\b\(birefnet_[a-z_]*\)(.*/\1/p' "$prefix/include/$name.h" | sort | cmp - "$scratch/shown"
done
echo "libbirefnet needs oneDNN, its threads and libc; no codec, nothing of the server"
if readelf -d "$libdir/libbirefnet.so" | grep NEEDED | grep -vE '\[(libdnnl|libgomp|libm|libc|libpthread|libdl|libgcc_s|ld-linux[a-z0-9-]*)\.so'; then exit 1; fi
echo "each header alone"
for name in birefnet birefnet-image; do
    echo "#include <$name.h>" | cc -std=c17 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I"$prefix/include" -xc -
    if command -v c++ >/dev/null; then
        echo "#include <$name.h>" | c++ -std=c++11 -Wall -Wextra -Wpedantic -Werror -fsyntax-only -I"$prefix/include" -xc++ -
    fi
done
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
echo "a photo's file, a batch over threads, progress and cancel"
"$scratch/build/photo" "$model" "$photo" "$scratch/photo.png"
"$scratch/build/batch" "$model" "$scratch/batch" "$photo" "$PWD/examples/photo2.jpg"
cmp "$scratch/photo.png" "$scratch/batch/photo1.jpg.png"
test -s "$scratch/batch/photo2.jpg.png"
"$scratch/build/progress" "$model" "$photo" "$scratch/progress.png" 2>"$scratch/told"
grep -q "100 %" "$scratch/told"
cmp "$scratch/photo.png" "$scratch/progress.png"
code=0
"$scratch/build/progress" "$model" "$photo" "$scratch/cancelled.png" 0.5 2>"$scratch/told" || code=$?
test $code = 3
test ! -e "$scratch/cancelled.png"
cmp "$scratch/shared.pgm" "$scratch/static.pgm"
cmp "$scratch/shared.pgm" "$scratch/cmake.pgm"
echo "the README's example, by the README's words"
sed -n '/^```c$/,/^```$/p' README.md | sed '/^```/d' >"$scratch/matte.c"
sed -n 's/^    \(export PKG_CONFIG_PATH=\|cc matte.c \)/\1/p' README.md | sed "s|PREFIX/|$prefix/|g" >"$scratch/words.sh"
(cd "$scratch" && unset PKG_CONFIG_PATH LD_LIBRARY_PATH && . ./words.sh && cd - >/dev/null &&
    { printf 'P6 64 64 255\n' && head -c 12288 "$photo"; } | "$scratch/matte" >"$scratch/matte.pgm")
test "$(head -c 9 "$scratch/matte.pgm")" = "P5 64 64 "
echo "the libraries alone, where nothing that the server needs is installed, and libbirefnet where no codec is"
mkdir "$scratch/packages" "$scratch/none"
PKG_CONFIG_PATH= pkg-config --variable=pc_path pkg-config | tr : '\n' | while read -r place; do
    for pc in "$place"/*.pc; do
        case $pc in
        */jansson.pc | */libcurl.pc | */libsodium.pc | */sqlite3.pc | */libmicrohttpd.pc | */gnutls.pc | */libpq.pc | *'*.pc') ;;
        *) ln -sf "$pc" "$scratch/packages" ;;
        esac
    done
done
PKG_CONFIG_LIBDIR=$scratch/packages cmake -S . -B "$scratch/libraries" -DBN_PARTS=libraries >/dev/null
PKG_CONFIG_LIBDIR=$scratch/none cmake -S . -B "$scratch/library" -DBN_PARTS=library >/dev/null
if PKG_CONFIG_LIBDIR=$scratch/packages cmake -S . -B "$scratch/all" >/dev/null 2>&1; then
    echo "a build of all finds what was to be hidden" >&2
    exit 1
fi
echo "the installed program, its pages and its weights"
grep -q "^ExecStart=$prefix/bin/birefnet serve " "$prefix/share/doc/birefnet/examples/birefnet.service"
(cd "$scratch" && HOME=$scratch "$prefix/bin/birefnet" remove "$photo" -o cut.png --quiet)
test -s "$scratch/cut.png"
test -s "$prefix/share/birefnet/models/ATTRIBUTION.md"
test -s "$prefix/share/man/man1/birefnet.1"
test -s "$prefix/share/man/man1/birefnet-remove.1"
test -s "$prefix/share/man/man3/libbirefnet.3"
test -s "$prefix/share/bash-completion/completions/birefnet"
test -s "$prefix/share/zsh/site-functions/_birefnet"
test -s "$prefix/share/fish/vendor_completions.d/birefnet.fish"
if grep -q "$PWD" "$prefix/bin/birefnet"; then
    echo "the installed program names the source tree" >&2
    exit 1
fi
