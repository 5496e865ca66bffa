#!/bin/bash
# debian_root.sh - a bare root of a release of Debian (debootstrap's smallest), from where this machine's apt reads.
#   scripts/debian_root.sh make 11|12|13 [NAME [PACKAGE,...]]   make it unless it is there and younger than 30 days; print its
#                                                               folder. NAME: of one with more packages; else bare
#   scripts/debian_root.sh run 11|12|13 COMMAND...              run a command in a copy on write of the bare one, which is
#                                                               thrown away, with this tree read-only as /source and $BN_SHARE
#                                                               as /share; with BN_NET=own its network is a loopback alone
# Kept in $BN_CI_CACHE/debian-RELEASE, else below ${XDG_CACHE_HOME:-~/.cache}/birefnet, with packages that apt fetched. Needs
# root: chroot and mounts.
set -euo pipefail
tree=$(cd "$(dirname "$0")/.." && pwd)

fail() { echo "debian_root.sh: $*" >&2; exit 1; }

verb=${1:-}
release=${2:-}
shift 2 2>/dev/null || fail "make or run, 11, 12 or 13, see $0"
case $release in
11) codename=bullseye ;;
12) codename=bookworm ;;
13) codename=trixie ;;
*) fail "11, 12 or 13, not $release" ;;
esac
[ "$(id -u)" = 0 ] || fail "run this as root"
cache=${BN_CI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/birefnet}/debian-$release
name=bare include='' # of `run`, what follows is the command
if [ "$verb" = make ]; then name=${1:-bare} include=${2:-}; fi
root=$cache/$name

# "URI SUITE" of everything that apt of this machine reads from Debian, for the wanted release.
sources() {
    local this
    # shellcheck disable=SC1091 # exists on every Debian
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
    local new=$cache/new-$name mirror
    command -v debootstrap >/dev/null || fail "install debootstrap"
    mirror=$(sources | awk -v c="$codename" '$2 == c { print $1; exit }')
    echo "Making a root of Debian $release in $root" >&2
    rm -rf --one-file-system "$new" "$root"
    mkdir -p "$new"
    # its mounts go when it does, however it ends
    # shellcheck disable=SC2086 # no mirror: debootstrap's own
    unshare --mount --propagation private debootstrap --variant=minbase ${include:+--include="$include"} \
        "$codename" "$new" $mirror >"$cache/log-$name" 2>&1 ||
        { tail -20 "$cache/log-$name" >&2; fail "debootstrap failed, see $cache/log-$name"; }
    write_apt_settings "$new"
    echo force-unsafe-io >"$new/etc/dpkg/dpkg.cfg.d/unsafe-io" # a root that is soon made anew
    touch "$new/.made"
    mv "$new" "$root" # whole or not at all
}

mkdir -p "$cache/archives/partial"
exec 8>"$cache/making-$name"
flock -w 3600 8 || fail "$cache is in use"
if [ -z "$(find "$root/.made" -mtime -30 2>/dev/null)" ]; then make_root; fi
exec 8>&-
[ "$verb" != make ] || { echo "$root"; exit; }
if [ "$verb" != run ] || [ $# = 0 ]; then fail "make or run, not $verb"; fi

export root tree cache
# shellcheck disable=SC2016 # expanded inside
exec unshare --mount ${BN_NET:+--net} --propagation private --pid --fork --kill-child bash -euc '
    if [ -n "${BN_NET:-}" ]; then ip link set lo up; fi
    over=$(mktemp -d)
    mount -t tmpfs tmpfs "$over"
    mkdir "$over/upper" "$over/work" "$over/root"
    mount -t overlay overlay -o "lowerdir=$root,upperdir=$over/upper,workdir=$over/work" "$over/root"
    cd "$over/root"
    mkdir -p source share
    mount --bind -o ro "$tree" source
    if [ -n "${BN_SHARE:-}" ]; then mount --bind "$BN_SHARE" share; fi
    mount --bind "$cache/archives" var/cache/apt/archives
    mount -t proc proc proc
    mount --rbind /dev dev
    cp -L /etc/resolv.conf /etc/hosts etc/
    chroot . env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 \
        ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} "$@" && rc=0 || rc=$?
    cd /
    umount -l "$over"
    rmdir "$over"
    exit "$rc"
' - "$@"
