#!/usr/bin/env python3
"""What augment.py promises, on drawn photos: masks agree with images, what is unknown stays so, two subjects join without a seam,
every share of a batch is met, and the pictures of a seed are the same again."""
import torch
import augment as A

def drawn(n, s, seed):
    """red ellipses on dark blue noise, their masks with an unknown rim; the last quarter with soft alphas"""
    g = torch.Generator().manual_seed(seed); u = lambda a, b, *shape: torch.rand(*shape, generator=g)*(b - a) + a
    at = torch.arange(s)/s; c, r = u(.35, .65, n, 2), u(.12, .3, n, 2)
    d = (((at[None, None] - c[:, 0, None, None])/r[:, 0, None, None])**2 + ((at[None, :, None] - c[:, 1, None, None])/r[:, 1, None, None])**2).sqrt()[:, None]
    inside = (d < 1).float(); rgb = torch.cat([torch.zeros(n, 2, s, s), u(0, .5, n, 1, s, s)], 1)
    rgb = rgb*(1 - inside) + torch.tensor([1., 0, 0]).view(1, 3, 1, 1)*inside
    mask = torch.where((d - 1).abs() < .12, torch.full_like(d, 128/255), inside)
    alpha = torch.arange(n) >= n*3//4
    return rgb, torch.where(A.per(alpha), inside, mask), alpha, u(0, .5, n, 3, s, s)*torch.tensor([0., 0, 1]).view(1, 3, 1, 1)

RECIPE = dict(paste=.5, second=.25, empty=.1, clutter=.25, fence=.1)
n, s, size = 64, 96, 64
torch.manual_seed(5); a = A.pictures(*drawn(n, s, 1), RECIPE, size)
torch.manual_seed(5); b = A.pictures(*drawn(n, s, 1), RECIPE, size)
assert all(torch.equal(p, q) for p, q in zip(a, b))
im, t, known = a
assert im.shape == (n, 3, size, size) and t.shape == known.shape == (n, 1, size, size)
assert 0 <= float(im.min()) <= float(im.max()) <= 1 and 0 <= float(t.min()) <= float(t.max()) <= 1 and set(known.unique().tolist()) == {0., 1.}
assert .3 < float(known.mean()) < 1 and .02 < float(t.mean()) < .6 and bool((t.amax((1, 2, 3)) < .01).any())     # some are empty

real = {k: getattr(A, k) for k in ('colours', 'spoil', 'sheets', 'out_of_focus', 'shade', 'fence', 'affine')}
A.colours = A.spoil = A.shade = A.fence = lambda x: x                        # light and noise apart, red is subject and nothing else is
A.sheets = lambda rgb, solid, size: torch.zeros(len(rgb), 3, size, size)
A.out_of_focus = lambda rgb, size, grid: torch.zeros(len(rgb), 3, size, size)
for seed in range(4):
    torch.manual_seed(seed); im, t, known = A.pictures(*drawn(n, s, seed), dict(RECIPE, clutter=0), size); red = im[:, :1]
    sure, none = (known > 0) & (t > .95), (known > 0) & (t < .05)
    wrong = float(((sure & (red < .7)) | (none & (red > .3))).sum())/float((sure | none).sum())
    print('seed %d: %.3f of the pixels known, %.5f of them wrong' % (seed, float(known.mean()), wrong)); assert wrong < 2e-3, wrong
    rim = (known > 0) & (t > .2) & (t < .8)                          # a soft rim in the mask is one in the picture
    assert float((red - t)[rim].abs().mean()) < .2
A.affine = lambda n, dev, *a, **k: torch.tensor([[1., 0, 0], [0, 1., 0]]).expand(n, 2, 3)
rgb, mask, alpha, places = drawn(n, size, 9); alpha[:] = False
_, t, known = A.pictures(rgb, mask, alpha, places, dict(paste=0., second=0., empty=0.), size)
grey = (mask > .1) & (mask < .9)
assert torch.equal(known == 0, grey) and torch.equal(t[~grey], mask[~grey])                    # as they are, the unknown rim with them
_, _, known = A.pictures(rgb, mask, alpha, places, dict(paste=1., second=0., empty=0.), size); assert bool((known == 1).all())
for k, f in real.items(): setattr(A, k, f)

full = torch.ones(8, 1, size, size); solid = (mask[:8] > .9).float(); half = full.clone(); half[:, :, :, size//2:] = 0
im, t, known = A.add_second(rgb[:8], full, half, rgb[:8], solid, torch.arange(8))
assert float(t.min()) == 1                                           # a subject in front of a subject: no seam
assert bool((known[half == 1] == 1).all()) and 0 < float(known[half == 0].mean()) < 1

rgb, mask, alpha, places = drawn(16, size, 4); solid = (mask > .9).float(); known = 1 - ((mask > .1) & (mask < .9)).float(); i = torch.arange(0, 16, 2)
im = A.add_clutter(rgb, solid, known, rgb, solid, i); new = (im != rgb).any(1, keepdim=True)
assert bool(new[i].any()) and not bool(new[i + 1].any()) and not bool((new & ((solid > 0) | (known == 0))).any())           # beside subjects, never on them
bars = A.fence(torch.zeros(16, 3, size, size)); assert .002 < float((bars > 0).float().mean()) < .5 and float(bars.max()) <= 1
for name, share in (('jpeg', .35), ('second', .12), ('shade', .12)):
    i = A.some(100, share, name, torch.device('cpu')); assert len(i) == round(100*share) == len(set(i.tolist()))
assert not torch.equal(A.some(100, .12, 'second', torch.device('cpu')), A.some(100, .12, 'shade', torch.device('cpu')))

x = torch.rand(4, 3, 64, 64); y = A.jpeg(x); assert .01 < float((x - y).abs().mean()) < .3
flat = torch.full((4, 3, 64, 64), .5); assert float((A.jpeg(flat) - flat).abs().max()) < .05 and torch.allclose(A.blur(flat, torch.tensor([.3, .6, .9, 1.2])), flat, atol=1e-5)
assert float(A.blur(x, torch.full((4,), 1.2)).std()) < .5*float(x.std()) < .5*1.01*float(A.blur(x, torch.full((4,), .2)).std())
t = A.edge_weight((torch.arange(64).view(1, 1, 1, 64) < 32).float().expand(1, 1, 64, 64)); assert float(t[0, 0, 9, 31]) > 2.5 and float(t[0, 0, 9, 2]) == 1
print('pictures for training: all right')
