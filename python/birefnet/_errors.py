"""One exception for each status of the library, so that a program can catch what it can do something about."""

from __future__ import annotations


class Error(Exception):
    """What every failure of the library is. `status` is its name there: "argument", "format", ..."""

    status = "internal"


class ArgumentError(Error, ValueError):
    """The call asks for something that makes no sense."""

    status = "argument"


class OutOfMemoryError(Error, MemoryError):
    """An allocation failed."""

    status = "memory"


class NotFoundError(Error, FileNotFoundError):
    """No such file or model. The message says how to get a model's file."""

    status = "not_found"


class ReadError(Error, OSError):
    """Reading failed: permissions, a broken disk."""

    status = "io"


class FormatError(Error, ValueError):
    """The bytes are not what they claim to be: broken, cut off, not an image."""

    status = "format"


class UnsupportedError(Error):
    """Well formed, but not something that this library or CPU can do."""

    status = "unsupported"


class LimitError(Error, ValueError):
    """Larger than a limit: pixels, or a side that a format can't hold."""

    status = "limit"


class NetworkError(Error, ConnectionError):
    """A download failed. (Nothing in this package downloads today.)"""

    status = "network"


class CancelledError(Error):
    """`cancel` was set, or `progress` said so."""

    status = "cancelled"


class InternalError(Error, RuntimeError):
    """A fault of the library."""

    status = "internal"


class DeviceError(Error, RuntimeError):
    """A graphics card or its driver failed, or was taken away."""

    status = "device"


class LibraryError(ImportError):
    """The shared library is missing, cannot be loaded here, or is of another version than this package."""


class RembgWarning(UserWarning):
    """A parameter of rembg's was taken, and what it asks for is not to be had here."""


# By birefnet_status, 1 and up.
BY_STATUS: tuple[type[Error], ...] = (
    ArgumentError,
    OutOfMemoryError,
    NotFoundError,
    ReadError,
    FormatError,
    UnsupportedError,
    LimitError,
    NetworkError,
    CancelledError,
    InternalError,
    DeviceError,
)


def make(status: int, message: str) -> Error:
    """The exception of a status of the library; statuses that are newer than this package are InternalError."""
    kind = BY_STATUS[status - 1] if 1 <= status <= len(BY_STATUS) else InternalError
    return kind(message)
