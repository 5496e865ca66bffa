#!/bin/sh
# run.sh PROGRAM FOLDER TEST...: the tests in FOLDER (in the build tree), beside the npm packages that they need.
# 77 (skipped) where there is no node, or no way to get the packages.
set -eu
program=$1
folder=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
command -v node >/dev/null && command -v npm >/dev/null || { echo "skipped: no node or npm"; exit 77; }
mkdir -p "$folder"
# What is there already stays as it is: a test that runs beside this one may be reading it.
copy() { for file; do cmp -s "$file" "$folder/${file##*/}" || cp "$file" "$folder"/; done; }
(
    flock 9
    copy "$here"/package.json "$here"/*.mjs
    if ! cmp -s "$here/package.json" "$folder/installed.json"; then
        (cd "$folder" && npm install --no-audit --no-fund --no-package-lock >npm.log 2>&1) ||
            { echo "skipped: npm install failed"; cat "$folder/npm.log"; exit 77; }
        cp "$here/package.json" "$folder/installed.json"
    fi
) 9>"$folder.lock" || exit $?
cd "$folder"
BIREFNET=$program BN_SOURCE=$(cd "$here/../.." && pwd) exec node --test --test-reporter=spec "$@"
