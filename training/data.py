"""Photos and masks of the data folder, and the pictures made of them for training.

Sample i of a run depends on the seed and on i alone, so a run that goes on from a checkpoint, or draws with several
workers, sees the pictures it would have seen anyway."""
import os, math, random
import numpy as np, cv2, torch

MEAN, STD = np.float32([.485, .456, .406]), np.float32([.229, .224, .225])

def to_tensor(im):                                                   # BGR bytes -> normalised RGB [3,H,W]
    return torch.from_numpy(((im[:, :, ::-1].astype(np.float32)/255 - MEAN)/STD).transpose(2, 0, 1).copy())

def load_pairs(folder, kind, list_file):
    out = []
    for n in open(os.path.join(folder, list_file)).read().split():
        im = cv2.imread(os.path.join(folder, kind, n + '.webp')); m = cv2.imread(os.path.join(folder, kind, n + '.png'), 0)
        assert im is not None and m is not None and im.shape[:2] == m.shape, n
        out.append((n, im, m))
    return out

def load_backgrounds(folder):
    d = os.path.join(folder, 'backgrounds')
    return [cv2.imread(os.path.join(d, f)) for f in sorted(os.listdir(d)) if f.endswith('.webp')]


# ---------------------------------------------------------------- colours

def jitter(im, r):
    x = im.astype(np.float32)*(1/255)
    if r.random() < .8: x = np.clip(x, 0, 1)**r.uniform(.7, 1.4)*r.uniform(.75, 1.25)
    if r.random() < .3: x = (x - .5)*r.uniform(.7, 1.3) + .5
    if r.random() < .7: x = x*np.float32([r.uniform(.85, 1.15) for _ in range(3)])
    if r.random() < .3: g = x.mean(2, keepdims=True); x = g + (x - g)*r.uniform(.3, 1.6)
    if r.random() < .06: x = np.repeat(x.mean(2, keepdims=True), 3, 2)
    if r.random() < .10: x = x[:, :, r.sample(range(3), 3)]
    if r.random() < .2:                                              # light that falls off to one side
        h, w = x.shape[:2]; a = r.uniform(0, 2*math.pi); k = r.uniform(.1, .4)
        ramp = np.linspace(-k, k, w, dtype=np.float32)[None]*math.cos(a) + np.linspace(-k, k, h, dtype=np.float32)[:, None]*math.sin(a)
        x = x*(1 + ramp)[:, :, None]
    return (np.clip(x, 0, 1)*255).astype(np.uint8)

def spoil(im, r, noise):                                             # what cameras and files do
    if r.random() < .25: im = cv2.GaussianBlur(im, (0, 0), r.uniform(.3, 1.1))
    if r.random() < .15: im = np.clip(im + noise.normal(0, r.uniform(2, 9), im.shape), 0, 255).astype(np.uint8)
    if r.random() < .35: im = cv2.imdecode(cv2.imencode('.jpg', im, [cv2.IMWRITE_JPEG_QUALITY, r.randint(40, 92)])[1], 1)
    return im


def shade(im, r, noise):
    """patches of shadow with soft or hard rims, as trees and cars throw them"""
    h, w = im.shape[:2]; n = r.randint(2, 9)
    a = cv2.resize(noise.normal(0, 1, (n, n)).astype(np.float32), (w, h), interpolation=cv2.INTER_CUBIC)
    a = 1/(1 + np.exp(np.clip(-(a - r.uniform(-.6, .8))*r.uniform(3, 40), -60, 60)))
    return (im*(1 - a*r.uniform(.3, .85))[:, :, None]).astype(np.uint8)

