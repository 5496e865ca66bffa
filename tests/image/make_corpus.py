#!/usr/bin/env python3
"""Make the files of fuzz/corpus/image (all but the AVIF ones): one tiny image of every kind that we read.

Each holds the same 16x12 pattern (test_files.c knows it): red 17x, green 17y, blue 255-17x, grey 17x,
alpha 17((x+y) mod 16); at 16 bits the value times 257. Needs Pillow 9 and NumPy. Usage: make_corpus.py FOLDER"""
import io
import struct
import sys
import zlib

import numpy as np
from PIL import Image

W, H = 16, 12
Y, X = np.mgrid[0:H, 0:W]
RED, GREEN, BLUE, GREY, ALPHA = 17 * X, 17 * Y, 255 - 17 * X, 17 * X, 17 * ((X + Y) % 16)
ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind, data):
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


def pack_rows(samples, depth):
    """samples [h][w][c] of values that fit depth bits -> PNG rows with filter bytes."""
    out = b""
    for row in samples.reshape(samples.shape[0], -1):
        if depth == 16:
            body = row.astype(">u2").tobytes()
        elif depth == 8:
            body = row.astype(np.uint8).tobytes()
        else:
            bits = "".join(format(int(v), f"0{depth}b") for v in row)
            bits += "0" * (-len(bits) % 8)
            body = bytes(int(bits[i : i + 8], 2) for i in range(0, len(bits), 8))
        out += b"\0" + body
    return out


def png(samples, depth, colour_type, extra=b"", interlaced=False):
    if interlaced:
        raw = b"".join(pack_rows(samples[y0::dy, x0::dx], depth) for x0, y0, dx, dy in ADAM7
                       if samples[y0::dy, x0::dx].size)
    else:
        raw = pack_rows(samples, depth)
    header = struct.pack(">IIBBBBB", W, H, depth, colour_type, 0, 0, int(interlaced))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(raw, 9))
            + chunk(b"IEND", b""))


