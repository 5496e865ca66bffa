"""The package with NumPy and Pillow: pixels in, pixels out, and the same as files give."""

import io
import pathlib
import tempfile
import unittest

import birefnet
import numpy
from birefnet import _kinds
from PIL import Image, ImageCms
from support import PHOTO, PHOTO_BYTES, run_rembg, small_session


def png(image, **more):
    file = io.BytesIO()
    image.save(file, "PNG", **more)
    return file.getvalue()


def opened(data):
    return Image.open(io.BytesIO(data))


class Pictures(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.session = small_session()
        cls.photo = Image.open(PHOTO).convert("RGB").crop((20, 10, 270, 330))
        cls.array = numpy.asarray(cls.photo)
        cls.cut = numpy.asarray(opened(cls.session.remove(png(cls.photo))))  # by way of a file

    @classmethod
    def tearDownClass(cls):
        cls.session.close()

    def same(self, a, b):
        numpy.testing.assert_array_equal(numpy.asarray(a), numpy.asarray(b))

    def test_arrays_and_pictures_give_what_files_give(self):
        array = self.session.remove(self.array)
        self.assertEqual((array.shape, array.dtype), ((320, 250, 4), numpy.uint8))
        self.same(array, self.cut)
        array[0, 0] = 0  # may be written to
        picture = self.session.remove(self.photo)
        self.assertEqual((picture.mode, picture.size), ("RGBA", self.photo.size))
        self.same(picture, self.cut)

    def test_masks(self):
        mask = numpy.asarray(opened(self.session.matte(png(self.photo))))
        array, picture = self.session.matte(self.array), self.session.matte(self.photo)
        self.assertEqual((array.shape, array.dtype, picture.mode), ((320, 250), numpy.uint8, "L"))
        self.same(array, mask)
        self.same(picture, mask)
        self.same(mask, self.cut[..., 3])
        self.assertEqual(len(self.session.predict(self.photo)), 1)

    def test_shapes_and_types_of_arrays(self):
        grey = self.array[..., 1]
        as_rgb = self.session.remove(numpy.repeat(grey[..., None], 3, 2))
        self.same(self.session.remove(grey), as_rgb)
        self.same(self.session.remove(grey[..., None]), as_rgb)
        self.same(self.session.remove(numpy.asfortranarray(self.array)), self.cut)
        wide = numpy.zeros((320, 500, 3), numpy.uint8)
        wide[:, ::2] = self.array
        self.same(self.session.remove(wide[:, ::2]), self.cut)
        deep = self.session.remove(self.array.astype(numpy.uint16) * 257)
        self.assertEqual((deep.shape, deep.dtype), ((320, 250, 4), numpy.uint16))
        self.same(deep[..., 3] // 257, self.cut[..., 3])
        swapped = (self.array.astype(numpy.uint16) * 257).astype(">u2")
        self.same(self.session.remove(swapped), deep)

    def test_arrays_that_are_no_photos(self):
        for array, word in (
            (self.array.astype(numpy.float32), "float32"),
            (self.array[..., :2], "shape"),
            (self.array[None], "shape"),
            (self.array[:0], "shape"),
            (numpy.zeros(3, numpy.uint8), "shape"),
        ):
            with self.subTest(array.shape), self.assertRaisesRegex(birefnet.ArgumentError, word):
                self.session.remove(array)
        with self.assertRaisesRegex(birefnet.ArgumentError, "format"):
            self.session.remove(self.array, format="jpeg")
        with self.assertRaises(birefnet.LimitError):
            self.session.remove(self.array, max_pixels=1000)

    def test_modes_of_pictures(self):
        for mode in ("1", "L", "P", "LA", "CMYK", "YCbCr", "RGBA", "I", "F"):
            with self.subTest(mode):
                picture = self.photo.convert(mode)
                expected = self.session.remove(picture.convert("RGBA" if mode in ("LA", "RGBA") else "RGB"))
                self.same(self.session.remove(picture), expected)
        for mode, straight in (("La", "LA"), ("RGBa", "RGBA")):  # colours multiplied by alpha
            picture = self.photo.convert(straight)
            picture.putalpha(128)
            with self.subTest(mode):
                expected = self.session.remove(picture.convert(mode).convert(straight))
                self.same(self.session.remove(picture.convert(mode)), expected)
        deep = Image.fromarray(self.array[..., 1].astype(numpy.uint16) * 257)
        self.assertTrue(deep.mode.startswith("I;16"))
        self.same(self.session.remove(deep), self.session.remove(self.photo.getchannel("G")))

    def test_orientation_is_applied(self):
        exif = Image.Exif()
        exif[0x0112] = 6
        turned = opened(png(self.photo.transpose(Image.Transpose.ROTATE_90), exif=exif))
        self.same(self.session.remove(turned), self.cut)

    def test_profiles_are_kept(self):
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        picture = opened(png(self.photo, icc_profile=profile))
        self.assertEqual(self.session.remove(picture).info.get("icc_profile"), profile)
        made = birefnet.remove(picture, session=self.session, force_return_bytes=True)
        self.assertEqual(opened(made).info.get("icc_profile"), profile)
        self.assertIsNone(self.session.remove(self.photo).info.get("icc_profile"))

    def test_backgrounds_are_opaque_rgba(self):
        options = {"session": self.session, "bgcolor": (255, 0, 0, 255)}
        picture, array = birefnet.remove(self.photo, **options), birefnet.remove(self.array, **options)
        self.assertEqual((picture.mode, array.shape), ("RGBA", (320, 250, 4)))
        self.same(picture, array)
        self.assertTrue((array[..., 3] == 255).all())
        self.assertTrue((array[self.cut[..., 3] == 0] == (255, 0, 0, 255)).all())

    def test_rembg_parameters(self):
        mask = birefnet.remove(self.photo, session=self.session, only_mask=True, post_process_mask=True)
        self.assertEqual(set(numpy.unique(numpy.asarray(mask))), {0, 255})
        made = birefnet.remove(self.array, session=self.session, force_return_bytes=True)
        self.same(opened(made), self.cut)
        own = birefnet.remove(self.array, session=self.session, putalpha=True)
        self.same(own[..., 3], self.cut[..., 3])
        seen = own[..., 3] > 0
        self.same(own[seen][:, :3], self.array[seen])

    def test_many_of_several_kinds(self):
        results = list(self.session.remove_many([self.photo, self.array, png(self.photo)]))
        self.assertEqual([type(result) for result in results], [Image.Image, numpy.ndarray, bytes])
        self.same(results[0], self.cut)
        self.same(results[1], self.cut)

    def test_pixels_of_the_library_are_copied(self):
        pixels = _kinds.to_pixels(self.photo)
        self.assertEqual(_kinds.Pixels.copy(pixels.borrow()).data, pixels.data)

    def test_programs_of_rembg(self):
        with tempfile.TemporaryDirectory() as folder:
            target = pathlib.Path(folder, "cut.png")
            run_rembg("pictures.py", PHOTO, target)
            self.assertEqual(opened(target.read_bytes()).size, opened(PHOTO_BYTES).size)


if __name__ == "__main__":
    unittest.main()
