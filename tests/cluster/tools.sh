#!/bin/bash
# tools.sh PROGRAM: what operators have over a server and a worker: `birefnet queue`, `work --only`, `work --listen`. Over the
# database in BN_TEST_STORE, else over SQLite in one data folder.
set -uo pipefail
command -v curl >/dev/null || { echo "skipped: no curl"; exit 77; }
program=$1
folder=$(mktemp -d /tmp/birefnet-tools-XXXXXX)
trap 'kill $(jobs -p) 2>/dev/null; wait 2>/dev/null; rm -rf "$folder"' EXIT
store=(--data "$folder/s") common=(--test-resolution 64x64 -t 1)
worker_data="$folder/s"
if [ -n "${BN_TEST_STORE:-}" ]; then
    store=(--store "$BN_TEST_STORE" --data "$folder/s")
    common+=(--files "folder:$folder/f")
    worker_data="$folder/w"
    "$program" migrate -q --store "$BN_TEST_STORE"
fi
faults=0

expect() { # WHAT TEXT PATTERN
    # shellcheck disable=SC2053 # a pattern
    if [[ "$2" != $3 ]]; then
        echo "FAILED: $1: $2"
        faults=$((faults + 1))
    fi
}

if [ -z "${BN_TEST_STORE:-}" ]; then
    said=$("$program" queue "${store[@]}" 2>&1)
    expect "queue of a folder that no server has used ends with 13" "$?" 13
    expect "and says so" "$said" "*no server has used*"
fi
"$program" serve --no-worker "${store[@]}" "${common[@]}" -l 127.0.0.1:0 --access-log off >"$folder/s.log" 2>&1 &
until grep -q '^Keys:' "$folder/s.log"; do kill -0 $! || exit 1; sleep 0.1; done
"$program" work "${store[@]}" --data "$worker_data" "${common[@]}" -l 127.0.0.1:0 --only portrait >"$folder/w.log" 2>&1 &
worker=$!
until grep -q '^Health' "$folder/w.log"; do kill -0 $worker || { cat "$folder/w.log"; exit 1; }; sleep 0.1; done
url=$(sed -n 's/^ *\(http:[^ ]*\)$/\1/p' "$folder/s.log" | head -1)
health=$(sed -n 's|.*\(http://[^/]*\)/readyz|\1|p' "$folder/w.log")
photo=$(base64 -w0 "$(cd "$(dirname "$0")/../.." && pwd)/examples/photo1.jpg")

submit() { # MORE FIELDS
    printf '{"image_url":"data:image/jpeg;base64,%s"%s}' "$photo" "$1" |
        curl -s "$url/queue/fal-ai/birefnet/v2" -H 'Content-Type: application/json' --data-binary @- |
        sed -n 's/.*"request_id":"\([^"]*\)".*/\1/p'
}
status() { curl -s "$url/queue/fal-ai/birefnet/requests/$1/status"; }

other=$(submit '')
portrait=$(submit ',"model":"Portrait"')
for _ in $(seq 1200); do
    [[ "$(status "$portrait")" == *COMPLETED* ]] && break
    sleep 0.1
done
expect "what a worker takes" "$(status "$portrait")" "*COMPLETED*"
expect "what it leaves to others" "$(status "$other")" "*IN_QUEUE*"
shown=$("$program" queue "${store[@]}")
expect "queue" "$shown" "1 waiting*$other  waiting*work*(idle)*"
expect "queue shows nothing that has ended" "${shown/$portrait/there}" "$shown"
expect "queue --json" "$("$program" queue "${store[@]}" --json | tr -d ' \n')" \
    "{\"waiting\":1,*\"held\":0,\"running\":0,\"alive\":2,\"requests\":[{\"id\":\"$other\",*\"processes\":*\"role\":\"work\"*"
expect "/readyz" "$(curl -s -w ' %{http_code}' "$health/readyz")" "ready* 200"
expect "/healthz" "$(curl -s -w ' %{http_code}' "$health/healthz")" "ok* 200"
told="*birefnet_cluster_waiting 1*birefnet_cluster_held 0*birefnet_cluster_workers 1*birefnet_cluster_idle_workers 1*"
for _ in $(seq 600); do # a server looks at all every five seconds at least, and a worker says at its beats that it is idle
    metrics=$(curl -s "$url/metrics")
    # shellcheck disable=SC2053 # a pattern
    [[ "$metrics" == $told ]] && break
    sleep 0.1
done
expect "a server's /metrics" "$metrics" "$told"
expect "/metrics" "$(curl -s "$health/metrics")" "*birefnet_requests_succeeded_total 1*"
expect "what else there is" "$(curl -s -o /dev/null -w '%{http_code}' "$health/queue/fal-ai/birefnet/requests/$other/status")" 404
expect "a body" "$(curl -s -o /dev/null -w '%{http_code}' -d x "$health/healthz")" 400
said=$("$program" work "${store[@]}" --only nonsense 2>&1)
expect "--only with a wrong name ends with 2" "$?" 2
expect "and says so" "$said" "*there is no preset nonsense*"
kill $worker
wait $worker
expect "a worker that is told to stop" "$?" 0
expect "has left the list" "$("$program" queue "${store[@]}" --json | tr -d ' \n')" '*"alive":1,*'
[ "$faults" = 0 ]
