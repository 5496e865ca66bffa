#!/bin/sh
# man.sh PAGE LIBRARY...: libbirefnet(3) lists, under each header's name, the functions that its library exports and no other,
# and the library exports those of its .map. Functions of a struct's size are called by inline ones without "_sized". What none of
# them leads to, animations for one, is not in the library.
set -eu
cd "$(dirname "$0")/../.."
page=$1
shift
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for library; do
    name=$(basename "$library" | sed 's/^lib//; s/\.so.*//')
    echo "$name"
    nm -D --defined-only "$library" | awk '$2 == "T" { sub("@.*", "", $3); print $3 }' | sort >"$scratch/exported"
    sed -n 's/^ *\(birefnet_[a-z_]*\);$/\1/p' "src/$name.map" | sort | diff - "$scratch/exported"
    sed -n '/^\.SH FUNCTIONS/,/^\.SH RETURN/p' "$page" | sed 's/\\-/-/g' |
        awk -v header="In $name.h:" '/^In / { here = $0 == header } here && /^\.B / { print $2 }' >"$scratch/listed"
    test -s "$scratch/listed"
    nm "$library" >"$scratch/all"
    grep -q ' t bn_' "$scratch/all"
    if grep -E ' [tT] (bn_animation|bn_cutout_matte_batch|write_frame)' "$scratch/all"; then exit 1; fi
    sort -c "$scratch/listed"
    sed 's/_sized$//' "$scratch/exported" | sort | diff "$scratch/listed" -
done
