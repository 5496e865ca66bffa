#!/bin/bash
# old_program.sh COMMIT - builds the program as it was then, with little optimisation and without its tests, and prints where it
# is: for the tests of upgrades. Ends with 77, and one line says why, where the clone does not reach back so far or where that
# program does not build (that of c1ace47 knows oneDNN 2 alone: Debian 12 has it).
# BN_CI_CACHE: where it is kept; default ~/.cache/birefnet.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() { echo "old_program.sh: skipped: $*" >&2; exit 77; }

commit=$(git rev-parse -q --verify "$1^{commit}" 2>/dev/null) || skip "the clone does not reach back to $1"
# shellcheck disable=SC1091 # exists on every Debian
release=$(. /etc/os-release && echo "$ID-${VERSION_ID:-testing}") # another has other libraries
folder=${BN_CI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/birefnet}/old-program/$release-$commit
program=$folder/build/bin/birefnet

build() {
    rm -rf "$folder/tree" "$folder/build"
    mkdir "$folder/tree"
    git archive "$commit" | tar -x -C "$folder/tree" --exclude=tests --exclude=training
    # it looks for the starter weights in its tree; the kernels' own -O3 is what would take longest
    find "$folder/tree/src" -name CMakeLists.txt -exec sed -i 's/-O3/-O1/' {} +
    cmake -G Ninja -S "$folder/tree" -B "$folder/build" -DCMAKE_BUILD_TYPE=Release -DCMAKE_C_FLAGS_RELEASE="-O1 -DNDEBUG" \
        -DBUILD_TESTING=OFF
    cmake --build "$folder/build" --target birefnet
}

mkdir -p "$folder"
exec 9>"$folder/lock"
flock -w 600 9 || skip "somebody else builds $1 for more than ten minutes"
if [ ! -e "$folder/whole" ]; then
    build >"$folder/log" 2>&1 || skip "the program of $1 does not build here: $(grep -m1 -i 'error' "$folder/log" || tail -n 1 "$folder/log")"
    "$program" --version >/dev/null || skip "the program of $1 does not run here"
    touch "$folder/whole"
fi
echo "$program"
