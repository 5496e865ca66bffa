#!/bin/bash
# database_crash.sh SERVICES.SH PROGRAM SERVICE [ARGUMENT...]: a test with a service of its own (postgres, or pgbouncer before it), which it
# may kill.
set -euo pipefail
services=$1 program=$2 service=$3
shift 3
BN_SERVICES=$(mktemp -d /tmp/birefnet-crash-XXXXXX)
export BN_SERVICES BN_TEST_CRASH="$services crash $service"
trap '"$services" stop' EXIT
"$services" start postgres
"$services" start "$service"
"$services" run "$service" "$program" "$@"
