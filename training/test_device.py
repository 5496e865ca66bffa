#!/usr/bin/env python3
"""A step of training stays on one device, whichever it is: on PyTorch's 'meta' device shapes and devices are checked and nothing
is computed, and a tensor left on the CPU by mistake is refused there as a GPU would refuse it. No GPU is needed."""
import sys
import torch
if torch.__version__ < '2': print('needs PyTorch 2 (this one has no meta kernels for a backward convolution), not run'); sys.exit(77)
import augment, fast, losses, model

dev = torch.device('meta')
item = torch.Tensor.item
torch.Tensor.item = lambda t: 0. if t.is_meta else item(t)           # there are no numbers to fetch

net = model.new_network().to(dev); fast.drop_paths(net, .1)
optim = torch.optim.AdamW(net.parameters(), lr=1e-4, foreach=True)
x, t, w = torch.empty(4, 3, 256, 256, device=dev), torch.empty(4, 1, 256, 256, device=dev), torch.empty(4, 1, 256, 256, device=dev)

def step(x, t, w):
    net.train(); side = []
    y = fast.forward(net, x.contiguous(memory_format=torch.channels_last), side); assert y.shape == t.shape
    loss, _ = losses.loss_of(y, side, x, t, w); loss.backward()
    with_gradient = [p for p in net.parameters() if p.grad is not None]
    torch.nn.utils.clip_grad_norm_(with_gradient, 1.); optim.step()
    return len(with_gradient)

fast.free(net, 'squeeze|block4')
n = step(x, t, w); print('a step on', dev, 'with', n, 'gradients'); assert n > 300
for stray in range(3):                                               # the test would notice one
    batch = [x, t, w]; batch[stray] = torch.zeros_like(batch[stray], device='cpu')
    try: step(*batch)
    except RuntimeError as e: assert 'device' in str(e), e
    else: raise AssertionError('a tensor on another device was not noticed')
net.eval()
with torch.no_grad(): assert fast.forward(net, x[:1]).device == dev
m = lambda *shape, **k: torch.empty(*shape, device=dev, **k)         # training pictures are made on the device they are asked for
im, t, known = augment.pictures(m(8, 3, 96, 96), m(8, 1, 96, 96), m(8, dtype=torch.bool), m(8, 3, 96, 96), dict(paste=.3, second=.25, empty=.1, clutter=.25, fence=.25), 64)
w = known*augment.edge_weight(t); assert im.device == t.device == w.device == augment.normalised(im).device == dev and im.shape == (8, 3, 64, 64) and w.shape == (8, 1, 64, 64)
for stray in (0, 1, 3):
    given = [m(8, 3, 96, 96), m(8, 1, 96, 96), m(8, dtype=torch.bool), m(8, 3, 96, 96)]; given[stray] = torch.zeros_like(given[stray], device='cpu')
    try: augment.pictures(*given, dict(paste=.3, second=.25, empty=.1), 64)
    except (RuntimeError, NotImplementedError): pass
    else: raise AssertionError('pictures on another device were not noticed')
print('pictures too')
