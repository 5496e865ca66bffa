"""One model and a few sessions of the library over it, lent to one thread each; progress and cancelling of a run."""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from . import _errors, _library

Progress = Callable[[str, float], object]


class Cancel(Protocol):
    """threading.Event is one."""

    def is_set(self) -> bool: ...


class _Handle:
    """A session of the library, and the run that it is lent to."""

    def __init__(self, model: ctypes.c_void_p, width: int, height: int, threads: int):
        library = _library.load()
        self.pointer = ctypes.c_void_p()
        self._progress: Progress | None = None
        self._cancel: Cancel | None = None
        self._raised: BaseException | None = None
        options = _library.filled(_library.SessionOptions, "birefnet_session_options_default_sized")
        options.width, options.height, options.threads = width, height, threads
        _library.call("birefnet_session_open", model, ctypes.byref(options), ctypes.byref(self.pointer))
        self._callback = _library.ProgressFunction(self._between_layers)  # as long as the library may call it
        library.birefnet_session_set_progress(self.pointer, self._callback, None)

    def _between_layers(self, _user: Any, part: bytes, done: float) -> int:
        """Called by the library on the thread of the run. Ctrl-C arrives here, too."""
        try:
            if self._cancel is not None and self._cancel.is_set():
                return 1
            return int(bool(self._progress is not None and self._progress(part.decode(), done)))
        except BaseException as error:  # noqa: BLE001 - handed to the caller by run()
            self._raised = error
            return 1

    def run(self, work: Callable[[ctypes.c_void_p], Any], progress: Progress | None, cancel: Cancel | None) -> Any:
        """work(session), with what the callbacks raised passed on."""
        self._progress, self._cancel, self._raised = progress, cancel, None
        try:
            return work(self.pointer)
        except _errors.CancelledError:
            if self._raised is not None:
                raise self._raised from None
            raise
        finally:
            self._progress = self._cancel = self._raised = None

    def info(self) -> _library.SessionInfo:
        info = _library.filled(_library.SessionInfo, "birefnet_session_get_info_sized", self.pointer)
        return info  # type: ignore[no-any-return]

    def close(self) -> None:
        _library.load().birefnet_session_close(ctypes.byref(self.pointer))


class Lender:
    """Opens a model and up to `parallel` sessions of it, when they are needed."""

    def __init__(self, model: str, options: _library.ModelOptions, width: int, height: int, threads: int, parallel: int):
        self._size = (width, height, threads)
        self._parallel = parallel
        self._change = threading.Condition()
        self._idle: list[_Handle] = []
        self._opened = 0  # idle, lent, and being opened
        self._closed = False
        self._model = ctypes.c_void_p()
        _library.call("birefnet_model_open", os.fsencode(model), ctypes.byref(options), ctypes.byref(self._model))
        self.info = _library.filled(_library.ModelInfo, "birefnet_model_get_info_sized", self._model)

    def _take(self, cancel: Cancel | None) -> _Handle | None:
        """An idle handle, or None, whose place is reserved for one that the caller opens. Waits for a place."""
        with self._change:
            while True:
                if self._closed:
                    raise _errors.ArgumentError("the session is closed")
                if cancel is not None and cancel.is_set():
                    raise _errors.CancelledError("cancelled before it began")
                if self._idle:
                    return self._idle.pop()
                if self._opened < self._parallel:
                    self._opened += 1
                    return None
                self._change.wait(None if cancel is None else 0.05)  # an event says nothing when it is set

    def _leave(self, handle: _Handle | None) -> None:
        """Give back a handle; None: the place of one that could not be opened."""
        with self._change:
            if handle is not None and not self._closed:
                self._idle.append(handle)
            else:
                if handle is not None:
                    handle.close()
                self._opened -= 1
                self._close_model_after_last()
            self._change.notify()

    @contextlib.contextmanager
    def lend(self, cancel: Cancel | None = None) -> Iterator[_Handle]:
        handle = self._take(cancel)
        try:
            if handle is None:
                handle = _Handle(self._model, *self._size)
            yield handle
        finally:
            self._leave(handle)

    def _close_model_after_last(self) -> None:
        if self._closed and self._opened == 0:
            _library.load().birefnet_model_close(ctypes.byref(self._model))

    def close(self) -> None:
        """Close what is idle; what is lent goes when its run ends, and the model after it."""
        with self._change:
            self._closed = True
            while self._idle:
                self._idle.pop().close()
                self._opened -= 1
            self._close_model_after_last()
            self._change.notify_all()
