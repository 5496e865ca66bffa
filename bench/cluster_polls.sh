#!/bin/bash
# cluster_polls.sh PROGRAM [SECONDS] [CLIENTS...]: what polls cost the database, and how long they take. Two front ends, 50 requests that
# wait, 200 event streams; CLIENTS (200 and 2000) that poll twice a second. Statements a second are pg_stat_database's.
#   scripts/services.sh run postgres bench/cluster_polls.sh build/release/bin/birefnet
# Needs wrk and curl. Latencies are wrk's: for each front end, over all polls.
set -euo pipefail
program=$1 seconds=${2:-10}
shift $(($# < 2 ? $# : 2))
clients=${*:-200 2000}
here=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d /tmp/birefnet-polls-XXXXXX)
children=()
trap 'kill "${children[@]}" 2>/dev/null; wait 2>/dev/null || true; rm -rf "$folder"' EXIT
ulimit -n "$(ulimit -Hn)"
"$program" migrate -q --store "$BN_TEST_STORE"
urls=()
for i in 0 1; do
    "$program" serve --no-worker --store "$BN_TEST_STORE" --data "$folder/$i" -l 127.0.0.1:0 --access-log off >"$folder/$i.log" 2>&1 &
    children+=($!)
    until grep -qs '^Keys:' "$folder/$i.log"; do kill -0 "${children[$i]}"; sleep 0.1; done
    urls+=("$(sed -n 's/^ *\(http:[^ ]*\)$/\1/p' "$folder/$i.log" | head -1)")
done
body='{"image_url":"https://127.0.0.1:1/none.png"}'
for _ in $(seq 50); do
    id=$(curl -s "${urls[0]}/queue/fal-ai/birefnet/v2" -H 'Content-Type: application/json' -d "$body" |
        sed 's/.*"request_id":"\([^"]*\)".*/\1/')
done
path=/queue/fal-ai/birefnet/requests/$id/status
for i in 0 1; do
    for _ in $(seq 100); do
        curl -s -N -o /dev/null "${urls[$i]}$path/stream" &
        children+=($!)
    done
done
# Twice a second on average, each at its own times: with 500 ms for all they would ask at the same moment, again and again.
printf 'math.randomseed(1)\nfunction delay()\n    return math.random(0, 1000)\nend\n' >"$folder/poll.lua"

commits() { psql -X -q -At -d "$BN_TEST_STORE" -c "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"; }

for count in 0 $clients; do
    sleep 1.5 # until what came before is in the database's figures
    before=$(commits) began=$(date +%s.%N)
    pids=()
    for i in 0 1; do
        [ "$count" = 0 ] && continue
        wrk -t1 -c$((count / 2)) -d"${seconds}s" --latency -s "$folder/poll.lua" "${urls[$i]}$path" >"$folder/wrk$i" &
        pids+=($!)
    done
    if [ "$count" = 0 ]; then sleep "$seconds"; else wait "${pids[@]}"; fi
    ended=$(date +%s.%N)
    sleep 1.5
    after=$(commits)
    echo "$count clients: $(echo "($after - $before - 1) / ($ended - $began + 1.5)" | bc -l | cut -c1-6) statements a second; $(cat "$folder"/wrk? 2>/dev/null |
        awk '/99%/ {printf "p99 %s; ", $2} /Requests\/sec/ {sum += $2} END {printf "%.0f polls a second", sum}')"
done
