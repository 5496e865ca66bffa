"""Background removal with the BiRefNet network, on CPUs and graphics cards.

    import birefnet

    open("cut.png", "wb").write(birefnet.remove("photo.jpg"))

A photo may be the bytes of an image file, a path, a PIL image or a NumPy array; the result is of the same kind (of a path,
bytes). `Session` keeps weights ready and has every option; `remove` and `new_session` take what rembg's take.
"""

from ._errors import (
    ArgumentError,
    CancelledError,
    DeviceError,
    Error,
    FormatError,
    InternalError,
    LibraryError,
    LimitError,
    NetworkError,
    NotFoundError,
    OutOfMemoryError,
    ReadError,
    RembgWarning,
    UnsupportedError,
)
from ._options import CutOptions
from ._rembg import matte, new_session, remove, remove_many
from ._session import Session
from ._version import __version__

__all__ = [
    "ArgumentError",
    "CancelledError",
    "CutOptions",
    "DeviceError",
    "Error",
    "FormatError",
    "InternalError",
    "LibraryError",
    "LimitError",
    "NetworkError",
    "NotFoundError",
    "OutOfMemoryError",
    "ReadError",
    "RembgWarning",
    "Session",
    "UnsupportedError",
    "__version__",
    "library_version",
    "matte",
    "new_session",
    "remove",
    "remove_many",
]


def library_version() -> str:
    """The version of the shared library that is loaded: "MAJOR.MINOR.PATCH"."""
    from . import _library

    return _library.load().birefnet_version().decode()  # type: ignore[no-any-return]
