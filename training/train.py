#!/usr/bin/env python3
"""Trains the starter weights: train.py --data FOLDER --out FOLDER [--recipe recipe.json] [--threads N] [--workers N]

Everything that shapes the result is in the recipe. The run writes OUT/checkpoint.pth (weights, their moving average,
optimiser, position) every few minutes and when asked to end (SIGTERM), and goes on from it when started again.
OUT/train.csv and OUT/val.csv are the curves. It uses a GPU if PyTorch sees one. With --ranks N that many processes share each
batch; on a CPU two ranks of one thread see 1.6 times the pictures of two threads."""
import os, sys
TUNED = dict(MALLOC_MMAP_MAX_='0', MALLOC_TRIM_THRESHOLD_='100000000000', MALLOC_TOP_PAD_='268435456', GLIBC_TUNABLES='glibc.malloc.hugetlb=1')
if __name__ == '__main__' and os.environ.get('MALLOC_MMAP_MAX_') != '0':       # keep freed memory, in large pages: 20 % faster on a CPU
    os.environ.update(TUNED); os.execv(sys.executable, [sys.executable] + sys.argv)
import argparse, copy, csv, json, math, shutil, signal, subprocess, time
import numpy as np, cv2, torch
import data, fast, losses, model
from measures import iou, mae

def learning_rate(stage, seen):
    a, b = stage['lr']
    return (b + (a - b)*.5*(1 + math.cos(math.pi*seen/stage['images'])))*min(1, (seen + 1)/max(1, stage.get('warmup', 0)))

@torch.no_grad()
def quick_check(net, pairs, size, dev):
    net.eval(); out = []
    for _, im, m in pairs:
        x = data.to_tensor(cv2.resize(im, (size, size), interpolation=cv2.INTER_AREA))[None].to(dev).contiguous(memory_format=torch.channels_last)
        p = cv2.resize(fast.forward(net, x)[0, 0].float().sigmoid().cpu().numpy(), m.shape[::-1])
        out.append((iou(p, m), mae(p, m)))
    return np.mean(out, 0)

def start_ranks(n, out):
    """this program n times over; they find each other by a file"""
    meet = os.path.join(out, 'ranks'); os.path.exists(meet) and os.remove(meet)
    ranks = [subprocess.Popen([sys.executable] + sys.argv, env=dict(os.environ, BN_RANK=str(i), BN_MEET='file://' + os.path.abspath(meet))) for i in range(n)]
    for s in (signal.SIGTERM, signal.SIGINT): signal.signal(s, lambda *_: [p.send_signal(signal.SIGTERM) for p in ranks])
    return max(abs(p.wait()) for p in ranks)

def average(tensors):
    """their mean over all ranks, in place"""
    flat = torch.cat([t.reshape(-1) for t in tensors]); torch.distributed.all_reduce(flat); flat /= torch.distributed.get_world_size()
    for t, v in zip(tensors, flat.split([t.numel() for t in tensors])): t.copy_(v.view(t.shape))

