"""libbirefnet by ctypes: finding and checking it, its structs and functions as in include/birefnet.h and birefnet-image.h.

ctypes gives up the interpreter's lock during each call, and takes it again where the library calls back.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import logging
import os
import pathlib
import struct
import sys
from ctypes import POINTER, byref, c_char, c_char_p, c_double, c_int, c_size_t, c_ssize_t, c_uint64, c_void_p
from typing import Any

from . import _errors
from ._version import __version__

NAME = "libbirefnet-image.so.1"
_log = logging.getLogger("birefnet")

LogFunction = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_char_p)
ProgressFunction = ctypes.CFUNCTYPE(c_int, c_void_p, c_char_p, c_double)


class CError(ctypes.Structure):
    _fields_ = [("status", c_int), ("message", c_char * 2048)]


class ModelOptions(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("precision", c_int),
        ("tile_order", c_int),
        ("max_isa", c_char_p),
        ("log", LogFunction),
        ("log_user", c_void_p),
        ("device", c_char_p),
    ]


class ModelInfo(ctypes.Structure):
    _fields_ = [
        ("name", c_char * 96),
        ("architecture", c_char * 96),
        ("precision", c_int),
        ("tile_order", c_int),
        ("tile_order_chosen_by", c_int),
        ("width", c_int),
        ("height", c_int),
        ("parameters", c_uint64),
        ("weight_bytes", c_size_t),
        ("device", c_char * 160),
    ]


class ModelPlace(ctypes.Structure):
    _fields_ = [("path", c_char * 4096), ("width", c_int), ("height", c_int), ("is_starter", c_int)]


class SessionOptions(ctypes.Structure):
    _fields_ = [("size", c_size_t), ("width", c_int), ("height", c_int), ("threads", c_int), ("batch", c_int)]


class SessionInfo(ctypes.Structure):
    _fields_ = [
        ("width", c_int),
        ("height", c_int),
        ("threads", c_int),
        ("arena_bytes", c_size_t),
        ("giga_macs", c_double),
        ("batch", c_int),
    ]


class CutOptions(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t),
        ("format", c_char_p),
        ("quality", c_int),
        ("mask_only", c_int),
        ("refine", c_int),
        ("threshold", c_double),
        ("to_srgb", c_int),
        ("metadata", c_char_p),
        ("shop", c_char_p),
        ("background", c_char_p),
        ("background_image", c_char_p),
        ("background_image_bytes", c_size_t),
        ("canvas", c_char_p),
        ("fit", c_char_p),
        ("align", c_char_p),
        ("shadow", c_char_p),
        ("crop", c_char_p),
        ("max_pixels", c_uint64),
        ("sure", c_char_p),
    ]


class Image(ctypes.Structure):
    _fields_ = [
        ("width", c_int),
        ("height", c_int),
        ("channels", c_int),
        ("depth", c_int),
        ("stride_bytes", c_ssize_t),
        ("pixels", c_void_p),
        ("icc", c_void_p),
        ("icc_bytes", c_size_t),
    ]


# name: (what it returns, what it takes)
_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "birefnet_version": (c_char_p, []),
    "birefnet_status_name": (c_char_p, [c_int]),
    "birefnet_model_find_sized": (c_int, [c_char_p, c_char_p, POINTER(ModelPlace), c_size_t, POINTER(CError)]),
    "birefnet_model_options_default_sized": (None, [POINTER(ModelOptions), c_size_t]),
    "birefnet_model_open": (c_int, [c_char_p, POINTER(ModelOptions), POINTER(c_void_p), POINTER(CError)]),
    "birefnet_model_close": (None, [POINTER(c_void_p)]),
    "birefnet_model_get_info_sized": (None, [c_void_p, POINTER(ModelInfo), c_size_t]),
    "birefnet_session_options_default_sized": (None, [POINTER(SessionOptions), c_size_t]),
    "birefnet_session_open": (c_int, [c_void_p, POINTER(SessionOptions), POINTER(c_void_p), POINTER(CError)]),
    "birefnet_session_close": (None, [POINTER(c_void_p)]),
    "birefnet_session_get_info_sized": (None, [c_void_p, POINTER(SessionInfo), c_size_t]),
    "birefnet_session_set_progress": (None, [c_void_p, ProgressFunction, c_void_p]),
    "birefnet_cut_options_default_sized": (None, [POINTER(CutOptions), c_size_t]),
    "birefnet_cut": (
        c_int,
        [c_void_p, c_char_p, c_size_t, POINTER(CutOptions), POINTER(c_void_p), POINTER(c_size_t), POINTER(CError)],
    ),
    "birefnet_cut_image": (c_int, [c_void_p, POINTER(Image), POINTER(CutOptions), POINTER(Image), POINTER(CError)]),
    "birefnet_encode": (
        c_int,
        [POINTER(Image), POINTER(CutOptions), POINTER(c_void_p), POINTER(c_size_t), POINTER(CError)],
    ),
    "birefnet_image_release": (None, [POINTER(Image)]),
    "birefnet_free": (None, [c_void_p]),
}


def _place() -> str:
    """$BIREFNET_LIBRARY, else the library of a wheel, which lies beside this file, else where the loader looks."""
    named = os.environ.get("BIREFNET_LIBRARY")
    beside = pathlib.Path(__file__).with_name(NAME)
    return named or (str(beside) if beside.exists() else NAME)


# By e_machine of an ELF file.
_MACHINES = {3: "32-bit x86", 40: "32-bit ARM", 62: "x86-64", 183: "aarch64", 243: "RISC-V"}


def _machine(head: bytes) -> str:
    """What the ELF file with this header is built for."""
    number = int.from_bytes(head[18:20], "little" if head[5] == 1 else "big")
    name = _MACHINES.get(number, f"machine {number}")
    return f"{name} with pointers of 32 bits" if number == 62 and head[4] == 1 else name


def _check_file(path: str) -> str | None:
    """What is wrong with a library's file, before it is loaded: the loader's words would be no help, or a crash."""
    with open(path, "rb") as file, open("/proc/self/exe", "rb") as python:
        head, own = file.read(64), python.read(64)
    if len(head) < 64 or not head.startswith(b"\x7fELF"):
        return f"{path} is no shared library: install the package again"
    if _machine(head) != _machine(own):
        return f"{path} is for {_machine(head)}, and this Python for {_machine(own)}: install the package for this machine"
    (sections_at,), (section_bytes, sections) = struct.unpack_from("=Q", head, 40), struct.unpack_from("=HH", head, 58)
    if os.path.getsize(path) < sections_at + section_bytes * sections:
        return f"{path} is cut off: install the package again"
    return None


def _what_is_wrong(path: str, reason: str) -> str:
    """A library that could not be loaded, in one line, by the loader's own words where it alone knows."""
    if not os.path.exists(path) and reason.startswith(f"{path}: cannot open"):
        if os.environ.get("BIREFNET_LIBRARY"):
            return f"there is no {path}, which $BIREFNET_LIBRARY names"
        return (
            f"there is no {path}, neither beside the package in {pathlib.Path(__file__).parent} nor where the loader looks:"
            " install libbirefnet-image1 or a wheel for this machine, or name the file in $BIREFNET_LIBRARY"
        )
    words = reason.removeprefix(f"{path}: ")
    if "symbol: birefnet_" in words or "version `BIREFNET_" in words:
        words += " (it and libbirefnet.so.1 are of different versions: install both of one)"
    return f"cannot load {path}: {words}"


