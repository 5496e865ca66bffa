"""A program for rembg: a PIL image and a NumPy array, as a notebook would have them."""

import sys

import numpy as np
from PIL import Image
from rembg import new_session, remove

photo = Image.open(sys.argv[1])
cut = remove(photo)
cut.save(sys.argv[2])
assert isinstance(cut, Image.Image) and cut.mode == "RGBA" and cut.size == photo.size

array = remove(np.asarray(photo), session=new_session("birefnet-general"))
assert isinstance(array, np.ndarray) and array.shape == (photo.height, photo.width, 4)

mask = remove(photo, only_mask=True)
assert mask.mode == "L" and mask.size == photo.size

png = remove(photo, force_return_bytes=True)
assert isinstance(png, bytes) and png.startswith(b"\x89PNG")
