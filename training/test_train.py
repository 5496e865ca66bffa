#!/usr/bin/env python3
"""pack.py and train.py together, on a small folder of drawn photos: what is packed is read again, training widens its start,
goes through both stages, leaves pieces that join to weights that load, and goes on from them; steps can be taken back."""
import json, os, subprocess, sys, tempfile
import numpy as np, cv2, torch
import model, pack

here = os.path.dirname(os.path.abspath(__file__))

def drawn(root, rng):
    for folder, lists in (('products', ('train.txt', 'val.txt')), ('cats', ('cats-train.txt', 'cats-val.txt'))):
        os.makedirs(os.path.join(root, folder))
        for file in lists:
            names = ['%s%d' % (file[:-4], i) for i in range(8)]
            for n in names:
                im = rng.integers(0, 120, (60, 80, 3), np.uint8); m = np.zeros((60, 80), np.uint8)
                cv2.circle(m, (40, 30), 18, 255, -1); cv2.circle(m, (40, 30), 18, 128, 3); im[m > 0] = 220
                cv2.imwrite(os.path.join(root, folder, n + '.webp'), im); cv2.imwrite(os.path.join(root, folder, n + '.png'), m)
            with open(os.path.join(root, file), 'w') as f: f.write('\n'.join(names))
    os.makedirs(os.path.join(root, 'backgrounds')); os.makedirs(os.path.join(root, 'fluent'))
    for i in range(3):
        cv2.imwrite(os.path.join(root, 'backgrounds', '%d.webp' % i), rng.integers(0, 120, (60, 80, 3), np.uint8))
        a = np.full((64, 64, 4), 200, np.uint8); a[:, :, 3] = 0; cv2.circle(a, (32, 32), 20, (30, 200, 30, 255), -1); cv2.imwrite(os.path.join(root, 'fluent', '%d.webp' % i), a, [cv2.IMWRITE_WEBP_QUALITY, 101])

RECIPE = dict(network='b1', lr=1e-3, warmup=4, weight_decay=.05, clip=1., drop_path=.1, paste=.3, second=.25, empty=.05, weights=dict(products=1, cats=1, fluent=1), grounds=dict(shelves=1),
              stages=[dict(until=.5, size=64, side=80, batch=4, ema=.9, free='squeeze'), dict(until=1, size=96, batch=4, ema=.9, free='squeeze|block4')])

with tempfile.TemporaryDirectory() as d:
    at = lambda *p: os.path.join(d, *p)
    drawn(at(), np.random.default_rng(3)); pack.write(at(), at('small.pack'))
    head, pictures = pack.read(at('small.pack'), 64, 2)
    assert len(head) == 6 + 4 + 16 + 2 + 3 and {e['kind'] for e in head} == {'pair', 'alpha', 'ground'}          # some are left out: pack.SETS
    for e, p in zip(head, pictures):
        assert p.shape == (64, 64, 4) and p.dtype == np.uint8
        if e['kind'] == 'pair': assert set(np.unique(p[:, :, 3])) == {0, 128, 255} and p[p[:, :, 3] == 255][:, :3].mean() > 180 > p[p[:, :, 3] == 0][:, :3].mean()
        if e['kind'] == 'alpha': assert p[32, 32].tolist()[3] == 255 and p[2, 2, 3] == 0

    json.dump(RECIPE, open(at('recipe.json'), 'w')); torch.manual_seed(1)
    model.write_safetensors(at('start.safetensors'), model.new_network().state_dict(), {'birefnet.hardened': 1.5})
    def train(out, *more):
        r = subprocess.run([sys.executable, os.path.join(here, 'train.py'), '--pack', at('small.pack'), '--out', at(out), '--recipe', at('recipe.json'), '--threads', '2', '--log-every', '2', '--save-every', '3', *more], stdout=subprocess.PIPE, text=True)
        assert r.returncode == 0, r.stdout
        subprocess.run([sys.executable, os.path.join(here, 'pieces.py'), 'join', at(out), at(out + '.safetensors')], check=True)
        state, meta = model.read_safetensors(at(out + '.safetensors')); assert meta['birefnet.hardened'] == '1' and all(bool(torch.isfinite(v).all()) for v in state.values())
        model.load_network(at(out + '.safetensors')); return r.stdout, state
    log, first = train('one', '--start', at('start.safetensors'), '--pictures', '48')
    assert 'widened to b1' in log and 'size 64' in log and 'size 96' in log and 'saved;' in log, log
    assert max(os.path.getsize(at('one', f)) for f in os.listdir(at('one'))) < 16e6 and len(os.listdir(at('one'))) <= 8
    log, second = train('two', '--start', at('one.safetensors'), '--pictures', '40', '--from-share', '.6', '--plain')
    log, _ = train('again', '--start', at('one.safetensors'), '--pictures', '40', '--resume', '--plain'); assert 'saved; 0 steps' in log, log   # it had come to its end
    assert 'widened' not in log and 'size 64' not in log and any(not torch.equal(first[k], second[k]) for k in first)
    _, whole = train('three', '--start', at('start.safetensors'), '--pictures', '24', '--plain', '--state', at('state.pth'))
    log, on = train('four', '--start', at('start.safetensors'), '--pictures', '40', '--plain', '--state', at('state.pth'))
    assert "goes on from {'step': 6, 'seen': 24" in log and 'saved; 10 steps, 40 pictures' in log, log
    bad = open(at('one', 'ema.safetensors.1'), 'r+b'); bad.write(b'x'); bad.close()
    assert subprocess.run([sys.executable, os.path.join(here, 'pieces.py'), 'join', at('one'), at('none')], stderr=subprocess.DEVNULL).returncode and not os.path.exists(at('none'))
print('training from a pack: all right')
