#!/usr/bin/env python3
"""DATA/grounds but for its yards, pictures with no subject: grounds.py textures DATA CLONE, or grounds.py photos DATA FOLDER [FOLDER ...]

CLONE: github.com/fabien-michel/sweethome3d-textures-ambientcg at 1a475099a89a9b979bbd15b6f59305d260795b80, previews of ambientCG (CC0-1.0): every
second of them, tiled. FOLDERs: COCO 2017 photos as for open.py, lists/grounds-photos.txt (licences were looked at, see models/ATTRIBUTION.md)."""
import os, sys
import numpy as np
from PIL import Image
import coco, common

SHEET, TILE, EDGE, STEP_X, STEP_Y = 256, 128, 16, 144, 176            # px of a preview sheet's cells
LEFT_OUT = {'Chainmail', 'Road', 'TireTracks', 'Paper_16_16', 'Porcelain_16_16', 'Rust_16_16'} # holes, lines, hardly anything but white

def empty(cell):
    """white, or a texture that is too narrow for its cell"""
    return cell.mean() >= 250 or ((cell[:, -1] >= 250).all() and (cell >= 250).all(2).mean() > .25)

def tiled(cell):
    """a texture as a square: white below it is no part of it"""
    rows = np.flatnonzero((cell < 250).any((1, 2))); cell = cell[:rows[-1] + 1] if len(rows) else cell
    return np.tile(cell, (-(-SHEET//cell.shape[0]), 2, 1))[:SHEET, :SHEET]

def cells(clone):
    """(name, texture) of all that are not empty, in the order of names"""
    found = []
    for kind, path in sorted(common.below(clone, r'/previews/\w+\.webp$').items()):
        sheet = np.asarray(Image.open(path).convert('RGB'))
        for y in range(EDGE, sheet.shape[0] - TILE + 1, STEP_Y):
            for x in range(EDGE, sheet.shape[1] - TILE + 1, STEP_X):
                cell = sheet[y:y + TILE, x:x + TILE]
                name = '%s_%d_%d' % (kind, x, y)
                if not LEFT_OUT & {kind, name} and not empty(cell): found.append(('tex_' + name, cell))
    return sorted(found, key=lambda c: c[0])

def textures(out, clone):
    for name, cell in cells(clone)[1::2]: Image.fromarray(tiled(cell)).save(os.path.join(out, name + '.webp'), quality=80)

def photos(out, *folders):
    for number in common.listed('grounds-photos'):
        photo = coco.photo(folders, int(number))
        if photo is not None: common.shrink(photo, 480).save(os.path.join(out, 'coco_%s.jpg' % number), quality=88)

KINDS = dict(textures=textures, photos=photos)

if __name__ == '__main__':
    if len(sys.argv) < 4 or sys.argv[1] not in KINDS: sys.exit(__doc__)
    folder = common.make_folder(os.path.join(sys.argv[2], 'grounds'))
    KINDS[sys.argv[1]](folder, *sys.argv[3:]); common.report(folder, 0)
