#!/bin/bash
# check_packages.sh - build the Debian packages, then in a bare root of this machine's release: install, use, upgrade, purge.
#   scripts/check_packages.sh          all of it; roots and fetched packages are kept (scripts/debian_root.sh)
#   scripts/check_packages.sh inside   the part in the root, where /source is this tree and /share what was built
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)

fail() { echo "check_packages.sh: $*" >&2; exit 1; }
say() { echo "-- $*"; }

# ---- outside ------------------------------------------------------------------------------------------------------

# The same packages as version 0.1.9-1, with other settings: what an upgrade starts from.
make_older() {
    local package work version
    rm -rf "$here/build/deb/older"
    mkdir "$here/build/deb/older"
    for package in "$here"/build/deb/*.deb; do
        work=$(mktemp -d)
        version=$(dpkg-deb -f "$package" Version)
        dpkg-deb -R "$package" "$work"
        sed -i -E "s/${version//./\\.}/0.1.9-1/g; s/(libbirefnet[^ ]* \(>= )[0-9.]+\)/\10.1.9)/g" "$work/DEBIAN/control"
        if [ -f "$work/etc/default/birefnet-server" ]; then sed -i '1i# of 0.1.9' "$work/etc/default/birefnet-server"; fi
        dpkg-deb -Znone -b "$work" "$here/build/deb/older" >/dev/null
        rm -rf "$work"
    done
}

outside() {
    local words=$here/build/deb/lintian release folder
    "$here/scripts/deb.sh"
    say "lintian"
    lintian --allow-root "$here"/build/deb/*.changes >"$words" || true
    ! grep '^E:' "$words" || fail "errors of lintian"
    echo "no error, $(grep -c '^W:' "$words" || true) warnings"
    say "this release's zsh looks where its completion is"
    folder=$(dpkg-deb -c "$here"/build/deb/birefnet_*.deb | sed -n 's|.* \.\(/.*\)/_birefnet$|\1|p')
    # shellcheck disable=SC2016 # zsh's own
    zsh -fc 'print -l $fpath' | grep -qx "$folder" || fail "$folder is none of zsh's folders"
    make_older
    # shellcheck disable=SC1091 # exists on every Debian
    release=$(. /etc/os-release && echo "$VERSION_ID")
    BN_SHARE=$here/build/deb exec "$here/scripts/debian_root.sh" run "$release" /source/scripts/check_packages.sh inside
}

# ---- inside -------------------------------------------------------------------------------------------------------

data=/var/lib/birefnet/server
settings=/etc/default/birefnet-server
photo=/source/examples/photo1.jpg

apt() { DEBIAN_FRONTEND=noninteractive apt-get -q -y -o APT::Keep-Downloaded-Packages=true "$@" >/tmp/apt.log 2>&1 ||
    { tail -30 /tmp/apt.log; fail "apt-get $*"; }; }

as_service=(setpriv --reuid birefnet --regid birefnet --init-groups env HOME=/var/lib/birefnet)
as_nobody=(setpriv --reuid nobody --regid nogroup --clear-groups env HOME=/tmp)

# What the unit starts, as its user: there is no systemd to ask in here. Its words go to /tmp/server.log.
start_server() {
    local line options environment
    line=$(sed -n 's/^ExecStart=//p' "$unit")
    # shellcheck disable=SC1090 # a file of the package
    options=$(. "$settings" && echo "$BIREFNET_OPTIONS")
    environment=$(sed -n 's/^Environment=\(BIREFNET_MODELS=[^ ]*\).*/\1/p' "$unit")
    # shellcheck disable=SC2086 # systemd splits them, too
    "${as_service[@]}" "$environment" ${line/\$BIREFNET_OPTIONS/$options} >/tmp/server.log 2>&1 &
    server=$!
    for _ in $(seq 1200); do
        if ask healthz >/dev/null 2>&1; then return; fi
        kill -0 "$server" 2>/dev/null || { cat /tmp/server.log; fail "the server ended"; }
        sleep 0.2
    done
    fail "no answer from /healthz"
}

stop_server() { kill -TERM "$server"; wait "$server" || fail "the server's exit code is $?"; }

# GET a path, or POST a photo to it; the answer's body to standard output.
ask() {
    python3 - "$port" "$@" <<'PYTHON'
import sys, urllib.request
request = urllib.request.Request(f"http://127.0.0.1:{sys.argv[1]}/{sys.argv[2]}")
if len(sys.argv) > 3:
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.jpg"\r\n\r\n'
    request.data = body + open(sys.argv[3], "rb").read() + b"\r\n--x--\r\n"
    request.add_header("Content-Type", "multipart/form-data; boundary=x")
if len(sys.argv) > 4:
    request.add_header("Authorization", "Key " + sys.argv[4])
sys.stdout.buffer.write(urllib.request.urlopen(request, timeout=290).read())
PYTHON
}

use() {
    say "a photo by the program and by Python: the same bytes"
    (cd /tmp && birefnet remove "$photo" -o cut.png --quiet -p f32)
    python3 -c "
import birefnet
with birefnet.Session('starter', precision='f32') as session, open('/tmp/python.png', 'wb') as file:
    file.write(session.remove('$photo'))"
    cmp /tmp/cut.png /tmp/python.png
    say "the service's program, as its user: /healthz, a photo"
    [ "$(stat -c '%U %a' /var/lib/birefnet)" = "birefnet 700" ] || fail "the data folder is not the service's alone"
    start_server
    ask api/remove "$photo" ${key:+"$key"} >/tmp/answer.png
    head -c 4 /tmp/answer.png | grep -q PNG || fail "no PNG came back"
}

