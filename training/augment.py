"""Training pictures made a batch at a time, on whatever device the photos lie: a subject is moved, laid on another ground, given
company, shadow and other colours, and spoilt as cameras and files spoil it.

Everything is drawn on the device and no number comes back from it, so a whole step can be recorded once and replayed (a CUDA
graph). Costly things are done to a fixed share of the batch (`some`), cheap ones to every picture, by chance. Images are
float32 [n,3,size,size] in 0..1; a matte is 1 where the subject is; `known` is 0 where the mask does not say."""
import math
import torch
import torch.nn.functional as F

MEAN, STD = (.485, .456, .406), (.229, .224, .225)

def uni(n, a, b, dev, *shape): return torch.rand(n, *shape, device=dev)*(b - a) + a
def chance(n, p, dev): return torch.rand(n, device=dev) < p
def per(v, ndim=4): return v.view(-1, *[1]*(ndim - 1))
def sel(c, a, b): return torch.where(per(c, a.ndim), a, b)
def now_and_then(n, p, a, b, dev, other): return torch.where(chance(n, p, dev), uni(n, a, b, dev), torch.full((n,), other, device=dev))

_constants = {}
def constant(dev, name, make):
    key = (str(dev), name)
    if key not in _constants: _constants[key] = make().to(dev)
    return _constants[key]

def some(n, share, name, dev):
    """which pictures of a batch get what is done to this share: always the same places, others for each name"""
    seed = sum(ord(c)*31**i for i, c in enumerate(name)) % (1 << 31)
    count = min(n, max(1, round(share*n))) if share > 0 else 0
    return constant(dev, (name, n, share), lambda: torch.randperm(n, generator=torch.Generator().manual_seed(seed))[:count].sort()[0])


# ---------------------------------------------------------------- geometry

def affine(n, dev, lo, hi, plain=.4, turn=10., aspect=.14, slack=.06):
    """[n,2,3] from output to input, both in -1..1: enlarged lo to hi times, turned, mirrored, moved; `plain` of them only mirrored"""
    s = torch.exp(uni(n, math.log(lo), math.log(hi), dev)); sx, sy = s*(1 + uni(n, -aspect, aspect, dev)), s*(1 + uni(n, -aspect, aspect, dev))
    quarter = torch.floor(uni(n, 1, 4, dev)).clamp(max=3)*(math.pi/2)*chance(n, .12, dev)
    a = torch.randn(n, device=dev)*math.radians(turn) + quarter
    p = chance(n, plain, dev); one, zero = torch.ones_like(s), torch.zeros_like(s)
    sx, sy, a = torch.where(p, one, sx), torch.where(p, one, sy), torch.where(p, zero, a)
    f = torch.where(chance(n, .5, dev), -one, one)
    bx, by = [torch.where(p, zero, uni(n, -1, 1, dev)*2*((v - 1).abs()*.5).clamp(min=slack)) for v in (sx, sy)]
    c, d = a.cos(), a.sin()
    A = torch.stack([torch.stack([f*c/sx, f*d/sx], 1), torch.stack([-d/sy, c/sy], 1)], 1)
    t = -(A[:, :, 0]*bx[:, None] + A[:, :, 1]*by[:, None])
    return torch.cat([A, t[:, :, None]], 2)

def places(theta, size):
    """where in the source each output pixel comes from [n,size,size,2], and 1 where that is inside of it [n,1,size,size]"""
    dev = theta.device
    at = constant(dev, ('at', size), lambda: (torch.arange(size)*2 + 1)/size - 1)
    x, y = at.view(1, 1, -1), at.view(1, -1, 1)
    g = torch.stack([theta[:, k, 0].view(-1, 1, 1)*x + theta[:, k, 1].view(-1, 1, 1)*y + theta[:, k, 2].view(-1, 1, 1) for k in (0, 1)], 3)
    return g, ((g.abs() <= 1).all(3, keepdim=True)).permute(0, 3, 1, 2).float()

def warp(x, grid, beyond='border'): return F.grid_sample(x, grid, mode='bilinear', padding_mode=beyond, align_corners=False)


# ---------------------------------------------------------------- light and colour

