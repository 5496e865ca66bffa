#!/bin/sh
# setup.sh - install what building needs on Debian 12 and 13 and releases of Ubuntu with these packages; nothing where
# all is there.
#   scripts/setup.sh          for building, running and testing
#   scripts/setup.sh names    only print what building needs on this release
#   scripts/setup.sh cluster  besides, the engines that tests of a cluster run on (scripts/services.sh)
#   scripts/setup.sh deb      besides, for `make deb` and `make bundle`
#   scripts/setup.sh check    besides, for .ci/run: clang, fuzzing, format and complexity checks, another release
set -eu

# a|b: either will do, and the first that this release has is installed. A last empty one: or none.
build="ca-certificates gcc libc6-dev cmake ninja-build pkgconf|pkg-config libdnnl-dev|libonednn-dev libjansson-dev
libcurl4-openssl-dev libjpeg-dev libspng-dev libwebp-dev libavif-dev libtiff-dev libheif-dev
libheif-plugin-libde265|libheif1 libjxl-dev liblcms2-dev libsodium-dev libgif-dev
libcgif-dev libdeflate-dev libexpat1-dev libsqlite3-dev libmicrohttpd-dev libgnutls28-dev libpq-dev libcmocka-dev zlib1g-dev
libvulkan-dev glslang-tools"
check="clang libclang-rt-dev|libclang-rt-14-dev clang-format-14| libheif-examples libjxl-tools pmccabe git curl man-db chromium debootstrap ffmpeg python3-venv buildah iproute2 abigail-tools zsh fish g++ systemd-container locales"
deb="debhelper dh-python fakeroot lintian patchelf ocl-icd-opencl-dev opencl-c-headers"
cluster="postgresql pgbouncer swift-proxy swift-account swift-container swift-object memcached iproute2"
command -v npm >/dev/null || check="$check nodejs npm" # for the server's clients and the page

installed() {
    case $(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null) in installed*) return 0 ;; esac
    return 1
}

available() { apt-cache policy "$1" 2>/dev/null | grep -q 'Candidate: [^(]'; }

# Those of the wanted ("a|b" ...) of which nothing is installed.
missing_of() {
    for wanted in $1; do
        found=
        for package in $(echo "$wanted" | tr '|' ' '); do
            if installed "$package"; then found=yes; fi
        done
        [ -n "$found" ] || printf '%s ' "$wanted"
    done
}

# One package of this release for each of the wanted.
choose() {
    for wanted in $1; do
        chosen=
        for package in $(echo "$wanted" | tr '|' ' '); do
            if [ -z "$chosen" ] && available "$package"; then chosen=$package; fi
        done
        case $chosen:$wanted in :*\|) continue ;; esac # not there, and not needed
        echo "${chosen:-${wanted%%|*}}"
    done
}

as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
if [ -n "$as_root" ] && ! command -v sudo >/dev/null; then as_root=none; fi

install() {
    missing=$(missing_of "$1")
    [ -n "$missing" ] || return 0
    if [ "$as_root" = none ]; then
        echo "setup.sh: run this as root, or install them yourself: apt-get install $(choose "$missing" | tr '\n' ' ')" >&2
        exit 1
    fi
    $as_root apt-get update -q
    chosen=$(choose "$missing" | tr '\n' ' ')
    [ -n "$chosen" ] || return 0
    echo "Installing: $chosen"
    # shellcheck disable=SC2086 # a list of words
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $chosen
}

if [ "${1:-}" = names ]; then
    choose "$build"
    exit
fi
wanted=$build
[ "${1:-}" = check ] && wanted="$build $check $cluster $deb"
[ "${1:-}" = cluster ] && wanted="$build $cluster"
[ "${1:-}" = deb ] && wanted="$build $deb"
install "$wanted"

# A oneDNN that was built for GPUs, too, as Debian 12's, needs OpenCL's headers where it is used.
if grep -qs 'define DNNL_GPU_RUNTIME *DNNL_RUNTIME_OCL' /usr/include/oneapi/dnnl/dnnl_config.h; then
    install "ocl-icd-opencl-dev|opencl-dev opencl-c-headers"
fi
