#!/usr/bin/env python3
"""Makes the seeds in fuzz/corpus/weights and fuzz/corpus/weights_pickle: small checkpoints of each kind.

Plain Python, no torch: pickles are written with stand-ins for torch's functions, archives by zipfile.
usage: python3 fuzz/weights_seeds.py
"""
import io, json, os, pickle, struct, sys, types, zipfile
from collections import OrderedDict

HERE = os.path.dirname(os.path.abspath(__file__))
FLOATS = struct.pack('<6f', 0, 1, -2, 0.5, 1e-3, 7)


def module(name, **names):
    made = types.ModuleType(name)
    for key, value in names.items():
        value.__module__, value.__qualname__, value.__name__ = name, key, key
        setattr(made, key, value)
    sys.modules[name] = made


def stub(*args): pass
def parameter(*args): pass
class FloatStorage: pass
class HalfStorage: pass
class LongStorage: pass


module('torch', FloatStorage=FloatStorage, HalfStorage=HalfStorage, LongStorage=LongStorage)
module('torch._utils', _rebuild_tensor_v2=stub, _rebuild_parameter=parameter)


class Storage:
    def __init__(self, kind, key, count): self.id = ('storage', kind, key, 'cpu', count)


class Tensor:
    def __init__(self, storage, offset, size, stride, wrapped=False):
        self.args, self.wrapped = (storage, offset, size, stride, False, OrderedDict()), wrapped

    def __reduce__(self):
        if self.wrapped:
            return parameter, (Tensor(*self.args[:4]), True, OrderedDict())
        return stub, self.args


class Pickler(pickle.Pickler):
    def persistent_id(self, value): return value.id if isinstance(value, Storage) else None


def dump(value, protocol=2):
    out = io.BytesIO()
    Pickler(out, protocol).dump(value)
    return out.getvalue()


def tables():
    f, h, l = Storage(FloatStorage, '0', 6), Storage(HalfStorage, '1', 12), Storage(LongStorage, '2', 3)
    plain = OrderedDict(a=Tensor(f, 0, (2, 3), (3, 1)), b=Tensor(l, 0, (), ()))
    plain._metadata = OrderedDict()
    return {
        'plain': plain,
        'views': {'t': Tensor(f, 0, (3, 2), (1, 3)), 'part': Tensor(f, 1, (2, 2), (3, 1)), 'h': Tensor(h, 4, (8,), (1,))},
        'wrapped': {'epoch': 3, 'loss': 0.25, 'state_dict': {'module._orig_mod.a': Tensor(f, 0, (6,), (1,), True)}},
        'nested': {'model': {'net': {'a': Tensor(f, 5, (1, 1), (1, 1))}}, 'list': [1, (2, 3), None, True, -70000, 1 << 40]},
    }


def archive(table, root='archive'):
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', zipfile.ZIP_STORED) as made:
        for name, data in (('data.pkl', table), ('data/0', FLOATS), ('data/1', FLOATS), ('data/2', FLOATS),
                           ('version', b'3\n'), ('byteorder', b'little')):
            made.writestr(zipfile.ZipInfo(root + '/' + name), data)
    return out.getvalue()


def legacy():
    f = Storage(FloatStorage, '77', 6)
    f.id += (None,)
    out = b'\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.' + dump(1001) + dump({'little_endian': True})
    return out + dump({'a': Tensor(f, 0, (2, 3), (3, 1))}) + dump(['77']) + struct.pack('<q', 6) + FLOATS


def safetensors(header, data):
    text = json.dumps(header).encode()
    return struct.pack('<Q', len(text)) + text + data


def main():
    files = {'weights/legacy': legacy()}
    for name, table in tables().items():
        files['weights/zip-' + name] = archive(dump(table))
        files['weights_pickle/' + name] = dump(table)
        files['weights_pickle/' + name + '-4'] = dump(table, 4)
    entry = lambda kind, shape, a, b: {'dtype': kind, 'shape': shape, 'data_offsets': [a, b]}
    files['weights/safetensors'] = safetensors(
        {'__metadata__': {'format': 'pt'}, 'module.a': entry('F32', [2, 2], 0, 16), 'b': entry('F16', [2], 16, 20),
         'c': entry('BF16', [1, 1, 2], 20, 24), 'none': entry('I64', [0], 24, 24)}, FLOATS)
    files['weights/safetensors-hole'] = safetensors({'a': entry('F32', [1], 4, 8)}, FLOATS[:8])
    files['weights/pointer'] = b'version https://git-lfs\n'
    files['weights/page'] = b'<html>'
    for name, data in files.items():
        path = os.path.join(HERE, 'corpus', name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, 'wb') as out:
            out.write(data)


main()
