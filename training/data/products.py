#!/usr/bin/env python3
"""DATA/products, masks by GrabCut without any network: products.py DATA CLONE [--first N] [--part I/N] [--only LIST]

CLONE: github.com/alexeygrigorev/clothing-dataset at 7ed86a9cc56763b6acb35e41cb35184e43a5d218 (5,756 photos, CC0-1.0).
Two runs of GrabCut at 300 px, in BGR with a border of 3 % and in Lab with one of 2 %: both say subject = 255, both say ground = 0,
they differ = 128. Kept where they agree at IoU 0.93 or more and 5 to 80 % of the picture is subject. --part: one of N processes.
The folder that the starter learnt from ends at the 4,351st photo in the order of names: --first 4351."""
import argparse, os
import numpy as np, cv2
from PIL import Image
import common

SIDE, CUT_SIDE, ROUNDS = 384, 300, 5
AGREE, LEAST, MOST = .93, .05, .8

def grab(im, border):
    """subject of a GrabCut that takes a border of this share for ground; the same seed for each, so order does not matter"""
    h, w = im.shape[:2]; x, y = max(1, int(w*border)), max(1, int(h*border))
    m = np.zeros((h, w), np.uint8); cv2.setRNGSeed(0)
    cv2.grabCut(im, m, (x, y, w - 2*x, h - 2*y), np.zeros((1, 65)), np.zeros((1, 65)), ROUNDS, cv2.GC_INIT_WITH_RECT)
    return np.uint8(255)*((m == cv2.GC_FGD) | (m == cv2.GC_PR_FGD))

def two_runs(photo):
    """both masks at SIDE, as booleans"""
    h, w = photo.shape[:2]
    small = cv2.resize(photo, common.fit_size((w, h), CUT_SIDE, True), interpolation=cv2.INTER_AREA)
    masks = grab(small, .03), grab(cv2.cvtColor(small, cv2.COLOR_BGR2LAB), .02)
    return [cv2.resize(m, common.fit_size((w, h), SIDE, True), interpolation=cv2.INTER_LINEAR) > 127 for m in masks]

def agreed(a, b):
    """the mask of two runs, or None where they are not to be trusted"""
    both, either = (a & b).sum(), (a | b).sum()
    if not either or both < AGREE*either or not LEAST <= both/a.size <= MOST: return None
    m = np.full(a.shape, 128, np.uint8); m[a & b] = 255; m[~a & ~b] = 0
    return m

def build(data, clone, first=None, part=(0, 1), only=None):
    out, names, left = common.make_folder(os.path.join(data, 'products')), [], 0
    cv2.setNumThreads(1)
    for name, path in sorted(common.below(clone, r'/images/[^/]+\.jpg$').items())[:first][part[0]::part[1]]:
        if only is not None and name not in only: continue
        photo = cv2.imread(path); mask = agreed(*two_runs(photo)) if photo is not None else None
        if mask is None: left += 1; continue
        small = cv2.resize(photo, mask.shape[::-1], interpolation=cv2.INTER_AREA); names.append(name)
        common.write_pair(out, name, Image.fromarray(small[:, :, ::-1]), mask, 'webp', quality=80)
    if part[1] == 1: common.write_split(data, '', names, set(common.listed('products-val')))
    common.report(out, left)

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('data'); ap.add_argument('clone'); ap.add_argument('--first', type=int); ap.add_argument('--part', default='0/1'); ap.add_argument('--only')
    o = ap.parse_args()
    build(o.data, o.clone, o.first, tuple(map(int, o.part.split('/'))), set(open(o.only).read().split()) if o.only else None)

if __name__ == '__main__': main()
