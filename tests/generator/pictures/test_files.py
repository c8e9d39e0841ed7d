"""Pictures as files: the same bytes for the same picture, nothing but the picture in them."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from generator.pictures.files import contact_sheet, decode, encode
from rym.errors import FormatError


@pytest.fixture
def picture() -> np.ndarray:
    """Return a smooth picture."""
    y, x = np.mgrid[0:90, 0:160]
    return np.stack([x, y, x + y], axis=-1).astype(np.uint8)


def test_there_and_back(picture: np.ndarray) -> None:
    """A picture comes back almost as it was, twice with the same bytes, by Pillow's own reading."""
    data = encode(picture)
    assert data == encode(picture)
    assert np.abs(decode(data).astype(int) - picture).mean() < 3
    with Image.open(io.BytesIO(data)) as image:
        assert (image.format, image.size) == ("WEBP", (160, 90))
        assert not {"exif", "xmp", "icc_profile"} & image.info.keys()


@pytest.mark.parametrize("kept", [0, 10, 200])
def test_cut_files_are_refused(picture: np.ndarray, kept: int) -> None:
    """A file that ends too early is no picture."""
    with pytest.raises(FormatError, match="cannot be read"):
        decode(encode(picture)[:kept])


def test_another_type_is_refused(picture: np.ndarray) -> None:
    """A bank's pictures are WebP; a PNG by that name is not opened."""
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG")
    with pytest.raises(FormatError):
        decode(file.getvalue())


def test_a_sheet_holds_all_frames(picture: np.ndarray) -> None:
    """Every strip is a row; each frame is found again in its place."""
    red = np.zeros_like(picture)
    red[..., 0] = 255
    sheet = contact_sheet([[picture, red], [red, picture]], width=326, gap=6)
    assert sheet.shape == (90 + 6 + 90, 326, 3)
    assert (sheet[:90, 166:] == [255, 0, 0]).all()
    assert (sheet[96:, :160] == [255, 0, 0]).all()
    assert np.array_equal(sheet[:90, :160], picture)
