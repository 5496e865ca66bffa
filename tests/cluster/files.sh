#!/bin/bash
# files.sh PROGRAM: what is wrong with a bucket is one line of a server and of a worker, with an exit code of its own, and never shows
# the secret; a full spool fails the upload, and nothing else; what clients write to S3 themselves is found by workers, too.
# BN_TEST_FILES is a bucket (scripts/services.sh run swift).
set -uo pipefail
command -v curl >/dev/null || { echo "skipped: no curl"; exit 77; }
program=$1
folder=$(mktemp -d /tmp/birefnet-files-XXXXXX)
trap 'kill $(jobs -p) 2>/dev/null; wait 2>/dev/null || true; rm -rf "$folder"' EXIT
right_key=$AWS_ACCESS_KEY_ID right_secret=$AWS_SECRET_ACCESS_KEY
unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY BIREFNET_STORE
faults=0

fail() { echo "FAILED: $*"; faults=$((faults + 1)); }

keys() { printf 'aws_access_key_id=%s\naws_secret_access_key=%s\n' "$1" "$2" >"$folder/keys"; }

# WORDS FILES [OPTION...]: neither starts, and each says one line with the words.
expect() {
    local words=$1 files=$2 role said got
    shift 2
    for role in serve work; do
        got=0
        said=$(timeout 60 "$program" "$role" --data "$folder/none" -l 127.0.0.1:0 --files "$files" --files-credentials "$folder/keys" "$@" \
            2>&1 >/dev/null) || got=$?
        [ "$got" = 15 ] && [[ "$said" == *"$words"* ]] && [ "$(echo "$said" | wc -l)" = 1 ] && [[ "$said" != *"$right_secret"* ]] ||
            fail "$role --files $files ended with $got, not 15 and $words: $said"
    done
}

with() { echo "$BN_TEST_FILES" | sed "$1"; }

keys "$right_key" another-secret
expect "secret access key" "$BN_TEST_FILES"
keys nobody:here "$right_secret"
expect "access key" "$BN_TEST_FILES"
keys bn:guest "$right_secret"
expect "permission" "$BN_TEST_FILES"
keys "$right_key" "$right_secret"
expect "no such bucket" "$(with 's|//[^/]*/|//no-such-bucket/|')"
expect "region" "$(with 's|region=[^&]*|region=mars-north-1|')"
expect "cannot be reached" "$(with 's|endpoint=[^&]*|endpoint=http://127.0.0.1:1|')"
expect "endpoint" "$(with 's|endpoint=[^&]*|endpoint=nonsense|')"

# A disk that is full is here a process that may write no larger files.
(ulimit -f 2048 && exec "$program" serve --data "$folder/s" --spool "$folder/spool" -l 127.0.0.1:0 --access-log off --test-resolution 64x64 \
    --files "$BN_TEST_FILES" --files-credentials "$folder/keys") >"$folder/log" 2>&1 &
until grep -q '^Keys:' "$folder/log"; do kill -0 $! || { cat "$folder/log"; exit 1; }; sleep 0.1; done
url=$(sed -n 's/^ *\(http:[^ ]*\)$/\1/p' "$folder/log" | head -1)
begin() { curl -s -X POST "$url/rest/storage/upload/initiate" -d '{}' | tr -d ' \n' | sed 's/.*"'"$1"'":"\([^"]*\)".*/\1/'; }
put() { curl -s -o /dev/null -w '%{http_code}' -T "$1" "$2"; }
photo=$(cd "$(dirname "$0")/../.." && pwd)/examples/photo1.jpg
head -c 5000000 /dev/zero >"$folder/large"
small=$(begin upload_url) large=$(begin upload_url)
code=$(put "$photo" "$small")
[ "$code" = 200 ] || fail "an upload was answered with $code"
code=$(put "$folder/large" "$large")
[ "$code" = 507 ] || fail "an upload that the spool has no room for was answered with $code"
code=$(put "$photo" "$large")
[ "$code" = 200 ] || fail "the same upload, smaller, was answered with $code"
[ -z "$(find "$folder/spool" -type f)" ] || fail "something is left in the spool"

# What a client wrote to S3 itself is found by those, too, that send no clients there: workers, and servers until they are started anew.
pair=(--data "$folder/d" -t 1 --test-resolution 64x64 --files "$BN_TEST_FILES" --files-credentials "$folder/keys")
"$program" serve --no-worker -l 127.0.0.1:0 --access-log off "${pair[@]}" --uploads direct >"$folder/log" 2>&1 &
until grep -q '^Keys:' "$folder/log"; do kill -0 $! || { cat "$folder/log"; exit 1; }; sleep 0.1; done
url=$(sed -n 's/^ *\(http:[^ ]*\)$/\1/p' "$folder/log" | head -1)
"$program" work "${pair[@]}" >"$folder/work.log" 2>&1 &
begun=$(curl -s -X POST "$url/rest/storage/upload/initiate" -d '{}' | tr -d ' \n')
code=$(put "$photo" "$(echo "$begun" | sed 's/.*"upload_url":"\([^"]*\)".*/\1/')")
[ "$code" = 200 ] || fail "S3 answered an upload with $code"
said=$(curl -s "$url/run/fal-ai/birefnet/v2" -H 'Content-Type: application/json' \
    -d "{\"image_url\":\"$(echo "$begun" | sed 's/.*"file_url":"\([^"]*\)".*/\1/')\"}")
[[ "$said" == *'"width"'* ]] || fail "a photo that was uploaded to S3 itself: $said"
[ "$faults" = 0 ]
