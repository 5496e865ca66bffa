#!/bin/sh
# status_load.sh PROGRAM [SECONDS]: latency of status polls (wrk, 100 clients, ten polls a second each) while the network
# runs without a pause on two threads. Prints wrk's report; the 99 % line is the one that docs/SERVER.md names.
set -eu
program=$1
seconds=${2:-20}
here=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
"$program" serve --listen 127.0.0.1:0 --data "$folder" --threads 2 --access-log off >"$folder/out" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null; wait $server 2>/dev/null || true; rm -rf "$folder"' EXIT
until grep -q '^Keys:' "$folder/out"; do kill -0 $server; sleep 0.1; done
url=$(sed -n 's/^ *\(http:[^ ]*\)$/\1/p' "$folder/out" | head -1)
printf '{"image_url":"data:image/jpeg;base64,%s"}' "$(base64 -w0 "$here/examples/photo1.jpg")" >"$folder/body"
submit() {
    curl -s "$url/queue/fal-ai/birefnet/v2" -H 'Content-Type: application/json' --data-binary @"$folder/body" |
        sed 's/.*"request_id":"\([^"]*\)".*/\1/'
}
id=$(submit)
while submit >/dev/null; do sleep 0.1; done & # so that the network always has work
feeder=$!
trap 'kill $feeder $server 2>/dev/null; wait $server 2>/dev/null || true; rm -rf "$folder"' EXIT
wrk -t1 -c100 -d"$seconds"s --latency -s "$here/bench/status_poll.lua" "$url/queue/fal-ai/birefnet/requests/$id/status?logs=1"
curl -s "$url/metrics" | grep -E '^birefnet_(requests_)?(waiting|running)' || true
