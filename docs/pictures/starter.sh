#!/bin/sh
# starter.sh - makes starter.webp anew: four validation photos of the training data, each with its cut-out on a checker.
#   docs/pictures/starter.sh build/release/bin/birefnet models/starter.safetensors DATA      (training/README.md says what DATA is)
set -eu
program=$1
model=$2
data=$3
root=$(cd "$(dirname "$0")/../.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

convert \( -size 8x8 xc:'#ffffff' xc:'#d4d4d4' +append \) \( -size 8x8 xc:'#d4d4d4' xc:'#ffffff' +append \) \
    -append +repage "$scratch/tile.png"
row=
for photo in products/087effcb-4eb3-41c1-a0bb-ec5c489f972f products/0c423d7d-d7a3-4a27-a9ce-01133543f246 \
    cats/cat0068 cats/cat0136; do
    name=$(basename "$photo")
    "$program" remove "$data/$photo.webp" -o "$scratch/cut.png" -m "$model" --quiet
    convert -size "$(identify -format %wx%h "$scratch/cut.png")" tile:"$scratch/tile.png" "$scratch/cut.png" \
        -composite +repage "$scratch/checker.png"
    convert "$data/$photo.webp" "$scratch/checker.png" +append +repage -resize x186 "$scratch/$name.png"
    row="$row $scratch/$name.png"
done
# shellcheck disable=SC2086 # a list of names without blanks
convert $row +append +repage -depth 8 -strip -quality 82 "$root/docs/pictures/starter.webp"
