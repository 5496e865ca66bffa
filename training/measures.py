"""The measures: IoU at 0.5, MAE, S-measure, weighted F-measure.

p: predicted mask, 0..1; m: bytes 255 subject, 0 background, 128 unknown. Unknown pixels do not count: they are in no mean, sum or
area of any measure here. S-measure after Fan et al. 2017 (alpha 0.5); weighted F after Margolin et al. 2014 (beta 1)."""
import math
import numpy as np, cv2

EPS = 1e-12

def iou(p, m):
    a, g, k = p > .5, m == 255, m != 128
    union = ((a | g) & k).sum()
    return float((a & g & k).sum()/union) if union else 1.0

def mae(p, m):
    k = m != 128
    return float(np.abs(p - (m == 255))[k].mean()) if k.any() else 0.0


# ---------------------------------------------------------------- S-measure

def _object(v):                                      # v: the values inside the object, 1 is right everywhere
    if not len(v): return 0.0
    x = v.mean(); return 2*x/(x*x + 1 + (v.std(ddof=1) if len(v) > 1 else 0.0) + EPS)

def _ssim(p, g):
    n = len(p)
    if n < 2: return 1.0 if n and abs(p - g).max() < .5 else 0.0
    x, y = p.mean(), g.mean(); sx, sy = p.var(ddof=1), g.var(ddof=1); sxy = ((p - x)*(g - y)).sum()/(n - 1)
    a, b = 4*x*y*sxy, (x*x + y*y)*(sx + sy)
    return a/(b + EPS) if a else (1.0 if b == 0 else 0.0)

def s_measure(p, m):
    g, k = m == 255, m != 128
    if not k.any(): return 1.0
    p = p.astype(np.float64); share = g[k].mean()
    if share == 0: return float(1 - p[k].mean())
    if share == 1: return float(p[k].mean())
    obj = share*_object(p[g]) + (1 - share)*_object(1 - p[k & ~g])
    ys, xs = np.nonzero(g); y, x = int(ys.mean() + 1.5), int(xs.mean() + 1.5)    # cut at the subject's centre of gravity
    region = 0.0
    for q in (np.s_[:y, :x], np.s_[:y, x:], np.s_[y:, :x], np.s_[y:, x:]):
        kq = k[q]
        if kq.any(): region += kq.sum()/k.sum()*_ssim(p[q][kq], g[q][kq].astype(np.float64))
    return float(max(0.0, .5*obj + .5*region))


# ---------------------------------------------------------------- weighted F-measure

def nearest(g):
    """for every pixel the exact distance to, and the flat index of, a nearest pixel where g holds"""
    h, w = g.shape; rows = np.arange(h)[:, None]
    up = np.maximum.accumulate(np.where(g, rows, -10**6), 0)
    down = np.minimum.accumulate(np.where(g, rows, 10**6)[::-1], 0)[::-1]
    row = np.where(rows - up <= down - rows, up, down)              # nearest one in the column
    d2 = (row - rows).astype(np.float64)**2; cols = np.arange(w)
    apart = (cols[:, None] - cols[None])**2
    dist, index = np.empty((h, w)), np.empty((h, w), np.int64)
    for y in range(h):
        c = apart + d2[y][None]; j = c.argmin(1)
        dist[y] = np.sqrt(c[cols, j]); index[y] = row[y, j]*w + j
    return dist, index

def weighted_f(p, m):
    g, k = m == 255, m != 128
    if not g.any(): return 1.0 if not (p[k] > .5).any() else 0.0
    e = np.where(k, np.abs(p.astype(np.float64) - g), 0.0)
    dist, index = nearest(g)
    et = np.where(g, e, e.ravel()[np.clip(index, 0, g.size - 1)])
    c = np.exp(-(np.arange(7) - 3.0)**2/(2*5*5)); kernel = np.outer(c, c)/np.outer(c, c).sum()
    ea = cv2.filter2D(et, -1, kernel, borderType=cv2.BORDER_CONSTANT)
    low = np.where(g & (ea < e), ea, e)
    importance = np.where(g, 1.0, 2 - np.exp(math.log(.5)/5*dist))
    ew = low*importance*k
    hit = g.sum() - ew[g].sum(); miss = ew[k & ~g].sum()
    recall, precision = 1 - ew[g].mean(), hit/(hit + miss + EPS)
    return float(2*recall*precision/(recall + precision + EPS))

ALL = (('iou', iou), ('mae', mae), ('s_measure', s_measure), ('weighted_f', weighted_f))
