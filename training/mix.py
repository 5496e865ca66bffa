#!/usr/bin/env python3
"""The mean of a run's end and its start, tensor by tensor: mix.py END.safetensors START.safetensors SHARE_OF_END OUT.safetensors [SEED]

Between the two the network still works, and may generalise better than either. A start of another width is widened as train.py does
with this seed (5 without one)."""
import sys
import model, widen

if __name__ == '__main__':
    (end, meta), start, share = model.read_safetensors(sys.argv[1]), model.tame(model.read_safetensors(sys.argv[2])[0], 1e9), float(sys.argv[3])
    a, b = model.spec_of(end), model.spec_of(start)
    if a is not b: start = widen.widen(start, b, a, int(sys.argv[5]) if len(sys.argv) > 5 else 5)
    assert 0 <= share <= 1
    print(sys.argv[4], model.write_safetensors(sys.argv[4], {k: share*v + (1 - share)*start[k] for k, v in end.items()}, meta), 'bytes')
