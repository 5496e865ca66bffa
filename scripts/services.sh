#!/bin/bash
# services.sh - the engines that a cluster runs on, private ones for tests: as users without rights, in a folder of their own.
#   scripts/services.sh start [NAME...]          those that are installed, or those named (postgres, pgbouncer, swift)
#   scripts/services.sh stop
#   scripts/services.sh env                      their addresses, as NAME=VALUE
#   scripts/services.sh run NAME COMMAND...      COMMAND with BN_TEST_STORE, an empty database behind NAME; dropped after it;
#                                                or (swift) with BN_TEST_FILES, a bucket, and its keys
#   scripts/services.sh crash NAME               kill it as a power failure would, and start it again
# $BN_SERVICES is their folder (/tmp/birefnet-services-UID), $BN_SERVICES_HOST the address of those that are started (127.0.0.1): one that
# is not answers its network. `run` ends with 77, which ctest takes for skipped, where the
# service is not installed; with BN_REQUIRE_SERVICES=1 that is a failure. Each service is one file of scripts/services.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=${BN_SERVICES:-/tmp/birefnet-services-$(id -u)}
all="postgres pgbouncer swift"

fail() { echo "services.sh: $*" >&2; exit 1; }

# As the user whose the service is, where this is root, whom servers refuse.
as() {
    local user=$1
    shift
    if [ "$(id -u)" = 0 ]; then (cd / && exec runuser -u "$user" -- "$@"); else "$@"; fi
}

make_folder() { # USER FOLDER
    mkdir -p "$2"
    chmod 700 "$2"
    if [ "$(id -u)" = 0 ]; then chown "$1" "$2"; fi
}

# A port that nobody had a moment ago; whoever takes it tries another where it was taken meanwhile.
some_port() { echo $((20000 + (RANDOM * 32768 + RANDOM) % 12000)); }

for name in $all; do
    # shellcheck disable=SC1090 # each defines NAME_missing, NAME_start, NAME_stop, NAME_env
    . "$here/services/$name.sh"
done

# Where NAME answers.
host_of() { cat "$folder/$1.host"; }

is_running() { [ -f "$folder/$1.env" ]; }

start_one() {
    local why
    if is_running "$1"; then return 0; fi
    why=$("$1_missing")
    if [ -n "$why" ]; then
        echo "$1: skipped, $why"
        [ -z "${BN_REQUIRE_SERVICES:-}" ] || fail "$1 is required"
        return 0
    fi
    echo "${BN_SERVICES_HOST:-127.0.0.1}" >"$folder/$1.host"
    "$1_start"
    "$1_env" >"$folder/$1.new"
    mv "$folder/$1.new" "$folder/$1.env"
}

start_all() {
    mkdir -p "$folder"
    [ -O "$folder" ] || fail "$folder belongs to another user"
    chmod 711 "$folder"
    exec 9>"$folder/lock"
    flock 9
    # what is started must not hold the lock
    for name in "$@"; do start_one "$name" 9>&-; done
}

stop_all() {
    [ -d "$folder" ] || return 0
    for name in $(echo "$all" | tr ' ' '\n' | tac); do
        if is_running "$name"; then
            "${name}_stop"
            rm -f "$folder/$name.env"
        fi
    done
    rm -rf --one-file-system "$folder"
}

run() {
    local service=$1
    shift
    if ! is_running "$service"; then
        echo "skipped: $service does not run here ($0 start; $("${service}_missing"))"
        [ -z "${BN_REQUIRE_SERVICES:-}" ] || exit 1
        exit 77
    fi
    "${service}_run" "$@"
}

case ${1:-} in
start)
    shift
    # shellcheck disable=SC2086,SC2048 # a list of words
    start_all ${*:-$all}
    ;;
stop) stop_all ;;
env) cat "$folder"/*.env ;;
run)
    [ $# -ge 3 ] || fail "say: run NAME COMMAND..."
    shift
    run "$@"
    ;;
crash)
    is_running "${2:-}" || fail "${2:-it} does not run"
    "$2_crash"
    ;;
*)
    sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
    exit 2
    ;;
esac
