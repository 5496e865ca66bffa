#!/bin/bash
# moving.sh PROGRAM: a data folder whose requests were in SQLite, started over a database: nothing that is stored is lost, and the
# way back is open; a worker that keeps files elsewhere is found out. BN_TEST_STORE is an empty database.
set -euo pipefail
program=$1
common=(--test-resolution 64x64 -t 1)
. "$(dirname "$0")/servers.sh"
common+=(--data "$folder/data")

file_of() { # SERVER ID: prints what its result's address answers
    local address
    address=$(result "$1" "$2" | sed -n 's/.*"url":"[^"]*\/files\/\([^"]*\)".*/\1/p')
    curl -s -o /dev/null -w '%{http_code}' "${url[$1]}/files/$address"
}

serve before "$program"
id=$(submit before)
wait_for before "$id" COMPLETED
stop before
"$program" migrate -q --store "$BN_TEST_STORE"
for again in 1 2; do
    serve moved "$program" --store "$BN_TEST_STORE"
    grep -q '^1 stored files are of another store' "$folder/moved.log" || fail "start $again says nothing of the files of before"
    new=$(submit moved)
    wait_for moved "$new" COMPLETED
    [ "$(file_of moved "$new")" = 200 ] || fail "a result of the new store is not there"
    stop moved
done
serve before "$program"
[ "$(file_of before "$id")" = 200 ] || fail "the result of before is lost"
stop before
serve moved "$program" --store "$BN_TEST_STORE"
[ "$(file_of moved "$new")" = 200 ] || fail "a result of the new store was lost on the way back"
stop moved

# A worker that keeps files elsewhere, as one of another machine without --files does: its results are nowhere for others.
serve front "$program" --store "$BN_TEST_STORE" --no-worker
work apart "$program" --store "$BN_TEST_STORE" --data "$folder/apart"
id=$(submit front)
wait_for front "$id" COMPLETED
[ "$(file_of front "$id")" = 404 ] || fail "a file that lies elsewhere is there"
grep -q 'the same --files' "$folder/front.log" || fail "nobody says where the result is"
