#!/bin/bash
# restart.sh PROGRAM: who starts in a data folder takes at once what one that was killed there held, however long the lease; and takes
# nothing from one that lives, hangs, or has only left a copy of its folder. Over the database in BN_TEST_STORE, else over
# SQLite in one data folder. All that is waited for here would come within the lease otherwise, which is an hour.
set -euo pipefail
program=$1
common=(-t 1 --lease 3600)
. "$(dirname "$0")/servers.sh"
data() { echo "$folder/$1"; } # of each process its own, where a database is what they share
if [ -n "${BN_TEST_STORE:-}" ]; then
    common+=(--store "$BN_TEST_STORE" --files "folder:$folder/files")
    "$program" migrate -q --store "$BN_TEST_STORE"
else
    data() { echo "$folder/all"; }
fi
# The slow one takes 12 s on an idle machine and more, and is killed long before.
slow=(--fallback-model seeded:gen3-swin_v1_t:3 --test-resolution 2048x2048) quick=(--test-resolution 64x64)

serve server "$program" --no-worker --data "$(data server)"
work first "$program" --data "$(data worker)" "${slow[@]}"
id=$(submit server)
wait_for server "$id" IN_PROGRESS

# One that hangs has its lock still, and a copy of its folder says nothing of it.
kill -STOP "${process[first]}"
if [ -n "${BN_TEST_STORE:-}" ]; then
    cp -a "$folder/worker" "$folder/copy"
    work copied "$program" --data "$folder/copy" "${quick[@]}"
    stop copied
fi
work beside "$program" --data "$(data worker)" "${quick[@]}"
stop beside # which finishes what it has taken
grep -q rescued "$folder/beside.log" "$folder/copied.log" 2>/dev/null && fail "something was rescued from one that hangs"
[[ "$(status server "$id")" == *IN_PROGRESS* ]] || fail "taken from one that hangs: $(status server "$id")"

kill_hard first
work second "$program" --data "$(data worker)" "${quick[@]}"
wait_for server "$id" COMPLETED
grep -q "request $id was rescued from process .* has died here" "$folder/second.log" || fail "no word of the rescue"
stop second

# A server that works itself, alone.
stop server
serve alone "$program" --data "$(data server)" "${slow[@]}"
id=$(submit alone)
wait_for alone "$id" IN_PROGRESS
kill_hard alone
serve again "$program" --data "$(data server)" "${quick[@]}"
wait_for again "$id" COMPLETED
stop again
[ -z "$(ls -A "$(data server)/alive")" ] || fail "marks are left: $(ls -A "$(data server)/alive")"
echo "what the dead held is taken at once, and nothing else"
