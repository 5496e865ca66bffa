#!/usr/bin/env python3
"""DATA/people, photos of people with hand-drawn outlines: people.py DATA LIST PHOTOS [LIST PHOTOS ...]

LISTs of COCO 2017 with the folders of their photos: of github.com/minto5z/coco_yolo at 4715f5ca05a6ffc148d4c4e5b0a131663655f2be
coco/annotations/instances_val2017.json and coco/images/val2017 (photos with one person, 104 of the 131), then of manphh2211/HRNet-Pose-Estimation
at fb7fb87780243e6a2a28b0b8beeff1cf7d7f90cf data/coco/annotations/person_keypoints_val2017.json with the same photos (several people, 27).
lists/people.txt names what was kept after a look at each. Only photos whose own licence is open (COCO's 4, 5, 7, 8); outlines CC BY 4.0."""
import numpy as np
import coco

SMALL = 4                                                            # people with less than 1/SMALL of the largest one's area are unknown

def mask_of(annotations, names, size):
    """(every person; small ones and crowds unknown, what they are), or None where nobody is"""
    shapes = [(coco.fill(a, size), a) for a in annotations if names[a['category_id']] == 'person']
    if all(m is None for m, _ in shapes): return None
    areas = [(m > 0).sum() for m, _ in shapes if m is not None]
    out = np.zeros(size[::-1], np.uint8)
    for m, a in shapes:
        if m is None: out[coco.crowd(a, size) > 0] = 128
        elif (m > 0).sum()*SMALL < max(areas): out[m > 0] = 128
    for m, _ in shapes:
        if m is None or (m > 0).sum()*SMALL < max(areas): continue
        band = coco.banded(m); out[(band == 128) & (out != 255)] = 128; out[band == 255] = 255
    return out, 'person'

if __name__ == '__main__': coco.main('people', mask_of, __doc__)
