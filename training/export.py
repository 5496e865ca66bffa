#!/usr/bin/env python3
"""Writes the moving average of a checkpoint as models/starter.safetensors (f16, with metadata).

    export.py checkpoint.pth starter.safetensors --resolution 384 [--harden 1.5] [--about TEXT]

--harden K: the logits times K, by the weights of the last layer. What is subject at 0.5 stays so; what the network was in
doubt about and the soft rim become clearer, so the mean error falls (cross-entropy asks for probabilities, a cut-out for a decision)."""
import argparse, os
import torch
import fast, model

ABOUT = ('Small BiRefNet (PVT v2 b0, 8.9 M parameters) for single products and similar subjects, the photos that sellers take; '
         'not for people, animals or scenes. Trained by this project on CC0 and MIT photos.')

if __name__ == '__main__':
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('checkpoint'); ap.add_argument('out'); ap.add_argument('--resolution', type=int, default=384); ap.add_argument('--about', default=ABOUT)
    ap.add_argument('--threads', type=int, default=0); ap.add_argument('--harden', type=float, default=1.)
    o = ap.parse_args()
    if o.threads: torch.set_num_threads(o.threads)
    net = model.load_network(o.checkpoint).eval(); fast.free_where_learnt(net)
    with torch.no_grad():
        for p in net.decoder.conv_out1.parameters(): p *= o.harden
    model.write_safetensors(o.out, net.state_dict(), {
        'format': 'pt', 'birefnet.name': 'Starter', 'birefnet.resolution': '%dx%d' % (o.resolution, o.resolution),
        'birefnet.tile_order': 'channel', 'birefnet.licence': 'MIT', 'birefnet.about': o.about})
    print(o.out, os.path.getsize(o.out), 'bytes')
