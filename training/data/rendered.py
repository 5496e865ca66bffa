#!/usr/bin/env python3
"""DATA/fluent and DATA/furniture, rendered things with alpha: rendered.py fluent DATA PACKAGE, or rendered.py furniture DATA CATALOGUES

PACKAGE: npm @lobehub/fluent-emoji-3d 1.1.0, unpacked (Microsoft Fluent Emoji as webp of 256 px, MIT); signs, flags and clocks are left out, and
of five skin tones four, by lists/fluent-tones.txt. CATALOGUES: the folder of .sh3f files in Debian's sweethome3d-furniture 1.8-1 (CC BY 3.0,
CC0 1.0; authors in its copyright file): the 128 px icons of the catalogues."""
import os, re, sys, zipfile
import numpy as np
from PIL import Image
import common

SIDE, PAD, FAINT = 208, 2, 8
SIGNS = (0, 0x2611), (0x2648, 0x2653), (0x2b05, 0x2b1c), (0x1f170, 0x1f251), (0x1f500, 0x1f53d), (0x1f550, 0x1f567), (0x1f7e0, 0x1f7f0)
ROAD = 'fleche', 'passage-pieton', 'stationnement'                  # marks on a road, flat
TONES = {'1f3fb', '1f3fc', '1f3fd', '1f3fe', '1f3ff'}
CATALOGUES = 'KatorLegaz', 'Reallusion', 'Scopia', 'BlendSwap-CC-BY', 'BlendSwap-CC-0'

def cropped(picture):
    """to what is more than faint, and a little around it"""
    ys, xs = np.where(np.asarray(picture)[:, :, 3] > FAINT)
    return picture.crop((max(0, int(xs.min()) - PAD), max(0, int(ys.min()) - PAD),
                         min(picture.width, int(xs.max()) + 1 + PAD), min(picture.height, int(ys.max()) + 1 + PAD)))

def write(out, name, picture, quality):
    common.shrink(cropped(picture), SIDE).save(os.path.join(out, name + '.webp'), quality=quality)

def is_sign(name):
    first = int(name.split('-')[0], 16)
    return any(a <= first <= b for a, b in SIGNS) or name == '1f636-200d-1f32b-fe0f'

def fluent(data, package):
    out, left, tones = common.make_folder(os.path.join(data, 'fluent')), 0, set(common.listed('fluent-tones'))
    for name, path in sorted(common.below(package, r'/assets/[0-9a-f_-]+\.webp$').items()):
        if is_sign(name) or (TONES & set(name.split('-')) and name not in tones): left += 1; continue
        write(out, name, Image.open(path).convert('RGBA'), 80)
    common.report(out, left)

def icons(catalogue):
    """paths of the icons that a catalogue's list names"""
    text = catalogue.read('PluginFurnitureCatalog.properties').decode('latin-1')
    return sorted({m.strip().lstrip('/') for m in re.findall(r'^icon#\d+\s*=(.*)$', text, re.M)})

def furniture(data, folder):
    out, left = common.make_folder(os.path.join(data, 'furniture')), 0
    for c in CATALOGUES:
        with zipfile.ZipFile(os.path.join(folder, c + '.sh3f')) as z:
            for path in icons(z):
                picture, name = Image.open(z.open(path)).convert('RGBA'), os.path.splitext(os.path.basename(path))[0]
                if name.startswith(ROAD) or not (np.asarray(picture)[:, :, 3] > FAINT).any(): left += 1; continue
                write(out, c + '_' + name, picture, 80)
    common.report(out, left)

if __name__ == '__main__':
    if len(sys.argv) != 4 or sys.argv[1] not in ('fluent', 'furniture'): sys.exit(__doc__)
    dict(fluent=fluent, furniture=furniture)[sys.argv[1]](*sys.argv[2:])
