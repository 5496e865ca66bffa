"""Session: weights made ready, and what can be done with them."""

from __future__ import annotations

import collections
import concurrent.futures
import ctypes
import itertools
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator
from ctypes import byref
from typing import TYPE_CHECKING, Any, Unpack, overload

from . import _errors, _kinds, _library
from ._lending import Cancel, Lender, Progress
from ._options import CutOptions, check_whole, to_struct

if TYPE_CHECKING:
    import numpy
    import PIL.Image

    File = bytes | bytearray | memoryview | str | os.PathLike[str]

_PRECISIONS = ("auto", "f32", "bf16", "f16")


class _Either:
    """Two things that may cancel, as one."""

    def __init__(self, *parts: Cancel | None):
        self._parts = [part for part in parts if part is not None]

    def is_set(self) -> bool:
        return any(part.is_set() for part in self._parts)


class _Stop:
    """A Cancel that this module sets."""

    def __init__(self) -> None:
        self.stopped = False

    def is_set(self) -> bool:
        return self.stopped


def _find(model: str, folder: str | None) -> _library.ModelPlace:
    place = _library.ModelPlace()
    name = os.fsencode(model) if model else None
    folder_name = os.fsencode(folder) if folder else None
    _library.call("birefnet_model_find_sized", name, folder_name, byref(place), ctypes.sizeof(place))
    return place


def _find_or_starter(model: str | None, folder: str | None) -> _library.ModelPlace:
    """Where the weights are; a wheel holds the starter weights beside this file, which stand behind all others."""
    try:
        return _find(model or "", folder)
    except _errors.NotFoundError:
        beside = pathlib.Path(__file__).with_name("models")
        if model not in (None, "", "starter", "Starter") or not beside.is_dir():
            raise
        return _find("starter", str(beside))


