"""The starter's architecture, its initialisation, and reading and writing safetensors."""
import json, struct
import numpy as np, torch
import birefnet_torch as B

SPECS = {'b0': B._pvt((32, 64, 160, 256), (2, 2, 2, 2), inter=32, aspp=64),                      # PVT v2 b0, 8.9 M parameters
         'b1': B._pvt((64, 128, 320, 512), (2, 2, 2, 2), mlp=(8, 8, 4, 3), inter=32, aspp=64)}   # b1 with a narrower last stage, 19.4 M
SPEC = SPECS['b0']

def offsets(name): return 'offset_conv' in name or 'modulator_conv' in name

def spec_of(state):
    """the one of SPECS that a state belongs to"""
    width = state['bb.norm1.weight'].shape[0]
    return next(s for s in SPECS.values() if s['dims'][0] == width)

def new_network(spec=SPEC):
    net = B.BiRefNet(spec)
    for n, m in net.named_modules():
        if isinstance(m, torch.nn.Linear):
            torch.nn.init.trunc_normal_(m.weight, std=.02)
            if m.bias is not None: torch.nn.init.zeros_(m.bias)
        elif isinstance(m, torch.nn.Conv2d) and not offsets(n):
            torch.nn.init.kaiming_normal_(m.weight, mode='fan_out' if n.startswith('bb.') else 'fan_in')
            if m.bias is not None: torch.nn.init.zeros_(m.bias)
    return net

BEFORE_NORM = (('bn_in', 'conv_in'), ('bn_out', 'conv_out'), ('bn1', 'conv1'), ('bn', 'atrous_conv.regular_conv'), ('global_avg_pool.2', 'global_avg_pool.1'))

def tame(state, most=1e4):
    """the same network, where no batch norm has a variance above `most`: what it norms is made smaller by the convolution before.
    Such variances grow without bound in training and leave the range of f16."""
    state = dict(state)
    for k in [k for k in state if k.endswith('.running_var')]:
        bn = k[:-len('.running_var')]
        conv = next((bn[:-len(a)] + b for a, b in BEFORE_NORM if bn.endswith('.' + a) and bn[:-len(a)] + b + '.weight' in state), bn[:-1] + '0')
        var = state[k].float(); var = torch.where(torch.isfinite(var), var, torch.full_like(var, 1e5))
        s = torch.where(var > most, (most/var).sqrt(), torch.ones_like(var))
        state[k] = var*s*s
        for name in (bn + '.running_mean', conv + '.weight', conv + '.bias'):
            if name in state: state[name] = state[name].float()*s.view(-1, *[1]*(state[name].ndim - 1))
    return state

DTYPES = {'F16': np.float16, 'F32': np.float32, 'I64': np.int64}

def read_safetensors(path):
    with open(path, 'rb') as f: raw = f.read()
    n = struct.unpack('<Q', raw[:8])[0]; head = json.loads(raw[8:8 + n]); meta = head.pop('__metadata__', {})
    out = {}
    for k, v in head.items():
        a, b = v['data_offsets']
        t = np.frombuffer(raw[8 + n + a:8 + n + b], DTYPES[v['dtype']]).reshape(v['shape'])
        out[k] = torch.from_numpy(t.astype(np.int64 if v['dtype'] == 'I64' else np.float32))
    return out, meta

def write_safetensors(path, state, meta):
    """floats as f16, aligned to 8 bytes; num_batches_tracked is left out: nothing reads it"""
    state = tame(state); head, blobs, at = {'__metadata__': {k: str(v) for k, v in meta.items()}}, [], 0
    for k, v in state.items():
        if k.endswith('num_batches_tracked'): continue
        half = v.detach().cpu().contiguous().half(); assert torch.isfinite(half).all(), k
        b = half.numpy().tobytes()
        head[k] = dict(dtype='F16', shape=list(v.shape), data_offsets=[at, at + len(b)]); blobs.append(b); at += len(b)
    j = json.dumps(head, separators=(',', ':')).encode(); j += b' '*(-len(j) % 8)
    with open(path, 'wb') as f: f.write(struct.pack('<Q', len(j)) + j + b''.join(blobs))
    return 8 + len(j) + at

def load_network(path):
    state = read_safetensors(path)[0] if path.endswith('.safetensors') else torch.load(path, map_location='cpu')
    state = state.get('ema', state); net = B.BiRefNet(spec_of(state))
    missing, unexpected = net.load_state_dict(state, strict=False)
    assert not unexpected and all(k.endswith('num_batches_tracked') for k in missing), (missing, unexpected)
    return net
