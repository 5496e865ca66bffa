#!/bin/bash
# newer_vulkan.sh - the compiler of shaders and the lavapipe of Debian testing on this release, for kernels with matrix cores:
# Debian 12 and 13 have neither a driver without a card nor, Debian 12, a compiler that knows them. The packages are
# unpacked into a folder and run by their own loader; nothing is installed.
#   scripts/newer_vulkan.sh root               make the folder, print its name
#   scripts/newer_vulkan.sh glslang ARGUMENT.. the compiler; spirv-val, spirv-dis ... likewise
#   scripts/newer_vulkan.sh run PROGRAM ..     a program of this machine with that lavapipe; gpu:0 is then it
#   scripts/newer_vulkan.sh shaders [check]    compile src/gpu/shaders/matrix/*.comp to the .spv beside them, or compare
# BN_CI_CACHE: where the folder is kept; default ~/.cache/birefnet. Compiled kernels are kept there, too.
set -euo pipefail
tree=$(cd "$(dirname "$0")/.." && pwd)
cache=${BN_CI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/birefnet}
root=$cache/newer-vulkan
libraries=$root/usr/lib/x86_64-linux-gnu

make_root() {
    mkdir -p "$cache"
    exec 8>"$cache/newer-vulkan.lock"
    flock 8
    "$tree/scripts/unpack_packages.sh" "$root" amd64 testing glslang-tools spirv-tools mesa-vulkan-drivers libvulkan1 >"$cache/newer-vulkan.log" 2>&1 ||
        { tail -20 "$cache/newer-vulkan.log" >&2; echo "newer_vulkan.sh: no packages" >&2; exit 1; }
    exec 8>&-
    # the driver by its full name: this machine's loader must not look for it
    sed "s|\"library_path\": *\"[^\"]*/*libvulkan_lvp|\"library_path\": \"$libraries/libvulkan_lvp|" \
        "$root/usr/share/vulkan/icd.d/lvp_icd.json" >"$root/lavapipe.json"
}

tool() { "$root/usr/lib64/ld-linux-x86-64.so.2" --library-path "$libraries" "$root/usr/bin/$1" "${@:2}"; }

run() {
    export VK_DRIVER_FILES=$root/lavapipe.json VK_ICD_FILENAMES=$root/lavapipe.json
    export MESA_SHADER_CACHE_DIR=${MESA_SHADER_CACHE_DIR:-$cache/newer-vulkan-shaders}
    exec "$root/usr/lib64/ld-linux-x86-64.so.2" --library-path "$libraries:/usr/lib/x86_64-linux-gnu:/lib/x86_64-linux-gnu" "$@"
}

compile() { tool glslang -V -g0 --target-env vulkan1.2 -o "$2" "$1" >"$2.log" || { cat "$2.log" >&2; exit 1; }; }

# compiled_by: the compiler's version, and of each kernel a sum of its source without comments. Another version makes other
# bytes: then the sums alone are compared.
shaders() {
    cd "$tree/src/gpu/shaders/matrix"
    local version shader name
    version=$(tool glslang --version | head -1)
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT # work is no local: the trap outlives the function
    echo "$version" >"$work/compiled_by"
    for shader in *.comp; do
        name=${shader%.comp}
        echo "$name $(tool glslang -E "$shader" | sha256sum | cut -d' ' -f1)" >>"$work/compiled_by"
        compile "$shader" "$work/$name.spv"
        tool spirv-val --target-env vulkan1.2 "$work/$name.spv"
    done
    if [ "${1:-}" != check ]; then
        cp "$work"/*.spv "$work/compiled_by" .
        return
    fi
    [ "$(sed 1d compiled_by)" = "$(sed 1d "$work/compiled_by")" ] ||
        { echo "newer_vulkan.sh: kernels changed and were not compiled: scripts/newer_vulkan.sh shaders" >&2; exit 1; }
    if [ "$(head -1 compiled_by)" != "$version" ]; then
        echo "compiled by $(head -1 compiled_by), here is $version: bytes not compared"
        return
    fi
    for shader in *.comp; do cmp "$work/${shader%.comp}.spv" "${shader%.comp}.spv"; done
}

make_root
case ${1:-} in
root) echo "$root" ;;
run) shift && run "$@" ;;
shaders) shaders "${2:-}" ;;
glslang | spirv-*) tool "$@" ;;
*)
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
