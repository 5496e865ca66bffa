#!/bin/bash
# old_folder.sh NEW [OLD]: the data folder that a server of before left when it was killed opens in this program: what had ended is
# told as before, with its picture, what had been uploaded is there, its key still lets in, and what waited is done. OLD
# missing: skipped. scripts/old_program.sh builds one: that of c1ace47 is the last that kept its queue in memory.
set -euo pipefail
new=$1 old=${2:-}
[ -n "$old" ] && [ -x "$old" ] || { echo "skipped: say where a program of before is (BN_OLD_FOLDER_PROGRAM when CMake configures)"; exit 77; }
common=(-t 1)
. "$(dirname "$0")/servers.sh"
common+=(--data "$folder/data")

headers+=(-H "Authorization: Key $("$old" keys add somebody --data "$folder/data" -q)")
# Addresses name the port that a server has this time: the path is what counts.
picture_of() { sed 's|.*"image":{[^}]*"url":"http://[^/]*\([^"]*\)".*|\1|'; }

serve before "$old" --test-resolution 64x64
ended=$(submit before)
wait_for before "$ended" COMPLETED
picture=$(result before "$ended" | picture_of)
ask before "$picture" -f -o "$folder/picture" || fail "no picture at $picture"
grant=$(ask before /storage/upload/initiate -d '{"file_name":"a.txt","content_type":"text/plain"}')
upload=$(sed -n 's|.*"upload_url": *"http://[^/]*\([^"]*\)".*|\1|p' <<<"$grant")
file=$(sed -n 's|.*"file_url": *"http://[^/]*\([^"]*\)".*|\1|p' <<<"$grant")
curl -s -f -T "$body" "${url[before]}$upload" || fail "no upload: $grant"
stop before
serve before "$old" --test-resolution 2048x2048 # the first takes many seconds, and the others wait
open=()
for _ in 1 2 3; do
    id=$(submit before)
    open+=("$id")
done
[[ "$(status before "$id")" == *IN_QUEUE* ]] || fail "nothing waits: $(status before "$id")"
kill_hard before

serve now "$new" --test-resolution 64x64
[ "$(result now "$ended" | picture_of)" = "$picture" ] || fail "another result than before"
ask now "$picture" -f | cmp - "$folder/picture" || fail "another picture than before"
ask now "$file" -f | cmp - "$body" || fail "another upload than before"
for id in "${open[@]}"; do
    wait_for now "$id" COMPLETED
    result now "$id" >/dev/null
done
headers=()
[ "$(ask now "/queue/fal-ai/birefnet/requests/$ended/status" -o /dev/null -w '%{http_code}')" = 401 ] ||
    fail "no key is needed any more"
stop now
echo "all that the old folder held is there"
