#!/bin/bash
# check_bundle.sh - make the bundle and run it in bare roots of Debian 11, 12 and 13, under a C library that is older, the same
# and newer: a photo, the server, the libraries that are loaded.
#   scripts/check_bundle.sh [RELEASE...]
#   scripts/check_bundle.sh inside     the part in the root, where /share is the bundle's folder
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)

fail() { echo "check_bundle.sh: $*" >&2; exit 1; }

inside() {
    local folder program version=
    cd /tmp
    tar xzf /share/birefnet-*.tar.gz
    folder=$(echo /tmp/birefnet-*)
    program=$folder/bin/birefnet
    ln -s "$program" /usr/local/bin/birefnet # as it will be called
    read -r version </etc/debian_version
    echo "-- Debian $version: $(birefnet --version)"
    birefnet remove /source/examples/photo1.jpg -o cut.png -q -p f32 -t 2
    birefnet info >info.txt
    for opened in libcurl libjxl; do grep -q "$opened [0-9]" info.txt || { cat info.txt; fail "no $opened"; }; done
    cp cut.png /share/cut-"${version%%[./]*}".png

    # what a running server holds comes from the bundle, but the C library and what goes with it
    birefnet serve --listen 127.0.0.1:8000 --data /tmp/data >server.log 2>&1 &
    server=$!
    for _ in $(seq 1200); do
        if answer=$( (exec 3<>/dev/tcp/127.0.0.1/8000 && printf 'GET /healthz HTTP/1.0\r\n\r\n' >&3 && head -1 <&3) 2>/dev/null); then break; fi
        kill -0 $server 2>/dev/null || { cat server.log; fail "the server ended"; }
        sleep 0.2
    done
    echo "$answer" | grep -q ' 200 ' || fail "/healthz: $answer"
    awk '/\.so/ { print $6 }' "/proc/$server/maps" | sort -u >maps
    echo "   $(grep -c "^$folder" maps) libraries of the bundle, of the machine: $(grep -v "^$folder" maps | sed 's|.*/||' | tr '\n' ' ')"
    kill -TERM $server
    wait $server || fail "the server's exit code is $?"
}

outside() {
    local release
    "$here/scripts/bundle.sh"
    rm -f "$here"/build/bundle/cut-*.png
    for release in "$@"; do
        BN_NET=own BN_SHARE=$here/build/bundle "$here/scripts/debian_root.sh" run "$release" bash /source/scripts/check_bundle.sh inside
    done
    for release in "$@"; do
        cmp "$here/build/bundle/cut-$1.png" "$here/build/bundle/cut-$release.png" || fail "Debian $release cuts out otherwise"
    done
}

if [ "${1:-}" = inside ]; then inside; exit; fi
[ $# -gt 0 ] || set -- 11 12 13
outside "$@"
