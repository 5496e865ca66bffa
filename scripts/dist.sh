#!/bin/sh
# dist.sh [FOLDER] - the source of the commit that is checked out as FOLDER/birefnet-VERSION.tar.gz (build/dist): the same
# bytes for the same commit, whoever makes it, wherever and whenever.
set -eu
cd "$(dirname "$0")/.."
out=${1:-build/dist}
version=$(git show HEAD:CMakeLists.txt | sed -n 's/^project(birefnet VERSION \([0-9.]*\).*/\1/p')
mkdir -p "$out"
# times are the commit's, modes and owners git's; gzip -n writes no name and no time
git -c tar.umask=0022 -c core.autocrlf=false archive --format=tar --prefix="birefnet-$version/" HEAD >"$out/birefnet-$version.tar"
gzip -nf "$out/birefnet-$version.tar"
sha256sum "$out/birefnet-$version.tar.gz"
