#!/bin/sh
# unpack_packages.sh FOLDER ARCHITECTURE RELEASE PACKAGE... - unpack Debian's packages and all that they need into a folder: of
# arm64 for cross-building and qemu-user, of `testing` for what this release is too old for. RELEASE: `here`, or a name that
# the machine's mirror has. Nothing is installed on this system, and nothing of the packages is run.
set -eu

root=$1
architecture=$2
release=$3
shift 3
stamp="$root/.packages"
here=$(. /etc/os-release && echo "$VERSION_CODENAME")
wanted="$here $architecture $release $*"
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then exit 0; fi

rm -rf "$root"
mkdir -p "$root/.apt/lists/partial" "$root/.apt/cache/archives/partial" "$root/.apt/sources"
root=$(cd "$root" && pwd)
: >"$root/.apt/status" # as if nothing were installed, so that all dependencies come along

apt() {
    apt-get -q -o APT::Architecture="$architecture" -o APT::Architectures="$architecture" -o APT::Install-Recommends=false \
        -o APT::Sandbox::User= -o Dir::State="$root/.apt" -o Dir::State::lists="$root/.apt/lists" \
        -o Dir::State::status="$root/.apt/status" -o Dir::Cache="$root/.apt/cache" -o Debug::NoLocking=true \
        -o DPkg::Post-Invoke= -o DPkg::Post-Invoke-Success= -o APT::Update::Post-Invoke= "$@"
}

# Another release comes from where this machine has its own, and from there alone.
if [ "$release" = here ]; then
    in_release() { apt "$@"; }
else
    uri=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
        awk -v here="$here" '$2 == here { print $1; exit }')
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri $release main" >"$root/.apt/sources/list.list"
    in_release() { apt -o Dir::Etc::sourcelist=/dev/null -o Dir::Etc::sourceparts="$root/.apt/sources" "$@"; }
fi

in_release update
in_release install -y --download-only "$@"
for package in "$root"/.apt/cache/archives/*.deb; do dpkg-deb --fsys-tarfile "$package" | tar -x -C "$root"; done
rm -rf "$root/.apt"
# Absolute links lead out of the folder; make them lead inside.
find "$root" -type l -lname '/*' | while read -r link; do
    target=$(readlink "$link")
    ln -snf "$(realpath -s -m --relative-to="$(dirname "$link")" "$root$target")" "$link"
done
echo "$wanted" >"$stamp"
