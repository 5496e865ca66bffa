#!/usr/bin/env python3
"""Writes the moving average of a checkpoint as models/starter.safetensors (f16, with metadata).

    export.py checkpoint.pth starter.safetensors --resolution 384 [--harden 1.75] [--threshold 0.6] [--about TEXT]

--harden K: the logits times K, by the weights of the last layer. What is subject at 0.5 stays so; what the network was in
doubt about and the soft rim become clearer, so the mean error falls (cross-entropy asks for probabilities, a cut-out for a decision).
--threshold P: moves the logits so that what had probability P has 0.5, before they are hardened."""
import argparse, math, os
import torch
import fast, model

ABOUT = ('Small BiRefNet (PVT v2 b1, 19.4 M parameters) for trying things out: single products, cats and dogs; many people and things. '
         'Trained by this project from random weights, on openly licensed pictures only.')
SOURCES = """\
clothing-dataset by its contributors (github.com/alexeygrigorev/clothing-dataset): CC0 1.0
feral-cat-segmentation and feral-cat-segmentation-dataset-and-model (github.com/pcashman21): public domain, MIT
The Oxford-IIIT Pet Dataset by O. M. Parkhi, A. Vedaldi, A. Zisserman, C. V. Jawahar: CC BY-SA 4.0
COCO 2017 (cocodataset.org), outlines by the COCO Consortium: CC BY 4.0; photos by their authors on Flickr: CC BY 2.0, CC BY-SA 2.0, no known restrictions
Fluent Emoji by Microsoft: MIT
Sweet Home 3D furniture catalogues by Andrew Kator and Jennifer Legaz, Reallusion, Scopia, BlendSwap contributors: CC BY 3.0, CC0 1.0
GroceryStoreDataset by Marcus Klasson and others: MIT
ambientCG: CC0 1.0"""
ATTRIBUTION = 'Every photo and author: models/ATTRIBUTION.md in the repository of this project; installed beside this file.'

if __name__ == '__main__':
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('checkpoint'); ap.add_argument('out'); ap.add_argument('--resolution', type=int, default=384); ap.add_argument('--about', default=ABOUT)
    ap.add_argument('--threads', type=int, default=0); ap.add_argument('--harden', type=float, default=1.); ap.add_argument('--threshold', type=float, default=.5)
    o = ap.parse_args()
    if o.threads: torch.set_num_threads(o.threads)
    net = model.load_network(o.checkpoint).eval(); fast.free_where_learnt(net)
    with torch.no_grad():
        last = net.decoder.conv_out1[0]
        last.bias -= math.log(o.threshold/(1 - o.threshold))
        for p in last.parameters(): p *= o.harden
    model.write_safetensors(o.out, net.state_dict(), {
        'format': 'pt', 'birefnet.name': 'Starter', 'birefnet.resolution': '%dx%d' % (o.resolution, o.resolution),
        'birefnet.tile_order': 'channel', 'birefnet.licence': 'MIT', 'birefnet.about': o.about,
        'birefnet.sources': SOURCES, 'birefnet.attribution': ATTRIBUTION})
    print(o.out, os.path.getsize(o.out), 'bytes')
