#!/usr/bin/env python3
"""DATA/cats, from hand-drawn outlines of feral cats: cats.py DATA CLONE; `more_cats.py` takes the other photos of the same clone.

CLONE: github.com/pcashman21/feral-cat-segmentation-dataset-and-model at c7cdfa43c095a1f9d1892754bcc201e971e375f1 (photos and outlines
public domain, repository MIT). lists/cats.txt names the 447 with one to three cats, by their number there. They were first taken from
github.com/pcashman21/feral-cat-segmentation, which has the same photos without the noise that `more_cats.py` takes off."""
import os, sys
import numpy as np, cv2
from PIL import Image
import common
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..'))
import more_cats

SIDE, BAND = 384, 3

def name_of(group):
    """groupNNNN of the clone is catNNNN here"""
    return 'cat' + group[-4:]

def mask_of(photo):
    """outlines of YOLO's text beside the photo, 255, with a band of 128 along them"""
    m, shapes = np.zeros((SIDE, SIDE), np.uint8), []
    with open(photo.replace(os.sep + 'images', os.sep + 'labels')[:-4] + '.txt') as f:
        for line in f:
            v = line.split()
            if len(v) > 6: shapes.append((np.float32(v[1:]).reshape(-1, 2)*SIDE).astype(np.int32))
    for s in shapes: cv2.fillPoly(m, [s], 255)
    for s in shapes: cv2.polylines(m, [s], True, 128, BAND)
    return m

def build(data, clone):
    out, names, left, wanted = common.make_folder(os.path.join(data, 'cats')), [], 0, set(common.listed('cats'))
    for group, files in sorted(more_cats.versions(clone).items()):
        name = name_of(group)
        if name not in wanted: left += 1; continue
        photo = cv2.resize(more_cats.clean(files), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
        common.write_pair(out, name, Image.fromarray(photo[:, :, ::-1]), mask_of(files[0]), 'webp', quality=85); names.append(name)
    common.write_split(data, 'cats', names, set(common.listed('cats-val')))
    common.report(out, left)

if __name__ == '__main__':
    if len(sys.argv) != 3: sys.exit(__doc__)
    build(*sys.argv[1:])