class Session:
    """Weights made ready to cut out photos of any size, by any number of threads.

    model: what `birefnet remove --model` takes: "light", "heavy", "portrait", a path of a .safetensors or .pth file, ...;
        None for the best ones for general use that are there, else the small starter weights.
    precision: "auto" (bf16 where the CPU multiplies it natively, else f32; on graphics cards f16), "f32", "bf16" or "f16".
    threads: CPU threads of one photo; 0 for as many as the process may use.
    size: (width, height) in pixels that the network sees, rounded up to multiples of 32; None for what the weights are
        made for.
    models_dir: a folder to look for models in, before the others (see `birefnet models --help`).
    parallel: photos at a time, where several threads call. Others wait. Each costs the memory of one run; divide the
        cores among them by `threads`.
    device: "cpu", "gpu" (the first graphics card), "gpu:1", or "auto": the first card that has the memory, else the CPU.

    A session is closed by `close`, by `with`, or when nothing refers to it any more. After os.fork() the child must make its
    own; start processes by "spawn".
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | None = None,
        precision: str = "auto",
        threads: int = 0,
        *,
        size: tuple[int, int] | None = None,
        models_dir: str | os.PathLike[str] | None = None,
        parallel: int = 1,
        device: str = "cpu",
    ):
        if precision not in _PRECISIONS:
            raise _errors.ArgumentError(f"precision is one of {', '.join(_PRECISIONS)}, not {precision!r}")
        check_whole("parallel", parallel)
        if parallel < 1:
            raise _errors.ArgumentError(f"parallel is at least 1, not {parallel}")
        place = _find_or_starter(str(model) if model is not None else None, str(models_dir) if models_dir else None)
        options = _library.filled(_library.ModelOptions, "birefnet_model_options_default_sized")
        options.precision = _PRECISIONS.index(precision)
        options.device = device.encode()
        options.log = _library.log_line
        width, height = size if size is not None else (place.width, place.height)
        for name, value in (("threads", threads), ("width", width), ("height", height)):
            check_whole(name, value)
        path = os.fsdecode(place.path)
        self.path = path  #: of the file
        self.is_starter = bool(place.is_starter)  #: the small weights, which are for trying things out
        self.parallel = parallel
        self._lender = Lender(path, options, width, height, threads, parallel)
        info = self._lender.info
        self.model: str = info.name.decode(errors="replace")  #: the weights' name
        self.architecture: str = info.architecture.decode(errors="replace")
        self.precision = _PRECISIONS[info.precision]  #: "f32", "bf16" or "f16", as it runs
        self.device: str = info.device.decode(errors="replace")  #: "cpu", or "gpu:0 NAME"

    def close(self) -> None:
        """Free everything; runs of other threads end first. May be called twice."""
        self._lender.close()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        lender = getattr(self, "_lender", None)
        if lender is not None:
            lender.close()

    def __repr__(self) -> str:
        return f"<birefnet.Session {self.model}, {self.precision}>"

    @property
    def threads(self) -> int:
        """CPU threads of one photo."""
        with self._lender.lend() as handle:
            return int(handle.info().threads)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) in pixels that the network sees."""
        with self._lender.lend() as handle:
            info = handle.info()
            return info.width, info.height

    # ---- one photo ----

    @overload
    def remove(
        self, image: File, *, progress: Progress | None = ..., cancel: Cancel | None = ..., **options: Unpack[CutOptions]
    ) -> bytes: ...

    @overload
    def remove(
        self,
        image: PIL.Image.Image,
        *,
        progress: Progress | None = ...,
        cancel: Cancel | None = ...,
        **options: Unpack[CutOptions],
    ) -> PIL.Image.Image: ...

    @overload
    def remove(
        self,
        image: numpy.ndarray[Any, Any],
        *,
        progress: Progress | None = ...,
        cancel: Cancel | None = ...,
        **options: Unpack[CutOptions],
    ) -> numpy.ndarray[Any, Any]: ...

    def remove(
        self,
        image: Any,
        *,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
        **options: Unpack[CutOptions],
    ) -> Any:
        """Cut the subject out. The result is of the kind that `image` is:

        bytes of an image file, or a path -> bytes of an image file, PNG unless `format` says otherwise; the same bytes
            that `birefnet remove` writes with the same options.
        PIL image -> PIL image, RGBA (a mask: L), upright, with the colour profile of an RGB one.
        NumPy array, uint8 or uint16, (height, width) grey or (height, width, 1, 3 or 4) in the order R, G, B, A ->
            array of the same type, (height, width, 4); a mask is uint8, (height, width). Alpha is straight: 0 background
            to 255 (65535) foreground.

        progress(part, done): called between layers, and in long ones now and then, on this thread with the part that
            begins or goes on and the share of the network's work that is done, 0 to 1. Returning something true stops with CancelledError; what it raises
            stops, too, and is raised here.
        cancel: a threading.Event, or whatever has is_set(): looked at as often; once set, CancelledError.
        options: see CutOptions. `format`, `quality` and `metadata` are for files.

        Raises a subclass of `birefnet.Error`. Any thread may call it; the interpreter's lock is free meanwhile.
        """
        if _kinds.is_file(image):
            return self._cut_file(_kinds.file_bytes(image), options, progress, cancel)
        pixels = _kinds.to_pixels(image)
        for name in ("format", "quality", "metadata"):
            if options.get(name) is not None:
                raise _errors.ArgumentError(f"{name} is for files: pixels come back as pixels")
        return _kinds.like(image, self._cut_pixels(pixels, options, progress, cancel))

    @overload
    def matte(
        self,
        image: File,
        *,
        progress: Progress | None = ...,
        cancel: Cancel | None = ...,
        **options: Unpack[CutOptions],
    ) -> bytes: ...

    @overload
    def matte(
        self,
        image: PIL.Image.Image,
        *,
        progress: Progress | None = ...,
        cancel: Cancel | None = ...,
        **options: Unpack[CutOptions],
    ) -> PIL.Image.Image: ...

    @overload
    def matte(
        self,
        image: numpy.ndarray[Any, Any],
        *,
        progress: Progress | None = ...,
        cancel: Cancel | None = ...,
        **options: Unpack[CutOptions],
    ) -> numpy.ndarray[Any, Any]: ...

    def matte(
        self,
        image: Any,
        *,
        progress: Progress | None = None,
        cancel: Cancel | None = None,
        **options: Unpack[CutOptions],
    ) -> Any:
        """The mask alone, 0 background to 255 foreground, of the photo's size: `remove` with mask_only."""
        options["mask_only"] = True
        return self.remove(image, progress=progress, cancel=cancel, **options)

    def predict(self, image: Any, *_: Any, **__: Any) -> list[Any]:
        """rembg's sessions have this: the masks of a PIL image, of which there is one. See `matte`."""
        return [self.matte(image)]

    # ---- many photos ----

    def remove_many(
        self,
        images: Iterable[Any],
        *,
        progress: Callable[[int, str, float], object] | None = None,
        cancel: Cancel | None = None,
        return_errors: bool = False,
        **options: Unpack[CutOptions],
    ) -> Iterator[Any]:
        """Cut out one photo after the other, `parallel` at a time; yield the results in the order of `images`, which
        may be endless: few are taken ahead.

        progress(index, part, done): as for `remove`, on the threads of the runs.
        return_errors: a photo that fails gives its `birefnet.Error` in the place of its result, and the others go on.
            Otherwise the first failure is raised, and what runs is stopped. Cancelling always ends it.
        """
        stop = _Stop()
        either = _Either(cancel, stop)

        def one(index: int, image: Any) -> Any:
            told = None if progress is None else lambda part, done: progress(index, part, done)
            try:
                return self.remove(image, progress=told, cancel=either, **options)
            except _errors.Error as error:
                if return_errors and not isinstance(error, _errors.CancelledError):
                    return error
                raise

        waiting: collections.deque[concurrent.futures.Future[Any]] = collections.deque()
        numbered = enumerate(images)
        with concurrent.futures.ThreadPoolExecutor(self.parallel, thread_name_prefix="birefnet") as pool:
            try:
                waiting.extend(pool.submit(one, *item) for item in itertools.islice(numbered, 2 * self.parallel))
                while waiting:
                    yield waiting.popleft().result()
                    waiting.extend(pool.submit(one, *item) for item in itertools.islice(numbered, 1))
            finally:
                stop.stopped = True

    # ---- the library's two ways ----

    def _cut_file(self, data: bytes, options: CutOptions, progress: Progress | None, cancel: Cancel | None) -> bytes:
        struct, result, size = to_struct(options), ctypes.c_void_p(), ctypes.c_size_t()

        def work(session: ctypes.c_void_p) -> None:
            _library.call("birefnet_cut", session, data, len(data), byref(struct), byref(result), byref(size))

        with self._lender.lend(cancel) as handle:
            handle.run(work, progress, cancel)
        return _take(result, size)

    def _cut_pixels(
        self, pixels: _kinds.Pixels, options: CutOptions, progress: Progress | None, cancel: Cancel | None
    ) -> _kinds.Pixels:
        struct, photo, result = to_struct(options), pixels.borrow(), _library.Image()

        def work(session: ctypes.c_void_p) -> None:
            _library.call("birefnet_cut_image", session, byref(photo), byref(struct), byref(result))

        with self._lender.lend(cancel) as handle:
            handle.run(work, progress, cancel)
        try:
            return _kinds.Pixels.copy(result)
        finally:
            _library.load().birefnet_image_release(byref(result))

    def _to_file(self, image: Any, options: CutOptions, progress: Progress | None, cancel: Cancel | None) -> bytes:
        """Bytes of a file, whatever `image` is."""
        if _kinds.is_file(image):
            return self._cut_file(_kinds.file_bytes(image), options, progress, cancel)
        made = self._cut_pixels(_kinds.to_pixels(image), options, progress, cancel)
        struct, result, size, picture = to_struct(options), ctypes.c_void_p(), ctypes.c_size_t(), made.borrow()
        _library.call("birefnet_encode", byref(picture), byref(struct), byref(result), byref(size))
        return _take(result, size)


def _take(result: ctypes.c_void_p, size: ctypes.c_size_t) -> bytes:
    """The bytes of a file that the library made, whose memory is freed."""
    try:
        return ctypes.string_at(result, size.value)
    finally:
        _library.load().birefnet_free(result)
