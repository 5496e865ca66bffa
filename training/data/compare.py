#!/usr/bin/env python3
"""Compares two folders of training pictures file by file: compare.py MADE KNOWN [--json]

Counts, names only one has, sizes that differ, files equal to the byte, mean absolute difference of photos (of 255), and of masks the share of
pixels that differ and the IoU of the subjects where both know; of pictures with alpha the colours where they are not transparent, and alpha's difference."""
import argparse, json, os
import numpy as np
from PIL import Image

def pictures(folder):
    return {os.path.splitext(f)[0]: f for f in os.listdir(folder) if f.endswith(('.jpg', '.webp'))}

def colours(a, b):
    """mean absolute difference, by alpha where there is one"""
    a, b = a.astype(np.float32), b.astype(np.float32)
    weight = a[..., 3:].clip(max=b[..., 3:])/255 if a.shape[2] == 4 else np.ones(a.shape[:2] + (1,), np.float32)
    return float((abs(a - b)[..., :3]*weight).sum()/max(3*weight.sum(), 1))

def overlap(a, b):
    """share of pixels that differ, IoU of the subjects over pixels that both know"""
    known = (a != 128) & (b != 128); x, y = (a == 255) & known, (b == 255) & known
    return float((a != b).mean()), float((x & y).sum()/max((x | y).sum(), 1))

def contents(path):
    with open(path, 'rb') as f: return f.read()

def one(made, known):
    """figures of two files with their masks; None where sizes differ"""
    a, b = [np.asarray(Image.open(p)) for p in (made, known)]
    masks = [os.path.splitext(p)[0] + '.png' for p in (made, known)]
    if a.shape != b.shape: return None
    row = dict(same=contents(made) == contents(known), photo=colours(a, b))
    if a.shape[2] == 4: row['alpha'] = float(abs(a[..., 3].astype(int) - b[..., 3]).mean())
    if all(map(os.path.exists, masks)): row['mask'], row['iou'] = overlap(*[np.asarray(Image.open(p)) for p in masks])
    return row

def compare(made, known):
    a, b = pictures(made), pictures(known); both = sorted(a.keys() & b.keys())
    rows = {n: one(os.path.join(made, a[n]), os.path.join(known, b[n])) for n in both}
    good = [r for r in rows.values() if r]
    sums = dict(made=len(a), known=len(b), both=len(both), other_size=len(both) - len(good), same_bytes=sum(r['same'] for r in good))
    for k in ('photo', 'alpha', 'mask', 'iou'):
        v = [r[k] for r in good if k in r]
        if v: sums[k + '_mean'], sums[k + '_median'], sums[k + '_worst'] = float(np.mean(v)), float(np.median(v)), min(v) if k == 'iou' else max(v)
    return sums

if __name__ == '__main__':
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('made'); ap.add_argument('known'); ap.add_argument('--json', action='store_true')
    o = ap.parse_args(); sums = compare(o.made, o.known)
    print(json.dumps(sums) if o.json else '\n'.join('%s %s' % (k, round(v, 5)) for k, v in sums.items()))
