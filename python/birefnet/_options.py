"""What a cut-out may be told: the words of `birefnet remove`."""

from __future__ import annotations

from typing import Any, TypedDict

from . import _errors, _library


class CutOptions(TypedDict, total=False):
    """Keywords of `Session.remove`, as in include/birefnet.h and `birefnet remove --help`."""

    format: str  # of a file's result: "png" (default), "webp", "gif", "tiff", "jpeg"
    quality: int  # of jpeg and lossy webp, 1 to 100; 0: 90 for jpeg, webp without loss
    mask_only: bool  # the result is the mask
    refine: bool  # estimate the foreground's own colours; default True
    threshold: float  # 0 to 1: what is at least this opaque becomes fully so, the rest goes; 0: soft
    to_srgb: bool  # convert to sRGB instead of keeping the photo's profile
    metadata: str  # of a file's EXIF, XMP and IPTC: "none" (default), "safe", "all"
    shop: str  # "amazon", "ebay", "etsy", "shopify", "square"
    background: str  # "white", "#rrggbb", "#rrggbbaa", "none", "blur", "blur:PERCENT"
    background_image: bytes  # an image file in memory
    canvas: str  # "WIDTHxHEIGHT" or "SIDE", pixels
    fit: str  # "90%" of the canvas
    align: str  # "center", "bottom"
    shadow: str  # "none", "soft", "contact"
    crop: str  # cut to the subject with a margin: "20" pixels, "5%", "" none
    max_pixels: int  # of the photo and of the canvas; default 100 million
    sure: str  # "FOREGROUND,BACKGROUND,ERODE": what of the matte becomes fully opaque or goes; default: nothing


_KINDS: dict[str, Any] = {
    "format": str, "quality": int, "mask_only": bool, "refine": bool, "threshold": float, "to_srgb": bool,
    "metadata": str, "shop": str, "background": str, "background_image": bytes, "canvas": str, "fit": str,
    "align": str, "shadow": str, "crop": str, "max_pixels": int, "sure": str,
}  # fmt: skip


def check_whole(name: str, value: Any, bits: int = 31) -> None:
    """ctypes would take what is left of a number that is too large, and say little of what is no number."""
    if not hasattr(value, "__index__") or isinstance(value, bool):
        raise _errors.ArgumentError(f"{name} is of type int, not {type(value).__name__}")
    if not 0 <= value < 1 << bits:
        raise _errors.ArgumentError(f"{name}: {value} is out of range")


def _value(name: str, value: Any) -> Any:
    kind = _KINDS[name]
    if kind is float and isinstance(value, int):
        return float(value)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise _errors.ArgumentError(f"{name} is of type {kind.__name__}, not {type(value).__name__}")
    if kind is int:
        check_whole(name, value, 63 if name == "max_pixels" else 31)
    if kind is str and "\0" in value:
        raise _errors.ArgumentError(f"{name} holds a zero byte")
    return value.encode() if kind is str else value


def to_struct(options: CutOptions) -> _library.CutOptions:
    """The library's struct. None stands for the default; TypeError names a keyword that there is none of."""
    struct = _library.filled(_library.CutOptions, "birefnet_cut_options_default_sized")
    for name, value in options.items():
        if name not in _KINDS:
            raise TypeError(f"there is no option {name}; there are {', '.join(_KINDS)}")
        if value is not None:
            setattr(struct, name, _value(name, value))
    struct.background_image_bytes = len(options.get("background_image") or b"")
    return struct  # type: ignore[no-any-return]