def png_files():
    rgb = np.stack([RED, GREEN, BLUE], 2)
    rgba = np.dstack([rgb, ALPHA])
    grey = GREY[:, :, None]
    grey_alpha = np.stack([GREY, ALPHA], 2)
    palette = chunk(b"PLTE", bytes(v for x in range(16) for v in (17 * x, 17 * x, 17 * x)))
    for depth in (1, 2, 4):
        yield f"grey{depth}.png", png(grey // 17 % (1 << depth), depth, 0)
    yield "grey8.png", png(grey, 8, 0)
    yield "grey16.png", png(grey * 257, 16, 0)
    yield "grey16-key.png", png(grey * 257, 16, 0, chunk(b"tRNS", struct.pack(">H", 17 * 5 * 257)))
    yield "rgb8.png", png(rgb, 8, 2)
    yield "rgb8-interlaced.png", png(rgb, 8, 2, interlaced=True)
    yield "rgb16.png", png(rgb * 257, 16, 2)
    yield "rgb16-interlaced.png", png(rgb * 257, 16, 2, interlaced=True)
    yield "palette4.png", png(X[:, :, None], 4, 3, palette)
    yield "palette8-alpha.png", png(X[:, :, None], 8, 3, palette + chunk(b"tRNS", bytes(17 * x for x in range(16))))
    yield "grey-alpha8.png", png(grey_alpha, 8, 4)
    yield "grey-alpha16.png", png(grey_alpha * 257, 16, 4)
    yield "rgba8.png", png(rgba, 8, 6)
    yield "rgba16.png", png(rgba * 257, 16, 6)


def saved(image, **options):
    out = io.BytesIO()
    image.save(out, **options)
    return out.getvalue()


def tiff(samples, depth, photometric, extra_sample=None, tile=None, big_endian=False, planar=False):
    """A TIFF without compression; tile: side of square tiles, a multiple of 16."""
    e = ">" if big_endian else "<"
    kind = np.dtype(np.uint8) if depth == 8 else np.dtype(np.uint16).newbyteorder(e)
    h, w, c = samples.shape
    planes = [samples[:, :, i : i + 1] for i in range(c)] if planar else [samples]
    blocks = []
    for plane in planes:
        if tile:
            padded = np.zeros((-(-h // tile) * tile, -(-w // tile) * tile, plane.shape[2]), samples.dtype)
            padded[:h, :w] = plane
            blocks += [padded[y : y + tile, x : x + tile].astype(kind).tobytes()
                       for y in range(0, padded.shape[0], tile) for x in range(0, padded.shape[1], tile)]
        else:
            blocks += [plane[y : y + 5].astype(kind).tobytes() for y in range(0, h, 5)]
    body, offsets = b"", []
    for block in blocks:
        offsets.append(8 + len(body))
        body += block
    tags = {256: (3, [w]), 257: (3, [h]), 258: (3, [depth] * c), 259: (3, [1]), 262: (3, [photometric]),
            277: (3, [c]), 284: (3, [2 if planar else 1])}
    sizes = [len(b) for b in blocks]
    if tile:
        tags.update({322: (3, [tile]), 323: (3, [tile]), 324: (4, offsets), 325: (4, sizes)})
    else:
        tags.update({278: (3, [5]), 273: (4, offsets), 279: (4, sizes)})
    if extra_sample is not None:
        tags[338] = (3, [extra_sample])
    entries, spill, at = b"", b"", 8 + len(body)
    spill_at = at + 2 + 12 * len(tags) + 4
    for tag in sorted(tags):
        code, values = tags[tag]
        data = struct.pack(f"{e}{len(values)}{'H' if code == 3 else 'I'}", *values)
        if len(data) > 4:
            field = struct.pack(e + "I", spill_at + len(spill))
            spill += data
        else:
            field = data.ljust(4, b"\0")
        entries += struct.pack(e + "HHI", tag, code, len(values)) + field
    return ((b"MM\0*" if big_endian else b"II*\0") + struct.pack(e + "I", at) + body
            + struct.pack(e + "H", len(tags)) + entries + struct.pack(e + "I", 0) + spill)


def tiff_files():
    rgb = np.stack([RED, GREEN, BLUE], 2)
    rgba = np.dstack([rgb, ALPHA])
    multiplied = np.dstack([(rgb * ALPHA[:, :, None] + 127) // 255, ALPHA])
    grey = GREY[:, :, None]
    yield "grey8.tif", tiff(grey, 8, 1)
    yield "grey8-white0.tif", tiff(255 - grey, 8, 0)
    yield "grey16.tif", tiff(grey * 257, 16, 1)
    yield "rgb8.tif", tiff(rgb, 8, 2)
    yield "rgb8-planar.tif", tiff(rgb, 8, 2, planar=True)
    yield "rgb16-big-endian.tif", tiff(rgb * 257, 16, 2, big_endian=True)
    yield "rgba8.tif", tiff(rgba, 8, 2, extra_sample=2)
    yield "rgba8-multiplied.tif", tiff(multiplied, 8, 2, extra_sample=1)
    yield "rgba16-tiled.tif", tiff(rgba * 257, 16, 2, extra_sample=2, tile=16)
    image = Image.fromarray(rgb.astype(np.uint8))
    yield "rgb8-lzw.tif", saved(image, format="TIFF", compression="tiff_lzw")
    yield "rgb8-deflate.tif", saved(image, format="TIFF", compression="tiff_adobe_deflate")
    yield "palette8.tif", saved(Image.fromarray(GREY.astype(np.uint8)).convert("P"), format="TIFF")
    yield "grey1.tif", saved(Image.fromarray(((X % 2) * 255).astype(np.uint8)).convert("1"), format="TIFF")
    ink = Image.fromarray(np.stack([255 - RED, 255 - GREEN, 255 - BLUE, 0 * X], 2).astype(np.uint8), "CMYK")
    yield "cmyk8.tif", saved(ink, format="TIFF")


def other_files():
    rgb = Image.fromarray(np.stack([RED, GREEN, BLUE], 2).astype(np.uint8))
    rgba = Image.fromarray(np.dstack([RED, GREEN, BLUE, ALPHA]).astype(np.uint8))
    grey = Image.fromarray(GREY.astype(np.uint8))
    best = {"format": "JPEG", "quality": 100}
    yield "rgb8.jpg", saved(rgb, subsampling=0, **best)
    yield "rgb8-progressive.jpg", saved(rgb, subsampling=0, progressive=True, **best)
    yield "grey8.jpg", saved(grey, **best)
    ink = Image.fromarray(np.stack([255 - RED, 255 - GREEN, 255 - BLUE, 0 * X], 2).astype(np.uint8), "CMYK")
    yield "cmyk8.jpg", saved(ink, **best)
    yield "rgb8.webp", saved(rgb, format="WEBP", quality=100)
    yield "rgb8-lossless.webp", saved(rgb, format="WEBP", lossless=True)
    yield "rgba8-lossless.webp", saved(rgba, format="WEBP", lossless=True, exact=True)
    yield "rgba8.webp", saved(rgba, format="WEBP", quality=100, exact=True)
    other = Image.new("RGBA", (W, H), (9, 9, 9, 255))
    yield "rgba8-animated.webp", saved(rgba, format="WEBP", lossless=True, exact=True, save_all=True,
                                       append_images=[other])
    indexed = Image.fromarray(X.astype(np.uint8), "P")
    indexed.putpalette(bytes(v for x in range(16) for v in (17 * x, 17 * x, 17 * x)))
    yield "grey8.gif", saved(indexed, format="GIF", interlace=0)
    yield "grey8-interlaced.gif", saved(indexed, format="GIF", interlace=1)
    yield "grey8-key.gif", saved(indexed, format="GIF", interlace=0, transparency=5)
    second = Image.new("P", (W, H), 3)
    second.putpalette(indexed.getpalette())
    yield "grey8-animated.gif", saved(indexed, format="GIF", save_all=True, append_images=[second])


def main():
    folder = sys.argv[1]
    for files in (png_files(), tiff_files(), other_files()):
        for name, data in files:
            with open(f"{folder}/{name}", "wb") as out:
                out.write(data)


main()