# words STATUS PATTERN COMMAND...: it ends with that status and says that in words.
words() {
    local status=$1 pattern=$2 rc=0
    shift 2
    "$@" >/tmp/words 2>&1 || rc=$?
    if [ "$rc" != "$status" ] || ! grep -qE "$pattern" /tmp/words; then
        cat /tmp/words
        fail "exit code $rc, not $status, or other words than '$pattern': $*"
    fi
    sed "s/^/   /" /tmp/words | tail -1
}

inside() {
    local version key='' port
    version=$(dpkg-deb -f /share/birefnet_*.deb Version)
    say "install 0.1.9-1"
    apt update
    apt install --no-install-recommends /share/older/*.deb
    unit=$(dpkg -L birefnet-server | grep 'birefnet\.service$')
    systemd-analyze --man=no verify "$unit"
    systemd-analyze --no-pager security --offline=true --threshold=20 "$unit" | tail -1
    # this machine may have a server of its own at the usual port
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    grep -q '"--listen 127.0.0.1:8000"' "$settings" || fail "$settings listens elsewhere"
    sed -i "s/127.0.0.1:8000/127.0.0.1:$port/" "$settings"
    use
    stop_server
    key=$("${as_service[@]}" birefnet keys add alice --data "$data" 2>/dev/null | grep -oE '[0-9a-zA-Z_-]+:[0-9a-zA-Z_-]{20,}' | head -1)
    [ -n "$key" ] || fail "no key was made"
    echo '# mine' >>"$settings"

    say "upgrade to $version: settings that were changed, keys and data stay"
    apt -o Dpkg::Options::=--force-confold install --no-install-recommends /share/*.deb
    [ "$(dpkg-query -W -f '${Version}' birefnet-server)" = "$version" ] || fail "it was not upgraded"
    grep -q '^# mine$' "$settings" || fail "the changed settings are gone"
    use
    "${as_service[@]}" birefnet keys list --data "$data" | grep -q alice || fail "the key is gone"
    words_beside_the_server
    stop_server
    words_without_it

    say "purge"
    apt purge 'birefnet*' 'libbirefnet*' python3-birefnet
    left=$(find / -xdev \( -path /source -o -path /share -o -path /proc -o -path /tmp -o -path /dev \) -prune -o -name '*birefnet*' -print)
    [ -z "$left" ] || fail "left behind: $left"
    ! dpkg -l | grep birefnet || fail "dpkg still knows some"
}

words_beside_the_server() {
    say "words: a port in use, no write access"
    words 11 "port $port: Address already in use" birefnet serve --listen "127.0.0.1:$port" --data /tmp/other
    words 4 '(open|make folder) .*: Permission denied' "${as_nobody[@]}" birefnet serve --listen 127.0.0.1:0 --data "$data"
    words 5 'cannot write /out.png: Permission denied' "${as_nobody[@]}" birefnet remove "$photo" -o /out.png -r 64x64 -q
}

words_without_it() {
    local library
    say "words: a data folder of a newer version, libraries that are missing or wrong"
    python3 -c "
import sqlite3
with sqlite3.connect('$data/jobs.sqlite') as store:
    store.execute('PRAGMA user_version = 99')"
    find "$data" -type f -exec sha256sum {} + | sort >/tmp/before
    for command in "serve --listen 127.0.0.1:0" work "keys list" "keys add bob" queue; do
        # shellcheck disable=SC2086 # words
        words 14 'jobs.sqlite: the database is of a newer program' "${as_service[@]}" birefnet $command --data "$data"
    done
    find "$data" -type f -exec sha256sum {} + | sort | diff /tmp/before -
    words 1 'LibraryError: birefnet: there is no /none.so, ' env BIREFNET_LIBRARY=/none.so python3 -c 'import birefnet; birefnet.remove("x")'
    library=$(ldd /usr/bin/birefnet | sed -n 's/.*libspng.* => \([^ ]*\).*/\1/p')
    words 1 'LibraryError: .*libspng.* has no birefnet_' env BIREFNET_LIBRARY="$library" python3 -c 'import birefnet; birefnet.remove("x")'
    mv "$library" /tmp
    words 1 'LibraryError: birefnet: cannot load .*libspng.so.0: cannot open' python3 -c 'import birefnet; birefnet.remove("x")'
    words 127 'libspng.so.0: cannot open shared object file' birefnet --version
    mv "/tmp/${library##*/}" "$library"
    library=$(dpkg -L libbirefnet-image1 | grep 'libbirefnet-image\.so\.1$')
    mv "$library" /tmp
    words 1 'LibraryError: birefnet: there is no libbirefnet-image.so.1, ' python3 -c 'import birefnet; birefnet.remove("x")'
    mv "/tmp/${library##*/}" "$library"
}

case ${1:-} in
'') outside ;;
inside) inside ;;
*) fail "inside, or nothing" ;;
esac
