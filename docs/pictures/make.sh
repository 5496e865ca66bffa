#!/bin/sh
# make.sh - makes before-after.webp anew and, where the training data are, starter.webp and shop.webp: photos, and their
# cut-outs on a checker or as for a shop. Needs ImageMagick.
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
if [ -n "$data" ]; then
    # shop OUT PHOTO OPTION...: the photo and the picture for a shop, side by side, 400 px high
    shop() {
        out=$1 photo=$2
        shift 2
        "$program" remove "$photo" -o "$scratch/shop.png" -f png -m "$model" --quiet "$@"
        convert "$photo" -resize x400 "$scratch/left.png"
        convert "$scratch/shop.png" -resize x400 "$scratch/right.png"
        convert "$scratch/left.png" "$scratch/right.png" +append +repage "$out"
    }
    shop "$scratch/s1.png" "$root/examples/photo1.jpg" --for square
    shop "$scratch/s2.png" "$data/products/21f129bb-76b0-4998-8e5a-5e1147d4720e.webp" -b blur
    shop "$scratch/s3.png" "$data/products/76bec031-f9e8-4b13-8b28-e4d216ffc29f.webp" --canvas 800 -b blur:5
    shop "$scratch/s4.png" "$data/products/4e6276b7-564c-4a32-9218-13cfc9148263.webp" --canvas 800 --shadow soft -b '#f4efe6'
    convert "$scratch"/s?.png +append +repage -depth 8 -strip -resize 1600x -quality 80 "$root/docs/pictures/shop.webp"
fi
