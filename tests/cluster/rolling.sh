#!/bin/bash
# rolling.sh NEW [OLD]: a program of before and this one side by side over one database, in the order of an upgrade: migrate,
# workers, servers; and back. Whatever either accepts the other does, and both tell the same ending. BN_TEST_STORE is an empty
# database. OLD missing: skipped. scripts/old_program.sh builds one: that of 7b88620 is the first of which several share a
# database, whose tables are older than this one's.
set -euo pipefail
new=$1 old=${2:-}
[ -n "$old" ] && [ -x "$old" ] || { echo "skipped: say where a program of before is (BN_OLD_PROGRAM when CMake configures)"; exit 77; }
common=(--store "$BN_TEST_STORE" --test-resolution 64x64 -t 1 --lease 5)
. "$(dirname "$0")/servers.sh"
common+=(--files "folder:$folder/files")

start_server() { serve "$1" "$2" --no-worker --data "$folder/$1"; }
start_worker() { work "$1" "$2" --data "$folder/$1"; }

# Submitted to the first, it ends for all that are named.
ends() {
    local id server
    id=$(submit "$1")
    for server in "$@"; do
        wait_for "$server" "$id" COMPLETED
        result "$server" "$id" >/dev/null
    done
}

"$old" migrate -q --store "$BN_TEST_STORE"
"$new" migrate -q --check --store "$BN_TEST_STORE" 2>"$folder/check.log" && fail "the tables of $old are none of before"
start_server old-server "$old"
start_worker old-worker "$old"
ends old-server
"$new" migrate -q --store "$BN_TEST_STORE"
ends old-server # which goes on
start_worker new-worker "$new"
stop old-worker
ends old-server
start_server new-server "$new"
ends old-server new-server
ends new-server old-server
start_worker old-worker "$old"
stop new-worker
ends new-server old-server
stop old-server
ends new-server
"$old" migrate -q --check --store "$BN_TEST_STORE" || fail "the old program may not run beside"
echo "both versions did what the other had accepted"
