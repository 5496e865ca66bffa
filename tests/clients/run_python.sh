#!/bin/sh
# run_python.sh PROGRAM FOLDER: fal's Python client, as pip gets it into a virtual environment in FOLDER (in the build tree),
# against the program. 77 (skipped) where there is no Python with venv, or no way to get the packages.
set -eu
program=$1
folder=$2
here=$(cd "$(dirname "$0")" && pwd)
wanted=$here/requirements.txt
command -v python3 >/dev/null || { echo "skipped: no python3"; exit 77; }
if ! cmp -s "$wanted" "$folder/installed.txt"; then
    rm -rf "$folder"
    python3 -m venv "$folder" >/dev/null 2>&1 || { echo "skipped: python3 -m venv failed (apt-get install python3-venv)"; exit 77; }
    "$folder/bin/pip" install --quiet --disable-pip-version-check -r "$wanted" >"$folder/pip.log" 2>&1 ||
        { echo "skipped: pip install failed"; cat "$folder/pip.log"; exit 77; }
    cp "$wanted" "$folder/installed.txt"
fi
cd "$here"
BN_PROGRAM=$program exec "$folder/bin/python" -B -m unittest -v test_fal_client
