#!/usr/bin/env python3
"""More photos of cats, from the source of DATA/cats: more_cats.py CLONE DATA

CLONE is a checkout of github.com/pcashman21/feral-cat-segmentation-dataset-and-model (photos and outlines public domain, repository
MIT): 994 photos pressed to 640x640 with hand-drawn outlines of the cats. DATA/cats holds the 447 with few cats in them. This takes the others,
leaves out what looks like a validation photo, and writes DATA/cats-more/NAME.webp and .png (255 cat, 0 background, 128 a band along
the outline) and DATA/cats-more.txt. Most photos are there in three versions with other exposures and 5 % of the pixels
made black or white: their median is nearly the original."""
import argparse, collections, glob, os, re
import numpy as np, cv2

BAND = 7                                                             # px, as wide at 640 as in DATA/cats at 384
TOO_LIKE = .9                                                        # correlation of two photos at 24x24, above it they are taken for one

def signature(im):
    g = cv2.resize(cv2.GaussianBlur(cv2.resize(cv2.cvtColor(im, cv2.COLOR_BGR2GRAY), (64, 64), interpolation=cv2.INTER_AREA), (0, 0), 1), (24, 24), interpolation=cv2.INTER_AREA)
    g = g.astype(np.float32).ravel(); g -= g.mean()
    return g/(np.linalg.norm(g) + 1e-6)

def versions(clone):
    found = collections.defaultdict(list)
    for f in sorted(glob.glob(os.path.join(clone, 'feral-cat-segmentation.v1i.yolov8', '**', '*.jpg'), recursive=True)):
        found[re.sub(r'_[a-z]+\.rf\..*', '', os.path.basename(f))].append(f)
    return found

def clean(files):
    """the photo without its noise"""
    ims = [cv2.imread(f) for f in files]
    im = np.median(np.stack(ims), 0).astype(np.uint8) if len(ims) > 2 else ims[0]
    if not any('/train/' in f.replace(os.sep, '/') for f in files): return im
    calm = cv2.medianBlur(im, 3 if len(ims) > 2 else 5)
    spot = (np.abs(im.astype(np.int16) - calm).max(2) > 50) & ((im.min(2) > 225) | (im.max(2) < 30))
    spot = cv2.dilate(spot.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0 # JPEG has spread the spots
    return np.where(spot[:, :, None], calm, im)

def mask_of(photo, shape):
    h, w = shape[:2]; m = np.zeros((h, w), np.uint8); outlines = []
    for line in open(photo.replace(os.sep + 'images', os.sep + 'labels')[:-4] + '.txt'):
        v = line.split()
        if len(v) > 6: outlines.append((np.float32(v[1:]).reshape(-1, 2)*[w, h]).round().astype(np.int32))
    for p in outlines: cv2.fillPoly(m, [p], 255)
    for p in outlines: cv2.polylines(m, [p], True, 128, BAND)
    return m, len(outlines)

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('clone'); ap.add_argument('data'); ap.add_argument('--val', default='cats-val.txt')
    o = ap.parse_args(); read = lambda f: open(os.path.join(o.data, f)).read().split()
    known = {n[-4:] for f in ('cats-train.txt', o.val) for n in read(f)}    # catNNNN there is groupNNNN here
    val = np.stack([signature(cv2.imread(os.path.join(o.data, 'cats', n + '.webp'))) for n in read(o.val)])
    os.makedirs(os.path.join(o.data, 'cats-more'), exist_ok=True); names, cats, alike = [], 0, 0
    for name, files in sorted(versions(o.clone).items()):
        if name[-4:] in known: continue
        im = clean(files); m, n = mask_of(files[0], im.shape)
        if not n or not (m == 255).any(): continue
        if (val @ signature(im)).max() > TOO_LIKE: alike += 1; continue
        path = os.path.join(o.data, 'cats-more', name)
        cv2.imwrite(path + '.webp', im, [cv2.IMWRITE_WEBP_QUALITY, 92]); cv2.imwrite(path + '.png', m); names.append(name); cats += n
    with open(os.path.join(o.data, 'cats-more.txt'), 'w') as f: f.write('\n'.join(names) + '\n')
    print(len(names), 'photos of', cats, 'cats;', alike, 'left out, too like a validation photo')

if __name__ == '__main__': main()
