"""What the builders of training data share: names of lists, sizes, masks of three values (255 subject, 0 ground, 128 unknown),
files of photos and masks, attribution rows, lists of a split, and a hash of a folder that was made."""
import hashlib, os, re
import numpy as np
from PIL import Image

LISTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'lists')
LICENCES = {4: 'CC BY 2.0', 5: 'CC BY-SA 2.0', 7: 'No known copyright restrictions', 8: 'US Government work'}  # COCO's open ones

def listed(name, folder=LISTS):
    with open(os.path.join(folder, name + '.txt')) as f: return f.read().split()

def fit_size(size, side, larger=False):
    k = side/max(size)
    return tuple(size) if k >= 1 and not larger else tuple(max(1, round(v*k)) for v in size)

def shrink(photo, side):
    return photo.resize(fit_size(photo.size, side), Image.LANCZOS)

def three(grey):
    """grey that came of shrinking: four fifths subject, four fifths ground, else unknown"""
    m = np.full(grey.shape, 128, np.uint8); m[grey < 51] = 0; m[grey > 204] = 255
    return m

def shrink_mask(mask, size):
    return three(np.asarray(Image.fromarray(mask).resize(size, Image.BOX)))

def make_folder(path):
    os.makedirs(path, exist_ok=True)
    return path

def write_pair(folder, name, photo, mask, kind='jpg', **how):
    photo.save(os.path.join(folder, name + '.' + kind), **how)
    Image.fromarray(mask).save(os.path.join(folder, name + '.png'), optimize=True)

def write_rows(folder, rows):
    """whose pictures they are: id, licence, address, subjects"""
    with open(os.path.join(folder, 'ATTRIBUTION.tsv'), 'w') as f:
        f.write('id\tlicence\tflickr_url\tsubjects\n' + ''.join('\t'.join(r) + '\n' for r in sorted(rows)))

def write_split(data, name, names, val):
    """NAME-train.txt and NAME-val.txt, of those that are there"""
    dash = name + '-' if name else ''
    for part, keep in (('train', False), ('val', True)):
        with open(os.path.join(data, dash + part + '.txt'), 'w') as f: f.write(''.join(n + '\n' for n in sorted(names) if (n in val) == keep))

def below(folder, pattern):
    """files below a folder whose path there matches, by their bare name; the first in the order of paths wins"""
    found = {}
    for root, _, files in os.walk(folder):
        for f in files:
            path = os.path.join(root, f)
            if re.search(pattern, path[len(folder):].replace(os.sep, '/')): found.setdefault(os.path.splitext(f)[0], []).append(path)
    return {n: sorted(p)[0] for n, p in found.items()}

def folder_hash(folder):
    """SHA-256 over names and contents"""
    h = hashlib.sha256()
    for f in sorted(os.listdir(folder)):
        with open(os.path.join(folder, f), 'rb') as one: h.update(f.encode() + b'\0' + hashlib.sha256(one.read()).digest())
    return h.hexdigest()

def report(folder, left_out):
    files = [f for f in os.listdir(folder) if f.endswith(('.jpg', '.webp'))]
    print(os.path.basename(folder), len(files), 'pictures;', left_out, 'left out; sha256', folder_hash(folder)[:16])