def _open(path: str) -> ctypes.CDLL:
    fault = None
    with contextlib.suppress(OSError):  # which the loader will tell
        fault = _check_file(path) if os.path.isfile(path) else None
    if fault:
        raise _errors.LibraryError(f"birefnet: {fault}")
    # GNU OpenMP reads GOMP_SPINCOUNT when it is loaded: its threads would spin a millisecond at each of the network's
    # hundreds of barriers, which makes runs many times slower where others want the same CPUs.
    ours = "GOMP_SPINCOUNT" not in os.environ
    if ours:
        os.environ["GOMP_SPINCOUNT"] = "1000"
    try:
        return ctypes.CDLL(path)
    except OSError as error:
        raise _errors.LibraryError(f"birefnet: {_what_is_wrong(path, str(error))}") from error
    finally:
        if ours:
            del os.environ["GOMP_SPINCOUNT"]


def _check(library: ctypes.CDLL, path: str) -> None:
    """The library is as new as this package, or newer: its options carry their size, and it writes no further than ours."""
    version = library.birefnet_version().decode()
    if [int(part) for part in version.split(".")[:2]] < [int(part) for part in __version__.split(".")[:2]]:
        raise _errors.LibraryError(f"birefnet: {path} is version {version}, older than this package, {__version__}")


@functools.cache
def load() -> Any:
    """The library, found, declared and checked once. LibraryError says in words what is wrong with it."""
    if not sys.platform.startswith("linux"):
        raise _errors.LibraryError(f"birefnet runs on 64-bit Linux with glibc, not on {sys.platform}")
    path = _place()
    library = _open(path)
    for name, (result, arguments) in _FUNCTIONS.items():
        try:
            function = getattr(library, name)
        except AttributeError as error:
            raise _errors.LibraryError(
                f"birefnet: {path} has no {name}: it is older than this package, {__version__}, or another library"
            ) from error
        function.restype, function.argtypes = result, arguments
    _check(library, path)
    return library


def filled(kind: Any, name: str, *arguments: Any) -> Any:
    """A struct of that kind, filled by a function without a status that takes the struct and its size last."""
    struct = kind()
    getattr(load(), name)(*arguments, byref(struct), ctypes.sizeof(struct))
    return struct


def call(name: str, *arguments: Any) -> None:
    """Call a function that returns a status and takes an error last; raise the status's exception."""
    error = CError()
    status = getattr(load(), name)(*arguments, byref(error))
    if status:
        raise _errors.make(status, error.message.decode(errors="replace"))


_LEVELS = (logging.ERROR, logging.WARNING, logging.INFO, logging.DEBUG)


@LogFunction  # type: ignore[untyped-decorator]
def log_line(_user: Any, level: int, line: bytes) -> None:
    """The library's logger: its lines go to the logger "birefnet" of Python's logging."""
    try:
        _log.log(_LEVELS[level], "%s", line.decode(errors="replace"))
    except Exception:  # noqa: BLE001 - nothing may pass through C
        pass
