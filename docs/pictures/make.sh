#!/bin/sh
# make.sh - makes before-after.webp anew and, where the training data are, starter.webp: photos, and their cut-outs on a
# checker. Needs ImageMagick.
#   docs/pictures/make.sh build/release/bin/birefnet models/starter.safetensors [DATA]     (DATA: see training/README.md)
set -eu
program=$1
model=$2
data=${3:-}
root=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# row OUT TILE_PX PHOTO...: each photo and its cut-out side by side, 1400 px in all
row() {
    out=$1 tile=$2
    shift 2
    convert \( -size "${tile}x$tile" xc:'#ffffff' xc:'#d4d4d4' +append \) \
        \( -size "${tile}x$tile" xc:'#d4d4d4' xc:'#ffffff' +append \) -append +repage "$scratch/tile.png"
    count=0
    for photo; do
        "$program" remove "$photo" -o "$scratch/cut.png" -m "$model" --quiet
        convert -size "$(identify -format %wx%h "$scratch/cut.png")" tile:"$scratch/tile.png" "$scratch/cut.png" \
            -composite +repage "$scratch/checker.png"
        count=$((count + 1))
        convert "$photo" "$scratch/checker.png" +append +repage -resize x400 "$scratch/pair$count.png"
    done
    convert "$scratch"/pair*.png +append +repage -depth 8 -strip -resize 1400x -quality 82 "$out"
    rm "$scratch"/pair*.png
}

row "$root/docs/pictures/before-after.webp" 12 "$root/examples/photo1.jpg" "$root/examples/photo2.jpg"
if [ -n "$data" ]; then
    row "$scratch/above.png" 8 "$data/products/0c423d7d-d7a3-4a27-a9ce-01133543f246.webp" "$data/cats/cat0068.webp" \
        "$data/people/000000080153.jpg"
    row "$scratch/below.png" 8 "$data/open/000000297343.jpg" "$data/people/000000021167.jpg" \
        "$data/people/000000527427.jpg"
    convert "$scratch/above.png" "$scratch/below.png" -append +repage -strip -quality 82 "$root/docs/pictures/starter.webp"
fi
