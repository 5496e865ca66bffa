"""remove() and new_session() as rembg 2 has them, so that a program changes one import; and the session that both share."""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, overload

from . import _errors, _session
from ._errors import RembgWarning
from ._options import CutOptions

if TYPE_CHECKING:
    import numpy
    import PIL.Image

    from ._session import File

# rembg's names, as in src/api/rembg_wish.c. None: the general weights do what it means there.
PRESETS: dict[str, str | None] = {
    "birefnet-general": None,
    "birefnet-general-lite": "General Use (Light 2K)",
    "birefnet-portrait": "Portrait",
    "birefnet-massive": "General Use (Heavy)",
    "birefnet-dis": None,
    "birefnet-hrsod": None,
    "birefnet-cod": None,
    "u2net": None,
    "u2netp": None,
    "u2net_human_seg": "Portrait",
    "u2net_cloth_seg": None,
    "u2net_custom": None,
    "silueta": None,
    "isnet-general-use": None,
    "isnet-anime": None,
    "dis_custom": None,
    "sam": None,
    "bria-rmbg": None,
    "ben_custom": None,
    "withoutbg": None,
}
# What does another thing there than the general weights do here.
_OTHERS = ("u2net_cloth_seg", "isnet-anime", "sam")
_OURS = ("precision", "threads", "size", "models_dir", "parallel", "device")
_default_lock = threading.Lock()


@functools.cache
def _make_default() -> _session.Session:
    return _session.Session()


def default_session() -> _session.Session:
    """The session of calls that name none: the best weights that are there, made ready at the first call and kept."""
    with _default_lock:
        return _make_default()


def _warn(text: str) -> None:
    warnings.warn(text, RembgWarning, stacklevel=3)


def _open_preset(name: str, kwargs: dict[str, Any]) -> _session.Session:
    """The weights that do what rembg's model of that name does, or the best that are there."""
    preset = PRESETS[name]
    if name in _OTHERS:
        warnings.warn(f"{name}: there is no such model here; the general one is used", RembgWarning, stacklevel=4)
    if preset is None:
        return _session.Session(None, **kwargs)
    try:
        return _session.Session(preset, **kwargs)
    except _errors.NotFoundError as error:
        warnings.warn(f"{name}: {error}; the best weights that are here are used", RembgWarning, stacklevel=4)
        return _session.Session(None, **kwargs)


def new_session(model_name: str = "u2net", providers: Any = None, *args: Any, **kwargs: Any) -> _session.Session:
    """A session for `remove`, by rembg's signature.

    model_name: rembg's names mean the weights that do the same job, or the general ones, else the best that are here (with a
        RembgWarning where that is something else); nothing is downloaded. Any other name is one of `Session`'s.
    providers: rembg's ONNX Runtime providers mean nothing: the CPU computes, or what device says. A RembgWarning where only others
        are named and no device.
    kwargs: precision, threads, size, models_dir, parallel, device: see `Session`. Others of rembg's (sam_prompt, ...) have no
        effect, with a RembgWarning; model_path, which names ONNX weights, raises UnsupportedError.
    """
    if kwargs.get("model_path"):
        raise _errors.UnsupportedError("model_path: ONNX files are not read; give a .safetensors or .pth file as model_name")
    if providers and "CPUExecutionProvider" not in providers and "device" not in kwargs:
        _warn(f"providers {providers}: the CPU is used; device names a card")
    ours = {name: kwargs.pop(name) for name in _OURS if name in kwargs}
    if args or kwargs:
        _warn(f"without effect: {', '.join([*map(repr, args), *kwargs])}")
    if model_name in PRESETS:
        return _open_preset(model_name, ours)
    return _session.Session(model_name, **ours)


def _colour(bgcolor: Any) -> str:
    if len(bgcolor) not in (3, 4) or any(not 0 <= int(part) <= 255 for part in bgcolor):
        raise _errors.ArgumentError(f"bgcolor is (red, green, blue, alpha), each 0 to 255, not {bgcolor!r}")
    return "#" + "".join(f"{int(part):02x}" for part in bgcolor)


def _take_options(kwargs: dict[str, Any]) -> CutOptions:
    """Our options among rembg's further keywords, which are taken out of them."""
    options = CutOptions()
    for name in CutOptions.__annotations__:
        if name in kwargs:
            options[name] = kwargs.pop(name)  # type: ignore[literal-required]
    return options


