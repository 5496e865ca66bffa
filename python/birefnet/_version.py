"""The package's version, which is the project's (CMakeLists.txt)."""

__version__ = "0.2.0"
