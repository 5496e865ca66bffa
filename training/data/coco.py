"""COCO's annotations for the builders: photos with an open licence of their own, polygons as masks at full size, and the band
along outlines, and a folder made of chosen photos. Annotations CC BY 4.0 (COCO Consortium); each photo keeps its licence, which the list
names by a number."""
import json, os, sys
import numpy as np
from PIL import Image, ImageDraw, ImageFilter
import common

SIDE = 320

def load(path):
    """(images by id, annotations by image id, names of categories) of one list"""
    with open(path) as f: d = json.load(f)
    shapes = {}
    for a in d['annotations']: shapes.setdefault(a['image_id'], []).append(a)
    return {i['id']: i for i in d['images']}, shapes, {c['id']: c['name'] for c in d['categories']}

def stem(number): return '%012d' % number

def is_open(image): return image.get('license') in common.LICENCES

def row(image, subjects):
    return stem(image['id']), common.LICENCES[image['license']], image['flickr_url'], subjects

def fill(annotation, size):
    """the polygons of one object, 255; None for a crowd, whose shape is a run-length code"""
    if not isinstance(annotation['segmentation'], list): return None
    im = Image.new('L', size, 0)
    for p in annotation['segmentation']: ImageDraw.Draw(im).polygon([float(v) for v in p], fill=255)
    return np.array(im)

def crowd(annotation, size):
    """uncompressed run lengths, column by column, that begin with ground"""
    flat, at, on = np.zeros(size[0]*size[1], np.uint8), 0, False
    for n in annotation['segmentation']['counts']:
        if on: flat[at:at + n] = 255
        at, on = at + n, not on
    return flat.reshape(size).T.copy()

def grown(mask): return np.array(Image.fromarray(mask).filter(ImageFilter.MaxFilter(3)))

def eaten(mask): return np.array(Image.fromarray(mask).filter(ImageFilter.MinFilter(3)))

def banded(mask):
    """one pixel on either side of the outline is unknown: polygons are coarse"""
    m = np.full_like(mask, 128); m[grown(mask) == 0] = 0; m[eaten(mask) == 255] = 255
    return m

def photo(folders, number):
    """the photo of a number, from the first folder that has it"""
    for f in folders:
        path = os.path.join(f, stem(number) + '.jpg')
        if os.path.exists(path): return Image.open(path).convert('RGB')
    return None

def build(data, kind, sources, mask_of):
    """DATA/KIND of the photos in lists/KIND.txt; mask_of(annotations, names, size) gives a mask and what its subjects are, or None"""
    out, rows, left, wanted = common.make_folder(os.path.join(data, kind)), {}, 0, set(common.listed(kind))
    for path, folder in sources:
        images, shapes, names = load(path)
        for number, image in sorted(images.items()):
            name = stem(number); taken = name in wanted and name not in rows and is_open(image)
            one = photo([folder], number) if taken else None
            made = mask_of(shapes.get(number, []), names, one.size) if one else None
            if made is None: left += 1; continue
            one, rows[name] = common.shrink(one, SIDE), row(image, made[1])
            common.write_pair(out, name, one, common.shrink_mask(made[0], one.size), quality=88)
    common.write_rows(out, rows.values()); common.write_split(data, kind, rows, set(common.listed(kind + '-val')))
    common.report(out, left)

def main(kind, mask_of, usage):
    if len(sys.argv) < 4 or len(sys.argv) % 2: sys.exit(usage)
    build(sys.argv[1], kind, list(zip(sys.argv[2::2], sys.argv[3::2])), mask_of)
