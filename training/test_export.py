#!/usr/bin/env python3
"""export.py writes the moving average of a checkpoint, loads again as it was; --harden and --threshold do to the logits what they say; sources are named."""
import math, os, subprocess, sys, tempfile
import torch
import birefnet_torch as B, fast, model

here = os.path.dirname(os.path.abspath(__file__))
net = B.BiRefNet(model.SPEC); B.seed_weights(net, 5)
x = B.seeded_input(96, 128, 5).contiguous(memory_format=torch.channels_last)

with tempfile.TemporaryDirectory() as d, torch.no_grad():
    torch.save(dict(ema=net.state_dict()), os.path.join(d, 'checkpoint.pth'))
    logits = {}
    for name, options in dict(plain=[], hard=['--harden', '1.5'], moved=['--harden', '1.5', '--threshold', '0.6']).items():
        out = os.path.join(d, name + '.safetensors')
        subprocess.run([sys.executable, os.path.join(here, 'export.py'), os.path.join(d, 'checkpoint.pth'), out, '--resolution', '96', *options], check=True, stdout=subprocess.DEVNULL)
        meta = model.read_safetensors(out)[1]
        assert meta['birefnet.resolution'] == '96x96' and 'CC BY-SA' in meta['birefnet.sources'] and 'ATTRIBUTION.md' in meta['birefnet.attribution']
        read = model.load_network(out).eval(); fast.free_where_learnt(read)
        logits[name] = fast.forward(read, x)
    fast.free(net.eval(), '.'); before = fast.forward(net, x)
    wanted = dict(plain=before, hard=before*1.5, moved=(before - math.log(.6/.4))*1.5)
    far = {k: float((logits[k] - w).abs().max()/before.abs().max()) for k, w in wanted.items()}
print('largest differences to what the checkpoint gives, of its largest logit:', {k: '%.1e' % v for k, v in far.items()})
assert max(far.values()) < 2e-2
assert float((logits['hard'] - logits['plain']).abs().max()) > .1*float(before.abs().max()) and abs(float((logits['hard'] - logits['moved']).mean()) - 1.5*math.log(1.5)) < .02