@overload
def remove(data: Any, *, force_return_bytes: Literal[True], **kwargs: Any) -> bytes: ...
@overload
def remove(data: File, *args: Any, **kwargs: Any) -> bytes: ...
@overload
def remove(data: PIL.Image.Image, *args: Any, **kwargs: Any) -> PIL.Image.Image: ...
@overload
def remove(data: numpy.ndarray[Any, Any], *args: Any, **kwargs: Any) -> numpy.ndarray[Any, Any]: ...


def remove(
    data: Any,
    alpha_matting: bool = False,
    alpha_matting_foreground_threshold: int = 240,
    alpha_matting_background_threshold: int = 10,
    alpha_matting_erode_size: int = 10,
    session: _session.Session | None = None,
    only_mask: bool = False,
    post_process_mask: bool = False,
    bgcolor: tuple[int, int, int, int] | None = None,
    force_return_bytes: bool = False,
    *args: Any,
    **kwargs: Any,
) -> Any:
    """Cut the subject out of a photo, by rembg's signature. The result is of the kind that `data` is: bytes of a file (or a
    path) -> bytes of a PNG; PIL image -> PIL image; NumPy array (height, width, 3, R, G, B) -> (height, width, 4). See
    `Session.remove`.

    alpha_matting: settle what is sure of the mask, as rembg's trimap does: above alpha_matting_foreground_threshold (0 to 255)
        in a whole square of alpha_matting_erode_size pixels it becomes 255, below alpha_matting_background_threshold 0. What
        lies between keeps the network's own soft mask, where rembg solves for one; the foreground's own colours are
        estimated in any case. Without effect on masks (only_mask), as in rembg.
    session: of new_session() or Session(); None for one that all calls share (rembg makes a new one each time).
    only_mask: the mask, 0 background to 255 foreground.
    post_process_mask: a hard mask, cut at one half. rembg smooths its outline besides.
    bgcolor: (red, green, blue, alpha), each 0 to 255, behind the subject.
    force_return_bytes: bytes of a PNG, whatever `data` is.
    kwargs: putalpha (keep the photo's own colours, as refine=False), `progress`, `cancel` and the options of
        `Session.remove`. Others of rembg's (sam_prompt, ...) have no effect, with a RembgWarning.

    Unlike rembg's, what is half transparent holds the subject's own colours, not colours mixed with black; files keep
    their colour profile and 16 bits.
    """
    options = _take_options(kwargs)
    progress, cancel = kwargs.pop("progress", None), kwargs.pop("cancel", None)
    if kwargs.pop("putalpha", False):
        options["refine"] = False
    if args or kwargs:
        _warn(f"without effect: {', '.join([*map(repr, args), *kwargs])}")
    if only_mask:
        options["mask_only"] = True
    if post_process_mask:
        options["threshold"] = 0.5
    if bgcolor is not None and not only_mask:
        options["background"] = _colour(bgcolor)
    if alpha_matting and not only_mask:
        levels = (alpha_matting_foreground_threshold, alpha_matting_background_threshold, alpha_matting_erode_size)
        options["sure"] = ",".join(str(int(level)) for level in levels)
    session = session or default_session()
    if force_return_bytes:
        return session._to_file(data, options, progress, cancel)
    return session.remove(data, progress=progress, cancel=cancel, **options)


@overload
def matte(image: File, *, session: _session.Session | None = ..., **options: Any) -> bytes: ...
@overload
def matte(image: PIL.Image.Image, *, session: _session.Session | None = ..., **options: Any) -> PIL.Image.Image: ...
@overload
def matte(image: numpy.ndarray[Any, Any], *, session: _session.Session | None = ..., **options: Any) -> numpy.ndarray[Any, Any]: ...


def matte(image: Any, *, session: _session.Session | None = None, **options: Any) -> Any:
    """The mask alone, 0 background to 255 foreground, as `Session.matte` makes it; session as for `remove`."""
    return (session or default_session()).matte(image, **options)


def remove_many(images: Any, *, session: _session.Session | None = None, **options: Any) -> Iterator[Any]:
    """Many photos, in order, as `Session.remove_many` does it; session as for `remove`."""
    return (session or default_session()).remove_many(images, **options)
