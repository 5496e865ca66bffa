#!/usr/bin/env python3
"""Trains on one device, with all pictures held and augmented in its memory; a GPU runs each step as one recorded graph.

    train.py --pack A.pack --start W.safetensors --out OUT --seconds 540 [--recipe recipe-b1.json]      # or --pictures N

The budget is wall time from the start of the program, everything included, or pictures; the learning rate is a function of the share
of it that is spent. Every --save-every seconds the moving average of the weights goes to OUT as pieces under 16 MB (pieces.py puts
them together). With --state FILE the whole state is kept there as well, also when the program is asked to end (SIGTERM), and a run
that finds one goes on from it. Without one, any weights are a start, and --from-share S enters the schedule there."""
import os, sys, time
BEGAN = time.time()
import argparse, copy, gc, json, math, signal
from typing import NamedTuple
import torch
import torch.nn.functional as F
import augment, depthwise, fast, losses, model, pack, pieces, widen


class Store:
    """all pictures as bytes [N,4,side,side] on the device; channel 3 is the mask (255, 0, 128 unknown) or the alpha"""
    def __init__(self, packs, side, dev, threads):
        groups = {}                                                  # (validation, set): kind, pictures
        for p in packs:
            head, arrays = pack.read(p, side, threads)
            for e, a in zip(head, arrays): groups.setdefault((e['val'], e['set']), (e['kind'], []))[1].append(torch.from_numpy(a))
        self.dev, self.where, self.val, at, blocks = dev, {}, {}, 0, []
        for (val, name), (kind, arrays) in groups.items():
            for i in range(0, len(arrays), 512): blocks.append(torch.stack(arrays[i:i + 512]).to(dev).permute(0, 3, 1, 2).contiguous())
            (self.val if val else self.where)[name] = (at, len(arrays), kind); at += len(arrays)
        self.full = torch.cat(blocks); self.bytes = self.full

    def sized(self, side):
        """training draws from pictures reduced to this side from now on"""
        if side >= self.full.shape[2]: self.bytes = self.full; return
        self.bytes = torch.empty(len(self.full), 4, side, side, dtype=torch.uint8, device=self.dev)
        alphas = [(a, a + n) for a, n, kind in self.where.values() if kind == 'alpha']
        for i in range(0, len(self.full), 256):
            x = self.full[i:i + 256]
            self.bytes[i:i + 256, :3] = F.interpolate(x[:, :3].float(), size=(side, side), mode='bilinear', antialias=True).round().clamp(0, 255).byte()
            self.bytes[i:i + 256, 3:] = F.interpolate(x[:, 3:].float(), size=(side, side), mode='nearest-exact').byte()
        for a, b in alphas: self.bytes[a:b, 3:] = F.interpolate(self.full[a:b, 3:].float(), size=(side, side), mode='bilinear', antialias=True).round().clamp(0, 255).byte()

    def drawer(self, weights):
        """a function of n: which pictures (weights by set, then any of the set), and whether each has an alpha"""
        sets = [(self.where[k], w) for k, w in weights.items() if k in self.where and w > 0]
        column = lambda v, t: torch.tensor(v, dtype=t, device=self.dev)
        first, count = column([s[0] for s, _ in sets], torch.float64), column([s[1] for s, _ in sets], torch.float64)
        alpha, ends = column([s[2] == 'alpha' for s, _ in sets], torch.bool), torch.cumsum(column([w for _, w in sets], torch.float64), 0)
        ends = ends/ends[-1]
        def draw(n):
            k = torch.searchsorted(ends, torch.rand(n, device=self.dev, dtype=torch.float64)).clamp(max=len(sets) - 1)
            return (first[k] + torch.floor(torch.rand(n, device=self.dev, dtype=torch.float64)*count[k])).long(), alpha[k]
        return draw


