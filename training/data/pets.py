#!/usr/bin/env python3
"""DATA/pets, from two public parts of the Oxford-IIIT Pet Dataset with its trimaps: pets.py DATA CLONE [CLONE ...]

CLONEs: github.com/Naveen-Dodda/Sample_Pets_dataset at 9281626a62066c09f278b9b41ac4bad3683d7541 (600 pairs) and then
github.com/simonhansen1999/PetClassification at 1b52994357192034951537a9e53372bcfe4def97 (100). Neither states a licence; the data
set's authors give it under CC BY-SA 4.0. Left out: pets under 1 % of the picture, and what lists/pets-apart.txt names (kept apart for measuring)."""
import os, sys
import numpy as np
from PIL import Image
import common

SIDE = 320
LEAST = .01

def mask_of(path):
    """the set's trimap: 1 pet, 2 ground, 3 outline"""
    table = np.full(256, 128, np.uint8); table[1], table[2] = 255, 0
    return table[np.asarray(Image.open(path))]

def build(data, clones):
    out, names, left, apart = common.make_folder(os.path.join(data, 'pets')), set(), 0, set(common.listed('pets-apart'))
    for clone in clones:
        photos, maps = common.below(clone, r'/images/[^/.]\w*\.jpg$'), common.below(clone, r'/annotations/trimaps/[^/.]\w*\.png$')
        for name in sorted((photos.keys() & maps.keys()) - names):
            photo, mask = Image.open(photos[name]).convert('RGB'), mask_of(maps[name])
            if name in apart or mask.shape != photo.size[::-1] or (mask == 255).mean() < LEAST: left += 1; continue
            photo = common.shrink(photo, SIDE); names.add(name)
            common.write_pair(out, name, photo, common.shrink_mask(mask, photo.size), quality=88)
    common.write_split(data, 'pets', names, set(common.listed('pets-val')))
    common.report(out, left)

if __name__ == '__main__':
    if len(sys.argv) < 3: sys.exit(__doc__)
    build(sys.argv[1], sys.argv[2:])
