#!/bin/sh
# lavapipe.sh - install Mesa's Vulkan driver that computes on the CPU, and Vulkan's validation layers, for tests of src/gpu
# on machines without a card. Debian 12's own Mesa (22.3) is six times slower and knows less; there it comes from Debian's
# backports, which are read for this alone.
set -eu

layers=vulkan-validationlayers
driver=mesa-vulkan-drivers

version=$(dpkg-query -W -f '${Version}' $driver 2>/dev/null || true)
if dpkg --compare-versions "${version:-0}" ge 24 && dpkg-query -W -f '${Status}' $layers 2>/dev/null | grep -q ' installed'; then
    exit 0
fi

as_root=
[ "$(id -u)" = 0 ] || as_root=sudo
install() { $as_root env DEBIAN_FRONTEND=noninteractive apt-get "$@" install -q -y --no-install-recommends $packages; }

packages="$layers libvulkan1 $driver"
# shellcheck disable=SC1091 # exists on every Debian
if [ "$(. /etc/os-release && echo "${VERSION_CODENAME:-}")" != bookworm ]; then
    $as_root apt-get update -q
    install
    exit
fi

# Where apt reads bookworm itself; its own sources stay as they are.
uri=$(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' | awk '$2 == "bookworm" { print $1; exit }')
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/sources" "$work/lists/partial"
chmod 755 "$work" "$work/sources" "$work/lists"
cp /etc/apt/sources.list.d/*.sources /etc/apt/sources.list.d/*.list "$work/sources" 2>/dev/null || true
echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $uri bookworm-backports main" >"$work/sources/backports.list"
set -- -o Dir::Etc::sourceparts="$work/sources" -o Dir::State::lists="$work/lists" -o APT::Sandbox::User=root
$as_root apt-get "$@" update -q
install "$@" -t bookworm-backports
