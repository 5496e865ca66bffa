"""A wheel in a clean virtual environment: the library and weights are its own, and photos come out as by the program."""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
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

    def test_a_wheel_for_another_machine_is_refused(self):
        folder = pathlib.Path(os.environ["BN_WHEELS"])
        (wheel,) = folder.glob("*.whl")
        name, version, python, abi, platform = wheel.stem.split("-")
        self.assertEqual((python, abi), ("py3", "none"))
        self.assertRegex(platform, f"^manylinux_.*_{os.uname().machine}")
        with tempfile.TemporaryDirectory() as there:
            other = "aarch64" if os.uname().machine == "x86_64" else "x86_64"
            copy = shutil.copy(wheel, pathlib.Path(there, f"{name}-{version}-py3-none-manylinux_2_34_{other}.whl"))
            done = subprocess.run(
                [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--no-index", "--target", there, copy],
                capture_output=True,
                text=True,
            )
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "^ERROR: birefnet-.*is not a supported wheel on this platform.\n$")


if __name__ == "__main__":
    unittest.main()
