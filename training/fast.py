"""The network of birefnet_torch.py, computed in an order that trains faster; same tensors, same result (test_fast.py checks it).

* While the offset and modulator convolutions of a deformable convolution are all zero it is a plain one (offset 0,
  modulation 2*sigmoid(0) = 1) and is computed so. `free` says which ones are not.
* The last layer is linear: resizing its 32-channel input to full size and then taking a 1x1 convolution is the same as the
  reverse order, which needs one channel at full size. The image branch there (3x3, then 3x3, then 1x1, nothing between) is one
  5x5 convolution from 3 channels to 1, but for the outermost ring of pixels, which is computed the long way.
* Feature maps stay in NHWC order; 1x1 convolutions are matrix products; the pooled ASPP branch is a bias.
* Attention never writes its weights to memory where PyTorch (2.0 or later) can do without."""
import re
import torch
import torch.nn.functional as F
from torchvision.ops import deform_conv2d
import depthwise
from birefnet_torch import DeformConv, PvtBlock, resize, tiles_to_channels

nhwc = lambda x: x.permute(0, 2, 3, 1)
nchw = lambda x: x.permute(0, 3, 1, 2)

def cat(xs):
    return nchw(torch.cat([nhwc(x) for x in xs], -1))

def conv1x1(conv, x):
    return nchw(F.linear(nhwc(x), conv.weight.flatten(1), conv.bias))

def relu_bn(bn, x):
    return F.relu(bn(x), inplace=True)

