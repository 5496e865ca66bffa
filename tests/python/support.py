"""What the tests of the package share: photos, sessions, the program, programs written for rembg."""

import os
import pathlib
import subprocess
import sys
import tempfile

import birefnet

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE.parents[1]
PHOTO = SOURCE / "examples" / "photo1.jpg"
PHOTO_BYTES = PHOTO.read_bytes()
SMALL = (128, 128)  # quick; what is tested does not depend on it
WAIT_S = 120  # for what happens at once, on a machine that is very busy


def small_session(**more):
    return birefnet.Session("starter", "f32", 1, size=SMALL, **more)


def by_program(*arguments, photo=PHOTO, name="out.png"):
    """The bytes that `birefnet remove` writes with the weights of small_session."""
    with tempfile.TemporaryDirectory() as folder:
        target = os.path.join(folder, name)
        subprocess.run(
            [os.environ["BN_PROGRAM"], "remove", photo, "-o", target, "--quiet", "-m", "starter", "-p", "f32"]
            + ["-t", "1", "-r", "128x128", *arguments],
            check=True,
        )
        written = [path for path in os.listdir(folder)]
        assert len(written) == 1, written
        return pathlib.Path(folder, written[0]).read_bytes()


def run_rembg(program, *arguments):
    """Run a program written for rembg, with nothing in it changed but the import."""
    text = (HERE / "rembg" / program).read_text()
    changed = text.replace("from rembg import", "from birefnet import")
    assert changed.count("from birefnet import") == 1 and "import rembg" not in text
    with tempfile.TemporaryDirectory() as folder:
        script = pathlib.Path(folder, program)
        script.write_text(changed)
        subprocess.run([sys.executable, "-W", "error", script, *map(str, arguments)], check=True)
