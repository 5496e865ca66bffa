#!/bin/bash
# check_unit.sh - the package's unit under systemd itself: a root of this machine's release is booted as a container without a
# network; the service starts by itself, cuts out a photo within its bounds, comes back after kill -9, and stops.
#   scripts/check_unit.sh          after scripts/deb.sh; needs root and systemd-nspawn (systemd-container), else a word and 0
#   scripts/check_unit.sh inside   the part in the container, where /source is this tree
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)

fail() { echo "check_unit.sh: $*" >&2; exit 1; }
skip() { echo "check_unit.sh: skipped: $*"; exit 0; }

outside() {
    local release root
    [ "$(id -u)" = 0 ] || skip "not root"
    command -v systemd-nspawn >/dev/null || skip "no systemd-nspawn (systemd-container)"
    ls "$here"/build/deb/birefnet-server_*.deb >/dev/null || fail "no packages: run scripts/deb.sh"
    # shellcheck disable=SC1091 # exists on every Debian
    release=$(. /etc/os-release && echo "$VERSION_ID")
    root=$("$here/scripts/debian_root.sh" make "$release")
    export root here
    exec unshare --mount --propagation private "$0" boot
}

# In a mount namespace of its own: a copy on write of the root, with systemd and the packages.
boot() {
    local over rc=0
    over=$(mktemp -d)
    mount -t tmpfs tmpfs "$over"
    mkdir "$over/upper" "$over/work" "$over/root" "$over/out"
    mount -t overlay overlay -o "lowerdir=$root,upperdir=$over/upper,workdir=$over/work" "$over/root"
    mkdir -p "$over/root/share" "$over/root/source"
    cp "$here"/build/deb/{birefnet,libbirefnet}*.deb "$over/root/share"
    mount --bind "${root%/*}/archives" "$over/root/var/cache/apt/archives"
    mount -t proc proc "$over/root/proc"
    cp -L /etc/resolv.conf "$over/root/etc/"
    chroot "$over/root" env DEBIAN_FRONTEND=noninteractive bash -euc '
        apt-get -q update
        apt-get -q -y --no-install-recommends -o APT::Keep-Downloaded-Packages=true install systemd systemd-sysv python3 /share/*.deb' \
        >"$over/apt.log" 2>&1 || { tail -30 "$over/apt.log"; fail "the packages cannot be installed"; }
    umount "$over/root/proc"
    cat >"$over/root/etc/systemd/system/check.service" <<'UNIT'
[Unit]
After=multi-user.target
SuccessAction=exit
FailureAction=exit
FailureActionExitStatus=1
[Service]
Type=oneshot
ExecStart=/bin/bash /source/scripts/check_unit.sh inside
StandardOutput=append:/out/log
StandardError=append:/out/log
TimeoutStartSec=300
[Install]
WantedBy=default.target
UNIT
    chroot "$over/root" systemctl -q enable check.service
    timeout 400 systemd-nspawn -q -D "$over/root" --boot --register=no --keep-unit --private-network --machine=birefnet-unit \
        --console=pipe --bind-ro="$here:/source" --bind="$over/out:/out" >"$over/boot.log" 2>&1 </dev/null || rc=$?
    [ -s "$over/out/log" ] || { tail -5 "$over/boot.log"; skip "systemd does not come up in a container here"; }
    cat "$over/out/log"
    [ "$rc" = 0 ] || fail "exit code $rc"
}

# ---- in the container ---------------------------------------------------------------------------------------------

property() { systemctl show birefnet -p "$1" --value; }

wait_for() { # PROPERTY VALUE
    for _ in $(seq 600); do
        if [ "$(property "$1")" = "$2" ]; then return; fi
        sleep 0.2
    done
    journalctl --no-pager -u birefnet | tail -30
    fail "$1 is $(property "$1"), not $2"
}

inside() {
    local process
    echo "-- it started by itself, and said when it was ready"
    wait_for ActiveState active
    [ "$(property NRestarts)" = 0 ] || fail "it was started more than once"
    process=$(property MainPID)
    grep -E 'NoNewPrivs|Seccomp:|CapBnd' "/proc/$process/status"
    [ "$(awk '/^CapBnd/ { print $2 } /^NoNewPrivs/ { print $2 } /^Seccomp:/ { print $2 }' "/proc/$process/status" | tr '\n' ' ')" = \
        "0000000000000000 1 2 " ] || fail "it runs without its bounds"
    [ "$(cat "/proc/$process/comm")" = birefnet ] || fail "it is called $(cat "/proc/$process/comm")"
    echo "-- a photo"
    python3 -c '
import urllib.request
photo = open("/source/examples/photo1.jpg", "rb").read()
body = b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jpg\"\r\n\r\n" + photo + b"\r\n--x--\r\n"
kind = {"Content-Type": "multipart/form-data; boundary=x"}
try:
    answer = urllib.request.urlopen(urllib.request.Request("http://127.0.0.1:8000/api/remove", body, kind), timeout=290).read()
except urllib.error.HTTPError as error:
    raise SystemExit(error.read())
assert answer[:4] == b"\x89PNG", answer[:80]
print(len(answer), "bytes of PNG")'
    echo "-- back after kill -9"
    kill -9 "$process"
    wait_for NRestarts 1
    wait_for ActiveState active
    echo "-- a stop ends it well"
    systemctl stop birefnet
    wait_for ActiveState inactive
    [ "$(property Result)" = success ] || fail "the stop ended with $(property Result)"
}

case ${1:-} in
'') outside ;;
boot) boot ;;
inside) inside ;;
*) fail "inside, or nothing" ;;
esac
