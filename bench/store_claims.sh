#!/bin/bash
# store_claims.sh PROGRAM: claims a second in PostgreSQL with 20,000 requests waiting, without and with 1,000,000 that have
# ended, in turn; medians of five. Beside them, as a busy machine says little by time: the blocks that a claim touches. Needs scripts/services.sh start postgres, and its role's rights only.
#   scripts/services.sh run postgres bench/store_claims.sh build/release/bin/birefnet
set -euo pipefail
program=$1
folder=$(mktemp -d /tmp/birefnet-claims-XXXXXX)
history=${BN_TEST_STORE}_history
trap 'psql -X -q -d "$BN_TEST_STORE" -c "DROP DATABASE IF EXISTS ${history##*/}"; rm -rf "$folder"' EXIT

cat >"$folder/claim.sql" <<'END'
SELECT count(*) FROM birefnet_claim(1, 2, 50, true, false, false, (extract(epoch FROM clock_timestamp()) * 1000)::bigint,
  '{}', '{}', '{}', false);
END
new="INSERT INTO requests(id, sync, low, forget_soon, public_only, created_ms, start_by_ms, body, ended_ms, ended_claim, code)"

fill() { # ADDRESS ENDED
    "$program" migrate -q --store "$1"
    psql -X -q -d "$1" \
        -c "$new SELECT gen_random_uuid(), false, false, false, false, 1, 0, NULL, g, 1, 200 FROM generate_series(1, $2) g" \
        -c "$new SELECT gen_random_uuid(), false, false, false, false, 1, 0, '{}', NULL, NULL, NULL FROM generate_series(1, 20000)" \
        -c "INSERT INTO queue(id, seq, low, sync, fetches, created_ms)
            SELECT id, seq, false, false, true, 1 FROM requests WHERE ended_ms IS NULL" \
        -c "VACUUM ANALYZE requests" -c "VACUUM ANALYZE queue"
}

measure() { pgbench -n -c 1 -T 2 -M extended -f "$folder/claim.sql" "$1" 2>/dev/null | sed -n 's/^tps = \([0-9]*\).*/\1/p'; }

blocks() { # of the last of ten claims in a session
    local claim
    claim="EXPLAIN (ANALYZE, BUFFERS) $(cat "$folder/claim.sql")"
    for _ in $(seq 10); do echo "$claim"; done | psql -X -q -At -d "$1" | sed -n 's/.*Buffers: //p' | tail -1
}

psql -X -q -d "$BN_TEST_STORE" -c "CREATE DATABASE ${history##*/}"
fill "$BN_TEST_STORE" 0
fill "$history" 1000000
echo "before any claim, without history: $(blocks "$BN_TEST_STORE"); with 1,000,000: $(blocks "$history")"
for _ in 1 2 3 4 5; do
    measure "$BN_TEST_STORE" >>"$folder/none"
    measure "$history" >>"$folder/much"
done
echo "without history: $(blocks "$BN_TEST_STORE"); with 1,000,000: $(blocks "$history")"
echo "without history: $(sort -n "$folder/none" | sed -n 3p) claims a second ($(sort -n "$folder/none" | xargs))"
echo "with 1,000,000:  $(sort -n "$folder/much" | sed -n 3p) claims a second ($(sort -n "$folder/much" | xargs))"
