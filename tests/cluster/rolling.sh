#!/bin/bash
# rolling.sh NEW [OLD]: the last release's program and this one side by side over one database, in the order of an upgrade: migrate,
# workers, servers; and back. Whatever either accepts the other does, and both tell the same ending. BN_TEST_STORE is an empty
# database. OLD missing: skipped.
set -euo pipefail
command -v curl >/dev/null || { echo "skipped: no curl"; exit 77; }
new=$1 old=${2:-}
[ -n "$old" ] && [ -x "$old" ] || { echo "skipped: say where the last release's program is (BN_OLD_PROGRAM when CMake configures)"; exit 77; }
folder=$(mktemp -d /tmp/birefnet-rolling-XXXXXX)
trap 'kill $(jobs -p) 2>/dev/null; wait 2>/dev/null || true; rm -rf "$folder"' EXIT
common=(--store "$BN_TEST_STORE" --files "folder:$folder/files" --test-resolution 64x64 -t 1 --lease 5)
photo=$(base64 -w0 "$(cd "$(dirname "$0")/../.." && pwd)/examples/photo1.jpg")
printf '{"image_url":"data:image/jpeg;base64,%s"}' "$photo" >"$folder/body"

fail() { echo "FAILED: $*" >&2; tail -n 5 "$folder"/*.log >&2; exit 1; }

declare -A url process
serve() { # NAME PROGRAM
    "$2" serve --no-worker "${common[@]}" --data "$folder/$1" -l 127.0.0.1:0 --access-log off >"$folder/$1.log" 2>&1 &
    process[$1]=$!
    until grep -q '^Keys:' "$folder/$1.log"; do kill -0 "${process[$1]}" 2>/dev/null || fail "$1 did not start"; sleep 0.1; done
    url[$1]=$(sed -n 's/^ *\(http:[^ ]*\)$/\1/p' "$folder/$1.log" | head -1)
}
work() { # NAME PROGRAM
    "$2" work "${common[@]}" --data "$folder/$1" >"$folder/$1.log" 2>&1 &
    process[$1]=$!
    until grep -q '^Working' "$folder/$1.log"; do kill -0 "${process[$1]}" 2>/dev/null || fail "$1 did not start"; sleep 0.1; done
}
stop() {
    kill "${process[$1]}"
    wait "${process[$1]}" || fail "$1 did not end well"
}

ending() { curl -s "${url[$1]}/queue/fal-ai/birefnet/requests/$2/status"; }

# Submitted to the first, it ends for all that are named.
ends() {
    local id server tries
    id=$(curl -s "${url[$1]}/queue/fal-ai/birefnet/v2" -H 'Content-Type: application/json' --data-binary "@$folder/body" |
        sed -n 's/.*"request_id":"\([^"]*\)".*/\1/p')
    [ -n "$id" ] || fail "$1 accepted nothing"
    for server in "$@"; do
        tries=0
        until [[ "$(ending "$server" "$id")" == *COMPLETED* ]]; do
            tries=$((tries + 1))
            [ "$tries" -lt 1200 ] || fail "$id did not end for $server"
            sleep 0.1
        done
        [ "$(curl -s -o /dev/null -w '%{http_code}' "${url[$server]}/queue/fal-ai/birefnet/requests/$id")" = 200 ] ||
            fail "$id has no result for $server"
    done
}

"$old" migrate -q --store "$BN_TEST_STORE"
serve old-server "$old"
work old-worker "$old"
ends old-server
"$new" migrate -q --store "$BN_TEST_STORE"
ends old-server # which goes on
work new-worker "$new"
stop old-worker
ends old-server
serve new-server "$new"
ends old-server new-server
ends new-server old-server
work old-worker "$old"
stop new-worker
ends new-server old-server
stop old-server
ends new-server
"$old" migrate -q --check --store "$BN_TEST_STORE" || fail "the old program may not run beside"
echo "both versions did what the other had accepted"
