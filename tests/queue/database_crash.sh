#!/bin/bash
# database_crash.sh SERVICES.SH PROGRAM: a test with a database of its own, which it may kill.
set -euo pipefail
services=$1
BN_SERVICES=$(mktemp -d /tmp/birefnet-crash-XXXXXX)
export BN_SERVICES BN_TEST_CRASH="$services crash postgres"
trap '"$services" stop' EXIT
"$services" start postgres
"$services" run postgres "$2"