def deformable(d, x):
    if x.is_cuda: return sampled(d, x)
    x = x.contiguous()                                               # torchvision's CPU kernels want NCHW
    w = d.regular_conv.weight.clone(memory_format=torch.contiguous_format)
    return deform_conv2d(x, d.offset_conv(x).contiguous(), w, None, padding=d.k//2, mask=2*torch.sigmoid(d.modulator_conv(x)).contiguous())

def sampled(d, x):
    """the same by PyTorch's own sampling: torchvision's CUDA kernels run on the default stream, where a graph does not record them"""
    b, c, h, w = x.shape; k, n = d.k, d.k*d.k
    own = torch.float64 if x.dtype == torch.float64 else torch.float32
    offset, mask = d.offset_conv(x).to(own).view(b, n, 2, h, w), 2*torch.sigmoid(d.modulator_conv(x).to(own))
    tap = torch.arange(n, device=x.device)
    y = offset[:, :, 0] + torch.arange(h, device=x.device).view(1, 1, h, 1) + (tap//k - k//2).view(1, n, 1, 1)
    z = offset[:, :, 1] + torch.arange(w, device=x.device).view(1, 1, 1, w) + (tap % k - k//2).view(1, n, 1, 1)
    grid = torch.stack([(2*z + 1)/w - 1, (2*y + 1)/h - 1], -1).view(b, n*h, w, 2)
    v = F.grid_sample(x.to(own).contiguous(), grid, mode='bilinear', padding_mode='zeros', align_corners=False).view(b, c, n, h*w)*mask.view(b, 1, n, h*w)
    out = d.regular_conv.weight.flatten(1) @ v.view(b, c*n, h*w)
    return out.view(b, -1, h, w).contiguous(memory_format=torch.channels_last)

def free(net, pattern):
    """offsets of the deformable convolutions whose name holds the regular expression are used, the others taken as zero"""
    for n, m in net.named_modules():
        if isinstance(m, DeformConv): m.free = bool(pattern) and re.search(pattern, n) is not None

def free_where_learnt(net):
    for n, m in net.named_modules():
        if isinstance(m, DeformConv): m.free = any(bool(p.any()) for c in (m.offset_conv, m.modulator_conv) for p in c.parameters())

def drop_paths(net, most):
    """stochastic depth: in training a residual branch of the backbone is left out of some pictures, the last ones most often (up to `most`)"""
    blocks = [m for m in net.bb.modules() if isinstance(m, PvtBlock)]
    for i, b in enumerate(blocks): b.keep = 1 - most*i/(len(blocks) - 1)

def kept(block, y):
    keep = getattr(block, 'keep', 1.)
    if not block.training or keep == 1: return y
    return y*(torch.rand(y.shape[0], *[1]*(y.ndim - 1), device=y.device) < keep).to(y.dtype)/keep

def attention(m, x, h, w):
    if getattr(m, 'own', False) or not hasattr(F, 'scaled_dot_product_attention'): return m(x, h, w)
    b, n, c = x.shape; y = x
    if hasattr(m, 'sr'): y = m.norm(m.sr(x.transpose(1, 2).reshape(b, c, h, w)).flatten(2).transpose(1, 2))
    q = m.q(x).view(b, n, m.heads, -1).transpose(1, 2)
    k, v = m.kv(y).view(b, -1, 2, m.heads, c//m.heads).permute(2, 0, 3, 1, 4)
    return m.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, n, c))

def use(net, fused, products, sdpa):
    """ways to compute the same: depthwise convolutions by the kernels of depthwise.py (a GPU with Triton), resizing as matrix
    products (in training: their gradients need no atomics), attention by PyTorch's own kernel"""
    net.products = products
    for m in net.bb.modules():
        if isinstance(m, PvtBlock): m.mlp.fused, m.attn.own = fused, not sdpa

def mlp(m, x, h, w):
    if not getattr(m, 'fused', False): return m(x, h, w)
    return m.fc2(depthwise.gelu_conv(m.fc1(x), m.dwconv.dwconv.weight, m.dwconv.dwconv.bias, h, w))

_corners = {}
def between(n, size, device):
    """[size,n]: linear interpolation of n values to size, the ends at the ends"""
    if (n, size, device) not in _corners:
        at = torch.arange(size, dtype=torch.float64)*((n - 1)/max(1, size - 1))
        _corners[n, size, device] = (1 - (at[:, None] - torch.arange(n, dtype=torch.float64)).abs()).clamp(min=0).float().to(device)
    return _corners[n, size, device]

def resized(x, size, products):
    if not products or not x.requires_grad: return resize(x, size)
    b, c, h, w = x.shape; H, W = size
    down, right = between(h, H, x.device).to(x.dtype), between(w, W, x.device).to(x.dtype)
    y = torch.bmm(down.expand(b, H, h), nhwc(x).reshape(b, h, w*c)).view(b*H, w, c)
    return nchw(torch.bmm(right.expand(b*H, W, w), y).view(b, H, W, c))

def backbone(bb, x):
    out = []
    for i in range(1, 5):
        e = getattr(bb, 'patch_embed%d' % i)
        x = e.proj(x); b, c, h, w = x.shape
        x = e.norm(x.flatten(2).transpose(1, 2))
        for m in getattr(bb, 'block%d' % i):
            x = x + kept(m, attention(m.attn, m.norm1(x), h, w))
            x = x + kept(m, mlp(m.mlp, m.norm2(x), h, w))
        x = getattr(bb, 'norm%d' % i)(x).transpose(1, 2).reshape(b, c, h, w)
        out.append(x)
    return out

def branch(m, x):
    d = m.atrous_conv
    if d.free: return relu_bn(m.bn, deformable(d, x))
    if d.k == 1: return relu_bn(m.bn, nchw(F.linear(nhwc(x), d.regular_conv.weight.flatten(1))))
    return relu_bn(m.bn, F.conv2d(x, d.regular_conv.weight, padding=d.k//2))

def aspp(m, x):
    pooled = m.global_avg_pool(x).flatten(1)
    y = torch.cat([nhwc(branch(b, x)) for b in [m.aspp1] + list(m.aspp_deforms)], -1)
    w = m.conv1.weight.flatten(1); n = y.shape[-1]
    y = F.linear(y, w[:, :n]) + F.linear(pooled, w[:, n:])[:, None, None]
    y = relu_bn(m.bn1, nchw(y))
    return m.dropout(y) if m.dropout.p > 0 else y

def decoder_block(m, x):
    return m.bn_out(m.conv_out(aspp(m.dec_att, relu_bn(m.bn_in, m.conv_in(x)))))

def with_image(dec, n, f, x):
    if not hasattr(dec, 'ipt_blk%d' % n): return f
    t = tiles_to_channels(x.contiguous(), x.shape[2]//f.shape[2], x.shape[3]//f.shape[3], dec.order)
    return cat([f, getattr(dec, 'ipt_blk%d' % n)(t.contiguous(memory_format=torch.channels_last))])

_blocks = {}
def blockwise(x, k, bias):
    """the 5x5 convolution k [1,3,5,5] of x, as a 3x3 one from 4x4 blocks of pixels to such blocks: few channels are slow"""
    if x.device not in _blocks:                                      # [16*48*9,75]: which weight of k stands where
        o, c, i, n = torch.arange(16).view(16, 1, 1, 1), torch.arange(3).view(1, 3, 1, 1), torch.arange(16).view(1, 1, 16, 1), torch.arange(9).view(1, 1, 1, 9)
        dy, dx = (n//3 - 1)*4 + i//4 - o//4 + 2, (n % 3 - 1)*4 + i % 4 - o % 4 + 2
        at = torch.where((dy >= 0) & (dy < 5) & (dx >= 0) & (dx < 5), c*25 + dy*5 + dx, 75).flatten()
        _blocks[x.device] = F.one_hot(at, 76)[:, :75].float().to(x.device)
    big = (_blocks[x.device].to(k.dtype) @ k.reshape(75)).view(16, 48, 3, 3)
    y = F.conv2d(F.pixel_unshuffle(x.contiguous(), 4).contiguous(memory_format=torch.channels_last), big, bias.expand(16), padding=1)
    return F.pixel_shuffle(y.contiguous(), 4)

def image_logit(blk, w, x):
    """blk (two 3x3 convolutions) on the image, then the 1x1 weights w [1,c]: [B,1,H,W]"""
    w1, b1 = blk.conv1.weight, blk.conv1.bias
    w2 = torch.einsum('oc,cmyx->omyx', w, blk.conv_out.weight); b2 = (w @ blk.conv_out.bias).view(1)
    k = F.conv2d(w1.transpose(0, 1), w2.flip(2, 3), padding=2).transpose(0, 1)
    mid = blockwise(x, k, (w2.sum((2, 3)) @ b1).view(1) + b2)[:, :, 1:-1]
    long = lambda s: F.conv2d(F.conv2d(s, w1, b1, padding=1), w2, b2, padding=1)
    left, right = long(x[..., :3])[:, :, 1:-1, :1], long(x[..., -3:])[:, :, 1:-1, -1:]
    top, bottom = long(x[:, :, :3])[:, :, :1], long(x[:, :, -3:])[:, :, -1:]
    return torch.cat([top, torch.cat([left, mid[..., 1:-1], right], 3), bottom], 2)

def forward(net, x, side=None):
    products = getattr(net, 'products', False); to = lambda v, like: resized(v, like.shape[2:], products)
    full = backbone(net.bb, x)
    half = backbone(net.bb, resize(x, (x.shape[2]//2, x.shape[3]//2)))
    x1, x2, x3, x4 = [cat([f, to(g, f)]) for f, g in zip(full, half)]
    x4 = cat([to(v, x4) for v in (x1, x2, x3)] + [x4])
    f, dec = decoder_block(net.squeeze_module[0], x4), net.decoder
    for n, skip in ((4, x3), (3, x2), (2, x1)):
        p = decoder_block(getattr(dec, 'decoder_block%d' % n), with_image(dec, n + 1, f, x))
        m, g = (conv1x1(getattr(dec, 'conv_ms_spvn_%d' % n), p), None) if side is not None else (None, None)
        if hasattr(dec, 'gdt_convs_%d' % n):
            e = getattr(dec, 'gdt_convs_%d' % n)(p)
            if side is not None: g = conv1x1(getattr(dec, 'gdt_convs_pred_%d' % n)[0], e)
            p = p*conv1x1(getattr(dec, 'gdt_convs_attn_%d' % n)[0], e).sigmoid()
        if side is not None: side.append((m, g))
        f = to(p, skip) + conv1x1(getattr(dec, 'lateral_block%d' % n).conv, skip)
    p = decoder_block(dec.decoder_block1, with_image(dec, 2, f, x))
    w, c = dec.conv_out1[0].weight.flatten(1), p.shape[1]
    low = nchw(F.linear(nhwc(p), w[:, :c], dec.conv_out1[0].bias))
    return to(low, x) + image_logit(dec.ipt_blk1, w[:, c:], x)
