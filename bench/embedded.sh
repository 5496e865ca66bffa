#!/bin/bash
# embedded.sh OLD NEW [SECONDS]: two programs as servers of their own, over SQLite in a folder, in turn, four times: submits a
# second that are accepted (wrk, 8 connections), p99 of status polls (wrk, 100 connections, ten a second each) with the network at work
# all the time, and the memory that the process has taken at most. Both compute the same seeded network: the starter weights are not
# the same in all versions. Needs wrk and curl. TMPDIR=/dev/shm leaves the disk out.
set -euo pipefail
seconds=${3:-2}
here=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d "${TMPDIR:-/tmp}/birefnet-embedded-XXXXXX")
server=
trap 'kill $server 2>/dev/null; wait 2>/dev/null || true; rm -rf "$folder"' EXIT
photo=iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==
printf 'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = [[{"image_url":"data:image/png;base64,%s"}]]\n' \
    "$photo" >"$folder/submit.lua"

one() { # PROGRAM NAME
    local url id path
    rm -rf "$folder/data"
    "$1" serve -l 127.0.0.1:0 --data "$folder/data" -t 1 --test-resolution 64x64 --access-log off --max-waiting 1000000 \
        --fallback-model seeded:gen3-pvt_v2_b0:7 >"$folder/log" 2>&1 &
    server=$!
    url=
    until [ -n "$url" ] && grep -q '^Keys:' "$folder/log"; do
        kill -0 $server
        sleep 0.05
        url=$(sed -n 's/^ *\(http:[^ ]*\)$/\1/p' "$folder/log" | head -1)
    done
    path=$url/queue/fal-ai/birefnet/v2
    wrk -t1 -c8 -d"${seconds}s" -s "$folder/submit.lua" "$path" >"$folder/submits"
    id=$(curl -s "$path" -H 'Content-Type: application/json' -d '{"image_url":"data:image/png;base64,'"$photo"'"}' |
        sed 's/.*"request_id":"\([^"]*\)".*/\1/')
    wrk -t1 -c100 -d"${seconds}s" --latency -s "$here/bench/status_poll.lua" "$url/queue/fal-ai/birefnet/requests/$id/status" >"$folder/polls"
    echo "$2: $(awk '/Requests\/sec/ {printf "%.0f", $2}' "$folder/submits") submits a second, p99 of polls $(awk '/99%/ {print $2}' "$folder/polls"), $(
        awk '/VmHWM/ {printf "%.0f", $2 / 1024}' "/proc/$server/status") MiB at most"
    kill -9 $server
    wait $server 2>/dev/null || true
}

for _ in 1 2 3 4; do
    one "$1" old
    one "$2" new
done
