#!/bin/sh
# setup.sh - install what building needs on Debian 12, and nothing where all is there.
#   scripts/setup.sh          for building, running and testing
#   scripts/setup.sh check    besides, for .ci/run: clang, fuzzing, format and complexity checks
set -eu

build="ca-certificates gcc libc6-dev cmake ninja-build pkg-config libdnnl-dev ocl-icd-opencl-dev
opencl-c-headers libjansson-dev libcurl4-openssl-dev libjpeg62-turbo-dev libspng-dev libwebp-dev
libavif-dev libtiff-dev liblcms2-dev libsodium-dev libgif-dev libcgif-dev libdeflate-dev
libsqlite3-dev libmicrohttpd-dev libgnutls28-dev libcmocka-dev zlib1g-dev"
check="clang-14 clang clang-format-14 libclang-rt-14-dev pmccabe git man-db chromium"
command -v npm >/dev/null || check="$check nodejs npm" # for the server's clients and the page

wanted=$build
[ "${1:-}" = check ] && wanted="$build $check"

missing=
for package in $wanted; do
    state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || state=
    [ "$state" = installed ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "Installing:$missing"
root=
[ "$(id -u)" = 0 ] || root=sudo
if [ -n "$root" ] && ! command -v sudo >/dev/null; then
    echo "setup.sh: run this as root, or install them yourself: apt-get install$missing" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
$root apt-get update -q
# shellcheck disable=SC2086 # a list of words
$root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing
