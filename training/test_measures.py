#!/usr/bin/env python3
"""Hand-made cases for measures.py."""
import numpy as np
from measures import iou, mae, s_measure, weighted_f, nearest

near = lambda a, b, tol=1e-6: abs(a - b) <= tol
m = np.zeros((4, 4), np.uint8); m[:, :2] = 255                       # the left half is the subject
right = (m == 255).astype(np.float64)

assert iou(right, m) == 1 and mae(right, m) == 0
assert iou(1 - right, m) == 0 and mae(1 - right, m) == 1
assert iou(np.ones((4, 4)), m) == .5 and mae(np.ones((4, 4)), m) == .5
assert iou(np.full((4, 4), .5), m) == 0                              # 0.5 itself is not above 0.5
one = right.copy(); one[0, 0] = 0; one[0, 3] = 1                     # one missed, one too many: 7 of 9
assert near(iou(one, m), 7/9) and near(mae(one, m), 2/16)
u = m.copy(); u[0, 0] = u[0, 3] = 128                                # the same two unknown: all is right
for f, best in ((iou, 1), (mae, 0), (s_measure, 1), (weighted_f, 1)): assert near(f(one, u), best), f
assert iou(np.zeros((4, 4)), np.zeros((4, 4), np.uint8)) == 1        # nothing there, nothing found

assert near(s_measure(right, m), 1) and near(weighted_f(right, m), 1)
assert near(s_measure(1 - right, m), .5)                             # so defined: every quarter is constant in both, that counts as alike
empty, full = np.zeros((4, 4), np.uint8), np.full((4, 4), 255, np.uint8)
assert near(s_measure(np.full((4, 4), .25), empty), .75) and near(s_measure(np.full((4, 4), .25), full), .25)
half = right*.5                                                      # 0.5 inside, 0 outside
# object: inside 2*.5/(.25+1) = .8, outside 1, each half the area: .9; region: the centre of gravity puts the cut after column 1 (rounded:
# columns 0..1 | 2..3), so every quarter is constant: left quarters 0.5 against 1 without variance and right quarters 0 against 0 count 1
y = s_measure(half, m); assert near(y, .5*.9 + .5*1), y

d, i = nearest(m == 255)
assert np.array_equal(d, np.tile([0., 0., 1., 2.], (4, 1))) and i[2, 3] == 2*4 + 1
rng = np.random.default_rng(1); g = rng.random((19, 23)) < .05; d, i = nearest(g)
ys, xs = np.nonzero(g); yy, xx = np.mgrid[:19, :23]
assert np.allclose(d, np.sqrt(((yy[..., None] - ys)**2 + (xx[..., None] - xs)**2).min(-1))) and g.ravel()[i].all()

# weighted F by hand: a false pixel 1 beside the subject weighs 2 - exp(ln(.5)/5), a far one nearly 2
big = np.zeros((40, 40), np.uint8); big[:, :20] = 255; p = (big == 255).astype(float)
a, b = p.copy(), p.copy(); a[20, 20] = 1; b[20, 39] = 1
assert weighted_f(1 - p, big) < .2
w = 2 - np.exp(np.log(.5)/5); precision = 800/(800 + w)
assert near(weighted_f(a, big), 2*precision/(1 + precision)) and weighted_f(b, big) < weighted_f(a, big) < 1
print('measures: all right')
