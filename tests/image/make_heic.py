#!/usr/bin/env python3
"""Make the HEIC files of fuzz/corpus/image from its PNG files: by heif-enc (libheif-examples), and a grid and a turned one put
together from what it writes. Needs no more than Python's own library. Usage: make_heic.py FOLDER"""
import os
import struct
import subprocess
import sys
import tempfile
import zlib

W, H = 16, 12
LOSSLESS = ["-L", "-p", "chroma=444", "--matrix_coefficients=0"]


def png(pixel, width, height):
    """8-bit RGB by pixel(x, y)."""
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    raw = b"".join(b"\0" + b"".join(bytes(pixel(x, y)) for x in range(width)) for y in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b""))


def encode(source, target, options=()):
    subprocess.run(["heif-enc", *LOSSLESS, *options, source, "-o", target], check=True, stdout=subprocess.DEVNULL)


def box_in(data, name):
    """The whole box of that name, wherever it stands."""
    at = data.index(name) - 4
    return data[at : at + struct.unpack(">I", data[at : at + 4])[0]]


def box(name, *parts):
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + name + body


def full(name, version, *parts):
    return box(name, struct.pack(">I", version << 24), *parts)


def ispe(width, height):
    return full(b"ispe", 0, struct.pack(">II", width, height))


def heic(items, properties, uses, references, idat=b""):
    """items: (id, type, data, in_idat); uses: (id, numbers of properties)."""
    def meta(first):
        locations, at = b"", first
        for number, kind, data, in_idat in items:
            locations += struct.pack(">HHHHII", number, 1 if in_idat else 0, 0, 1, 0 if in_idat else at, len(data))
            at += 0 if in_idat else len(data)
        infos = b"".join(full(b"infe", 2, struct.pack(">HH", n, 0), kind, b"\0") for n, kind, _, _ in items)
        maps = b"".join(struct.pack(">HB", n, len(p)) + bytes(p) for n, p in uses)
        return full(b"meta", 0, full(b"hdlr", 0, bytes(4), b"pict", bytes(13)), full(b"pitm", 0, struct.pack(">H", 1)),
                    full(b"iloc", 1, b"\x44\0", struct.pack(">H", len(items)), locations),
                    full(b"iinf", 0, struct.pack(">H", len(items)), infos),
                    *([full(b"iref", 0, references)] if references else []),
                    box(b"iprp", box(b"ipco", *properties), full(b"ipma", 0, struct.pack(">I", len(uses)), maps)),
                    *([box(b"idat", idat)] if idat else []))
    head = box(b"ftyp", b"heic", bytes(4), b"mif1heic")
    first = len(head) + len(meta(0)) + 8
    return head + meta(first) + box(b"mdat", *(data for _, _, data, in_idat in items if not in_idat))


def main():
    folder = sys.argv[1]
    for name in ("rgb8", "rgba8", "grey8"):
        encode(f"{folder}/{name}.png", f"{folder}/{name}.heic")
    encode(f"{folder}/rgb16.png", f"{folder}/rgb10.heic", ["-b", "10"])
    with tempfile.TemporaryDirectory() as scratch:
        # a JPEG whose EXIF names its author, and an orientation that is not to be applied again
        text = b"Ann Artist\0"
        exif = (b"II*\0" + struct.pack("<IHHHIIHHIII", 8, 2, 0x112, 3, 1, 1, 0x13B, 2, len(text), 38, 0) + text)
        with open(f"{folder}/grey8.jpg", "rb") as file:
            jpeg = file.read()
        with open(os.path.join(scratch, "a.jpg"), "wb") as file:
            file.write(jpeg[:2] + b"\xff\xe1" + struct.pack(">H", 8 + len(exif)) + b"Exif\0\0" + exif + jpeg[2:])
        encode(os.path.join(scratch, "a.jpg"), f"{folder}/grey8-author.heic")

        def encoded(pixel, width, height):
            source, target = os.path.join(scratch, "a.png"), os.path.join(scratch, "a.heic")
            with open(source, "wb") as file:
                file.write(png(pixel, width, height))
            encode(source, target)
            with open(target, "rb") as file:
                data = file.read()
            return box_in(data, b"hvcC"), box_in(data, b"mdat")[8:]

        def pattern(x, y):
            return 17 * x, 17 * y, 255 - 17 * x

        # heif-enc makes no picture of less than 64 x 64 pixels: those of the tiles lie in a corner of one
        tile = struct.pack(">BBBB", 0, 0, 0, 0)
        whole, data = encoded(pattern, W, H)
        with open(f"{folder}/rgb8-grid.heic", "wb") as file:
            grid = tile + struct.pack(">HH", W, H)
            file.write(heic([(1, b"grid", grid, True), (2, b"hvc1", data, False)], [whole, ispe(64, 64), ispe(W, H)],
                            [(1, [3]), (2, [0x81, 2])], box(b"dimg", struct.pack(">HHH", 1, 1, 2)), grid))
        # red beside blue, two tiles of 64 x 64 on a sheet of 100 x 60
        red, red_data = encoded(lambda x, y: (200, 30, 30), 64, 64)
        blue, blue_data = encoded(lambda x, y: (30, 30, 200), 64, 64)
        with open(f"{folder}/tiles.heic", "wb") as file:
            grid = struct.pack(">BBBBHH", 0, 0, 0, 1, 100, 60)
            file.write(heic([(1, b"grid", grid, True), (2, b"hvc1", red_data, False), (3, b"hvc1", blue_data, False)],
                            [red, blue, ispe(64, 64), ispe(100, 60)], [(1, [4]), (2, [0x81, 3]), (3, [0x82, 3])],
                            box(b"dimg", struct.pack(">HHHH", 1, 2, 2, 3)), grid))
        # stored a quarter turn to the right of how it should be seen, and a box that turns it back (against the clock)
        turned, data = encoded(lambda x, y: pattern(y, H - 1 - x), H, W)
        with open(f"{folder}/rgb8-turned.heic", "wb") as file:
            grid = tile + struct.pack(">HH", H, W)
            file.write(heic([(1, b"grid", grid, True), (2, b"hvc1", data, False)],
                            [turned, ispe(64, 64), ispe(H, W), box(b"irot", b"\1")], [(1, [3, 0x84]), (2, [0x81, 2])],
                            box(b"dimg", struct.pack(">HHH", 1, 1, 2)), grid))


main()
