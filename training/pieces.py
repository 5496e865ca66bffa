#!/usr/bin/env python3
"""A file as pieces of at most 15 MB, and back: pieces.py split FILE FOLDER; pieces.py join FOLDER OUT

FOLDER gets NAME.0, NAME.1, ... and NAME.json (bytes, SHA-256 of each piece), which is written last. Joining checks the sums."""
import glob, hashlib, json, os, sys

MOST = 15_000_000

def put(path, data):
    with open(path + '.new', 'wb') as f: f.write(data)
    os.replace(path + '.new', path)

def split(path, folder):
    with open(path, 'rb') as f: data = f.read()
    count = -(-len(data)//MOST); each = -(-len(data)//count); name = os.path.join(folder, os.path.basename(path))
    parts = [data[i:i + each] for i in range(0, len(data), each)]
    for i, p in enumerate(parts): put('%s.%d' % (name, i), p)
    put(name + '.json', json.dumps([dict(bytes=len(p), sha256=hashlib.sha256(p).hexdigest()) for p in parts]).encode())

def join(folder, out):
    (index,) = glob.glob(os.path.join(folder, '*.safetensors.json')); data = []
    for i, e in enumerate(json.load(open(index))):
        with open('%s.%d' % (index[:-5], i), 'rb') as f: p = f.read()
        if len(p) != e['bytes'] or hashlib.sha256(p).hexdigest() != e['sha256']: sys.exit('piece %d is not whole' % i)
        data.append(p)
    put(out, b''.join(data))

if __name__ == '__main__':
    if len(sys.argv) != 4 or sys.argv[1] not in ('split', 'join'): sys.exit(__doc__)
    (split if sys.argv[1] == 'split' else join)(*sys.argv[2:])
