#!/usr/bin/env python3
"""A widened network computes what the narrow one does, plain and deformable, with side outputs, and its doubled channels learn apart.
tame() changes no output and leaves no variance that f16 cannot hold."""
import torch
import birefnet_torch as B, fast, model, widen

torch.manual_seed(0)
narrow = B.BiRefNet(model.SPECS['b0']); B.seed_weights(narrow, 3); narrow.eval()
wide = B.BiRefNet(model.SPECS['b1']).eval()
state = widen.widen(narrow.state_dict(), model.SPECS['b0'], model.SPECS['b1'], seed=4)
wide.load_state_dict(state)
x = B.seeded_input(64, 96, 3).contiguous(memory_format=torch.channels_last)
for free in ('.', None):
    out = []
    for net in (narrow, wide):
        fast.free(net, free); side = []
        with torch.no_grad(): y = fast.forward(net, x, side)
        out.append([y] + [v for pair in side for v in pair])
    worst = max(float((a - b).abs().max()/a.abs().max()) for a, b in zip(*out))
    print('deformable' if free else 'plain', 'largest relative difference %.1e' % worst); assert worst < 1e-4

fast.forward(wide, x).square().mean().backward()
for name, half in (('bb.block2.0.mlp.fc1.weight', 512), ('bb.block4.1.attn.proj.weight', 256), ('decoder.decoder_block1.conv_out.weight', 32)):
    g = dict(wide.named_parameters())[name].grad
    assert float((g[:half] - g[half:2*half]).abs().max()) > .01*float(g.abs().max()), name

big = dict(narrow.state_dict()); k = 'decoder.decoder_block4.'
big[k + 'conv_in.weight'] = big[k + 'conv_in.weight']*1e4; big[k + 'conv_in.bias'] = big[k + 'conv_in.bias']*1e4
big[k + 'bn_in.running_mean'] = big[k + 'bn_in.running_mean']*1e4; big[k + 'bn_in.running_var'] = big[k + 'bn_in.running_var']*1e8
y = []
for s in (big, model.tame(big)):
    net = B.BiRefNet(model.SPECS['b0']).eval(); net.load_state_dict(s); fast.free(net, '.')
    with torch.no_grad(): y.append(fast.forward(net, x))
assert float(model.tame(big)[k + 'bn_in.running_var'].max()) <= 1.01e4 < 6.5e4 < float(big[k + 'bn_in.running_var'].max())
assert float((y[0] - y[1]).abs().max()) < 1e-3*float(y[0].abs().max())
print('widened and tamed: all right')
