"""What photos may be: bytes of a file, paths, PIL images, NumPy arrays. Each kind becomes what the library takes, and what
the library gives becomes that kind again. PIL and NumPy are used only where the caller has loaded them."""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Any

from . import _errors, _library


class Pixels:
    """Pixels for the library, or from it.

    data: bytes-like, [height][width][channels] without gaps; depth: bits a sample, 8 or 16 (in the machine's byte order);
    icc: an RGB colour profile, or None for sRGB.
    """

    def __init__(self, data: Any, width: int, height: int, channels: int, depth: int = 8, icc: bytes | None = None):
        self.data = data
        self.width, self.height, self.channels, self.depth, self.icc = width, height, channels, depth, icc

    def borrow(self) -> _library.Image:
        """A struct that points into this object, which must outlive it."""
        if isinstance(self.data, bytes):
            address = ctypes.cast(ctypes.c_char_p(self.data), ctypes.c_void_p).value
        else:
            address = self.data.ctypes.data
        image = _library.Image(self.width, self.height, self.channels, self.depth)
        image.stride_bytes = self.width * self.channels * self.depth // 8
        image.pixels = address
        if self.icc:
            image.icc = ctypes.cast(ctypes.c_char_p(self.icc), ctypes.c_void_p).value
            image.icc_bytes = len(self.icc)
        return image

    @classmethod
    def copy(cls, image: _library.Image) -> Pixels:
        """What the library made, copied, so that its memory can be released."""
        data = ctypes.string_at(image.pixels, image.stride_bytes * image.height)
        icc = ctypes.string_at(image.icc, image.icc_bytes) if image.icc else None
        return cls(data, image.width, image.height, image.channels, image.depth, icc)


def is_file(image: Any) -> bool:
    """Whether it is a file: its bytes, or its path."""
    return isinstance(image, (bytes, bytearray, memoryview, str, os.PathLike))


def file_bytes(image: Any) -> bytes:
    if isinstance(image, bytes):
        return image
    if isinstance(image, (bytearray, memoryview)):
        return bytes(image)
    try:
        with open(image, "rb") as file:
            return file.read()
    except FileNotFoundError as error:
        raise _errors.NotFoundError(f"there is no file {os.fspath(image)}") from error
    except OSError as error:
        raise _errors.ReadError(f"cannot read {os.fspath(image)}: {error.strerror}") from error


def is_pil(image: Any) -> bool:
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(image, module.Image)


def is_array(image: Any) -> bool:
    module = sys.modules.get("numpy")
    return module is not None and isinstance(image, module.ndarray)


def to_pixels(image: Any) -> Pixels:
    """The pixels of a PIL image or a NumPy array; ArgumentError for anything else."""
    if is_pil(image):
        return _from_pil(image)
    if is_array(image):
        return _from_array(image)
    raise _errors.ArgumentError(
        f"a photo is bytes of a file, a path, a PIL image or a NumPy array, not {type(image).__name__}"
    )


def _from_pil(image: Any) -> Pixels:
    from PIL import ImageOps

    image = ImageOps.exif_transpose(image)
    mode = image.mode
    if mode in ("RGB", "RGBA"):
        icc = image.info.get("icc_profile")
    else:
        icc = None  # of other colours than those that follow
        has_alpha = mode in ("LA", "PA", "La", "RGBa") or "transparency" in image.info
        if mode.startswith("I;16"):
            image = image.convert("I").point(lambda value: value * (1 / 257)).convert("L")
        elif mode == "La":
            image = image.convert("LA")  # the only mode that Pillow makes of it
        image = image.convert("RGBA" if has_alpha else "RGB")
    return Pixels(image.tobytes(), image.width, image.height, len(image.mode), 8, icc)


def _from_array(array: Any) -> Pixels:
    import numpy

    kind = array.dtype.newbyteorder("=")
    if kind not in (numpy.uint8, numpy.uint16):
        raise _errors.ArgumentError(f"an array of uint8 or uint16 is needed, not of {array.dtype}")
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 3, 4) or array.size == 0:
        raise _errors.ArgumentError(f"an array's shape is (height, width) or (height, width, 1, 3 or 4), not {array.shape}")
    tight = numpy.ascontiguousarray(array, dtype=kind)
    return Pixels(tight, array.shape[1], array.shape[0], channels, 8 * kind.itemsize)


def like(image: Any, pixels: Pixels) -> Any:
    """Pixels of the library as what `image` is: RGBA, or one channel for a mask."""
    return _to_pil(pixels) if is_pil(image) else _to_array(pixels)


def _to_pil(pixels: Pixels) -> Any:
    from PIL import Image

    mode = {1: "L", 3: "RGB", 4: "RGBA"}[pixels.channels]
    made = Image.frombytes(mode, (pixels.width, pixels.height), pixels.data)
    if pixels.channels == 3:
        made = made.convert("RGBA")
    if pixels.icc and pixels.channels > 1:
        made.info["icc_profile"] = pixels.icc
    return made


def _to_array(pixels: Pixels) -> Any:
    import numpy

    kind = numpy.dtype(numpy.uint8 if pixels.depth == 8 else numpy.uint16)
    shape = (pixels.height, pixels.width) + ((pixels.channels,) if pixels.channels > 1 else ())
    made = numpy.frombuffer(pixels.data, kind).reshape(shape)
    if pixels.channels != 3:
        return made.copy()  # one that can be written to
    opaque = numpy.full((pixels.height, pixels.width, 4), (1 << pixels.depth) - 1, kind)
    opaque[..., :3] = made
    return opaque
