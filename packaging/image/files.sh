#!/bin/sh
# files.sh - what packaging/Containerfile puts into an image, of the bundle and of this machine.
#   files.sh plain BUNDLE FOLDER    the program, its libraries and loader, weights, certificates, a user, the health check
#   files.sh loader FOLDER          Vulkan's loader and what it needs, where the program looks
set -eu
own=usr/lib/birefnet # program and libraries: it finds them beside itself

plain() {
    bundle=$(echo "$1"/birefnet-*/)
    root=$2
    mkdir -p "$root/$own" "$root/bin" "$root/lib64" "$root/etc/ssl/certs" "$root/usr/share" "$root/data" "$root/tmp"
    cp "$bundle"/lib/lib*.so* "$bundle/lib/birefnet" "$bundle"/lib/libc/lib*.so* "$root/$own"
    cp "$bundle"/lib/libc/ld-linux-* "$root/lib64"
    if [ "$(uname -m)" = aarch64 ]; then mv "$root/lib64" "$root/lib"; fi
    ln -s "../$own/birefnet" "$root/bin/birefnet"
    cp -r "$bundle/share/birefnet" "$root/usr/share"
    cp -r "$bundle/licences" "$bundle/LICENSE" "$root/usr/share/birefnet"
    if [ -f "$bundle/libraries.spdx.json" ]; then cp "$bundle/libraries.spdx.json" "$root/usr/share/birefnet"; fi
    cp -L /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs"
    echo 'birefnet:x:999:999::/data:/nowhere' >"$root/etc/passwd"
    echo 'birefnet:x:999:' >"$root/etc/group"
    echo 'hosts: files dns' >"$root/etc/nsswitch.conf"
    cc -O2 -static -s "$(dirname "$0")/probe.c" -o "$root/bin/probe"
    chmod 1777 "$root/tmp"
    chmod 700 "$root/data"
    chown 999:999 "$root/data"
}

loader() {
    mkdir -p "$1/$own"
    for name in libvulkan.so.1 libXext.so.6; do
        library=$(ldconfig -p | awk -v name="$name" '$1 == name { print $NF; exit }')
        { echo "$library"; ldd "$library" | awk '/=> \// { print $3 }'; }
    done | sort -u | while read -r library; do
        # the C library and what goes with it is the plain image's
        case ${library##*/} in libc.so* | libm.so* | libdl.so* | libpthread.so* | libstdc++.so* | libgcc_s.so*) continue ;; esac
        cp -L "$library" "$1/$own"
    done
}

case ${1:-} in
plain) plain "$2" "$3" ;;
loader) loader "$2" ;;
*) sed -n '2,4p' "$0" && exit 2 ;;
esac
