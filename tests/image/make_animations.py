#!/usr/bin/env python3
"""Make the animations of tests/image/animations, and beside each what a player shows (NAME.rgba: all canvases, 16x12 RGBA).

The canvases are composed here, by the words of the formats' specifications. Needs Pillow, NumPy and avifenc (libavif 0.11).
Usage: make_animations.py FOLDER"""
import io
import os
import struct
import subprocess
import sys
import tempfile
import zlib

import numpy as np
from PIL import Image

W, H = 16, 12
KEEP, CLEAR, RESTORE = range(3)


class Frame:
    def __init__(self, x, y, pixels, delay, disposal=KEEP, blends=True):
        self.x, self.y, self.pixels, self.delay, self.disposal, self.blends = x, y, pixels, delay, disposal, blends
        self.h, self.w = pixels.shape[:2]


def over(under, top):
    a, b = top[..., 3:].astype(float) / 255, under[..., 3:].astype(float) / 255
    out = a + b * (1 - a)
    rgb = np.where(out > 0, (a * top[..., :3] + b * (1 - a) * under[..., :3]) / np.maximum(out, 1e-9), 0)
    mixed = np.rint(np.concatenate([rgb, 255 * out], 2))
    mixed = np.where(top[..., 3:] == 0, under, mixed)
    return mixed.astype(np.uint8)


def play(frames):
    canvas, shown = np.zeros((H, W, 4), np.uint8), []
    for f in frames:
        box = np.s_[f.y : f.y + f.h, f.x : f.x + f.w]
        before = canvas.copy()
        canvas[box] = over(canvas[box], f.pixels) if f.blends else f.pixels
        shown.append(canvas.copy())
        if f.disposal == CLEAR:
            canvas[box] = 0
        elif f.disposal == RESTORE:
            canvas = before
    return b"".join(c.tobytes() for c in shown)


def pattern(w, h, seed, alphas):
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 8, (h, w, 4)) * 36
    pixels[..., 3] = random.choice(alphas, (h, w))
    return pixels.astype(np.uint8)


def make_frames(alphas, blends):
    """All disposals in turn, boxes inside, at the edges and whole."""
    whole = Frame(0, 0, pattern(W, H, 1, [255]), 4)
    return [whole, Frame(4, 2, pattern(6, 7, 2, alphas), 10, CLEAR, blends[0]),
            Frame(0, 0, pattern(8, 8, 3, alphas), 0, RESTORE, blends[1]),
            Frame(10, 6, pattern(6, 6, 4, alphas), 7, KEEP, blends[0]),
            Frame(2, 4, pattern(12, 8, 5, alphas), 33, RESTORE, blends[1]),
            Frame(6, 0, pattern(2, 2, 6, alphas), 5, CLEAR, blends[0])]


def sub_blocks(data):
    return b"".join(bytes([len(data[i : i + 255])]) + data[i : i + 255] for i in range(0, len(data), 255)) + b"\0"


def gif_pixels(indices, bits):
    """LZW whose table is cleared before codes grow."""
    codes, clear = [], 1 << bits
    for i, v in enumerate(indices):
        if i % (clear - 2) == 0:
            codes.append(clear)
        codes.append(int(v))
    value = 0
    for i, code in enumerate(codes + [clear + 1]):
        value |= code << i * (bits + 1)
    data = value.to_bytes(((len(codes) + 1) * (bits + 1) + 7) // 8, "little")
    return bytes([bits]) + sub_blocks(data)


def gif(frames, repeats, interlaced=False, trailer=True):
    out = b"GIF89a" + struct.pack("<HHBBB", W, H, 0, 0, 0)
    if repeats is not None:
        out += b"!\xff\x0bNETSCAPE2.0\x03\x01" + struct.pack("<H", repeats) + b"\0"
    for f in frames:
        flat = f.pixels.reshape(-1, 4)
        colours = sorted({tuple(p[:3]) for p in flat if p[3]})
        bits = 8
        index = {c: i + 1 for i, c in enumerate(colours)}
        table = b"\0\0\0" + b"".join(bytes(c) for c in colours)
        indices = np.array([index[tuple(p[:3])] if p[3] else 0 for p in flat]).reshape(f.h, f.w)
        rows = [y for s, d in ((0, 8), (4, 8), (2, 4), (1, 2)) for y in range(s, f.h, d)] if interlaced else range(f.h)
        disposal = {KEEP: 1, CLEAR: 2, RESTORE: 3}[f.disposal]
        out += b"!\xf9\x04" + struct.pack("<BHB", disposal << 2 | 1, f.delay, 0) + b"\0"
        out += b"," + struct.pack("<HHHHB", f.x, f.y, f.w, f.h, 0x80 | bits - 1 | (0x40 if interlaced else 0))
        out += table.ljust(3 << bits, b"\0") + gif_pixels(indices[list(rows)].ravel(), bits)
    return out + (b";" if trailer else b"")


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def apng(frames, plays, hidden_first=False, depth=8):
    def data(pixels):
        samples = pixels.astype(">u2") * 257 if depth == 16 else pixels
        return zlib.compress(b"".join(b"\0" + row.tobytes() for row in samples), 9)

    out = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", W, H, depth, 6, 0, 0, 0))
    out += chunk(b"acTL", struct.pack(">II", len(frames), plays))
    sequence = 0
    if hidden_first:
        out += chunk(b"IDAT", data(pattern(W, H, 99, [255])))
    for i, f in enumerate(frames):
        control = struct.pack(">IIIIIHHBB", sequence, f.w, f.h, f.x, f.y, f.delay, 100, f.disposal, int(f.blends))
        out += chunk(b"fcTL", control)
        sequence += 1
        packed = data(f.pixels)
        if i == 0 and not hidden_first:
            out += chunk(b"IDAT", packed)
            continue
        half = len(packed) // 2
        for piece in (packed[:half], packed[half:]):
            out += chunk(b"fdAT", struct.pack(">I", sequence) + piece)
            sequence += 1
    return out + chunk(b"IEND", b"")


def riff(kind, data):
    return kind + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)


