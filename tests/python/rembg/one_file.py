"""A program for rembg: a photo's file in, a PNG out."""

import sys

from rembg import remove

with open(sys.argv[1], "rb") as source, open(sys.argv[2], "wb") as target:
    target.write(remove(source.read()))
