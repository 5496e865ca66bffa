#!/bin/bash
# bundle.sh - one archive with the program, its starter weights and the libraries it needs, in build/bundle: for any Linux on
# x86-64 or aarch64, with packages or without. Taken from the packages of build/deb (scripts/deb.sh makes them, where they are
# not) and from the libraries of this machine; none under the GPL is in it (docs/DEPENDENCIES.md).
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "bundle.sh: $*" >&2; exit 1; }

scripts/setup.sh deb
version=$(sed -n 's/^project(birefnet VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
set -- build/deb/birefnet_"$version"-*.deb
[ -f "$1" ] || scripts/deb.sh
name=birefnet-$version-linux-$(uname -m)
out=build/bundle
tree=$out/$name
triplet=$(gcc -print-multiarch)
rm -rf "$out"
mkdir -p "$tree/bin" "$tree/lib/libc" "$tree/licences"

# ---- program and weights ------------------------------------------------------------------------------------------

for package in birefnet birefnet-starter; do dpkg-deb -x build/deb/${package}_"$version"-*.deb "$out/packages"; done

mkdir "$tree/share"
mv "$out"/packages/usr/share/{birefnet,man,bash-completion} "$tree/share"
cp "$out/packages/usr/bin/birefnet" "$tree/lib/birefnet"
cp LICENSE README.md CHANGELOG.md "$tree"
rm -rf "$out/packages"
cp packaging/bundle/birefnet "$tree/bin/birefnet"
# the older kind of path: it holds for what libraries link, too, and for what is opened later
patchelf --force-rpath --set-rpath "\$ORIGIN" "$tree/lib/birefnet"

# ---- libraries ----------------------------------------------------------------------------------------------------

# Those of the program, and of what it opens when it is needed: libcurl, libpq, JPEG XL. libtiff and libheif bring GPL code.
{
    ldd "$tree/lib/birefnet"
    for opened in libcurl.so.4 libpq.so.5 "$(basename "$(realpath "/usr/lib/$triplet/libjxl.so")" | sed 's/\.[0-9]*$//')"; do
        echo "$opened => /usr/lib/$triplet/$opened"
        ldd "/usr/lib/$triplet/$opened"
    done
} | awk '/=> \// { print $3 } /^[[:space:]]*\/lib/ { print $1 }' | sort -u >"$out/libraries"
epoch=$(git log -1 --format=%ct 2>/dev/null || dpkg-parsechangelog -l packaging/debian/changelog -S Timestamp)
# before the copies lie beside the program: what ldd names is then the machine's, which dpkg knows
xargs env SOURCE_DATE_EPOCH="$epoch" scripts/spdx.py "$tree/lib/birefnet" <"$out/libraries" >"$tree/libraries.spdx.json"
while read -r library; do
    file=$(basename "$library")
    case $file in
    libtiff* | libheif* | libjbig* | libx265*) fail "$file must not be in it" ;;
    ld-linux* | libc.so* | libm.so* | libpthread.so* | libdl.so* | librt.so* | libresolv.so* | libmvec.so* | libstdc++.so* | libgcc_s.so*)
        cp -L "$library" "$tree/lib/libc/$file" ;;
    *) cp -L "$library" "$tree/lib/$file" ;;
    esac
    package=$(dpkg-query -S "$library" 2>/dev/null || dpkg-query -S "$(realpath "$library")" || dpkg-query -S "/usr$library")
    package=$(echo "$package" | head -1 | cut -d: -f1)
    cp -L "/usr/share/doc/$package/copyright" "$tree/licences/$package" || fail "$package says nothing of its licence"
done <"$out/libraries"
getconf GNU_LIBC_VERSION | cut -d' ' -f2 >"$tree/lib/libc/version"
cp -L /usr/share/common-licenses/{LGPL-2.1,LGPL-3,Apache-2.0} "$tree/licences"

# ---- the archive: the same bytes for the same files -----------------------------------------------------------------

tar -C "$out" --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner --mode=u+w,go-w,a+rX -cf - "$name" |
    gzip -n >"$out/$name.tar.gz"
du -h "$out/$name.tar.gz"
