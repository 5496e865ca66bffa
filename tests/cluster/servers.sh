# servers.sh - sourced by the tests here: starts servers and workers by name, asks servers, ends all when the test ends.
# Before it: common=(options of every server and worker). $folder is the test's own; $body is a request with a photo in it.
# shellcheck shell=bash
command -v curl >/dev/null || { echo "skipped: no curl"; exit 77; }
folder=$(mktemp -d /tmp/birefnet-cluster-XXXXXX)
trap 'kill -9 $(jobs -p) 2>/dev/null || true; wait 2>/dev/null || true; rm -rf "$folder"' EXIT
body=$folder/body
printf '{"image_url":"data:image/jpeg;base64,%s"}' \
    "$(base64 -w0 "$(cd "$(dirname "$0")/../.." && pwd)/examples/photo1.jpg")" >"$body"
headers=(-H 'Content-Type: application/json')
declare -A url process

fail() { echo "FAILED: $*" >&2; tail -n 5 "$folder"/*.log >&2; exit 1; }

# Starts what is running under this name from now on; it is ready when its log has a line that begins so.
start() { # NAME LINE COMMAND...
    local name=$1 line=$2
    : >"$folder/$name.log"
    "${@:3}" >>"$folder/$name.log" 2>&1 &
    process[$name]=$!
    until grep -q "^$line" "$folder/$name.log"; do
        kill -0 "${process[$name]}" 2>/dev/null || fail "$name did not start"
        sleep 0.1
    done
}
serve() { # NAME PROGRAM OPTIONS...
    start "$1" Keys: "$2" serve "${common[@]}" -l 127.0.0.1:0 --access-log off "${@:3}"
    url[$1]=$(sed -n 's/^ *\(http:[^ ]*\)$/\1/p' "$folder/$1.log" | head -1)
}
work() { start "$1" Working "$2" work "${common[@]}" "${@:3}"; } # NAME PROGRAM OPTIONS...
stop() { # NAME
    kill "${process[$1]}"
    wait "${process[$1]}" || fail "$1 did not end well"
}
kill_hard() { # NAME
    kill -9 "${process[$1]}"
    wait "${process[$1]}" 2>/dev/null || true
}

ask() { curl -s "${headers[@]}" "${url[$1]}$2" "${@:3}"; } # SERVER PATH CURL'S OPTIONS...
submit() { # SERVER: prints the id
    local id
    id=$(ask "$1" /queue/fal-ai/birefnet/v2 --data-binary "@$body" | sed -n 's/.*"request_id":"\([^"]*\)".*/\1/p')
    [ -n "$id" ] || fail "$1 accepted nothing"
    echo "$id"
}
status() { ask "$1" "/queue/fal-ai/birefnet/requests/$2/status"; } # SERVER ID
wait_for() { # SERVER ID STATUS
    local tries=0
    until [[ "$(status "$1" "$2")" == *"$3"* ]]; do
        tries=$((tries + 1))
        [ "$tries" -lt 1200 ] || fail "$2 is not $3 for $1: $(status "$1" "$2")"
        sleep 0.1
    done
}
result() { # SERVER ID: prints it
    ask "$1" "/queue/fal-ai/birefnet/requests/$2" -f || fail "$2 has no result for $1"
}
