"""Losses: edge-weighted BCE, soft IoU and SSIM on the full-size mask; BCE + IoU on the side masks; BCE on the side gradients.
Pixels of weight 0 (mask value 128) count nowhere."""
import torch
import torch.nn.functional as F

def bce_iou(logits, t, w):
    bce = (F.binary_cross_entropy_with_logits(logits, t, reduction='none')*w).sum()/w.sum().clamp(min=1)
    k = (w > 0).float(); p, t = logits.sigmoid()*k, t*k
    inter, union = (p*t).sum((1, 2, 3)), (p + t - p*t).sum((1, 2, 3))
    some = (t.sum((1, 2, 3)) > 0).float()                            # a picture without a subject: BCE alone
    return bce + ((1 - (inter + 1)/(union + 1))*some).mean()

def ssim(logits, t, w, n=7):
    k = (w > 0).float(); p, t = logits.sigmoid()*k, t*k
    m = torch.cat([p, t, p*p, t*t, p*t], 1)
    m = F.avg_pool2d(F.avg_pool2d(m, (1, n), 1), (n, 1), 1)
    a, b, aa, bb, ab = m.chunk(5, 1)
    s = (2*a*b + 1e-4)*(2*(ab - a*b) + 9e-4)/((a*a + b*b + 1e-4)*(aa - a*a + bb - b*b + 9e-4))
    return (1 - s).mean()

def gradient_target(x, t):
    """how steep the picture is, inside the subject, at a quarter of the size"""
    g = F.avg_pool2d(x.mean(1, keepdim=True), 2)
    gx, gy = F.pad(g[..., 2:] - g[..., :-2], (1, 1)), F.pad(g[:, :, 2:] - g[:, :, :-2], (0, 0, 1, 1))
    return F.avg_pool2d((gx*gx + gy*gy + 1e-8).sqrt(), 2).clamp(max=1)*F.max_pool2d(t, 7, 4, 3).round()

def loss_of(y, side, x, t, w):
    total = bce_iou(y, t, w) + .5*ssim(y, t, w)
    parts = dict(main=total.detach())
    known = (w > 0).float(); w4 = F.avg_pool2d(known, 4); t4 = F.avg_pool2d(t*known, 4)/w4.clamp(min=1e-3); w4 = (w4 > .5).float()*F.avg_pool2d(w, 4)
    grad = gradient_target(x, t)
    up = lambda s: F.interpolate(s.float(), size=t4.shape[2:], mode='bilinear', align_corners=False)
    for (m, g), k in zip(side, (.25, .25, .5)):
        total = total + k*bce_iou(up(m), t4, w4)
        if g is not None: total = total + .1*F.binary_cross_entropy_with_logits(up(g), grad)
    parts['all'] = total.detach()
    return total, parts
