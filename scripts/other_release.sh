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

codename_of() { case $1 in 12) echo bookworm ;; 13) echo trixie ;; *) fail "12 or 13, not $1" ;; esac; }

# ---- which release ------------------------------------------------------------------------------------------

# shellcheck disable=SC1091 # exists on every Debian
here=$(. /etc/os-release && echo "${VERSION_ID:-}")
release=13
[ "$here" = 13 ] && release=12
case ${1:-} in 12 | 13) release=$1 && shift ;; esac
codename=$(codename_of "$release")
cache=${BN_CI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/birefnet}/debian-$release
root=$cache/root

if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || fail "run this as root"
    exec sudo BN_CI_CACHE="${cache%/*}" BN_REFERENCE="${BN_REFERENCE:-}" CI="${CI:-}" "$0" "$release" "$@"
fi

# ---- the root -------------------------------------------------------------------------------------------------

# "URI SUITE" of everything that apt of this machine reads from Debian, for the wanted release.
sources() {
    local this
    # shellcheck disable=SC1091
    this=$(. /etc/os-release && [ "${ID:-}" = debian ] && echo "${VERSION_CODENAME:-}") || return 0
    # shellcheck disable=SC2016 # apt's own variables
    apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' |
        awk -v this="$this" -v other="$codename" '
            $2 == this || $2 == this "-updates" || $2 == this "-security" {
                print $1, other substr($2, length(this) + 1) }' | sort -u
}

# What apt here was told about proxies and connections holds there, too.
write_apt_settings() {
    local keyring=/usr/share/keyrings/debian-archive-keyring.gpg found
    apt-config dump | grep -E '^Acquire::(https?|Check-|Retries|ForceIP)' >"$1/etc/apt/apt.conf.d/00machine" || true
    found=$(sources | awk -v k="$keyring" '{ print "deb [signed-by=" k "]", $1, $2, "main" }')
    if [ -n "$found" ]; then echo "$found" >"$1/etc/apt/sources.list"; fi
}

make_root() {
    local new=$cache/new mirror
    mirror=$(sources | awk -v c="$codename" '$2 == c { print $1; exit }')
    echo "Making a root of Debian $release in $root"
    rm -rf --one-file-system "$new" "$root"
    mkdir -p "$new"
    # its mounts go when it does, however it ends
    # shellcheck disable=SC2086 # no mirror: debootstrap's own
    unshare --mount --propagation private debootstrap --variant=minbase --include=make,git,ca-certificates \
        "$codename" "$new" $mirror >"$cache/log" 2>&1 ||
        { tail -20 "$cache/log" >&2; fail "debootstrap failed, see $cache/log"; }
    write_apt_settings "$new"
    echo force-unsafe-io >"$new/etc/dpkg/dpkg.cfg.d/unsafe-io" # a root that is soon made anew
    touch "$new/.made"
    mv "$new" "$root" # whole or not at all
}

command -v debootstrap >/dev/null || fail "install debootstrap"
mkdir -p "$cache"
exec 9>"$cache/lock"
flock -w 3600 9 || fail "$cache is in use"
if [ -z "$(find "$root/.made" -mtime -30 2>/dev/null)" ]; then make_root; fi

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
