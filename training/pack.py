#!/usr/bin/env python3
"""One file of many small pictures, to carry the training data to another machine and to read it fast.

    pack.py --data DATA OUT.pack           # every set of SETS whose folder is there

Layout: 8 bytes length of the header (little endian), the header (JSON, deflated: a list of dicts, one a picture), the pictures.
A picture is a WebP; a pair has its mask behind it (WebP, lossless: 255 subject, 0 background, 128 unknown)."""
import argparse, io, json, os, random, struct, zlib
from concurrent.futures import ThreadPoolExecutor
import numpy as np
from PIL import Image

# name, kind, folder, list of names or start of a name, long side in px, WebP quality,
# one in how many is left out (0: none), validation
# pair: photo and mask; alpha: picture with alpha; ground: no subject in it; closer: parts of photos of many (look_closer)
# sizes and qualities are such that the whole is about 33 MiB; nearly all photos of cats, pets, people and things
SETS = [('products', 'pair', 'products', 'train.txt', 280, 40, 4, False), ('products', 'pair', 'products', 'val.txt', 300, 60, 2, True),
        ('cats', 'pair', 'cats', 'cats-train.txt', 336, 38, 0, False), ('cats', 'pair', 'cats', 'cats-val.txt', 320, 60, 0, True),
        ('closer', 'closer', 'cats-more', 'cats-more.txt', 256, 34, 0, False),
        ('pets', 'pair', 'pets', 'pets-train.txt', 384, 36, 0, False), ('pets', 'pair', 'pets', 'pets-val.txt', 384, 60, 0, True),
        ('people', 'pair', 'people', 'people-train.txt', 400, 55, 0, False), ('people', 'pair', 'people', 'people-val.txt', 384, 60, 0, True),
        ('open', 'pair', 'open', 'open-train.txt', 400, 55, 0, False), ('open', 'pair', 'open', 'open-val.txt', 384, 60, 0, True),
        ('fluent', 'alpha', 'fluent', '', 128, 40, 5, False), ('furniture', 'alpha', 'furniture', '', 96, 45, 0, False),
        ('shelves', 'ground', 'backgrounds', '', 256, 38, 0, False), ('yards', 'ground', 'grounds', 'yard-', 288, 40, 0, False),
        ('textures', 'ground', 'grounds', 'tex_', 160, 36, 3, False), ('photos', 'ground', 'grounds', 'coco_', 320, 55, 0, False)]

def fit(im, side, how):
    k = side/max(im.size)
    return im if k >= 1 else im.resize((max(1, round(im.width*k)), max(1, round(im.height*k))), how)

def webp(im, **how):
    b = io.BytesIO(); im.save(b, 'webp', method=4, **how)
    return b.getvalue()

def find(folder, name):
    return next((p for p in (os.path.join(folder, name + e) for e in ('.webp', '.jpg', '.jpeg', '.png')) if os.path.exists(p)), None)

def names_of(root, folder, which):
    if which.endswith('.txt'): return open(os.path.join(root, which)).read().split()
    return sorted({os.path.splitext(f)[0] for f in os.listdir(folder) if f.startswith(which) and f.endswith(('.webp', '.jpg', '.png'))})

def look_closer(im, m, r):
    """a part of a photo of many, around one of them"""
    h, w = m.shape; some = np.flatnonzero(m == 255)
    for _ in range(4):
        y, x = divmod(int(some[r.randrange(len(some))]), w); k = r.uniform(.25, .9)
        ch, cw = int(k*h*r.uniform(.85, 1.1)), int(k*w*r.uniform(.85, 1.1))
        y, x = [min(max(0, c - int(r.uniform(.25, .75)*n)), size - n) for c, n, size in ((y, ch, h), (x, cw, w))]
        part = m[y:y + ch, x:x + cw]
        if (part == 255).mean() > .06: return im[y:y + ch, x:x + cw], part
    return im, m

def picture(kind, folder, name, side, quality, number):
    """the bytes of one picture and of its mask (none for what has none)"""
    photo = find(folder, name)
    if kind == 'alpha': return webp(fit(Image.open(photo).convert('RGBA'), side, Image.LANCZOS), quality=quality, alpha_quality=50), b''
    im = Image.open(photo).convert('RGB')
    if kind == 'ground': return webp(fit(im, side, Image.LANCZOS), quality=quality), b''
    mask = Image.open(os.path.join(folder, name + '.png')).convert('L')
    if kind == 'closer': im, mask = [Image.fromarray(np.ascontiguousarray(v)) for v in look_closer(np.asarray(im), np.asarray(mask), random.Random(number))]
    return webp(fit(im, side, Image.LANCZOS), quality=quality), webp(fit(mask, side, Image.NEAREST), lossless=True)

def write(root, out):
    head, blobs, at = [], [], 0
    for name, kind, folder, which, side, quality, less, val in SETS:
        folder = os.path.join(root, folder)
        if not os.path.isdir(folder) or (which.endswith('.txt') and not os.path.exists(os.path.join(root, which))): continue
        names = names_of(root, folder, which)
        if less: names = [n for i, n in enumerate(names) if i % less]
        with ThreadPoolExecutor(2) as pool: made = list(pool.map(lambda i: picture(kind, folder, names[i], side, quality, i), range(len(names))))
        for b, m in made:
            head.append(dict(set=name, kind='pair' if kind == 'closer' else kind, val=val, offset=at, image=len(b), mask=len(m)))
            blobs += [b, m]; at += len(b) + len(m)
        print('%-9s %5d pictures%s, %.1f MiB so far' % (name, len(names), ' to check with' if val else '', at/2**20), flush=True)
    j = zlib.compress(json.dumps(head, separators=(',', ':')).encode(), 9)
    with open(out, 'wb') as f: f.write(struct.pack('<Q', len(j)) + j); f.writelines(blobs)

def read(path, side, threads):
    """the header, and every picture pressed into side x side as bytes [side,side,4]: red, green, blue, mask or alpha"""
    import cv2
    cv2.setNumThreads(1)
    with open(path, 'rb') as f: raw = f.read()
    n = struct.unpack('<Q', raw[:8])[0]; head = json.loads(zlib.decompress(raw[8:8 + n])); start = 8 + n
    def one(e):
        b = np.frombuffer(raw, np.uint8, e['image'], start + e['offset'])
        im = cv2.imdecode(b, cv2.IMREAD_UNCHANGED if e['kind'] == 'alpha' else cv2.IMREAD_COLOR)
        how = cv2.INTER_AREA if max(im.shape[:2]) > side else cv2.INTER_LINEAR
        im = cv2.resize(im, (side, side), interpolation=how)
        if e['kind'] == 'alpha': return np.ascontiguousarray(im[:, :, [2, 1, 0, 3]])
        mask = np.zeros((side, side), np.uint8)
        if e['kind'] == 'pair':
            m = cv2.imdecode(np.frombuffer(raw, np.uint8, e['mask'], start + e['offset'] + e['image']), cv2.IMREAD_GRAYSCALE)
            mask = cv2.resize(m, (side, side), interpolation=cv2.INTER_NEAREST)
        return np.ascontiguousarray(np.dstack([im[:, :, ::-1], mask]))
    with ThreadPoolExecutor(threads) as pool: return head, list(pool.map(one, head))

if __name__ == '__main__':
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('out'); ap.add_argument('--data', required=True); o = ap.parse_args()
    write(o.data, o.out); print(o.out, '%.1f MiB' % (os.path.getsize(o.out)/2**20))
