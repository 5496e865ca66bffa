#!/usr/bin/env python3
"""DATA/open, photos of vehicles, animals, food, appliances and people with hand-drawn outlines: open.py DATA LIST PHOTOS [LIST PHOTOS ...]

LISTs of COCO 2017 with the folders of their photos, from small mirrors on GitHub: zzowenzz/COCO_Tiny at e7a689f, developer0hye/COCO128 at 47a3de3,
enginbozaba/tiny_coco at 44ee1df, Obmutescence/COCO-MINI at 644f29e, lizhogn/tiny_coco_dataset at 68523dd, mchoccie/DeepDataMiningLearning at 13136af.
lists/open.txt names what was kept after a look at each. Only photos whose own licence is open (COCO's 4, 5, 7, 8); outlines CC BY 4.0."""
import numpy as np
import coco

LARGE = 4                                                            # a subject has at least 1/LARGE of the largest one's area
PLACES = {'dining table', 'bed', 'couch', 'bench'}                   # what things lie on: no subjects beside a thing of LEAST of the frame
LEAST = .06

def objects(annotations, names, size):
    """(mask, category, area) of all but crowds, largest first"""
    found = [(coco.fill(a, size), names[a['category_id']]) for a in annotations if not a.get('iscrowd')]
    return sorted(((m, n, int((m > 0).sum())) for m, n in found if m is not None), key=lambda o: -o[2])

def subjects(found):
    """large ones, and small ones that touch them"""
    things = [o for o in found if o[1] not in PLACES]
    if not things or things[0][2] < LEAST*found[0][0].size: things = found
    large = [o for o in things if o[2]*LARGE >= things[0][2]]
    near = coco.grown(np.maximum.reduce([o[0] for o in large])) > 0
    small = [o for o in things if o[2]*LARGE < things[0][2] and (near & (o[0] > 0)).any()]
    return large, small

def mask_of(annotations, names, size):
    """(mask, names of the large subjects), or None where there is none"""
    found = objects(annotations, names, size)
    if not found: return None
    large, small = subjects(found)
    whole = np.maximum.reduce([o[0] for o in large + small]); out = coco.banded(whole)
    for o in found: out[(o[0] > 0) & (whole == 0)] = 128
    for a in annotations:
        if a.get('iscrowd'): out[(coco.crowd(a, size) > 0) & (whole == 0)] = 128
    return out, '+'.join(sorted({o[1] for o in large}))

if __name__ == '__main__': coco.main('open', mask_of, __doc__)
