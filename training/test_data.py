#!/usr/bin/env python3
"""What data.py promises of the pictures it makes, on a small data folder of drawn photos: a picture depends on the seed and its
number alone, places for cats hold no cat, clutter leaves the cats as they are, and masks say 255, 128 and 0 where they should."""
import os, random, tempfile
import numpy as np, cv2
import data

def drawn(folder, kind, names, rng, count=1):
    os.makedirs(os.path.join(folder, kind), exist_ok=True)
    for n in names:
        h, w = 96, 128; im = rng.integers(0, 120, (h, w, 3), np.uint8); m = np.zeros((h, w), np.uint8)
        for _ in range(count):
            at, size = (int(rng.integers(12, w - 12)), int(rng.integers(12, h - 12))), (int(rng.integers(7, 12)), int(rng.integers(7, 12)))
            cv2.ellipse(m, at, size, 0, 0, 360, 255, -1); cv2.ellipse(m, at, size, 0, 0, 360, 128, 3)
        im[m > 0] = 255                                              # only subjects are as bright as that
        cv2.imwrite(os.path.join(folder, kind, n + '.webp'), im, [cv2.IMWRITE_WEBP_QUALITY, 101]); cv2.imwrite(os.path.join(folder, kind, n + '.png'), m)

STAGE = dict(size=64, cats=.7, paste=.4, empty=.05, second=.4, second_more=.5, yard=.5, clutter=.5, shade=.3, fence=.2, more=.5, cat_zoom=1.5)

with tempfile.TemporaryDirectory() as d:
    rng = np.random.default_rng(7); lists = {'products': 'train.txt', 'cats': 'cats-train.txt', 'cats-more': 'cats-more.txt'}
    for kind, file in lists.items():
        names = ['%s%d' % (kind, i) for i in range(4)]; drawn(d, kind, names, rng, 3 if kind == 'cats-more' else 1)
        with open(os.path.join(d, file), 'w') as f: f.write('\n'.join(names))
    drawn(d, 'backgrounds', ['000', '001'], rng, 0)

    samples, again = data.Samples(d, 3), data.Samples(d, 3); samples.stage = again.stage = STAGE
    first = [samples.picture(i) for i in range(40)]
    for i in reversed(range(40)):
        assert all(np.array_equal(a, b) for a, b in zip(first[i], again.picture(i))), i
    other = data.Samples(d, 4); other.stage = STAGE
    assert sum(not np.array_equal(first[i][0], other.picture(i)[0]) for i in range(40)) == 40
    for im, t, k in first: assert im.shape == (64, 64, 3) and im.dtype == np.uint8 and t.shape == k.shape == (64, 64) and set(np.unique(k)) <= {0, 1}
    assert 0 < np.mean([(k == 0).mean() for _, _, k in first]) < .2  # unknown rims do not count
    x, t, w = samples[1]
    assert x.shape == (3, 64, 64) and t.shape == w.shape == (1, 64, 64) and 0 <= float(t.min()) <= float(t.max()) <= 1 and float(w.max()) <= 5

    places = [p for p in (data.yard(samples, random.Random(i)) for i in range(200)) if p is not None]
    assert len(places) > 100 and max(int(p.max()) for p in places) < 200
    changed = 0
    for i in range(50):
        r, noise = random.Random(i), np.random.default_rng(i); _, im, m = r.choice(samples.cats)
        out = data.clutter(im, m, samples, r, noise); changed += (out != im).any()
        assert np.array_equal(out[m > 0], im[m > 0])
        part, pm = data.look_closer(*samples.more[i % 4][1:], r); assert part.shape[:2] == pm.shape and (pm == 255).any()
        both, bm = data.add_second(im, m, *samples.other_cat(r), r)
        assert (bm[m == 255] == 255).all() and (bm[(m == 128)] >= 128).all()
        dark = data.shade(im, r, noise); assert dark.shape == im.shape and (dark <= im).all()
        assert data.fence(im, r).shape == im.shape
    assert changed > 40
print('pictures for training: all right')
