#!/usr/bin/env python3
"""export.py writes the moving average of a checkpoint, loads again as it was, and --harden K makes the logits K times as large."""
import os, subprocess, sys, tempfile
import torch
import birefnet_torch as B, fast, model

here = os.path.dirname(os.path.abspath(__file__))
net = B.BiRefNet(model.SPEC); B.seed_weights(net, 5)
x = B.seeded_input(96, 128, 5).contiguous(memory_format=torch.channels_last)

with tempfile.TemporaryDirectory() as d, torch.no_grad():
    torch.save(dict(ema=net.state_dict()), os.path.join(d, 'checkpoint.pth'))
    logits = {}
    for k in ('1', '1.5'):
        out = os.path.join(d, k + '.safetensors')
        subprocess.run([sys.executable, os.path.join(here, 'export.py'), os.path.join(d, 'checkpoint.pth'), out, '--resolution', '96', '--harden', k], check=True, stdout=subprocess.DEVNULL)
        assert model.read_safetensors(out)[1]['birefnet.resolution'] == '96x96'
        read = model.load_network(out).eval(); fast.free_where_learnt(read)
        logits[k] = fast.forward(read, x)
    fast.free(net.eval(), '.'); before = fast.forward(net, x)
    far = [float((a - b).abs().max()/b.abs().max()) for a, b in ((logits['1'], before), (logits['1.5'], before*1.5))]
print('largest difference to the checkpoint, of the largest logit: %.1e; hardened by 1.5: %.1e' % tuple(far))
assert max(far) < 2e-2 and float((logits['1.5'] - logits['1']).abs().max()) > .1*float(before.abs().max())
