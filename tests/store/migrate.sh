#!/bin/bash
# migrate.sh PROGRAM: what is wrong with a store is one line with an exit code of its own, and never shows the password.
# BN_TEST_STORE is an empty database.
set -uo pipefail
program=$1
folder=$(mktemp -d /tmp/birefnet-migrate-XXXXXX)
trap 'rm -rf "$folder"' EXIT
password=$(echo "$BN_TEST_STORE" | sed 's|.*://[^:]*:\([^@]*\)@.*|\1|')
faults=0

# CODE WORDS COMMAND...: it ends with the code, and says one line with the words.
expect() {
    local code=$1 words=$2 said got=0
    shift 2
    said=$(timeout 60 "$program" "$@" 2>&1 >/dev/null) || got=$?
    if [ "$got" != "$code" ] || [[ "$said" != *"$words"* ]] || [ "$(echo "$said" | wc -l)" != 1 ] ||
        [[ "$said" == *"$password"* ]]; then
        echo "FAILED: $* ended with $got and said: $said"
        faults=$((faults + 1))
    fi
}

sql() { psql -X -q -v ON_ERROR_STOP=1 -d "$BN_TEST_STORE" -c "$1"; }
serve() { expect "$1" "$2" serve --data "$folder" -l 127.0.0.1:0 --store "${3:-$BN_TEST_STORE}"; }
with_user() { echo "$BN_TEST_STORE" | sed "s|://[^@]*@|://$1@|"; }

unset BIREFNET_STORE
expect 2 "--store" migrate
expect 2 "postgrsql is no kind" migrate --store "postgrsql://u:$password@db/x"
expect 2 "%2F" migrate --store "postgresql://u:$password/x@db/x"
expect 2 "when it is opened" migrate --store "sqlite:$folder/x.sqlite"
expect 13 "refused" migrate --store "postgresql://u:$password@127.0.0.1:1/x"
expect 13 "authentication failed" migrate --store "$(with_user "birefnet:wrong")"
expect 13 "does not exist" migrate --store "${BN_TEST_STORE/\?/_none?}"
expect 14 "version 0" migrate --check --store "$BN_TEST_STORE"
serve 14 "no tables yet"
serve 13 "refused" "postgresql://u:$password@127.0.0.1:1/x"
expect 0 "are version" migrate --store "$BN_TEST_STORE"
expect 0 "Nothing to do" migrate --check --store "$BN_TEST_STORE"
BIREFNET_STORE=$BN_TEST_STORE expect 0 "Nothing to do" migrate

# an address of --store-listen that is none: libpq's own words repeat parts of it
expect 2 "--store-listen" work --data "$folder/w" --store "$BN_TEST_STORE" --store-listen "postgresql://u:$password/x@db/x"
expect 2 "--store-listen" work --data "$folder/w" --store "$BN_TEST_STORE" --store-listen "postgrsql://u:$password@db/x"

# keys are in the database, as hashes
key() { "$program" keys "$@" --store "$BN_TEST_STORE" --data "$folder/none" 2>/dev/null; }
made=$(key add alice --per-minute 7 --admin)
[[ "$made" == *:* ]] && [[ "$(key list)" == *alice*administrator* ]] && [[ "$(key list --json)" == *'"per_minute": 7'* ]] &&
    [ ! -e "$folder/none/keys.json" ] && key revoke alice && [[ "$(key list)" == *"nobody is answered"* ]] || {
    echo "FAILED: keys --store"
    faults=$((faults + 1))
}
kept=$(pg_dump -d "$BN_TEST_STORE" --data-only)
[[ "$kept" == *alice* ]] && [[ "$kept" != *"${made#*:}"* ]] || {
    echo "FAILED: a key lies plain in the database"
    faults=$((faults + 1))
}
HOME='' XDG_DATA_HOME='' expect 0 "" keys list --store "$BN_TEST_STORE"
expect 13 "refused" keys list --store "postgresql://u:$password@127.0.0.1:1/x"

version=$(psql -X -q -At -d "$BN_TEST_STORE" -c "SELECT version FROM settings")
# what a SQLite one in a data folder gets, too: tests/cli/test_folder.c
all() {
    serve 14 "$1"
    for command in work "keys list" "keys add bob" queue; do
        # shellcheck disable=SC2086 # words
        expect 14 "$1" $command --data "$folder/none" --store "$BN_TEST_STORE"
    done
}
sql "UPDATE settings SET version = version - 1"
all "birefnet migrate"
read_only="$BN_TEST_STORE&options=-c%20default_transaction_read_only%3Don" # as a standby is
expect 13 "read-only" migrate --store "$read_only"
expect 14 "version" migrate --check --store "$read_only"
sql "UPDATE settings SET version = 1000, oldest_program = 1000"
all "newer program"
[ ! -e "$folder/none" ] || { echo "FAILED: a folder was made"; faults=$((faults + 1)); }
expect 14 "newer program" migrate --store "$BN_TEST_STORE"
sql "UPDATE settings SET version = $version, oldest_program = 1"

# what the role may not read
sql "REVOKE ALL ON settings FROM birefnet"
serve 13 "permission denied"
expect 13 "permission denied" migrate --store "$BN_TEST_STORE"
[ "$faults" = 0 ]
