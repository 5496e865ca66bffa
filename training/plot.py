#!/usr/bin/env python3
"""plot.py RUN_FOLDER curves.png: the curves of a run (train.csv, val.csv) as a picture, drawn with OpenCV alone."""
import csv, os, sys
import numpy as np, cv2

W, H, L, R, T, B = 860, 300, 70, 20, 40, 40
GREY, BLACK = (225, 225, 225), (40, 40, 40)
LISTS = {'products': (190, 110, 30), 'cats': (50, 60, 210), 'pets': (40, 150, 230), 'people': (60, 140, 40), 'open': (150, 60, 150)}

def read(path):
    with open(path) as f: rows = list(csv.DictReader(f))
    return {k: np.array([r[k] if k == 'stage' else float(r[k]) for r in rows]) for k in rows[0]}

def panel(title, x_max, lo, hi, lines, marks):
    im = np.full((H, W, 3), 255, np.uint8)
    at = lambda x, y: (int(L + x/x_max*(W - L - R)), int(np.clip(T + (hi - y)/(hi - lo)*(H - T - B), T, H - B)))
    put = lambda s, p, c=BLACK, k=.45: cv2.putText(im, s, p, cv2.FONT_HERSHEY_SIMPLEX, k, c, 1, cv2.LINE_AA)
    for i in range(6):
        y = lo + (hi - lo)*i/5; cv2.line(im, at(0, y), at(x_max, y), GREY, 1); put('%.3g' % y, (12, at(0, y)[1] + 5))
        put('%d' % (x_max*i/5), (at(x_max*i/5, lo)[0] - 15, H - B + 18))
    for x, s in marks:
        cv2.line(im, at(x, lo), at(x, hi), (170, 170, 170), 1); put(s, (at(x, hi)[0] + 4, T + 14), (110, 110, 110))
    put(title, (L, 22), BLACK, .55); put('pictures seen', (W - 130, H - 6)); left = W - 20
    for name, x, y, c in reversed(lines):
        cv2.polylines(im, [np.array([at(a, b) for a, b in zip(x, y)], np.int32)], False, c, 2, cv2.LINE_AA)
        left -= 10*len(name) + 10; put(name, (left, 22), c, .5)
    return im

t, v = read(os.path.join(sys.argv[1], 'train.csv')), read(os.path.join(sys.argv[1], 'val.csv'))
end = max(t['seen'][-1], v['seen'][-1])
size = t['size']; cut = [0] + [i for i in range(1, len(size)) if size[i] != size[i - 1]]
xs = [t['seen'][i - 1] if i else 0 for i in cut] + [end]             # where the size changes; too short to bear a name: no name
marks = [(a, '%d' % size[i] if b - a > end*.03 else '') for i, a, b in zip(cut, xs, xs[1:])]
what = 'main' if 'main' in t else 'all'; name = {'main': 'training loss of the mask (BCE + IoU + 0.5 SSIM)', 'all': 'training loss, side outputs too'}[what]
k = np.minimum(np.arange(len(t[what])) + 1, 12); c = np.concatenate([[0], np.cumsum(t[what])]); n = np.arange(1, len(c))
smooth = (c[n] - c[n - k])/k
lines = lambda m: [(n, v['seen'], v[n + m], c) for n, c in LISTS.items() if n + m in v]
cv2.imwrite(sys.argv[2], np.vstack([
    panel(name + ', moving mean; above: px', end, 0, max(.5, smooth.max()), [('loss', t['seen'], smooth, BLACK)], marks),
    panel('IoU of the moving average on checked photos', end, .3, 1, lines('_iou'), marks),
    panel('MAE, likewise', end, 0, .35, lines('_mae'), marks)]))
