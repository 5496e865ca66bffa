#!/usr/bin/env python3
"""DATA/backgrounds, shelves full of things: shelves.py DATA CLONE

CLONE: github.com/marcusklasson/GroceryStoreDataset at fc80ba90f803d79d0383df52c5a4ac5de99ff6fc (MIT); lists/backgrounds.txt names the 200, in
the order of their numbers."""
import os, sys
import cv2
from PIL import Image
import common

SIDE = 384

def build(data, clone):
    out, left = common.make_folder(os.path.join(data, 'backgrounds')), 0
    for i, path in enumerate(common.listed('backgrounds')):
        photo = cv2.imread(os.path.join(clone, 'dataset', path))
        if photo is None: left += 1; continue
        photo = cv2.resize(photo, common.fit_size(photo.shape[1::-1], SIDE, True), interpolation=cv2.INTER_AREA)
        Image.fromarray(photo[:, :, ::-1]).save(os.path.join(out, '%03d.webp' % i), quality=75)
    common.report(out, left)

if __name__ == '__main__':
    if len(sys.argv) != 3: sys.exit(__doc__)
    build(*sys.argv[1:])
