#!/usr/bin/env python3
"""The yards of DATA/grounds, parts of photos of cats with no cat in them: yards.py DATA CLONE

CLONE as for cats.py, and the photos that `more_cats.py` takes. Drawn at random with a fixed seed: as many as there were, not the same ones."""
import os, random, sys
from PIL import Image
import common, cats
import more_cats

YARDS, SIDE, TRIES, ROUNDS = 199, 224, 12, 8

def empty_part(photo, mask, r):
    """a part with no cat in it, or None"""
    h, w = mask.shape
    for _ in range(TRIES):
        ch, cw = int(h*r.uniform(.25, .8)), int(w*r.uniform(.3, 1)); y, x = r.randint(0, h - ch), r.randint(0, w - cw)
        if not mask[y:y + ch, x:x + cw].any(): return photo[y:y + ch, x:x + cw]
    return None

def build(data, clone):
    out, r, n, known = common.make_folder(os.path.join(data, 'grounds')), random.Random(1), 0, set(common.listed('cats'))
    groups = [files for g, files in sorted(more_cats.versions(clone).items()) if cats.name_of(g) not in known]; r.shuffle(groups)
    for files in groups*ROUNDS:
        photo = more_cats.clean(files); part = empty_part(photo, more_cats.mask_of(files[0], photo.shape)[0], r)
        if part is None: continue
        part = common.shrink(Image.fromarray(part[:, :, ::-1].copy()), SIDE)
        part.save(os.path.join(out, 'yard-%05d.webp' % n), quality=85); n += 1
        if n == YARDS: break
    common.report(out, 0)

if __name__ == '__main__':
    if len(sys.argv) != 3: sys.exit(__doc__)
    build(*sys.argv[1:])