def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    here = os.path.dirname(os.path.abspath(__file__))
    ap.add_argument('--data', required=True); ap.add_argument('--out', required=True)
    ap.add_argument('--recipe', default=os.path.join(here, 'recipe.json'))
    ap.add_argument('--threads', type=int, default=0); ap.add_argument('--workers', type=int, default=0)
    ap.add_argument('--save-every', type=float, default=200, help='seconds'); ap.add_argument('--check-every', type=int, default=2000, help='pictures')
    ap.add_argument('--check', type=int, default=60, help='photos of each list'); ap.add_argument('--ranks', type=int, default=1)
    o = ap.parse_args(); recipe = json.load(open(o.recipe)); os.makedirs(o.out, exist_ok=True)
    if o.ranks > 1 and 'BN_RANK' not in os.environ: sys.exit(start_ranks(o.ranks, o.out))
    rank = int(os.environ.get('BN_RANK', 0))
    if o.ranks > 1: torch.distributed.init_process_group('gloo', init_method=os.environ['BN_MEET'], rank=rank, world_size=o.ranks)
    if o.threads: torch.set_num_threads(o.threads)
    cv2.setNumThreads(1); torch.manual_seed(recipe['seed'])
    dev = torch.device('cuda', rank % torch.cuda.device_count()) if torch.cuda.is_available() else torch.device('cpu')
    ckpt = os.path.join(o.out, 'checkpoint.pth')

    net = model.new_network()
    if recipe.get('start'):
        found = [f for f in (os.path.join(d, recipe['start']) for d in (o.data, here)) if os.path.exists(f)]
        net.load_state_dict(model.read_safetensors(found[0])[0], strict=False)
    for m in net.modules():
        if isinstance(m, torch.nn.Dropout): m.p = recipe.get('dropout', 0.)
    net = net.to(dev, memory_format=torch.channels_last); ema = copy.deepcopy(net).eval()
    if recipe.get('drop_path'): fast.drop_paths(net, recipe['drop_path'])
    groups = [dict(params=[p for p in net.parameters() if p.ndim > 1], weight_decay=recipe['weight_decay']),
              dict(params=[p for p in net.parameters() if p.ndim < 2], weight_decay=0.)]
    optim = torch.optim.AdamW(groups, lr=1e-4, foreach=True)
    at = dict(stage=0, stage_seen=0, seen=0, step=0, cpu_s=0., wall_s=0.)
    if os.path.exists(ckpt):
        c = torch.load(ckpt, map_location=dev)
        net.load_state_dict(c['net']); ema.load_state_dict(c['ema']); optim.load_state_dict(c['optim']); at = c['at']
        print('goes on from', at, flush=True)
    statistics = [b for b in net.buffers() if b.is_floating_point()]
    pairs = [(a, b) for a, b in zip(ema.state_dict().values(), net.state_dict().values()) if a.is_floating_point()]
    slow, quick = [a for a, _ in pairs], [b for _, b in pairs]

    def save():
        if rank: return
        torch.save(dict(net=net.state_dict(), ema=ema.state_dict(), optim=optim.state_dict(), at=at, recipe=recipe), ckpt + '.new'); os.replace(ckpt + '.new', ckpt)
    def row(name, **kv):
        path = os.path.join(o.out, name); new = not os.path.exists(path)
        with open(path, 'a', newline='') as f:
            w = csv.DictWriter(f, list(kv)); new and w.writeheader(); w.writerow(kv)
    stop, over = [], False                                           # asked to end; all ranks know it
    signal.signal(signal.SIGTERM, lambda *_: stop.append(1))

    samples = data.Samples(o.data, recipe['seed'])
    check = dict(products=data.load_pairs(o.data, 'products', 'val.txt')[:o.check], cats=data.load_pairs(o.data, 'cats', 'cats-val.txt')[:o.check])
    print(len(samples.products), 'products,', len(samples.cats), 'cats,', len(samples.backgrounds), 'backgrounds; on', dev, flush=True)
    saved, cpu, wall, log = time.time(), time.process_time(), time.time(), []
    while at['stage'] < len(recipe['stages']) and not over:
        s = recipe['stages'][at['stage']]; samples.stage = s; fast.free(net, s.get('free')); fast.free(ema, s.get('free'))
        todo = range(at['seen'] + rank, at['seen'] + s['images'] - at['stage_seen'], o.ranks); assert s['images'] % s['batch'] == 0 == s['batch'] % o.ranks
        for x, t, w in torch.utils.data.DataLoader(samples, s['batch']//o.ranks, sampler=todo, num_workers=o.workers):
            x, t, w = x.to(dev).contiguous(memory_format=torch.channels_last), t.to(dev), w.to(dev)
            for g in optim.param_groups: g['lr'] = learning_rate(s, at['stage_seen'])
            net.train(); side = []
            y = fast.forward(net, x, side)
            loss, parts = losses.loss_of(y, side, x, t, w)
            optim.zero_grad(set_to_none=True); loss.backward()
            ending = torch.tensor([float(bool(stop))], device=dev)
            if o.ranks > 1:
                with torch.no_grad(): average([p.grad for p in net.parameters() if p.grad is not None] + statistics + [ending])
            torch.nn.utils.clip_grad_norm_([p for p in net.parameters() if p.grad is not None], recipe['clip']); optim.step()
            n = len(x)*o.ranks; at['step'] += 1; d = min(s['ema'], (1 + at['step'])/(10 + at['step']))
            with torch.no_grad():
                torch._foreach_mul_(slow, d); torch._foreach_add_(slow, quick, alpha=1 - d)
            before = at['seen']; at['seen'] += n; at['stage_seen'] += n; log.append((parts['main'].item(), parts['all'].item()))
            c, t1 = time.process_time(), time.time(); at['cpu_s'] += c - cpu; at['wall_s'] += t1 - wall; cpu, wall = c, t1
            over = bool(ending.item())
            if at['step'] % 25 == 0 and rank == 0:
                a, b = np.mean(log, 0); log = []
                row('train.csv', seen=at['seen'], stage=s['name'], size=s['size'], lr=g['lr'], main=round(a, 5), all=round(b, 5), cpu_s=round(at['cpu_s']), wall_s=round(at['wall_s']))
                print('seen %d  stage %s  loss %.4f  %.2f pictures per CPU second so far' % (at['seen'], s['name'], a, at['seen']/at['cpu_s']), flush=True)
            if before//o.check_every != at['seen']//o.check_every and rank == 0:
                r = {k: quick_check(ema, v, s['size'], dev) for k, v in check.items()}
                row('val.csv', seen=at['seen'], size=s['size'], cpu_s=round(at['cpu_s']), **{'%s_%s' % (k, m): round(float(v[i]), 5) for k, v in r.items() for i, m in enumerate(('iou', 'mae'))})
                print('  check', {k: [round(float(a), 4) for a in v] for k, v in r.items()}, flush=True); cpu, wall = time.process_time(), time.time()
            if over or time.time() - saved > o.save_every: save(); saved = time.time()
            if over: break
        if not over:
            save()
            if rank == 0: shutil.copyfile(ckpt, os.path.join(o.out, 'end-of-stage-%d.pth' % at['stage']))
            at['stage'] += 1; at['stage_seen'] = 0
    save()

if __name__ == '__main__': main()