def colours(x):
    """gamma, gain, contrast, tint, saturation, now and then grey or swapped channels, light that falls off to one side"""
    n, _, h, w = x.shape; dev = x.device
    eye = constant(dev, 'eye', lambda: torch.eye(3)); swaps = constant(dev, 'swaps', lambda: torch.eye(3)[torch.tensor([[0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]])])
    gain, contrast = now_and_then(n, .8, .7, 1.3, dev, 1.), now_and_then(n, .35, .65, 1.35, dev, 1.)
    tint = torch.where(per(chance(n, .7, dev), 2), uni(n, .82, 1.18, dev, 3), torch.ones(n, 3, device=dev))
    grey = torch.where(chance(n, .06, dev), torch.zeros(n, device=dev), now_and_then(n, .35, .2, 1.6, dev, 1.))
    mix = per(grey, 3)*eye + per(1 - grey, 3)/3                      # saturation as a matrix
    swap = torch.where(per(chance(n, .08, dev), 3), swaps[torch.floor(uni(n, 0, 5, dev)).long().clamp(max=4)], eye.expand(n, 3, 3))
    m = swap @ (mix*tint[:, None])                                   # mix @ diag(tint)
    bias = (m*(.5*(1 - per(contrast, 3)))).sum(2, keepdim=True)
    m = m*per(gain*contrast, 3)
    x = x.clamp(1e-4, 1)**per(now_and_then(n, .8, .65, 1.5, dev, 1.))
    x = torch.baddbmm(bias, m, x.flatten(2)).view(n, 3, h, w)
    a = uni(n, 0, 2*math.pi, dev); k = now_and_then(n, .2, .1, .4, dev, 0.)
    line = constant(dev, ('line', h, w), lambda: torch.linspace(-1, 1, w)), constant(dev, ('column', h, w), lambda: torch.linspace(-1, 1, h))
    light = 1 + per(k*a.cos())*line[0].view(1, 1, 1, -1) + per(k*a.sin())*line[1].view(1, 1, -1, 1)
    return (x*light).clamp(0, 1)

def clouds(n, size, dev, cells):
    return F.interpolate(torch.randn(n, 1, cells, cells, device=dev), size=(size, size), mode='bicubic', align_corners=False)

def shade(im):
    """patches of shadow with soft or hard rims, as trees and cars throw them"""
    n, _, size, _ = im.shape; dev = im.device
    where = torch.sigmoid((clouds(n, size, dev, 6) - per(uni(n, -.4, .8, dev)))*per(uni(n, 3, 30, dev)))
    return im*(1 - per(uni(n, .25, .8, dev))*where)


def fence(im):
    """bars or wire in front of everything; outlines drawn by hand do not leave them out"""
    n, _, size, _ = im.shape; dev = im.device; at = constant(dev, ('at', size), lambda: (torch.arange(size)*2 + 1)/size - 1)
    a = torch.randn(n, device=dev)*.15 + torch.where(chance(n, .3, dev), math.pi/4, 0.); step = uni(n, .1, .44, dev); thick = uni(n, .004, .024, dev)
    across = torch.rand(n, 2, device=dev) < .6; out = torch.zeros(n, 1, size, size, device=dev)
    for k in (0, 1):                                                 # one way, and the other
        d = per(torch.cos(a + k*math.pi/2))*at.view(1, 1, 1, -1) + per(torch.sin(a + k*math.pi/2))*at.view(1, 1, -1, 1)
        off = (d/per(step) - torch.round(d/per(step))).abs()*per(step)                         # how far from the middle of a bar
        out = torch.maximum(out, ((per(thick) - off)*size/2 + .5).clamp(0, 1)*per(across[:, k].float()))
    return im*(1 - out) + per(uni(n, .08, .9, dev))*out


# ---------------------------------------------------------------- what cameras and files do

def blur(x, sigma):
    """each picture by its own sigma [n] in px, up to about 1.2"""
    n, c, h, w = x.shape; d = constant(x.device, 'taps', lambda: torch.arange(-3, 4).float())
    k = torch.exp(-.5*(d[None]/sigma[:, None])**2); k = (k/k.sum(1, keepdim=True)).repeat_interleave(c, 0)
    x = F.conv2d(F.pad(x, (3, 3, 3, 3), 'replicate').reshape(1, n*c, h + 6, w + 6), k.view(n*c, 1, 1, 7), groups=n*c)
    return F.conv2d(x, k.view(n*c, 1, 7, 1), groups=n*c).view(n, c, h, w)

