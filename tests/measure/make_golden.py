#!/usr/bin/env python3
"""Makes data/*.png and golden.h: masks, true masks, and what independent code says of them. The test needs only these.

    python3 -m venv env && env/bin/pip install pysodmetrics==1.6.2 opencv-python-headless scikit-image
    env/bin/pip download --no-deps mmagic==1.2.0 && unzip mmagic-1.2.0-*.whl 'mmagic/evaluation/*' -d mmagic-files
    env/bin/python tests/measure/make_golden.py mmagic-files

MAE, S, weighted F, maximum F and E are PySODMetrics'; SAD, MSE, Grad and Conn mmagic's (its classes are run as they are,
over stand-ins for the parts of torch and mmengine that they name; PyMatting's package has no measures); IoU and boundary
IoU are a few lines of NumPy and OpenCV here. Where pixels are unknown, training/measures.py stands in for PySODMetrics."""
import importlib.util, math, os, sys, types, warnings
import cv2, numpy as np
import py_sod_metrics as sod

warnings.filterwarnings('ignore')
HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = ('iou', 'mae', 's_measure', 'weighted_f', 'max_f', 'e_measure', 'boundary_iou', 'sad', 'mse', 'grad', 'conn')


# ---------------------------------------------------------------- mmagic's classes without torch and mmengine

def load_mmagic(folder):
    class Registry:
        def register_module(self): return lambda cls: cls
    class Base:
        def __init__(self, **kwargs): self.results = []
    def module(name, **names):
        sys.modules[name] = types.ModuleType(name); sys.modules[name].__dict__.update(names)
    module('torch', Tensor=type(None)); module('torch.nn', Module=object); sys.modules['torch'].nn = sys.modules['torch.nn']
    module('torch.utils'); module('torch.utils.data'); module('torch.utils.data.dataloader', DataLoader=object)
    module('mmcv'); module('mmengine'); module('mmengine.model', is_model_wrapper=None)
    module('mmagic'); module('mmagic.registry', METRICS=Registry()); module('mmagic.utils', reorder_image=None)
    for name in ('mmagic.evaluation', 'mmagic.evaluation.metrics', 'mmagic.evaluation.functional'):
        module(name); sys.modules[name].__path__ = []
    module('mmagic.evaluation.metrics.base_sample_wise_metric', BaseSampleWiseMetric=Base)
    def load(name):
        spec = importlib.util.spec_from_file_location(name, os.path.join(folder, *name.split('.')) + '.py')
        sys.modules[name] = importlib.util.module_from_spec(spec); spec.loader.exec_module(sys.modules[name]); return sys.modules[name]
    sys.modules['mmagic.evaluation.functional'].gauss_gradient = load('mmagic.evaluation.functional.gaussian_funcs').gauss_gradient
    load('mmagic.evaluation.metrics.metrics_utils'); of = lambda file, cls: getattr(load('mmagic.evaluation.metrics.' + file), cls)
    return {'sad': (of('sad', 'SAD'), 'sad'), 'mse': (of('matting_mse', 'MattingMSE'), 'mse'),
            'grad': (of('gradient_error', 'GradientError'), 'grad_err'), 'conn': (of('connectivity_error', 'ConnectivityError'), 'conn_err')}

class Tensor:                                        # what the classes ask of a tensor
    def __init__(self, array): self.array = array
    def __getitem__(self, at): return Tensor(self.array[at])
    def cpu(self): return self
    def numpy(self): return self.array

def matting(mmagic, mask, truth):
    sample = dict(ori_trimap=Tensor(np.full((1,) + truth.shape, 128, np.uint8)), ori_alpha=Tensor(truth[None]), output=dict(pred_alpha=Tensor(mask)))
    out = {}
    for name, (cls, key) in mmagic.items():
        metric = cls(); metric.process(None, [sample]); out[name] = float(metric.results[0][key])
    return out


# ---------------------------------------------------------------- the other measures

def iou(mask, truth, known=None):
    a, g = mask >= 128, truth >= 128; k = np.ones_like(a) if known is None else known
    union = ((a | g) & k).sum(); return float((a & g & k).sum()/union) if union else 1.0

