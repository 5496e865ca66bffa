#!/bin/sh
# The source's archive twice, in another time zone, language, umask and folder: the same bytes; and the version is the same
# wherever it stands.
set -eu
cd "$(dirname "$0")/../.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if ! git rev-parse HEAD >/dev/null 2>&1; then
    echo "skipped: this source is not git's"
    exit 77
fi

version=$(git show HEAD:CMakeLists.txt | sed -n 's/^project(birefnet VERSION \([0-9.]*\).*/\1/p')
scripts/dist.sh "$scratch/one"
sleep 1 # gzip's times are whole seconds: another one, so that they would show
(umask 0007 && TZ=Pacific/Auckland LC_ALL=C GZIP_OPT=-1 scripts/dist.sh "$scratch/other folder")
cmp "$scratch/one/birefnet-$version.tar.gz" "$scratch/other folder/birefnet-$version.tar.gz"
tar tzf "$scratch/one/birefnet-$version.tar.gz" >"$scratch/names"
grep -qx "birefnet-$version/CMakeLists.txt" "$scratch/names"
if grep -v "^birefnet-$version/" "$scratch/names"; then exit 1; fi

grep -qx "__version__ = \"$version\"" python/birefnet/_version.py
sed -n '1p' packaging/debian/changelog | grep -qF "birefnet ($version-"
grep -q "^## $version" CHANGELOG.md