def out_of_focus(x, size, grid):
    """a photo far out of focus: sampled small, enlarged smoothly"""
    return F.interpolate(warp(F.avg_pool2d(x, x.shape[2]//24), grid, 'reflection'), size=(size, size), mode='bicubic', align_corners=False).clamp(0, 1)

def _dct():
    k = torch.arange(8, dtype=torch.float); d = torch.cos((2*k[None] + 1)*k[:, None]*math.pi/16)*math.sqrt(2/8); d[0] /= math.sqrt(2)
    return d
LUMA = [16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62,
        18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92, 49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99]
YCC = [[.299, .587, .114], [-.1687, -.3313, .5], [.5, -.4187, -.0813]]

def jpeg(x):
    """what a JPEG of quality 40 to 92 does to it, chroma at full size; sides are multiples of 8"""
    n, _, h, w = x.shape; dev = x.device
    d, luma = constant(dev, 'dct', _dct), constant(dev, 'luma', lambda: torch.tensor(LUMA, dtype=torch.float).view(8, 8))
    to, back = constant(dev, 'ycc', lambda: torch.tensor(YCC)), constant(dev, 'rgb', lambda: torch.linalg.inv(torch.tensor(YCC)))
    q = uni(n, 40, 92, dev); s = torch.where(q < 50, 5000/q, 200 - 2*q)/100
    t = (luma*per(s, 3)).clamp(min=1).round().view(n, 1, 1, 1, 8, 8)
    y = (to @ (x*255).flatten(2)).view(n, 3, h//8, 8, w//8, 8).permute(0, 1, 2, 4, 3, 5)
    y = d.T @ (((d @ y @ d.T)/t).round()*t) @ d
    return ((back @ y.permute(0, 1, 2, 4, 3, 5).reshape(n, 3, h*w)).view(n, 3, h, w)/255).clamp(0, 1)

def spoil(im):
    n, dev = len(im), im.device
    i = some(n, .23, 'blur', dev); im = im.index_copy(0, i, blur(im[i], uni(len(i), .3, 1.2, dev)))
    i = some(n, .15, 'noise', dev); x = im[i]; im = im.index_copy(0, i, (x + torch.randn_like(x)*per(uni(len(i), .008, .035, dev))).clamp(0, 1))
    i = some(n, .35, 'jpeg', dev)
    return im.index_copy(0, i, jpeg(im[i]))


# ---------------------------------------------------------------- laying subjects on grounds

def sheets(rgb, solid, size):
    """plain grounds: nearly white, nearly the subject's colour, or any, a little uneven"""
    n, dev = len(rgb), rgb.device
    mean = (rgb*solid).sum((2, 3))/solid.sum((2, 3)).clamp(min=1)
    c = torch.where(per(chance(n, .5, dev), 2), mean + torch.randn(n, 3, device=dev)*.11, torch.rand(n, 3, device=dev))
    c = torch.where(per(chance(n, .4, dev), 2), uni(n, .72, 1, dev, 1) + torch.randn(n, 3, device=dev)*.015, c)
    uneven = clouds(n, size, dev, 5)*per(uni(n, 0, .04, dev)) + torch.randn(n, 1, size, size, device=dev)*per(uni(n, 0, .02, dev))
    return (c[:, :, None, None] + uneven).clamp(0, 1)

def grounds(rgb, solid, places_photos, size):
    """[n,3,size,size]: places with no subject, another photo out of focus, plain sheets"""
    n, dev = len(rgb), rgb.device
    g = warp(places_photos, places(affine(n, dev, 1., 2.6, plain=.2, slack=.3), size)[0], 'reflection')
    small = places(affine(n, dev, 1.3, 2.5, plain=0), max(8, size//16))[0]
    g = sel(chance(n, .22, dev), out_of_focus(rgb.roll(1, 0), size, small), g)
    g = sel(chance(n, .28, dev), sheets(rgb, solid, size), g)
    i = some(n, .2, 'soft ground', dev)
    return colours(g.index_copy(0, i, blur(g[i], uni(len(i), .8, 1.6, dev))))

def shadow_of(a):
    """a soft copy of the matte, moved a little, mostly down"""
    n, _, size, _ = a.shape; dev = a.device; k = max(1, size//32)
    still = constant(dev, 'still', lambda: torch.tensor([[1., 0, 0], [0, 1., 0]])).expand(n, 2, 3)
    move = torch.stack([uni(n, -.1, .1, dev), uni(n, -.1, .04, dev)], 1)
    theta = torch.cat([still[:, :, :2], move[:, :, None]], 2)
    s = warp(F.avg_pool2d(a, k), places(theta, size//k)[0], 'zeros')
    return F.interpolate(s, size=(size, size), mode='bilinear', align_corners=False)*per(now_and_then(n, .45, .15, .6, dev, 0.))

def softened(solid): return .5*solid + .5*F.avg_pool2d(solid, 3, 1, 1)

def add_second(im, t, known, rgb, solid, i):
    """pictures i get another picture's subject in front; where that lies nothing is unknown, and it joins the first without a seam"""
    n, size, dev = len(i), im.shape[2], im.device
    other = torch.rand(n, len(rgb), device=dev).argmax(1)
    grid, inside = places(affine(n, dev, .25, .8, plain=0, slack=.35), size)
    v = warp(torch.cat([rgb[other], softened(solid[other])], 1), grid); a = v[:, 3:]*inside
    im = im.index_copy(0, i, colours(v[:, :3])*a + im[i]*(1 - a))
    return im, t.index_copy(0, i, torch.maximum(t[i], a)), known.index_copy(0, i, torch.maximum(known[i], (a > .5).float()))

def add_clutter(im, t, known, rgb, solid, i):
    """things that are no subjects beside and behind the subjects of pictures i: they stay background, and the unknown rims as they were"""
    n, size, dev = len(i), im.shape[2], im.device
    other = torch.rand(n, len(rgb), device=dev).argmax(1)
    grid, inside = places(affine(n, dev, .2, .7, plain=0, slack=.6), size)
    v = warp(torch.cat([rgb[other], softened(solid[other])], 1), grid)
    taken = F.max_pool2d(torch.maximum(t[i], 1 - known[i]), 5, 1, 2)
    a = v[:, 3:]*inside*(1 - taken)
    return im.index_copy(0, i, colours(v[:, :3])*a + im[i]*(1 - a))

def edge_weight(t):
    k = t.shape[2]//32
    mean = F.avg_pool2d(F.avg_pool2d(F.pad(t, [k]*4, 'replicate'), (1, 2*k + 1), 1), (2*k + 1, 1), 1)
    return 1 + 4*(mean - t).abs()

def pictures(rgb, mask, is_alpha, places_photos, recipe, size):
    """images, mattes, known: of photos [n,3,s,s] in 0..1 with masks or alphas [n,1,s,s], and photos of places with no subject"""
    n, dev = len(rgb), rgb.device
    solid = sel(is_alpha, mask, (mask > .9).float())
    unknown = sel(is_alpha, torch.zeros_like(mask), ((mask >= .1) & (mask <= .9)).float())
    pasted = is_alpha | chance(n, recipe['paste'], dev)
    theta, small = affine(n, dev, .7, recipe.get('zoom', 1.5)), affine(n, dev, .35, 1.15, plain=.15, slack=.2)
    grid, inside = places(sel(pasted & (is_alpha | chance(n, .3, dev)), small, theta), size)
    thin = sel(~is_alpha & chance(n, .6, dev), -F.max_pool2d(-solid, 3, 1, 1), solid)         # masks are a little generous at the rim
    matte = sel(pasted, sel(is_alpha, solid, softened(thin)), solid)
    v = warp(torch.cat([rgb, matte, unknown], 1), grid); im, a = v[:, :3], v[:, 3:4]
    ground = grounds(rgb, solid, places_photos, size)
    laid = a*inside
    on_ground = colours(im)*laid + ground*(1 - shadow_of(laid))*(1 - laid)
    im, t, known = sel(pasted, on_ground, im), sel(pasted, laid, a), sel(pasted, torch.ones_like(a), (v[:, 4:] < .02).float())
    if recipe.get('clutter'): im = add_clutter(im, t, known, rgb, solid, some(n, recipe['clutter'], 'clutter', dev))
    if recipe['second']: im, t, known = add_second(im, t, known, rgb, solid, some(n, recipe['second'], 'second', dev))
    none = chance(n, recipe['empty'], dev)
    im, t, known = sel(none, ground, im), sel(none, torch.zeros_like(t), t), sel(none, torch.ones_like(known), known)
    i = some(n, .12, 'shade', dev); im = im.index_copy(0, i, shade(im[i]))
    if recipe.get('fence'): i = some(n, recipe['fence'], 'fence', dev); im = im.index_copy(0, i, fence(im[i]))
    return spoil(colours(im)), t, known

def normalised(im):
    dev = im.device
    mean, std = [constant(dev, k, lambda v=v: torch.tensor(v).view(1, 3, 1, 1)) for k, v in (('mean', MEAN), ('std', STD))]
    return ((im - mean)/std).contiguous(memory_format=torch.channels_last)
