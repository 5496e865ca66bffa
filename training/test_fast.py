#!/usr/bin/env python3
"""fast.forward gives what the network of birefnet_torch.py gives, with its gradients, plain and deformable."""
import torch
import birefnet_torch as B, fast
from model import SPEC

torch.manual_seed(0)
net = B.BiRefNet(SPEC); B.seed_weights(net, 3); net.double().eval()           # in float32 a rounding moves samples to other pixels
x = B.seeded_input(96, 128, 3).double().contiguous(memory_format=torch.channels_last)
for plain in (False, True):
    fast.free(net, None if plain else '.')
    if plain:
        for n, p in net.named_parameters():
            if 'offset_conv' in n or 'modulator_conv' in n: p.data.zero_()
    out = []
    for f in (lambda s: net(x, s), lambda s: fast.forward(net, x, s)):
        side = []; net.zero_grad(); y = f(side)
        (y.square().mean() + sum(a.mean() + b.mean() for a, b in side)).backward()
        out.append([y.detach()] + [t.detach() for ab in side for t in ab] +
                   [p.grad for n, p in net.named_parameters() if p.grad is not None and not (plain and ('offset_' in n or 'modulator_' in n))])
    worst = max(float((a - b).abs().max()/(a.abs().max() + 1e-3)) for a, b in zip(*out))
    print('plain' if plain else 'deformable', len(out[0]), 'tensors, largest relative difference %.1e' % worst)
    assert len(out[0]) == len(out[1]) and worst < 1e-6
