"""libbirefnet by ctypes: finding and checking it, its structs and functions as in include/birefnet.h.

ctypes gives up the interpreter's lock during each call, and takes it again where the library calls back.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import os
import pathlib
import sys
from ctypes import POINTER, byref, c_char, c_char_p, c_double, c_int, c_size_t, c_ssize_t, c_uint64, c_void_p
from typing import Any

from . import _errors
from ._version import __version__

NAME = "libbirefnet.so.0"
_log = logging.getLogger("birefnet")

LogFunction = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_char_p)
ProgressFunction = ctypes.CFUNCTYPE(c_int, c_void_p, c_char_p, c_double)


class CError(ctypes.Structure):
    c_name = "birefnet_error"
    _fields_ = [("status", c_int), ("message", c_char * 2048)]


class ModelOptions(ctypes.Structure):
    c_name = "birefnet_model_options"
    _fields_ = [
        ("precision", c_int),
        ("tile_order", c_int),
        ("max_isa", c_char_p),
        ("log", LogFunction),
        ("log_user", c_void_p),
        ("device", c_char_p),
    ]


class ModelInfo(ctypes.Structure):
    c_name = "birefnet_model_info"
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
    c_name = "birefnet_model_place"
    _fields_ = [("path", c_char * 4096), ("width", c_int), ("height", c_int), ("is_starter", c_int)]


class SessionOptions(ctypes.Structure):
    c_name = "birefnet_session_options"
    _fields_ = [("width", c_int), ("height", c_int), ("threads", c_int), ("batch", c_int)]


class SessionInfo(ctypes.Structure):
    c_name = "birefnet_session_info"
    _fields_ = [
        ("width", c_int),
        ("height", c_int),
        ("threads", c_int),
        ("arena_bytes", c_size_t),
        ("giga_macs", c_double),
        ("batch", c_int),
    ]


class CutOptions(ctypes.Structure):
    c_name = "birefnet_cut_options"
    _fields_ = [
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
    ]


class Image(ctypes.Structure):
    c_name = "birefnet_image"
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


_STRUCTS = (CError, ModelOptions, ModelInfo, ModelPlace, SessionOptions, SessionInfo, CutOptions, Image)

# name: (what it returns, what it takes)
_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "birefnet_version": (c_char_p, []),
    "birefnet_status_name": (c_char_p, [c_int]),
    "birefnet_struct_bytes": (c_size_t, [c_char_p]),
    "birefnet_model_find": (c_int, [c_char_p, c_char_p, POINTER(ModelPlace), POINTER(CError)]),
    "birefnet_model_options_default": (None, [POINTER(ModelOptions)]),
    "birefnet_model_open": (c_int, [c_char_p, POINTER(ModelOptions), POINTER(c_void_p), POINTER(CError)]),
    "birefnet_model_close": (None, [POINTER(c_void_p)]),
    "birefnet_model_get_info": (None, [c_void_p, POINTER(ModelInfo)]),
    "birefnet_session_options_default": (None, [POINTER(SessionOptions)]),
    "birefnet_session_open": (c_int, [c_void_p, POINTER(SessionOptions), POINTER(c_void_p), POINTER(CError)]),
    "birefnet_session_close": (None, [POINTER(c_void_p)]),
    "birefnet_session_get_info": (None, [c_void_p, POINTER(SessionInfo)]),
    "birefnet_session_set_progress": (None, [c_void_p, ProgressFunction, c_void_p]),
    "birefnet_cut_options_default": (None, [POINTER(CutOptions)]),
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


def _open(path: str) -> ctypes.CDLL:
    # GNU OpenMP reads GOMP_SPINCOUNT when it is loaded: its threads would spin a millisecond at each of the network's
    # hundreds of barriers, which makes runs many times slower where others want the same CPUs.
    ours = "GOMP_SPINCOUNT" not in os.environ
    if ours:
        os.environ["GOMP_SPINCOUNT"] = "1000"
    try:
        return ctypes.CDLL(path)
    except OSError as error:
        advice = "" if os.environ.get("BIREFNET_LIBRARY") else " $BIREFNET_LIBRARY may name the file."
        if NAME not in str(error) or "ELF" in str(error):
            advice = " It needs 64-bit Linux with glibc, and the libraries it was built with."
        raise _errors.LibraryError(f"birefnet: cannot load {path}: {error}.{advice}") from error
    finally:
        if ours:
            del os.environ["GOMP_SPINCOUNT"]


def _check(library: ctypes.CDLL, path: str) -> None:
    """The library is of this package's version, and its structs are those above."""
    version = library.birefnet_version().decode()
    if version.split(".")[:2] != __version__.split(".")[:2]:
        raise _errors.LibraryError(f"birefnet: {path} is version {version}, and this package {__version__}")
    for struct in _STRUCTS:
        there, here = library.birefnet_struct_bytes(struct.c_name.encode()), ctypes.sizeof(struct)
        if there != here:
            raise _errors.LibraryError(
                f"birefnet: {path} is of another version than this package: its {struct.c_name} has {there} bytes, not {here}"
            )


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
            raise _errors.LibraryError(f"birefnet: {path} has no {name}: it is older than this package") from error
        function.restype, function.argtypes = result, arguments
    _check(library, path)
    return library


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
