"""A program for rembg: every photo of a folder by one session, with its mask and on white."""

import pathlib
import sys

from rembg import new_session, remove

photos, results = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
session = new_session("u2net")
for photo in sorted(photos.glob("*.jpg")):
    data = photo.read_bytes()
    (results / f"{photo.stem}.png").write_bytes(remove(data, session=session))
    (results / f"{photo.stem}-mask.png").write_bytes(
        remove(data, session=session, only_mask=True, post_process_mask=True)
    )
    (results / f"{photo.stem}-white.png").write_bytes(
        remove(data, session=session, bgcolor=(255, 255, 255, 255), alpha_matting=True, alpha_matting_erode_size=15)
    )