def fence(im, r):
    """bars or wire in front of everything; outlines drawn by hand do not leave them out"""
    h, w = im.shape[:2]; step, thick = r.uniform(.05, .22)*w, max(1, round(r.uniform(.002, .012)*w)); a = r.uniform(-.25, .25)
    c = [r.uniform(20, 230)]*3 if r.random() < .7 else [r.uniform(20, 90), r.uniform(40, 130), r.uniform(60, 180)]
    im = im.copy(); turns = [a, a + math.pi/2] if r.random() < .5 else [a + r.choice([0, math.pi/2])]
    if r.random() < .3: turns = [math.pi/4 + a, -math.pi/4 - a]
    for t in turns:
        d, e = np.array([math.cos(t), math.sin(t)]), np.array([-math.sin(t), math.cos(t)]); n = int((w + h)/step)
        for k in range(-n, n + 1):
            p = np.array([w/2, h/2]) + e*(k*step + r.uniform(-.03, .03)*step)
            cv2.line(im, tuple(int(v) for v in p - d*(w + h)), tuple(int(v) for v in p + d*(w + h)), c, thick, cv2.LINE_AA)
    return im


# ---------------------------------------------------------------- pasting

def crop(im, w, h, r):
    H, W = im.shape[:2]; k = r.uniform(.5, 1)*min(W/w, H/h); cw, ch = max(8, int(k*w)), max(8, int(k*h))
    x, y = r.randint(0, W - cw), r.randint(0, H - ch)
    return cv2.resize(im[y:y + ch, x:x + cw], (w, h), interpolation=cv2.INTER_AREA)

def yard(data, r):
    """a part of a photo of cats with no cat in it: the places where cats are; None if none was found"""
    for _ in range(12):
        _, im, m = r.choice(data.more if data.more and r.random() < .6 else data.cats)
        h, w = m.shape; ch, cw = int(h*r.uniform(.25, .8)), int(w*r.uniform(.3, 1)); y, x = r.randint(0, h - ch), r.randint(0, w - cw)
        if not m[y:y + ch, x:x + cw].any(): return im[y:y + ch, x:x + cw]

def ground(w, h, subject, data, r, noise):
    k = r.random()
    if k < .45: bg = crop(r.choice(data.backgrounds), w, h, r)
    elif k < .7:                                                     # another photo, out of focus: its own subject is no subject here
        bg = cv2.GaussianBlur(cv2.resize(r.choice(data.products)[1], (w, h)), (0, 0), r.uniform(4, 14))
    else:                                                            # a plain sheet: white, of any colour, or nearly the subject's
        j = r.random()
        if j < .4: c = np.full(3, r.uniform(190, 255)) + noise.normal(0, 4, 3)
        elif j < .7: c = subject + noise.normal(0, 28, 3)
        else: c = noise.uniform(0, 255, 3)
        bg = np.float32(c)[None, None] + cv2.resize(noise.normal(0, r.uniform(1, 10), (r.randint(2, 12), r.randint(2, 12), 1)).astype(np.float32), (w, h), interpolation=cv2.INTER_CUBIC)[:, :, None]
        bg = np.clip(bg + noise.normal(0, r.uniform(0, 6), (h, w, 1)), 0, 255).astype(np.uint8)
    if k < .45 and r.random() < .35: bg = cv2.GaussianBlur(bg, (0, 0), r.uniform(1, 5))
    return jitter(bg, r)

def paste(im, m, data, r, noise, place=None):
    h, w = m.shape; solid = (m == 255).astype(np.uint8)
    if r.random() < .6: solid = cv2.erode(solid, np.ones((3, 3), np.uint8))          # masks are a little generous at the rim
    a = cv2.GaussianBlur(solid.astype(np.float32), (0, 0), r.uniform(.5, 1.2))[:, :, None]
    bg = jitter(cv2.resize(place, (w, h), interpolation=cv2.INTER_CUBIC), r) if place is not None else ground(w, h, im[m == 255].mean(0), data, r, noise)
    bg = bg.astype(np.float32)
    if r.random() < .45:                                             # a shadow beside it
        s = cv2.GaussianBlur(solid.astype(np.float32), (0, 0), r.uniform(2, 10))
        s = cv2.warpAffine(s, np.float32([[1, 0, r.uniform(-12, 12)], [0, 1, r.uniform(-4, 14)]]), (w, h))
        bg = bg*(1 - r.uniform(.15, .6)*s[:, :, None])
    im = jitter(im, r)*a + bg*(1 - a)
    return im.astype(np.uint8), ((a[:, :, 0] > .5)*255).astype(np.uint8)


