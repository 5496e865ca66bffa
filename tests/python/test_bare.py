"""The package with Python alone: neither NumPy nor Pillow is needed for files."""

import inspect
import itertools
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import typing
import unittest
import unittest.mock

import birefnet
from birefnet import _errors, _library, _rembg
from support import PHOTO, PHOTO_BYTES, SOURCE, WAIT_S, by_program, run_rembg, small_session


class Files(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.session = small_session()
        cls.cut = cls.session.remove(PHOTO_BYTES)

    @classmethod
    def tearDownClass(cls):
        cls.session.close()

    def test_bytes_are_those_of_the_program(self):
        self.assertEqual(self.cut, by_program())
        cases = [
            ({"shop": "ebay", "canvas": "320x200", "shadow": "soft"}, ["--for", "ebay", "--canvas", "320x200", "--shadow", "soft"], "jpeg"),
            ({"background": "blur:5", "crop": "5%", "refine": False}, ["-b", "blur:5", "--crop=5%", "--no-refine"], "webp"),
            ({"threshold": 0.5, "metadata": "all", "to_srgb": True}, ["--threshold", "0.5", "--metadata", "all", "--profile", "srgb"], "tiff"),
            ({"background": "#ff8800", "quality": 70}, ["-b", "#ff8800", "--quality", "70"], "jpeg"),
        ]  # fmt: skip
        for options, arguments, kind in cases:
            with self.subTest(options):
                made = self.session.remove(PHOTO_BYTES, format=kind, **options)
                self.assertEqual(made, by_program(*arguments, "-f", kind, name=f"out.{kind}"))
        self.assertEqual(self.session.matte(PHOTO_BYTES), by_program("--mask-only"))

    def test_kinds_of_files(self):
        for photo in (bytearray(PHOTO_BYTES), memoryview(PHOTO_BYTES), PHOTO, str(PHOTO)):
            with self.subTest(type(photo)):
                self.assertEqual(self.session.remove(photo), self.cut)

    def test_progress_tells_parts_and_shares(self):
        told = []
        self.assertEqual(self.session.remove(PHOTO_BYTES, progress=lambda part, done: told.append((part, done))), self.cut)
        shares = [done for _, done in told]
        self.assertTrue(shares == sorted(shares) and shares[0] == 0 and 0.5 < shares[-1] <= 1, shares)
        self.assertTrue(all(isinstance(part, str) and part for part, _ in told))

    def test_cancel_before_and_by_progress(self):
        event = threading.Event()
        event.set()
        with self.assertRaises(birefnet.CancelledError):
            self.session.remove(PHOTO_BYTES, cancel=event)
        with self.assertRaises(birefnet.CancelledError):
            self.session.remove(PHOTO_BYTES, progress=lambda part, done: done > 0.3)
        self.assertEqual(self.session.remove(PHOTO_BYTES), self.cut)  # it goes on working

    def test_cancel_from_another_thread(self):
        begun, cancel, caught = threading.Event(), threading.Event(), []

        def progress(part, done):
            begun.set()
            cancel.wait(WAIT_S)  # cancelled in the middle of the run

        def run():
            try:
                self.session.remove(PHOTO_BYTES, progress=progress, cancel=cancel)
            except birefnet.CancelledError as error:
                caught.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        self.assertTrue(begun.wait(WAIT_S))
        cancel.set()
        thread.join(WAIT_S)
        self.assertEqual(len(caught), 1)

    def test_what_progress_raises_is_raised(self):
        with self.assertRaises(ZeroDivisionError):
            self.session.remove(PHOTO_BYTES, progress=lambda part, done: 1 / 0)
        with self.assertRaises(KeyboardInterrupt):
            self.session.remove(PHOTO_BYTES, progress=lambda part, done: signal.raise_signal(signal.SIGINT))
        self.assertEqual(self.session.remove(PHOTO_BYTES), self.cut)

    def test_many_in_order(self):
        photos = [PHOTO_BYTES, b"no photo", str(PHOTO)]
        told = set()
        results = list(
            self.session.remove_many(photos, return_errors=True, progress=lambda index, part, done: told.add(index))
        )
        self.assertEqual((results[0], results[2]), (self.cut, self.cut))
        self.assertIsInstance(results[1], birefnet.FormatError)
        self.assertEqual(told, {0, 2})
        with self.assertRaises(birefnet.FormatError):
            list(self.session.remove_many(photos))

    def test_many_takes_few_ahead(self):
        taken = []
        endless = (taken.append(index) or PHOTO_BYTES for index in itertools.count())
        results = self.session.remove_many(endless)
        self.assertEqual(next(results), self.cut)
        results.close()
        self.assertLessEqual(len(taken), 3)


class Threads(unittest.TestCase):
    def test_two_at_a_time(self):
        with small_session(parallel=2) as session:
            cut, results = session.remove(PHOTO_BYTES), []
            both = threading.Barrier(2)

            def run():
                met = []

                def progress(part, done):
                    if not met:  # both runs are inside the library, or the barrier breaks
                        met.append(both.wait(WAIT_S))

                results.append(session.remove(PHOTO_BYTES, progress=progress))

            threads = [threading.Thread(target=run) for _ in range(2)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(results, [cut, cut])

    def test_one_at_a_time_unless_asked(self):
        with small_session() as session:
            cut, results, owner = session.remove(PHOTO_BYTES), [], [None]

            def run():
                begun = []

                def progress(part, done):
                    if not begun:
                        begun.append(True)
                        owner[0] = begun
                    self.assertIs(owner[0], begun)  # nobody else began before this run's end

                results.append(session.remove(PHOTO_BYTES, progress=progress))

            threads = [threading.Thread(target=run) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual(results, [cut] * 3)

    def test_the_lock_is_free_during_a_run(self):
        """Python code of another thread goes on between two calls of progress, when this thread is in the library."""
        count, entered, left, over = [0], [], [], threading.Event()

        def other():
            while not over.is_set():
                count[0] += 1

        def progress(part, done):
            entered.append(count[0])
            left.append(count[0])

        thread = threading.Thread(target=other)
        with small_session() as session:
            thread.start()
            session.remove(PHOTO_BYTES, progress=progress)
            over.set()
            thread.join()
        self.assertTrue(any(later > before for before, later in zip(left, entered[1:])))


class Errors(unittest.TestCase):
    def test_an_exception_a_status(self):
        library = _library.load()
        for status, kind in enumerate(_errors.BY_STATUS, 1):
            self.assertEqual(library.birefnet_status_name(status).decode(), kind.status)
            error = _errors.make(status, "words")
            self.assertIs(type(error), kind)
            self.assertEqual(str(error), "words")
        self.assertEqual(library.birefnet_status_name(len(_errors.BY_STATUS) + 1), b"unknown")
        self.assertIs(type(_errors.make(99, "words")), birefnet.InternalError)

    def test_each_that_a_caller_can_cause(self):
        with small_session() as session, tempfile.TemporaryDirectory() as folder:
            event = threading.Event()
            event.set()
            cases = [
                (birefnet.ArgumentError, lambda: session.remove(PHOTO_BYTES, format="bmp"), "bmp"),
                (ValueError, lambda: session.remove(3), "int"),
                (birefnet.ArgumentError, lambda: session.remove(PHOTO_BYTES, threshold="high"), "threshold"),
                (birefnet.ArgumentError, lambda: session.remove(PHOTO_BYTES, quality=101), "101"),
                (birefnet.ArgumentError, lambda: session.remove(PHOTO_BYTES, quality=1 << 40), "range"),
                (birefnet.ArgumentError, lambda: session.remove(PHOTO_BYTES, crop="5\0%"), "zero"),
                (TypeError, lambda: session.remove(PHOTO_BYTES, colour="red"), "colour"),
                (FileNotFoundError, lambda: session.remove(os.path.join(folder, "none.jpg")), "none.jpg"),
                (birefnet.NotFoundError, lambda: birefnet.Session("no such model"), "no such model"),
                (birefnet.ReadError, lambda: session.remove(folder), folder),
                (birefnet.FormatError, lambda: session.remove(PHOTO_BYTES[:2000]), "truncated"),
                (birefnet.UnsupportedError, lambda: session.remove(b"%!PS-Adobe-3.0 EPSF"), "PostScript"),
                (birefnet.LimitError, lambda: session.remove(PHOTO_BYTES, max_pixels=1000), "400x446"),
                (birefnet.CancelledError, lambda: session.remove(PHOTO_BYTES, cancel=event), "cancelled"),
                (birefnet.ArgumentError, lambda: birefnet.Session("starter", "f8"), "f8"),
                (birefnet.ArgumentError, lambda: birefnet.Session("starter", device="card"), "'card' is no device"),
                (birefnet.ArgumentError, lambda: birefnet.new_session("starter", device="card"), "'card' is no device"),
                (birefnet.UnsupportedError, lambda: birefnet.Session("starter", "f16", device="cpu"), "graphics cards"),
                (birefnet.ArgumentError, lambda: small_session(parallel=0), "parallel"),
                (birefnet.ArgumentError, lambda: birefnet.Session("starter", threads=1000).size, "1000 threads"),
                (birefnet.ArgumentError, lambda: birefnet.Session("starter", threads=1 << 32).size, "threads: 4294967296 is out of range"),
                (birefnet.ArgumentError, lambda: birefnet.Session("starter", size=(64, 1 << 40)).size, "height: 1099511627776 is out of range"),
            ]
            for kind, failing, word in cases:
                with self.subTest(word), self.assertRaisesRegex(kind, re.escape(word)):
                    failing()

    def test_whole_numbers_are_asked_for_at_once(self):
        """Not by ctypes at the first photo, nor a 2.5 that stands for 3 photos at a time."""
        cases = [
            ({"threads": 1.5}, "threads is of type int, not float"),
            ({"threads": "2"}, "threads is of type int, not str"),
            ({"size": (64.5, 64)}, "width is of type int, not float"),
            ({"size": (64, True)}, "height is of type int, not bool"),
            ({"parallel": 2.5}, "parallel is of type int, not float"),
            ({"parallel": 0}, "parallel is at least 1, not 0"),
        ]
        for options, words in cases:
            with self.subTest(words), self.assertRaisesRegex(birefnet.ArgumentError, re.escape(words)):
                birefnet.Session("starter", **options)

    def test_names_of_weights_are_any_bytes(self):
        """A file's name that is no UTF-8, as Python gives it (os.fsdecode)."""
        with tempfile.TemporaryDirectory() as folder:
            odd = os.path.join(folder, os.fsdecode(b"\xff"))
            os.mkdir(odd)
            shutil.copy(SOURCE / "models" / "starter.safetensors", odd)
            path = os.path.join(odd, "starter.safetensors")
            with birefnet.Session(path) as session:
                self.assertEqual(session.path, path)
            with birefnet.Session("starter", models_dir=odd) as session:
                self.assertEqual(session.path, path)

    def test_a_closed_session(self):
        session = small_session()
        self.assertEqual(session.device, "cpu")
        session.close()
        session.close()
        with self.assertRaisesRegex(birefnet.ArgumentError, "closed"):
            session.remove(PHOTO_BYTES)

    def test_a_library_that_is_not_right_is_named(self):
        text = str(SOURCE / "README.md")
        cases = (("/nowhere/lib.so", "there is no /nowhere/lib.so"), (text, "no shared library"), ("libm.so.6", "older"))
        for place, words in cases:
            with self.subTest(place), unittest.mock.patch.dict(os.environ, BIREFNET_LIBRARY=place):
                with self.assertRaisesRegex(birefnet.LibraryError, words):
                    _library.load.__wrapped__()
        with unittest.mock.patch.object(_library, "__version__", "9.8.7"):
            with self.assertRaisesRegex(birefnet.LibraryError, "9.8.7"):
                _library.load.__wrapped__()
        self.assertEqual(birefnet.library_version(), birefnet.__version__)


class Installed(unittest.TestCase):
    """A package whose own library is missing or not right says so in one line."""

    LIBRARY = pathlib.Path(os.environ["BIREFNET_LIBRARY"]).read_bytes()

    def words(self, library, file_name=_library.NAME):
        """What importing says of a copy of the package with these bytes (None: nothing) as its library."""
        with tempfile.TemporaryDirectory() as folder:
            package = pathlib.Path(folder, "birefnet")
            shutil.copytree(SOURCE / "python" / "birefnet", package, ignore=shutil.ignore_patterns("__pycache__"))
            if library is not None:
                (package / _library.NAME).write_bytes(library)
            program = f"from birefnet import _library; _library.NAME = {file_name!r}; _library.load()"
            without = {name: value for name, value in os.environ.items() if name != "BIREFNET_LIBRARY"}
            done = subprocess.run(
                [sys.executable, "-B", "-c", program],
                env=without | {"PYTHONPATH": folder},
                capture_output=True,
                text=True,
            )
            self.assertEqual(done.returncode, 1, done.stderr)
            last = done.stderr.rstrip("\n").rpartition("\n")[2]
            self.assertTrue(last.startswith("birefnet._errors.LibraryError: birefnet: "), done.stderr)
            self.assertLessEqual(last.count(str(package)), 1, last)
            return last

    def changed(self, place, value):
        return self.LIBRARY[:place] + value + self.LIBRARY[place + len(value) :]

    def test_missing(self):
        words = self.words(None, "libbirefnet-none.so.1")
        self.assertIn("there is no libbirefnet-none.so.1, neither beside the package", words)
        self.assertIn("$BIREFNET_LIBRARY", words)

    def test_no_library(self):
        for garbage in (b"", b"version https://git-lfs", bytes(4096)):
            with self.subTest(garbage[:10]):
                self.assertIn(f"{_library.NAME} is no shared library", self.words(garbage))

    def test_of_another_machine(self):
        machine, ours = self.LIBRARY[18:20], _library._machine(self.LIBRARY)
        for number, name in ((183, "aarch64"), (62, "x86-64"), (3, "32-bit x86"), (9999, "machine 9999")):
            other = number.to_bytes(2, "little")
            if other != machine:
                words = self.words(self.changed(18, other))
                self.assertIn(f"{_library.NAME} is for {name}, and this Python for {ours}: ", words)

    def test_cut_off(self):
        for size in (64, 5000, len(self.LIBRARY) - 1):
            self.assertIn(f"{_library.NAME} is cut off: ", self.words(self.LIBRARY[:size]))

    def test_without_what_it_needs(self):
        needed = b"\0libbirefnet.so.1\0"
        self.assertEqual(self.LIBRARY.count(needed), 1)
        words = self.words(self.LIBRARY.replace(needed, b"\0libbirefnet.so.X\0"))
        self.assertRegex(words, f"cannot load .*{_library.NAME}: libbirefnet.so.X: cannot open")

    def test_of_another_version_than_what_it_needs(self):
        needed = b"\0birefnet_session_matte\0"
        self.assertEqual(self.LIBRARY.count(needed), 1)
        words = self.words(self.LIBRARY.replace(needed, b"\0birefnet_session_mattX\0"))
        self.assertIn("birefnet_session_mattX", words)
        self.assertIn("different versions", words)

    def test_older_than_the_package(self):
        words = self.words(self.LIBRARY.replace(b"\0birefnet_decode\0", b"\0birefnet_decodX\0").replace(
            b"\0birefnet_encode\0", b"\0birefnet_encodX\0"))  # fmt: skip
        self.assertIn("has no birefnet_encode: it is older than this package", words)


class Hints(unittest.TestCase):
    """What a type checker is told of results: `open(...).write(session.matte("photo.jpg"))` must pass it."""

    def test_masks_are_of_the_photos_kind(self):
        for function in (birefnet.Session.matte, birefnet.matte):
            hints = [typed.__annotations__ for typed in typing.get_overloads(function)]
            found = {hint["image"]: hint["return"] for hint in hints}
            array = "numpy.ndarray[Any, Any]"
            self.assertEqual(found, {"File": "bytes", "PIL.Image.Image": "PIL.Image.Image", array: array})

    def test_forced_bytes_are_bytes(self):
        first = typing.get_overloads(birefnet.remove)[0].__annotations__  # the first that fits counts
        self.assertEqual((first["force_return_bytes"], first["return"]), ("Literal[True]", "bytes"))


class Rembg(unittest.TestCase):
    def test_signatures(self):
        self.assertEqual(
            [(p.name, p.default) for p in list(inspect.signature(birefnet.remove).parameters.values())[1:10]],
            [
                ("alpha_matting", False),
                ("alpha_matting_foreground_threshold", 240),
                ("alpha_matting_background_threshold", 10),
                ("alpha_matting_erode_size", 10),
                ("session", None),
                ("only_mask", False),
                ("post_process_mask", False),
                ("bgcolor", None),
                ("force_return_bytes", False),
            ],
        )
        self.assertEqual(inspect.signature(birefnet.new_session).parameters["model_name"].default, "u2net")

    def test_names_are_those_of_the_server(self):
        text = "".join(path.read_text() for path in (SOURCE / "src" / "api").glob("rembg*.c"))
        table = re.search(r"model_names\[\] = \{(.*?)\};", text, re.DOTALL).group(1)
        names = re.findall(r'\{"([^"]+)", (?:NULL|"([^"]+)")\}', table)
        self.assertEqual({name: preset or None for name, preset in names}, _rembg.PRESETS)

    def test_programs(self):
        with tempfile.TemporaryDirectory() as folder:
            photos, results = pathlib.Path(folder, "photos"), pathlib.Path(folder, "results")
            photos.mkdir()
            results.mkdir()
            shutil.copy(PHOTO, photos)
            run_rembg("one_file.py", PHOTO, results / "one.png")
            run_rembg("folder.py", photos, results)
            made = {path.name: path.read_bytes() for path in results.iterdir()}
            self.assertEqual(set(made), {"one.png", "photo1.png", "photo1-mask.png", "photo1-white.png"})
            self.assertEqual(made["one.png"], made["photo1.png"])
            self.assertEqual(len(set(made.values())), 3)
            self.assertTrue(all(data.startswith(b"\x89PNG") for data in made.values()))

    def test_what_is_not_to_be_had_is_said(self):
        small = {"size": (64, 64), "threads": 1}
        cases = [
            (lambda: birefnet.new_session("isnet-anime", **small), "isnet-anime"),
            (lambda: birefnet.new_session("birefnet-portrait", **small), "birefnet-portrait"),
            (lambda: birefnet.new_session("u2net", ["CUDAExecutionProvider"], **small), "CUDA"),
            (lambda: birefnet.new_session("sam", sam_prompt=[], **small), "sam"),
        ]
        for making, word in cases:
            with self.subTest(word), self.assertWarnsRegex(birefnet.RembgWarning, word):
                making().close()
        with self.assertRaises(birefnet.UnsupportedError):
            birefnet.new_session("u2net_custom", model_path="u2net.onnx")
        with self.assertRaises(birefnet.NotFoundError):
            birefnet.new_session("light")  # a name of ours is meant
        with small_session() as session, self.assertRaisesRegex(birefnet.ArgumentError, "bgcolor"):
            birefnet.remove(PHOTO_BYTES, session=session, bgcolor=(1, 2))


    def test_alpha_matting_settles_what_is_sure(self):
        with small_session() as session:
            plain = birefnet.remove(PHOTO_BYTES, session=session)
            settled = birefnet.remove(PHOTO_BYTES, session=session, alpha_matting=True)
            wider = birefnet.remove(PHOTO_BYTES, session=session, alpha_matting=True, alpha_matting_erode_size=40)
            self.assertEqual(len({plain, settled, wider}), 3)
            self.assertEqual(settled, session.remove(PHOTO_BYTES, sure="240,10,10"))
            mask = birefnet.remove(PHOTO_BYTES, session=session, only_mask=True)
            self.assertEqual(mask, birefnet.remove(PHOTO_BYTES, session=session, only_mask=True, alpha_matting=True))
            with self.assertRaisesRegex(birefnet.ArgumentError, "sure"):
                birefnet.remove(PHOTO_BYTES, session=session, alpha_matting=True, alpha_matting_foreground_threshold=300)


class Readme(unittest.TestCase):
    def test_the_example_runs(self):
        blocks = re.findall(r"^```python\n(.*?)^```$", (SOURCE / "README.md").read_text(), re.DOTALL | re.MULTILINE)
        self.assertEqual(len(blocks), 1)
        with tempfile.TemporaryDirectory() as folder:
            shutil.copy(PHOTO, os.path.join(folder, "photo.jpg"))
            subprocess.run([sys.executable, "-W", "error", "-c", blocks[0]], cwd=folder, check=True)
            made = sorted(set(os.listdir(folder)) - {"photo.jpg"})
            self.assertEqual(made, ["cut.png", "shop.jpg"])
            self.assertTrue(pathlib.Path(folder, "shop.jpg").read_bytes().startswith(b"\xff\xd8"))


if __name__ == "__main__":
    unittest.main()