def band(of, width):
    padded = cv2.copyMakeBorder(of.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return of & ~cv2.erode(padded, np.ones((3, 3), np.uint8), iterations=width)[1:-1, 1:-1].astype(bool)

def boundary_iou(mask, truth, known=None):
    a, g = mask >= 128, truth >= 128; k = np.ones_like(a) if known is None else known
    g = np.where(k, g, a); width = max(1, int(round(.02*math.hypot(*truth.shape))))
    a, g = band(a, width), band(g, width); union = ((a | g) & k).sum()
    return float((a & g & k).sum()/union) if union else 1.0

def known_values(mmagic, mask, truth, soft):
    p, g, out = mask/255, truth >= 128, dict(iou=iou(mask, truth), boundary_iou=boundary_iou(mask, truth))
    F, S, W, E, M = sod.Fmeasure(), sod.Smeasure(), sod.WeightedFmeasure(), sod.Emeasure(), sod.MAE()
    for metric in (F, S, W, E, M): metric.step(p, g, normalize=False)
    out.update(mae=M.get_results()['mae'], s_measure=S.get_results()['sm'], e_measure=E.get_results()['em']['curve'].mean())
    if g.any(): out.update(weighted_f=W.get_results()['wfm'], max_f=F.get_results()['fm']['curve'].max())
    else: out.update(weighted_f=float(not (mask >= 128).any()), max_f=1.0 if mask.max() < 255 else 0.0)    # see overlap.c and weighted.c
    if soft: out.update(matting(mmagic, mask, truth)); out['mae'] = out['sad']*1000/mask.size
    return out

def unknown_values(mask, truth):
    sys.path.insert(0, os.path.join(HERE, '..', '..', 'training')); import measures
    known = truth != 128; p = mask/255; out = {name: f(p, truth) for name, f in measures.ALL}
    g = (truth >= 128)[known]; F, E = sod.Fmeasure(), sod.Emeasure()         # these two do not care where pixels lie
    for metric in (F, E): metric.step(p[known][None], g[None], normalize=False)
    out.update(boundary_iou=boundary_iou(mask, truth, known), max_f=F.get_results()['fm']['curve'].max(), e_measure=E.get_results()['em']['curve'].mean())
    return out


# ---------------------------------------------------------------- the pictures

def blur(a, s): return cv2.GaussianBlur(a.astype(np.float64), (0, 0), s)
def to_bytes(a):
    a = np.clip(np.rint(a), 0, 255).astype(np.uint8); a[a == 153] = 154     # 0.6 lies on a step of Conn, and 6*0.1 beyond it
    return a

def disc(h, w, y, x, r):
    ys, xs = np.mgrid[:h, :w]; return 255*((ys - y)**2 + (xs - x)**2 <= r*r).astype(np.uint8)

def cases():
    rng = np.random.default_rng(18)
    t = disc(80, 96, 38, 50, 24)
    yield 'disc', t, to_bytes(blur(disc(80, 96, 41, 53, 25), 2)), False
    ring = disc(90, 70, 45, 34, 30) - disc(90, 70, 40, 38, 11)
    yield 'ring', ring, to_bytes(blur(ring, 3)*.8 + 30*rng.random(ring.shape)), False
    thin = np.zeros((64, 100), np.uint8)
    for i in range(6): cv2.line(thin, (5 + 16*i, 3), (20 + 14*i, 60), 255, 1 + i % 3)
    cut = thin.copy(); cut[20:34, 40:70] = 0; cut[50:60, 4:16] = 200
    yield 'thin', thin, to_bytes(blur(cut, .7)), False
    edge = np.zeros((50, 60), np.uint8); edge[20:, :35] = 255
    yield 'border', edge, to_bytes(blur(np.roll(edge, (-3, 4), (0, 1)), 1.5)), False
    far = disc(72, 88, 20, 20, 12)
    yield 'elsewhere', far, disc(72, 88, 50, 64, 15), False
    yield 'empty_truth', np.zeros((40, 48), np.uint8), to_bytes(blur(disc(40, 48, 20, 20, 6), 1)), False
    yield 'full_truth', np.full((40, 48), 255, np.uint8), to_bytes(255 - blur(disc(40, 48, 20, 20, 6), 1)), False
    yield 'perfect', t, t, False
    hair = disc(96, 96, 60, 48, 26).astype(np.float64)
    for i in range(24): cv2.line(hair, (48, 50), (int(48 + 46*math.cos(i*.26)), int(50 - 46*math.sin(i*.26))), 255, 1)
    soft = to_bytes(blur(hair, 1.1)); soft[60, 48] = 255
    worse = to_bytes(blur(hair*(rng.random(hair.shape) > .15), 1.8)); worse[60, 48] = 255; worse[4:12, 70:80] = 230; worse[0, 0] = 0
    yield 'hair', soft, worse, False
    glass = to_bytes(255*np.clip(np.linspace(-.2, 1.3, 80)[None]*np.linspace(.3, 1, 64)[:, None], 0, 1))
    tinted = to_bytes(glass*.85 + 20*np.sin(np.arange(80)/5)[None]*(glass > 40)); tinted[63, 79] = 255    # mmagic stretches both to 0..255 for Grad
    yield 'glass', glass, tinted, False
    band = t.copy(); band[(blur(t, 3) > 20) & (blur(t, 3) < 235)] = 128
    yield 'trimap', band, to_bytes(blur(disc(80, 96, 42, 51, 23), 2)), True

def main():
    mmagic = load_mmagic(sys.argv[1]); lines = []
    os.makedirs(os.path.join(HERE, 'data'), exist_ok=True)
    for name, truth, mask, unknown in cases():
        for what, picture in (('truth', truth), ('mask', mask)): cv2.imwrite(os.path.join(HERE, 'data', '%s-%s.png' % (name, what)), picture, [cv2.IMWRITE_PNG_COMPRESSION, 9])
        soft = not unknown and bool(((truth > 0) & (truth < 255)).any())
        values = unknown_values(mask, truth) if unknown else known_values(mmagic, mask, truth, soft)
        row = ', '.join('%.9g' % values[n] if n in values else '0' for n in NAMES)
        lines.append('    {"%s", %s, %s, {%s}},\n' % (name, 'true' if unknown else 'false', 'true' if soft else 'false', row))
    with open(os.path.join(HERE, 'golden.h'), 'w') as f:
        f.write('/* golden.h - made by make_golden.py: what independent code says of the pictures in data/. */\n\n#include <stdbool.h>\n\n')
        f.write('/* clang-format off */\nstatic const struct golden {\n    const char *name;\n    bool unknown, soft;\n    double value[%d]; /* in the order of bn_measure */\n} golden[] = {\n' % len(NAMES))
        f.write(''.join(lines) + '};\n')

if __name__ == '__main__': main()