@torch.no_grad()
def check(net, store, size, amp, batch=64):
    """IoU at 0.5 and mean error on each validation list, over pixels that the mask knows"""
    net.eval(); out = {}
    for name, (at, count, _) in store.val.items():
        rows = []
        for i in range(at, at + count, batch):
            v = store.full[i:min(i + batch, at + count)].float()/255
            x = F.interpolate(v[:, :3], size=(size, size), mode='bilinear', align_corners=False, antialias=True)
            with amp(): y = fast.forward(net, augment.normalised(x))
            p = F.interpolate(y.float().sigmoid(), size=v.shape[2:], mode='bilinear', align_corners=False)
            g, k = v[:, 3:] > .9, (v[:, 3:] < .1) | (v[:, 3:] > .9); b = (p > .5) & k
            rows.append(torch.stack([(b & g).sum((1, 2, 3))/((b | g) & k).sum((1, 2, 3)).clamp(min=1), ((p - g.float()).abs()*k).sum((1, 2, 3))/k.sum((1, 2, 3)).clamp(min=1)], 1))
        out[name] = torch.cat(rows).mean(0).tolist()
    return out


def flattened(net):
    """the running means and variances of all batch norms in one tensor, of which the norms hold views"""
    norms = [m for m in net.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    flat = torch.cat([v for m in norms for v in (m.running_mean, m.running_var)]); at = 0
    for m in norms:
        for k in ('running_mean', 'running_var'):
            n = m.num_features; setattr(m, k, flat[at:at + n]); at += n
    return flat


class Training:
    """the network, its moving average, the optimiser; `step` is one step at one size and batch, and holds no number on the host"""
    def __init__(self, state, spec, recipe, store, dev):
        self.recipe, self.store, self.dev = recipe, store, dev
        net = model.new_network(spec); net.load_state_dict(state, strict=False)
        for m in net.modules():
            if isinstance(m, torch.nn.Dropout): m.p = 0.
        self.net = net.to(dev, memory_format=torch.channels_last); self.ema = copy.deepcopy(self.net).eval()
        fast.drop_paths(self.net, recipe['drop_path']); self.statistics = flattened(self.net)
        on_gpu = dev.type == 'cuda'
        self.lr, self.keep = torch.tensor(0., device=dev), torch.tensor(0., device=dev)  # learning rate; share of the moving average that stays
        self.params = list(self.net.parameters())
        groups = [dict(params=[p for p in self.params if p.ndim > 1], weight_decay=recipe['weight_decay']), dict(params=[p for p in self.params if p.ndim < 2], weight_decay=0.)]
        self.optim = torch.optim.AdamW(groups, lr=self.lr, fused=True, capturable=on_gpu, betas=(.9, recipe.get('beta2', .99)))
        pairs = [(a, b) for a, b in zip(self.ema.state_dict().values(), self.net.state_dict().values()) if a.is_floating_point()]
        self.slow, self.quick = [a for a, _ in pairs], [b for _, b in pairs]
        self.loss_sum, self.faults = torch.zeros((), device=dev), torch.zeros(3, device=dev)   # faults: steps whose pictures, loss, gradient were not finite
        self.subjects, self.places = store.drawer(recipe['weights']), store.drawer(recipe['grounds'])
        self.amp = lambda: torch.autocast(dev.type, torch.bfloat16, enabled=on_gpu, cache_enabled=False)

    def free(self, pattern):
        fast.free(self.net, pattern); fast.free(self.ema, pattern)

    def batch(self, n, size):
        i, is_alpha = self.subjects(n); j, _ = self.places(n)
        v = self.store.bytes[i].float()/255
        return augment.pictures(v[:, :3], v[:, 3:], is_alpha, self.store.bytes[j, :3].float()/255, self.recipe, size)

    def step(self, n, size):
        with torch.no_grad():
            im, t, known = self.batch(n, size)
            x, w = augment.normalised(im), known*augment.edge_weight(t)
        side = []; before = self.statistics.clone()
        with self.amp(): y = fast.forward(self.net, x, side)
        loss, _ = losses.loss_of(y.float(), [(m.float(), g.float()) for m, g in side], x, t, w)
        self.optim.zero_grad(set_to_none=True); loss.backward()
        with torch.no_grad():
            norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm([p.grad for p in self.params if p.grad is not None])))
            bad = ~torch.isfinite(torch.stack([x.sum(), loss.detach(), norm])); self.faults += bad
            fault = bad.any()
            self.optim.found_inf, self.optim.grad_scale = fault.float(), (norm/self.recipe['clip']).clamp(min=1)   # such a step is left out; gradients are clipped
        self.optim.step()
        with torch.no_grad():
            self.statistics.copy_(torch.where(fault, before, self.statistics))
            gap = torch._foreach_sub(self.quick, self.slow); torch._foreach_mul_(gap, 1 - self.keep); torch._foreach_add_(self.slow, gap)
            self.loss_sum += torch.where(fault, torch.zeros_like(loss), loss.detach())

    def set(self, lr, keep): self.lr.fill_(lr); self.keep.fill_(keep)

    def read(self, steps):
        """the mean loss of the steps since the last reading that counted, and how many did not, by what was not finite"""
        loss, faults = self.loss_sum.item(), [int(v) for v in self.faults.tolist()]; self.loss_sum.zero_(); self.faults.zero_()
        return loss/(steps - max(faults)) if steps > max(faults) else math.nan, faults

    def snapshot(self):
        """weights, their moving average, AdamW's moments"""
        return [b.clone() for b in self.quick], [a.clone() for a in self.slow], {p: {k: v.clone() for k, v in s.items()} for p, s in self.optim.state.items()}

    def restore(self, kept):
        """all as it was, in the same memory (a recorded step knows no other); moments that were not there yet become zero"""
        with torch.no_grad():
            for a, b in zip(self.quick + self.slow, kept[0] + kept[1]): a.copy_(b)
            for p, s in self.optim.state.items():
                for k, v in s.items(): v.copy_(kept[2][p][k]) if p in kept[2] else v.zero_()
        self.loss_sum.zero_(); self.faults.zero_()


