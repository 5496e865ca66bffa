#!/usr/bin/env python3
"""Widens the starter's network (PVT v2 b0) to b1: every channel of the backbone twice, the same output to the last bits.

    widen.py b0.safetensors b1.safetensors

A layer that reads a channel twice shares its weight between the two copies, at random for each output (0.2 to 0.8), so the
copies get different gradients from the first step on. Heads stay as many and become twice as wide, so queries carry a factor
of sqrt(1/2). The decoder's own width (inter, ASPP) stays; where it meets backbone channels it widens with them."""
import re, sys
import torch
import birefnet_torch as B, model

HEADS = (1, 2, 5, 8)

def doubled(n): return torch.arange(2*n) % n

def in_heads(n, heads):
    """old channel of every new one, where each head (n/heads channels side by side) is there twice"""
    return torch.arange(n).view(heads, 1, -1).expand(heads, 2, -1).reshape(-1)

def segments(*widths):
    """several maps side by side, each doubled for itself"""
    at, out = 0, []
    for n in widths: out.append(doubled(n) + at); at += n
    return torch.cat(out)

def reads(w, index, generator):
    """weights [out, in, ...] that read channel index[i] at new channel i; copies of one channel share its weight at random"""
    split = torch.rand(w.shape[0], len(index), generator=generator)*.6 + .2
    total = torch.zeros(w.shape[0], w.shape[1]).index_add_(1, index, split)
    return w[:, index]*(split/total[:, index]).view(*split.shape, *[1]*(w.ndim - 2))

def maps(spec, wide):
    """of each tensor of the narrow network that changes: (pattern, old channel of new outputs, of new inputs)"""
    dims, hidden = spec['dims'], [int(d*m) for d, m in zip(spec['dims'], spec['mlp'])]
    new_hidden = [int(d*m) for d, m in zip(wide['dims'], wide['mlp'])]
    out, same = [], None
    for i, d in enumerate(dims):
        s, stream, heads = i + 1, doubled(d), in_heads(d, HEADS[i])
        inner = torch.arange(new_hidden[i]) % hidden[i]
        b = r'bb\.block%d\.\d+\.' % s
        out += [(r'bb\.patch_embed%d\.proj' % s, stream, doubled(dims[i - 1]) if i else same), (r'bb\.patch_embed%d\.norm' % s, stream, same),
                (r'bb\.norm%d' % s, stream, same), (b + r'norm\d', stream, same), (b + r'attn\.norm', stream, same), (b + r'attn\.sr', stream, stream),
                (b + r'attn\.q', heads, stream), (b + r'attn\.kv', torch.cat([heads, heads + d]), stream), (b + r'attn\.proj', stream, heads),
                (b + r'mlp\.fc1', inner, stream), (b + r'mlp\.dwconv\.dwconv', inner, same), (b + r'mlp\.fc2', stream, inner)]
    ch = [2*d for d in reversed(dims)]                               # full and half size side by side, deepest first
    twin = lambda c: segments(c//2, c//2)
    every = segments(*[d for d in dims for _ in (0, 1)])             # what the squeeze module reads: x1, x2, x3, x4, full and half of each
    skip = [twin(c) for c in ch]                                     # channels of a skip connection, and of what is added to it
    made = [skip[1], skip[2], skip[3], doubled(ch[3]//2)]            # what the decoder's blocks write
    picture = [doubled(c//8) for c in ch]
    beside = lambda a, b: torch.cat([a, b + int(a.max()) + 1])
    block = lambda name, i, o: [(name + r'\.conv_in', same, i), (name + r'\.(conv_out|bn_out)', o, same)]
    out += block(r'squeeze_module\.0', every, skip[0])
    for k, n in enumerate((4, 3, 2, 1)):
        out += block(r'decoder\.decoder_block%d' % n, beside(skip[k], picture[max(0, k - 1)] if k else picture[0]), made[k])
        out += [(r'decoder\.ipt_blk%d\.conv_out' % n, picture[k], same)]
        if n > 1: out += [(r'decoder\.lateral_block%d\.conv' % n, skip[k + 1], skip[k + 1]), (r'decoder\.conv_ms_spvn_%d' % n, same, made[k]), (r'decoder\.gdt_convs_%d\.0' % n, same, made[k])]
    return out + [(r'decoder\.ipt_blk5\.conv_out', picture[0], same), (r'decoder\.conv_out1\.0', same, beside(made[3], picture[3]))]

def widen(state, spec, wide, seed=0):
    """the state of a network of `wide` that computes what `state` (of `spec`) does"""
    generator = torch.Generator().manual_seed(seed); new = dict(state)
    for pattern, to, source in maps(spec, wide):
        for k, v in state.items():
            m = re.fullmatch(pattern + r'\.(weight|bias|running_mean|running_var)', k)
            if not m or v.ndim == 0: continue
            if to is not None: v = v[to]
            if source is not None and v.ndim > 1: v = reads(v, source, generator)
            if '.attn.q.' in k: v = v*.5**.5
            new[k] = v.clone()
    return new

if __name__ == '__main__':
    state, meta = model.read_safetensors(sys.argv[1])
    wide = widen(state, model.SPECS['b0'], model.SPECS['b1'])
    B.BiRefNet(model.SPECS['b1']).load_state_dict(wide, strict=False)
    print(sys.argv[2], model.write_safetensors(sys.argv[2], wide, meta), 'bytes')
