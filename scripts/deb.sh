#!/bin/bash
# deb.sh - Debian packages for this release of Debian, from this source and packaging/debian, in build/deb.
# What building needs is installed (scripts/setup.sh, debhelper); tests are .ci/run's.
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { echo "deb.sh: $*" >&2; exit 1; }

scripts/setup.sh deb
version=$(sed -n 's/^project(birefnet VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
soversion=$(sed -n 's/.*[^A-Z]SOVERSION \([0-9][0-9]*\).*/\1/p' src/CMakeLists.txt | sort -u)
grep -q "^Package: libbirefnet$soversion\$" packaging/debian/control || fail "the library's soname is $soversion, the package's another"
packaged=$(dpkg-parsechangelog -l packaging/debian/changelog -S Version)
[ "${packaged%-*}" = "$version" ] || fail "packaging/debian/changelog is of $packaged, CMakeLists.txt of $version"

# ---- the source, with debian/ where debhelper wants it ------------------------------------------------------------

out=build/deb
source=$out/birefnet-$version
rm -rf "$source" "$out"/*.deb "$out"/*.changes "$out"/*.buildinfo
mkdir -p "$source"
files() { # without git: an archive of the source, an image's build
    if [ -e .git ]; then git ls-files -z; else find . -name build -prune -o -name node_modules -prune -o -type f -printf '%P\0'; fi
}
files | grep -zv '^tests/reference/\|^fuzz/corpus/\|^docs/pictures/' | xargs -0 cp -p --parents -t "$source"
cp -r packaging/debian "$source/debian"
# ---- the packages -------------------------------------------------------------------------------------------------

options="parallel=$(nproc) ${DEB_BUILD_OPTIONS:-noautodbgsym}"
(cd "$source" && DEB_BUILD_OPTIONS=$options dpkg-buildpackage --build=binary --unsigned-changes >../log 2>&1) ||
    { tail -40 "$out/log"; fail "the build failed, see $out/log"; }
ls "$out"/*.deb