class Eager:
    """runs a step as Python says"""
    name = 'eager'
    def __init__(self, training, n, size): self.run = lambda: training.step(n, size)

class Recorded:
    """a step recorded once as a CUDA graph: random numbers go on from run to run, launches cost nothing"""
    name = 'graph'
    def __init__(self, training, n, size):
        training.optim.zero_grad(set_to_none=True); side = torch.cuda.Stream(); side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3): training.step(n, size)
        torch.cuda.current_stream().wait_stream(side); torch.cuda.synchronize()
        training.optim.zero_grad(set_to_none=True); torch.cuda.empty_cache(); self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph): training.step(n, size)
        self.run = self.graph.replay


class Way(NamedTuple):
    """how steps run: Eager or Recorded; our depthwise kernels; resizing as matrix products; attention by PyTorch's kernel; cuDNN asked to measure its algorithms"""
    kind: type
    fused: bool = False
    products: bool = False
    sdpa: bool = False
    measured: bool = False
    def __str__(self): return ' '.join([self.kind.name] + [k for k in self._fields[1:] if getattr(self, k)])

PLAIN = Way(Eager)
CHANGES = (dict(kind=Recorded), dict(fused=True), dict(sdpa=True), dict(products=True))   # tried one after the other

def timed(runner, training, runs):
    """ms a step, and the mean loss"""
    runner.run(); training.read(1); t = time.time()
    for _ in range(runs): runner.run()
    loss, faults = training.read(runs)                               # waits for the device
    return (time.time() - t)/runs*1e3, loss, faults

def most_memory(dev): return torch.cuda.max_memory_reserved()/1e9 if dev.type == 'cuda' else 0.