def lay(im, thing, shape, A, r, where=1):
    """the thing, of this shape (1 inside), moved by A, into the photo where `where` is 1: the photo, and how much of the thing is where"""
    h, w = im.shape[:2]
    a = cv2.GaussianBlur(cv2.warpAffine(shape.astype(np.float32), A, (w, h)), (0, 0), r.uniform(.5, 1))*where
    thing = jitter(cv2.warpAffine(thing, A, (w, h), borderMode=cv2.BORDER_REPLICATE), r)
    return (thing*a[:, :, None] + im*(1 - a[:, :, None])).astype(np.uint8), a


def add_second(im, m, other, om, r):
    """another cat, enlarged or reduced, into a photo of cats: both are subjects; what was unknown stays so"""
    h, w = m.shape; k = r.uniform(.4, 1.1)*min(h/om.shape[0], w/om.shape[1]); f = -1 if r.random() < .5 else 1
    A = np.float32([[f*k, 0, r.uniform(.2, .8)*w - f*k*om.shape[1]/2], [0, k, r.uniform(.25, .8)*h - k*om.shape[0]/2]])
    im, a = lay(im, other, om == 255, A, r)
    return im, np.where(a > .5, 255, m).astype(np.uint8)


def clutter(im, m, data, r, noise):
    """things that are no cats beside the cats: garments, pieces of other photos; they stay background, behind the cats"""
    h, w = m.shape; far = cv2.dilate((m > 0).astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
    for _ in range(r.randint(1, 3)):
        if r.random() < .5: _, thing, shape = r.choice(data.products); shape = shape == 255
        else:
            thing = r.choice(data.backgrounds) if r.random() < .6 else yard(data, r)
            if thing is None: continue
            th, tw = thing.shape[:2]; shape = np.zeros((th, tw), np.uint8); a = 2*math.pi*np.sort(noise.random(r.randint(4, 9)))
            corners = np.stack([tw*(.5 + .5*np.cos(a)), th*(.5 + .5*np.sin(a))], 1); cv2.fillPoly(shape, [corners.astype(np.int32)], 1)
        k = r.uniform(.15, .6)*min(h/thing.shape[0], w/thing.shape[1]); a = r.gauss(0, .3); c, s = k*math.cos(a), k*math.sin(a)
        A = np.float32([[c, -s, 0], [s, c, 0]]); A[:, 2] = np.float32([r.uniform(0, w), r.uniform(0, h)]) - A[:, :2] @ np.float32([thing.shape[1]/2, thing.shape[0]/2])
        im, _ = lay(im, thing, shape, A, r, far)
    return im


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


# ---------------------------------------------------------------- geometry

def squeeze(im, m, n, r, zoom=1.4):
    """to n x n: the photo pressed into the square as at inference, or enlarged, turned and moved besides"""
    h, w = m.shape
    t, k = (m == 255).astype(np.uint8)*255, (m != 128).astype(np.uint8)*255
    plain = r.random() < .4
    if plain: sx, sy = n/w, n/h
    else:
        s = math.exp(r.uniform(math.log(.7), math.log(zoom)))
        sx, sy = s*n/w*r.uniform(.87, 1.15), s*n/h*r.uniform(.87, 1.15)
        if r.random() < .25: sx = sy = math.sqrt(sx*sy)              # aspect kept, as a square photo has it
    size = (max(16, round(w*sx)), max(16, round(h*sy))) if not plain else (n, n)
    how = cv2.INTER_AREA if size[0] < w else cv2.INTER_LINEAR
    im, t, k = [cv2.resize(v, size, interpolation=how) for v in (im, t, k)]
    f = r.random() < .5
    if plain:
        if f: im, t, k = im[:, ::-1], t[:, ::-1], k[:, ::-1]
    else:
        a = math.radians(r.gauss(0, 10))
        if r.random() < .12: a += r.choice([math.pi/2, -math.pi/2, math.pi])
        c, s = math.cos(a), math.sin(a); fx = -1 if f else 1
        A = np.array([[fx*c, -s], [fx*s, c]])
        slack = [max(.06*n, abs(size[i] - n)*.5) for i in (0, 1)]
        b = np.array([n/2, n/2]) - A @ np.array([size[0]/2, size[1]/2]) + [r.uniform(-v, v) for v in slack]
        A = np.hstack([A, b[:, None]])                                # beyond the photo its rim goes on, in the mask as well
        im, t, k = [cv2.warpAffine(v, A, (n, n), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE) for v in (im, t, k)]
    return np.ascontiguousarray(im), np.ascontiguousarray(t), (k > 250).astype(np.uint8)


class Samples(torch.utils.data.Dataset):
    """image [3,n,n], target [1,n,n] in 0..1, weight [1,n,n]: 0 where unknown, more near the outline"""
    def __init__(self, folder, seed):
        self.products = load_pairs(folder, 'products', 'train.txt')
        self.cats = load_pairs(folder, 'cats', 'cats-train.txt')
        more = os.path.exists(os.path.join(folder, 'cats-more.txt'))       # see more_cats.py
        self.more = load_pairs(folder, 'cats-more', 'cats-more.txt') if more else []
        self.backgrounds = load_backgrounds(folder); self.seed = seed
        self.stage = dict(size=256, cats=.2, paste=.3, empty=.015)

    def __len__(self): return 1 << 40

    def now(self, word, r):
        """as often as the stage says; draws nothing where it says nothing, so that older recipes see the pictures they saw"""
        return bool(self.stage.get(word)) and r.random() < self.stage[word]

    def other_cat(self, r):
        if not (self.more and self.now('second_more', r)): return r.choice(self.cats)[1:]
        return look_closer(*r.choice(self.more)[1:], r)

    def picture(self, i):
        r, noise, s = random.Random(self.seed*1000003 + i), np.random.default_rng((self.seed, i)), self.stage
        n = s['size']
        if r.random() < s['empty']:
            place = yard(self, r) if self.now('yard', r) else None
            im = cv2.resize(place, (n, n)) if place is not None else crop(r.choice(self.backgrounds), n, n, r); t = np.zeros((n, n), np.uint8); k = t + 1
        else:
            cat = r.random() < s['cats']
            more = cat and self.more and r.random() < s.get('more', 0)
            _, im, m = r.choice(self.more if more else self.cats if cat else self.products)
            if more and r.random() < .8: im, m = look_closer(im, m, r)
            place = yard(self, r) if cat and self.now('yard', r) else None
            if r.random() < s['paste']*(.5 if cat and place is None else 1): im, m = paste(im, m, self, r, noise, place)
            if cat and r.random() < s.get('second', 0): im, m = add_second(im, m, *self.other_cat(r), r)
            if cat and self.now('clutter', r): im = clutter(im, m, self, r, noise)
            if cat and self.now('shade', r): im = shade(im, r, noise)
            if cat and self.now('fence', r): im = fence(im, r)
            im, t, k = squeeze(im, m, n, r, s.get('cat_zoom', 1.4) if cat else 1.4)
        return spoil(jitter(im, r), r, noise), t, k

    def __getitem__(self, i):
        im, t, k = self.picture(i)
        t = t.astype(np.float32)/255
        edge = np.abs(cv2.blur(t, (self.stage['size']//16*2 + 1,)*2) - t)
        return to_tensor(im), torch.from_numpy(t)[None], torch.from_numpy(k*(1 + 4*edge))[None]
