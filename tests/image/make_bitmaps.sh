#!/bin/sh
# make_bitmaps.sh FOLDER: make the BMP, PNM and JPEG XL files of fuzz/corpus/image from its PNG files, by ImageMagick,
# netpbm and cjxl (libjxl-tools).
set -eu
cd "$1"
convert rgb8.png BMP3:rgb8.bmp
convert rgb8.png -define bmp:subtype=RGB565 BMP:rgb565.bmp
convert rgba8.png BMP:rgba8.bmp
convert grey8.png -type palette -compress RLE BMP3:grey8-runs.bmp
convert grey4.png -depth 4 -type palette BMP3:grey4.bmp
convert grey1.png -monochrome BMP3:grey1.bmp
pngtopnm rgb8.png > rgb8.ppm
pngtopnm rgb8.png | pnmtoplainpnm > rgb8-text.ppm
pngtopnm rgb16.png > rgb16.ppm
pngtopnm grey16.png > grey16.pgm
pngtopnm grey1.png > grey1.pbm
pngtopnm grey1.png | pnmtoplainpnm > grey1-text.pbm
pngtopam -alphapam rgba16.png > rgba16.pam
for name in rgb8 rgba8 grey8 rgb16 rgba16; do cjxl -q 100 "$name.png" "$name.jxl"; done
cjxl -d 0.1 rgb8.png rgb8-lossy.jxl