class Run:
    def __init__(self, o):
        self.o, self.ends = o, BEGAN + o.seconds
        os.makedirs(o.out, exist_ok=True); self.file = open(os.path.join(o.out, 'log.txt'), 'a')
        self.dev = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
        torch.manual_seed(o.seed); torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
        torch.backends.cuda.enable_cudnn_sdp(False)
        self.recipe = json.load(open(o.recipe))
        try: self.fusible = not o.plain and depthwise.works(self.dev)
        except Exception as e: self.fusible = False; self.say('depthwise kernels:', ' '.join(str(e).split())[:300])

    def say(self, *a):
        s = '%6.1f ' % (time.time() - BEGAN) + ' '.join(map(str, a)); print(s, flush=True); self.file.write(s + '\n'); self.file.flush()

    def start(self):
        store = Store(self.o.pack, self.o.side or max(s['size'] for s in self.recipe['stages']), self.dev, self.o.threads)
        self.say('pictures', {k: v[1] for k, v in store.where.items()}, 'to check with', {k: v[1] for k, v in store.val.items()}, 'on', self.dev)
        state, meta = model.read_safetensors(self.o.start); state = model.tame(state); hard = float(meta.get('birefnet.hardened', self.o.soften))
        for k in ('weight', 'bias'): state['decoder.conv_out1.0.' + k] = state['decoder.conv_out1.0.' + k]/hard
        spec = model.spec_of(state); wanted = model.SPECS[self.recipe['network']]
        if self.o.resume: self.o.from_share = float(meta.get('training.share', 0))
        if spec is not wanted: state = widen.widen(state, spec, wanted, self.o.seed); self.say('widened to', self.recipe['network'])
        self.training = Training(state, wanted, self.recipe, store, self.dev)
        self.training.free(self.recipe['stages'][0]['free']); fast.use(self.training.ema, False, False, True)
        if self.o.check_start: self.say('start', self.figures(self.recipe['stages'][-1]['size']))

    def figures(self, size):
        kept = torch.backends.cudnn.benchmark; torch.backends.cudnn.benchmark = False
        try: return {k: '%.4f %.4f' % tuple(v) for k, v in check(self.training.ema, self.training.store, size, self.training.amp).items()}
        finally: torch.backends.cudnn.benchmark = kept

    def attempt(self, way, n, size, runs):
        """a runner of this way with its ms a picture, its loss and its faults, or None where it fails; the training is left as it was"""
        kept = self.training.snapshot(); t = time.time()
        try:
            self.training.set(1e-5, .5); self.apply(way); runner = way.kind(self.training, n, size); made = time.time() - t
            ms, loss, faults = timed(runner, self.training, runs)
            self.say('try %s: size %d batch %d, %.1f ms a step, %.0f pictures/s, loss %.4f, left out %s, made in %.1f s, at most %.1f GB' % (way, size, n, ms, n/ms*1e3, loss, faults, made, most_memory(self.dev)))
            return runner, ms/n, loss, sum(faults)
        except Exception as e:
            self.say('try %s: size %d batch %d fails: %s' % (way, size, n, ' '.join(str(e).split())[:300]))
            return None
        finally:
            self.training.restore(kept)
            if self.dev.type == 'cuda': torch.cuda.empty_cache()

    def apply(self, way):
        torch.backends.cudnn.benchmark = way.measured; fast.use(self.training.net, way.fused, way.products, way.sdpa)

    def choose(self, n, size):
        """the fastest way of a step that works and agrees in its loss with the plain one; None if not even that one works"""
        best = plain = self.attempt(PLAIN, n, size, 3)
        if not plain: return None
        self.way = PLAIN; losses_differ = lambda got: not math.isfinite(got[2]) or abs(got[2] - plain[2]) > .25*abs(plain[2])
        for change in (() if self.o.plain or self.dev.type == 'cpu' else CHANGES):
            way = self.way._replace(**change)
            if time.time() - BEGAN > self.o.smoke_until: self.say('no time to try', way); continue
            if way.fused and not self.fusible: self.say('no kernels of our own here'); continue
            got = self.attempt(way, n, size, 8)
            if got and losses_differ(got): self.say('its loss is another: not used'); got = None
            if got and not best[3] and got[3]: self.say('it leaves steps out: not used'); got = None
            if got and got[1] < best[1]*(.95 if way.measured else 1): best, self.way = got, way
        return best[0]

    def runner(self, stage):
        """how a step of this stage runs, and its batch: ways are tried at the first stage, the best one serves all"""
        size, n = stage['size'], stage['batch']
        self.training.store.sized(stage.get('side', size)); self.training.free(stage['free'])
        while n >= 4:
            if self.dev.type == 'cpu': self.way = PLAIN; run = Eager(self.training, n, size)
            elif self.way is None: run = self.choose(n, size)
            else:
                got = self.attempt(self.way, n, size, 2); run = got and got[0]
                if not run and self.way != PLAIN: self.way = PLAIN; continue
            if run:
                self.apply(self.way); self.say('goes by', self.way)
                if self.o.profile: self.profile(n, size)
                return run, n
            n = n//2
        sys.exit('no batch works at size %d' % size)

    def profile(self, n, size):
        """what a step of the chosen way spends its time on, by kernel, to OUT/profile-SIZE.txt"""
        from torch.profiler import profile, ProfilerActivity
        kept = self.training.snapshot(); self.training.set(1e-5, .5); self.training.step(n, size)
        with profile(activities=[ProfilerActivity.CPU] + [ProfilerActivity.CUDA]*(self.dev.type == 'cuda'), record_shapes=True) as p:
            for _ in range(2): self.training.step(n, size)
            self.training.read(2)
        self.training.restore(kept); by = 'self_cuda_time_total' if self.dev.type == 'cuda' else 'self_cpu_time_total'
        with open(os.path.join(self.o.out, 'profile-%d.txt' % size), 'w') as f:
            f.write(p.key_averages().table(sort_by=by, row_limit=60, max_name_column_width=110) + '\n' + p.key_averages(group_by_input_shape=True).table(sort_by=by, row_limit=60, max_name_column_width=60, max_shapes_column_width=110))

    def save(self, share, seen, figures):
        meta = {'format': 'pt', 'birefnet.hardened': 1, 'birefnet.resolution': '%dx%d' % ((self.recipe['stages'][-1]['size'],)*2), 'birefnet.tile_order': 'channel',
                'birefnet.licence': 'MIT', 'training.share': '%.4f' % share, 'training.seen': seen, 'training.check': json.dumps(figures)}
        path = os.path.join(self.o.work or self.o.out, 'ema.safetensors')
        model.write_safetensors(path, self.training.ema.state_dict(), meta); pieces.split(path, self.o.out)
        if not self.o.work: os.remove(path)

    def share(self):
        """how much of the budget is spent; what was tried out before the first step does not count"""
        o = self.o
        new = self.at['seen']/o.pictures if o.pictures else (time.time() - BEGAN - self.began)/(o.seconds - self.began - o.closing)
        if o.pictures: return new
        over = time.time() - BEGAN > o.seconds - o.closing           # whatever was tried
        return 1. if over else self.first + (1 - self.first)*max(0., new)

    def load(self):
        if not (self.o.state and os.path.exists(self.o.state)): return
        kept = torch.load(self.o.state, map_location=self.dev, weights_only=True); tr = self.training
        with torch.no_grad():
            for a, b in zip(tr.quick + tr.slow, kept['quick'] + kept['slow']): a.copy_(b)
        for p, m in zip(tr.params, kept['moments']):
            if m: tr.optim.state[p] = m
        self.at = kept['at']; self.first = self.at['share']; self.say('goes on from', self.at)

    def save_state(self):
        if not self.o.state: return
        tr = self.training; self.at['share'] = self.share()
        torch.save(dict(quick=tr.quick, slow=tr.slow, moments=[dict(tr.optim.state.get(p, {})) for p in tr.params], at=self.at), self.o.state + '.new')
        os.replace(self.o.state + '.new', self.o.state)

    def checkpoint(self, size, name='check'):
        figures = self.figures(size); self.say(name, figures); self.save(self.share(), self.at['seen'], figures); self.save_state()

    def train(self):
        tr, o, stages, ending = self.training, self.o, self.recipe['stages'], []
        signal.signal(signal.SIGTERM, lambda *_: ending.append(1))
        self.way, self.began, self.first, self.run = None, time.time() - BEGAN, o.from_share, None
        self.at = dict(step=0, seen=int(o.from_share*(o.pictures or 0)), share=o.from_share); self.load()
        k, saved, warm, at_log = None, time.time(), self.at['step'], None
        while not ending and (share := self.share()) < 1:
            stage = next(i for i, s in enumerate(stages) if share < s['until'])
            if stage != k:
                fresh, k, self.run = k is None, stage, None; self.run, n = self.runner(stages[k])
                if fresh: self.began = time.time() - BEGAN
                warm = self.at['step'] - (0 if fresh else self.recipe['warmup']*3//4); at_log = (time.time(), self.at['seen'])   # newly freed offsets
            step, share = self.at['step'], self.share()
            lr = self.recipe['lr']*min(1, (step - warm + 1)/self.recipe['warmup'])*(.002 + .998*.5*(1 + math.cos(math.pi*share)))
            tr.set(lr, min(stages[k]['ema'], (1 + step)/(10 + step)))
            self.run.run(); step += 1; self.at['step'] = step; self.at['seen'] += n
            if step % o.log_every: continue
            loss, faults = tr.read(o.log_every); now = time.time()   # waits for the device
            self.say('step %d seen %d share %.3f size %d lr %.2e loss %.4f  %.0f pictures/s%s' % (
                step, self.at['seen'], share, stages[k]['size'], lr, loss, (self.at['seen'] - at_log[1])/(now - at_log[0]), '  left out (pictures, loss, gradient): %s' % faults if any(faults) else ''))
            if now - saved > o.save_every and share < .97: self.checkpoint(stages[k]['size']); now = saved = time.time()
            at_log = (now, self.at['seen'])
        self.checkpoint(stages[-1]['size'], 'end check')
        self.say('saved; %d steps, %d pictures' % (self.at['step'], self.at['seen']))


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument('--pack', nargs='+', required=True); ap.add_argument('--start', required=True); ap.add_argument('--out', required=True)
    ap.add_argument('--seconds', type=float, default=540); ap.add_argument('--pictures', type=int); ap.add_argument('--state'); ap.add_argument('--recipe', default=os.path.join(here, 'recipe-b1.json'))
    ap.add_argument('--soften', type=float, default=1., help='by what the start was hardened, where its metadata do not say so')
    ap.add_argument('--from-share', type=float, default=0.); ap.add_argument('--resume', action='store_true', help='the start is a checkpoint: enter the schedule where it was'); ap.add_argument('--save-every', type=float, default=80); ap.add_argument('--log-every', type=int, default=25)
    ap.add_argument('--closing', type=float, default=12, help='seconds kept for the last check and saving'); ap.add_argument('--smoke-until', type=float, default=60, help='no new way of a step is tried after this second')
    ap.add_argument('--plain', action='store_true', help='steps as Python says, nothing tried')
    ap.add_argument('--check-start', action='store_true', help='the figures of the start, first')
    ap.add_argument('--profile', action='store_true', help='two steps of each stage, to OUT/profile-SIZE.txt')
    ap.add_argument('--side', type=int, help='px at which pictures are held'); ap.add_argument('--threads', type=int, default=os.cpu_count())
    ap.add_argument('--seed', type=int, default=5); ap.add_argument('--work', help='folder for the whole checkpoint, beside the pieces')
    o = ap.parse_args(); run = Run(o); run.start(); gc.collect(); gc.freeze(); run.train()

if __name__ == '__main__': main()
