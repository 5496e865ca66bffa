#!/bin/sh
# arm64_root.sh FOLDER PACKAGE... - unpack Debian's arm64 packages and all that they need into a folder, for cross-building
# and for qemu-user. Nothing is installed on this system, and nothing of the packages is run.
set -eu

root=$1
shift
stamp="$root/.packages"
wanted="$(. /etc/os-release && echo "$VERSION_CODENAME") $*"
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then exit 0; fi

rm -rf "$root"
mkdir -p "$root/.apt/lists/partial" "$root/.apt/cache/archives/partial"
root=$(cd "$root" && pwd)
: >"$root/.apt/status" # as if nothing were installed, so that all dependencies come along

apt() {
    apt-get -q -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Install-Recommends=false \
        -o APT::Sandbox::User= -o Dir::State="$root/.apt" -o Dir::State::lists="$root/.apt/lists" \
        -o Dir::State::status="$root/.apt/status" -o Dir::Cache="$root/.apt/cache" -o Debug::NoLocking=true \
        -o DPkg::Post-Invoke= -o DPkg::Post-Invoke-Success= -o APT::Update::Post-Invoke= "$@"
}

apt update
apt install -y --download-only "$@"
for package in "$root"/.apt/cache/archives/*.deb; do dpkg-deb --fsys-tarfile "$package" | tar -x -C "$root"; done
rm -rf "$root/.apt"
# Absolute links lead out of the folder; make them lead inside.
find "$root" -type l -lname '/*' | while read -r link; do
    target=$(readlink "$link")
    ln -snf "$(realpath -s -m --relative-to="$(dirname "$link")" "$root$target")" "$link"
done
echo "$wanted" >"$stamp"
