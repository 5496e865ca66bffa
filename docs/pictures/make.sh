#!/bin/sh
# make.sh - makes before-after.webp anew: each photo, and its cut-out on a checker. Needs ImageMagick.
#   docs/pictures/make.sh build/release/bin/birefnet models/starter.safetensors
set -eu
program=$1
model=$2
root=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

convert \( -size 12x12 xc:'#ffffff' xc:'#d4d4d4' +append \) \( -size 12x12 xc:'#d4d4d4' xc:'#ffffff' +append \) \
    -append +repage "$scratch/tile.png"
for photo in photo1 photo2; do
    "$program" remove "$root/examples/$photo.jpg" -o "$scratch/cut.png" -m "$model" --quiet
    convert -size "$(identify -format %wx%h "$scratch/cut.png")" tile:"$scratch/tile.png" "$scratch/cut.png" \
        -composite +repage "$scratch/checker.png"
    convert "$root/examples/$photo.jpg" "$scratch/checker.png" +append +repage -resize x400 "$scratch/$photo.png"
done
convert "$scratch/photo1.png" "$scratch/photo2.png" +append +repage -depth 8 -strip -resize 1400x -quality 82 \
    "$root/docs/pictures/before-after.webp"