def u24(value):
    return struct.pack("<I", value)[:3]


def webp(frames, plays):
    body = riff(b"VP8X", bytes([0x12, 0, 0, 0]) + u24(W - 1) + u24(H - 1))
    body += riff(b"ANIM", struct.pack("<IH", 0xFFFFFFFF, plays))
    for f in frames:
        file = io.BytesIO()
        Image.fromarray(f.pixels, "RGBA").save(file, "WEBP", lossless=True, exact=True)
        data = file.getvalue()
        at = data.index(b"VP8L")
        image = data[at : at + 8 + struct.unpack("<I", data[at + 4 : at + 8])[0]]
        image += b"\0" * (len(image) % 2)
        flags = (0 if f.blends else 2) | (1 if f.disposal == CLEAR else 0)
        body += riff(b"ANMF", u24(f.x // 2) + u24(f.y // 2) + u24(f.w - 1) + u24(f.h - 1) + u24(f.delay * 10)
                     + bytes([flags]) + image)
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def number(data, at):
    return struct.unpack(">I", data[at : at + 4])[0]


def find_all(data, name):
    found, at = [], data.find(name)
    while at >= 0:
        found.append(at - 4)
        at = data.find(name, at + 4)
    return found


def insert_edits(data, plays):
    """An edit list that repeats into every track (avifenc 0.11 writes none); what lies behind moves on."""
    out, inserts, size = bytearray(data), [], 44
    tracks = find_all(data, b"trak")
    for track in tracks:
        head = data.index(b"tkhd", track) - 4
        assert data[head + 8] == 1  # durations of 64 bits
        once = struct.unpack(">Q", data[head + 36 : head + 44])[0]
        out[head + 36 : head + 44] = struct.pack(">Q", once * plays)
        edits = struct.pack(">I4sI4sB3sIQqHH", size, b"edts", size - 8, b"elst", 1, b"\0\0\1", 1, once, 0, 1, 0)
        inserts.append((head + number(data, head), edits))
        out[track : track + 4] = struct.pack(">I", number(data, track) + size)
    moov = data.index(b"moov") - 4
    out[moov : moov + 4] = struct.pack(">I", number(data, moov) + size * len(tracks))
    for at in find_all(data, b"stco"):
        for entry in range(at + 16, at + 16 + 4 * number(data, at + 12), 4):
            out[entry : entry + 4] = struct.pack(">I", number(data, entry) + size * len(tracks))
    for end, edits in reversed(inserts):
        out[end:end] = edits
    return bytes(out)


def avif(frames, plays, depth=8, interval=0):
    """Whole canvases, each predicted from those before it, without loss."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["avifenc", "--lossless", "-s", "6", "-d", str(depth), "-k", str(interval), "--timescale", "100"]
        for i, f in enumerate(frames):
            Image.fromarray(f.pixels).save(f"{folder}/{i}.png")
            command += ["--duration", str(f.delay), f"{folder}/{i}.png"]
        subprocess.run(command + [f"{folder}/out.avif"], check=True, stdout=subprocess.DEVNULL)
        with open(f"{folder}/out.avif", "rb") as file:
            data = file.read()
    return insert_edits(data, plays) if plays else data


def canvases(frames):
    """What a player shows, as frames that stand alone; none shorter than a GIF's shortest."""
    shown = play(frames)
    size = W * H * 4
    return [Frame(0, 0, np.frombuffer(shown[i * size : (i + 1) * size], np.uint8).reshape(H, W, 4).copy(),
                  max(f.delay, 2), blends=False) for i, f in enumerate(frames)]


# six.jxl is six plain frames by Pillow as APNG, through cjxl 0.7.


def main(folder):
    hard, soft = [0, 255], [0, 60, 128, 255]
    gifs, pngs = make_frames(hard, [True, True]), make_frames(soft, [True, False])
    webps = make_frames(soft, [True, False])
    for f in webps:
        f.disposal = CLEAR if f.disposal == CLEAR else KEEP
    files = {"disposals.gif": (gif(gifs, 0), gifs), "interlaced-twice.gif": (gif(gifs, 1, True), gifs),
             "once-without-end.gif": (gif(gifs, None, trailer=False), gifs),
             "disposals.png": (apng(pngs, 0), pngs), "hidden-first.png": (apng(pngs, 3, True), pngs),
             "deep.png": (apng(pngs, 1, depth=16), pngs), "disposals.webp": (webp(webps, 0), webps),
             "thrice.webp": (webp(webps[:3], 3), webps[:3])}
    avifs, opaque = canvases(pngs), canvases(pngs)
    for f in opaque:
        f.pixels[..., 3] = 255
    files.update({"sequence.avif": (avif(avifs, None), avifs), "twice.avif": (avif(opaque, 2), opaque),
                  "deep.avif": (avif(avifs, 3, depth=10, interval=2), avifs)})
    for name, (data, frames) in files.items():
        with open(f"{folder}/{name}", "wb") as out:
            out.write(data)
        with open(f"{folder}/{name}.rgba", "wb") as out:
            out.write(play(frames))


main(sys.argv[1])
