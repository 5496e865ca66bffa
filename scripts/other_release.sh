#!/bin/bash
# other_release.sh - run a command in this source tree under another release of Debian, in a root of its own.
#   scripts/other_release.sh [12|13] [COMMAND...]
#   scripts/other_release.sh 13 make test
# Without a release: the one of the two that this machine is not. Without a command: a shell. A new root is bare
# (debootstrap's smallest, with make, git, ca-certificates) and takes its packages from where this machine's apt does;
# `make` then installs the rest by scripts/setup.sh, as on any machine. Root and build folder are kept in $BN_CI_CACHE,
# else ${XDG_CACHE_HOME:-~/.cache}/birefnet; the root is made anew after 30 days. Needs root, or sudo: chroot and mounts.
set -euo pipefail
cd "$(dirname "$0")/.."
source_tree=$PWD

fail() { echo "other_release.sh: $*" >&2; exit 1; }

# ---- which release ------------------------------------------------------------------------------------------

# shellcheck disable=SC1091 # exists on every Debian
here=$(. /etc/os-release && echo "${VERSION_ID:-}")
release=13
[ "$here" = 13 ] && release=12
case ${1:-} in 12 | 13) release=$1 && shift ;; esac
cache=${BN_CI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/birefnet}/debian-$release
root=$cache/root

if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "run this as root"
    exec sudo BN_CI_CACHE="${cache%/*}" BN_REFERENCE="${BN_REFERENCE:-}" CI="${CI:-}" "$0" "$release" "$@"
fi

# ---- the root -------------------------------------------------------------------------------------------------

mkdir -p "$cache"
exec 9>"$cache/lock"
flock -w 3600 9 || fail "$cache is in use"
BN_CI_CACHE=${cache%/*} scripts/debian_root.sh make "$release" root make,git,ca-certificates >/dev/null

# ---- the command ----------------------------------------------------------------------------------------------

# The tree lies in the root at its own path, with a build folder of the root's own over build/.
reference=${BN_REFERENCE:-}
# What CMake configured for a tree elsewhere is of no use to this one.
if [ "$(cat "$cache/build-of" 2>/dev/null)" != "$source_tree" ]; then rm -rf --one-file-system "$cache/build"; fi
mkdir -p build "$cache/build" "$root$source_tree"
echo "$source_tree" >"$cache/build-of"
export root cache source_tree reference
# shellcheck disable=SC2016 # expanded inside
exec unshare --mount --propagation private bash -euc '
    mount --bind "$source_tree" "$root$source_tree"
    mount --bind "$cache/build" "$root$source_tree/build"
    if [ -n "$reference" ]; then
        mkdir -p "$root/reference"
        mount --bind -o ro "$reference" "$root/reference"
        reference=/reference
    fi
    mount -t proc proc "$root/proc"
    mount --rbind /dev "$root/dev"
    cp -L /etc/resolv.conf /etc/hosts "$root/etc/"
    [ $# -gt 0 ] || set -- bash
    exec chroot "$root" env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root \
        LANG=C.UTF-8 TERM="${TERM:-dumb}" CI="${CI:-}" ${reference:+BN_REFERENCE="$reference"} \
        ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} \
        GIT_CONFIG_COUNT=1 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0="*" \
        bash -c "cd \"\$1\" && shift && exec \"\$@\"" - "$source_tree" "$@"
' - "$@"
