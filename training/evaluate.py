#!/usr/bin/env python3
"""Measures masks against the validation lists.

    evaluate.py --data FOLDER --birefnet ../build/birefnet --model ../models/starter.safetensors --precision f32
    evaluate.py --data FOLDER --torch ../models/starter.safetensors --resolution 384
    evaluate.py --data FOLDER --masks FOLDER_OF_PNG --list products

The first runs `birefnet remove --mask-only` and is the figure that counts; the second computes the same with PyTorch;
the third takes masks NAME.png (8 bit, the photo's size) from anywhere. Unknown pixels (128) do not count."""
import argparse, json, os, subprocess, sys, tempfile, time
import numpy as np, cv2
from measures import ALL

LISTS = {'products': 'val.txt', 'cats': 'cats-val.txt', 'pets': 'pets-val.txt', 'people': 'people-val.txt', 'open': 'open-val.txt'}

def load_pairs(folder, kind, list_file):
    out = []
    for n in open(os.path.join(folder, list_file)).read().split():
        at = os.path.join(folder, kind, n); photo = next(at + e for e in ('.webp', '.jpg') if os.path.exists(at + e))
        im, m = cv2.imread(photo), cv2.imread(at + '.png', 0)
        assert im is not None and m is not None and im.shape[:2] == m.shape, n
        out.append((n, im, m))
    return out

def torch_masks(weights, size, pairs, threads):
    import torch, augment, fast, model
    from PIL import Image
    if threads: torch.set_num_threads(threads)
    net = model.load_network(weights).eval().to(memory_format=torch.channels_last); fast.free_where_learnt(net)
    for name, im, m in pairs:
        small = np.array(Image.fromarray(im[:, :, ::-1]).resize((size, size), Image.BILINEAR))
        with torch.no_grad(): p = fast.forward(net, augment.normalised(torch.from_numpy(small).permute(2, 0, 1)[None]/255))[0, 0].sigmoid().numpy()
        yield name, np.asarray(Image.fromarray(np.floor(p*255).astype(np.uint8)).resize(im.shape[1::-1], Image.BICUBIC))

def engine_masks(program, weights, resolution, precision, pairs):
    with tempfile.TemporaryDirectory() as d:
        photos = []
        for name, im, _ in pairs:
            photos.append(os.path.join(d, name + '.png')); cv2.imwrite(photos[-1], im)
        out = os.path.join(d, 'out'); os.mkdir(out)
        for i in range(0, len(photos), 50):
            cmd = [program, 'remove', '--mask-only', '-o', out, '--model', weights, '--precision', precision]
            subprocess.run(cmd + (['--resolution', resolution] if resolution else []) + photos[i:i + 50], check=True, stdout=sys.stderr)
        for name, im, _ in pairs:
            yield name, cv2.imread(os.path.join(out, name + '-png.png'), cv2.IMREAD_UNCHANGED) # as the program names what comes of a .png

def folder_masks(folder, pairs):
    for name, _, _ in pairs: yield name, cv2.imread(os.path.join(folder, name + '.png'), 0)

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--data', required=True); ap.add_argument('--list', choices=list(LISTS) + ['all'], default='all')
    ap.add_argument('--torch', metavar='WEIGHTS'); ap.add_argument('--masks', metavar='FOLDER'); ap.add_argument('--birefnet', metavar='PROGRAM')
    ap.add_argument('--model'); ap.add_argument('--resolution', help="N or WxH; without it the program takes the model's own"); ap.add_argument('--precision', default='f32', choices=('f32', 'bf16'))
    ap.add_argument('--first', type=int, help='only the first N photos of each list'); ap.add_argument('--threads', type=int, default=0)
    ap.add_argument('--keep', metavar='FOLDER', help='write the masks there'); ap.add_argument('--worst', type=int, default=0, help='name the N worst'); ap.add_argument('--json', help='append a line with the figures here')
    o = ap.parse_args()
    for kind in (LISTS if o.list == 'all' else [o.list]):
        pairs = load_pairs(o.data, kind, LISTS[kind])[:o.first]; truth = {n: m for n, _, m in pairs}; rows, t = {}, time.time()
        if o.torch: masks = torch_masks(o.torch, int((o.resolution or '384').split('x')[0]), pairs, o.threads)
        elif o.birefnet: masks = engine_masks(o.birefnet, o.model, o.resolution and (o.resolution if 'x' in o.resolution else '%sx%s' % (o.resolution, o.resolution)), o.precision, pairs)
        else: masks = folder_masks(o.masks, pairs)
        for name, got in masks:
            m = truth[name]; assert got is not None and got.dtype == np.uint8 and got.shape[:2] == m.shape, name
            if got.ndim == 3: got = got[:, :, 0]
            if o.keep: os.makedirs(o.keep, exist_ok=True); cv2.imwrite(os.path.join(o.keep, name + '.png'), got)
            rows[name] = [f(got/255.0, m) for _, f in ALL]
        mean = dict(zip([n for n, _ in ALL], np.mean(list(rows.values()), 0).round(4).tolist()))
        print('%-8s %3d photos  IoU %.4f  MAE %.4f  S-measure %.4f  weighted F %.4f  (%.0f s)' % (kind, len(rows), *mean.values(), time.time() - t), flush=True)
        for n in sorted(rows, key=lambda n: rows[n][0])[:o.worst]: print('   %.3f %.3f  %s' % (*rows[n][:2], n))
        if o.json:
            with open(o.json, 'a') as f: f.write(json.dumps(dict(list=kind, photos=len(rows), weights=o.torch or o.model or o.masks, by='torch' if o.torch else 'engine' if o.birefnet else 'masks', resolution=o.resolution, precision=o.precision, **mean)) + '\n')

if __name__ == '__main__': main()
