"""A 3x3 depthwise convolution and GELU on NHWC maps as Triton kernels, with their gradients: each map is read and written as few
times as can be. `works` says whether a GPU is there that agrees with PyTorch, `gelu_conv` is the operation."""
import torch
import torch.nn.functional as F
try:
    import triton
    import triton.language as tl
except ImportError: triton = None

def plain(x, weight, bias, h, w):
    """x [b, h*w, c] to the same shape: GELU of the convolution"""
    b, n, c = x.shape
    return F.gelu(F.conv2d(x.transpose(1, 2).reshape(b, c, h, w), weight, bias, padding=1, groups=c).flatten(2).transpose(1, 2))

if triton:
    @triton.jit
    def near(x, p, c, ok, yy, xx, H, W, C, DY: tl.constexpr, DX: tl.constexpr):
        inside = ok & (yy + DY >= 0) & (yy + DY < H) & (xx + DX >= 0) & (xx + DX < W)
        return tl.load(x + (p + DY*W + DX)[:, None]*C + c[None, :], mask=inside[:, None], other=0.).to(tl.float32)

    @triton.jit
    def forward_kernel(x, weight, bias, z, y, P, H, W, C, FLIP: tl.constexpr, GELU: tl.constexpr, BP: tl.constexpr, BC: tl.constexpr):
        p = tl.program_id(0)*BP + tl.arange(0, BP); c = tl.program_id(1)*BC + tl.arange(0, BC)
        ok = p < P; yy, xx = (p//W) % H, p % W; acc = tl.zeros((BP, BC), tl.float32)
        if GELU: acc += tl.load(bias + c).to(tl.float32)[None, :]
        for k in tl.static_range(9):
            tap = tl.load(weight + c*9 + ((8 - k) if FLIP else k)).to(tl.float32)
            acc += near(x, p, c, ok, yy, xx, H, W, C, k//3 - 1, k % 3 - 1)*tap[None, :]
        at = p[:, None]*C + c[None, :]
        if GELU:
            tl.store(z + at, acc.to(z.dtype.element_ty), mask=ok[:, None])
            acc = .5*acc*(1 + tl.erf(acc*.7071067811865476))
        tl.store(y + at, acc.to(y.dtype.element_ty), mask=ok[:, None])

    @triton.jit
    def backward_kernel(x, z, dy, dz, dw, db, P, H, W, C, STEPS, BP: tl.constexpr, BC: tl.constexpr):
        c = tl.program_id(1)*BC + tl.arange(0, BC); first = tl.program_id(0)*STEPS*BP
        a0 = tl.zeros((BP, BC), tl.float32); a1 = a0; a2 = a0; a3 = a0; a4 = a0; a5 = a0; a6 = a0; a7 = a0; a8 = a0; ab = a0
        for s in range(STEPS):
            p = first + s*BP + tl.arange(0, BP); ok = p < P; yy, xx = (p//W) % H, p % W; at = p[:, None]*C + c[None, :]
            v = tl.load(z + at, mask=ok[:, None], other=0.).to(tl.float32)
            g = tl.load(dy + at, mask=ok[:, None], other=0.).to(tl.float32)
            g = g*(.5*(1 + tl.erf(v*.7071067811865476)) + v*.3989422804014327*tl.exp(-.5*v*v))
            tl.store(dz + at, g.to(dz.dtype.element_ty), mask=ok[:, None]); ab += g
            a0 += g*near(x, p, c, ok, yy, xx, H, W, C, -1, -1)
            a1 += g*near(x, p, c, ok, yy, xx, H, W, C, -1, 0)
            a2 += g*near(x, p, c, ok, yy, xx, H, W, C, -1, 1)
            a3 += g*near(x, p, c, ok, yy, xx, H, W, C, 0, -1)
            a4 += g*near(x, p, c, ok, yy, xx, H, W, C, 0, 0)
            a5 += g*near(x, p, c, ok, yy, xx, H, W, C, 0, 1)
            a6 += g*near(x, p, c, ok, yy, xx, H, W, C, 1, -1)
            a7 += g*near(x, p, c, ok, yy, xx, H, W, C, 1, 0)
            a8 += g*near(x, p, c, ok, yy, xx, H, W, C, 1, 1)
        tl.atomic_add(db + c, tl.sum(ab, 0))
        tl.atomic_add(dw + c*9, tl.sum(a0, 0)); tl.atomic_add(dw + c*9 + 1, tl.sum(a1, 0)); tl.atomic_add(dw + c*9 + 2, tl.sum(a2, 0))
        tl.atomic_add(dw + c*9 + 3, tl.sum(a3, 0)); tl.atomic_add(dw + c*9 + 4, tl.sum(a4, 0)); tl.atomic_add(dw + c*9 + 5, tl.sum(a5, 0))
        tl.atomic_add(dw + c*9 + 6, tl.sum(a6, 0)); tl.atomic_add(dw + c*9 + 7, tl.sum(a7, 0)); tl.atomic_add(dw + c*9 + 8, tl.sum(a8, 0))

BP, BP_BACK, BC = 32, 16, 64
PROGRAMS = 1024                                                      # of the backward kernel, about

class GeluConv(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias, h, w):
        b, n, c = x.shape; x = x.contiguous(); assert c % BC == 0 and x.numel() < 2**31
        z, y = torch.empty_like(x), torch.empty_like(x)
        forward_kernel[(triton.cdiv(b*n, BP), c//BC)](x, weight, bias, z, y, b*n, h, w, c, FLIP=False, GELU=True, BP=BP, BC=BC)
        ctx.save_for_backward(x, z, weight); ctx.size = h, w
        return y

    @staticmethod
    def backward(ctx, dy):
        x, z, weight = ctx.saved_tensors; h, w = ctx.size; b, n, c = x.shape; dy = dy.contiguous()
        dz, dx = torch.empty_like(x), torch.empty_like(x)
        dw, db = torch.zeros(c, 1, 3, 3, device=x.device), torch.zeros(c, device=x.device)
        steps = max(1, triton.cdiv(b*n, BP_BACK*max(1, PROGRAMS//(c//BC))))
        backward_kernel[(triton.cdiv(b*n, BP_BACK*steps), c//BC)](x, z, dy, dz, dw, db, b*n, h, w, c, steps, BP=BP_BACK, BC=BC)
        forward_kernel[(triton.cdiv(b*n, BP), c//BC)](dz, weight, weight, dx, dx, b*n, h, w, c, FLIP=True, GELU=False, BP=BP, BC=BC)
        return dx, dw, db, None, None

def gelu_conv(x, weight, bias, h, w): return GeluConv.apply(x, weight.contiguous(), bias, h, w)

def compare(dev, dtype, b=2, h=6, w=5, c=128):
    """largest difference to PyTorch in float32, relative, of the result and the three gradients"""
    g = torch.Generator().manual_seed(3); draw = lambda *s: torch.randn(*s, generator=g).to(dev)
    x, weight, bias, dy = draw(b, h*w, c).to(dtype), draw(c, 1, 3, 3)*.3, draw(c), draw(b, h*w, c).to(dtype)
    out = []
    for f, t in ((plain, torch.float32), (gelu_conv, dtype)):
        v = [x.to(t).clone().requires_grad_(), weight.clone().requires_grad_(), bias.clone().requires_grad_()]
        y = f(*v, h, w); y.backward(dy.to(t)); out.append([y.detach().float()] + [a.grad.float() for a in v])
    return max(float((a - b).abs().max()/a.abs().max()) for a, b in zip(*out))

def works(dev): return triton is not None and dev.type == 'cuda' and compare(dev, torch.bfloat16, 3, 12, 11, 512) < 2e-2
