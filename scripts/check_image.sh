#!/bin/bash
# check_image.sh - make the images of packaging/Containerfile from the bundle that is there (scripts/bundle.sh), without a
# registry, and run the plain one as its user over a read-only root: health check, a photo, SIGTERM. The stages that build are
# not run here: they do what scripts/deb.sh and scripts/bundle.sh do. 77 where there is no buildah.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
export BUILDAH_ISOLATION=chroot

fail() { echo "check_image.sh: $*" >&2; exit 1; }

command -v buildah >/dev/null || { echo "skipped: no buildah here"; exit 77; }
set -- "$here"/build/bundle/*.tar.gz
[ -f "$1" ] || "$here/scripts/bundle.sh"
scratch=$(mktemp -d)
trap 'rm -rf --one-file-system "$scratch"' EXIT
images() { buildah --storage-driver vfs --root "$scratch/images" --runroot "$scratch/run" "$@"; }

# ---- the images ---------------------------------------------------------------------------------------------------

# local image NAME with a folder as its whole content
image_of() {
    local container
    container=$(images from scratch)
    images copy -q "$container" "$2" / >/dev/null
    images commit -q --format docker "$container" "localhost/$1" >/dev/null
    images rm "$container" >/dev/null
}

mkdir -p "$scratch/files" "$scratch/loader-files" "$scratch/context"
"$here/packaging/image/files.sh" plain "$here/build/bundle" "$scratch/files/image"
mkdir -p "$scratch/loader-files/loader"
if ldconfig -p | grep -q 'libXext\.so\.6'; then "$here/packaging/image/files.sh" loader "$scratch/loader-files/loader"; fi
image_of files "$scratch/files"
image_of loader "$scratch/loader-files"
for target in plain vulkan; do
    images bud --format docker --build-arg FILES=localhost/files --build-arg LOADER=localhost/loader --target $target \
        -t localhost/birefnet:$target -f "$here/packaging/Containerfile" "$scratch/context" >"$scratch/log" 2>&1 ||
        { tail -20 "$scratch/log"; fail "no image $target"; }
done
images images --format '{{.Name}}:{{.Tag}} {{.Size}}' | grep ':plain\|:vulkan' | sed 's/^/-- /'
config=$(images inspect --type image localhost/birefnet:plain)
configured() { python3 -c 'import json, sys; print(eval(sys.argv[2], {"c": json.loads(sys.argv[1])["Docker"]["config"]}))' "$config" "$1"; }
[ "$(configured 'c["User"]')" = 999:999 ] || fail "the image's user is $(configured 'c["User"]')"
probe=$(configured 'c["Healthcheck"]["Test"][1]')
entry=$(configured '" ".join(c["Entrypoint"])')

# ---- the plain one, run ---------------------------------------------------------------------------------------------

root=$(images mount "$(images from localhost/birefnet:plain)")
if find "$root" -perm /6000 | grep .; then fail "files that change their user"; fi
export root probe entry here scratch
# shellcheck disable=SC2016 # expanded inside
unshare --mount --net --pid --fork --kill-child bash -euc '
    fail() { echo "check_image.sh: $*" >&2; cat "$scratch/server.log" >&2; exit 1; }
    ip link set lo up
    mkdir -p "$root/proc" # as runtimes make it
    mount --bind "$root" "$root"
    mount -t proc proc "$root/proc"
    mount -o remount,bind,ro "$root"
    mount -t tmpfs -o uid=999,gid=999,mode=700 tmpfs "$root/data"
    run() { env -i PATH=/bin:/usr/sbin:/sbin HOME=/data GOMP_SPINCOUNT=1000 chroot --userspec=999:999 "$root" "$@"; }
    if run "$probe"; then fail "healthy without a server"; fi
    env -i PATH=/bin:/usr/sbin HOME=/data GOMP_SPINCOUNT=1000 chroot --userspec=999:999 "$root" $entry >"$scratch/server.log" 2>&1 &
    server=$!
    for _ in $(seq 1200); do
        if run "$probe"; then break; fi
        kill -0 $server 2>/dev/null || fail "the server ended"
        sleep 0.2
    done
    run "$probe" || fail "not healthy"
    [ "$(stat -c %u "$root/proc/$server")" = 999 ] || fail "the server is not the user"
    python3 - "$here/examples/photo1.jpg" <<PYTHON
import sys, urllib.request
body = b"--x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jpg\"\r\n\r\n" + open(sys.argv[1], "rb").read() + b"\r\n--x--\r\n"
request = urllib.request.Request("http://127.0.0.1:8000/api/remove", body, {"Content-Type": "multipart/form-data; boundary=x"})
answer = urllib.request.urlopen(request, timeout=290).read()
assert answer[1:4] == b"PNG", answer[:80]
PYTHON
    kill -TERM $server
    wait $server || fail "exit code $?"
'
echo "-- plain: healthy, a photo, read-only root, user 999"
