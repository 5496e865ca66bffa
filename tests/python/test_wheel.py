"""A wheel in a clean virtual environment: the library and weights are its own, and photos come out as by the program."""

import pathlib
import sys
import unittest

import birefnet
from support import PHOTO, PHOTO_BYTES, by_program, small_session

PACKAGE = pathlib.Path(birefnet.__file__).parent


class Wheel(unittest.TestCase):
    def test_everything_is_inside(self):
        self.assertIn(pathlib.Path(sys.prefix), PACKAGE.parents)
        with small_session() as session:
            self.assertEqual(pathlib.Path(session.path), PACKAGE / "models" / "starter.safetensors")
            self.assertEqual(session.remove(PHOTO_BYTES), by_program())
        mapped = {line.split()[-1] for line in pathlib.Path("/proc/self/maps").read_text().splitlines() if ".so" in line}
        ours = [path for path in mapped if "libbirefnet" in path]
        self.assertTrue(ours and all(pathlib.Path(path).parent == PACKAGE for path in ours), ours)
        for name in ("libdnnl", "libavif", "liblcms2", "libspng"):
            found = [path for path in mapped if name in path]
            # in birefnet.libs, beside the package
            self.assertTrue(found and all(path.startswith(f"{PACKAGE}.libs/") for path in found), (name, found))
        self.assertFalse([path for path in mapped if "libjbig" in path or "libx265" in path])  # GPL

    def test_the_best_that_is_there_is_the_starter(self):
        self.assertTrue(birefnet.remove(str(PHOTO)).startswith(b"\x89PNG"))
        self.assertTrue((PACKAGE / "py.typed").exists())


if __name__ == "__main__":
    unittest.main()
