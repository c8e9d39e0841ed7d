"""Reading a sketch: any honest picture of a drawing, refusals with both values."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from generator.pictures.sketch import KEPT_SIDE, read
from rym.errors import FormatError, UsageError

WIDTH, HEIGHT = 480, 320


def drawing() -> Image.Image:
    """Return a house with a roof, and a line of ground to the right."""
    image = Image.new("L", (WIDTH, HEIGHT), 240)
    draw = ImageDraw.Draw(image)
    draw.rectangle([120, 140, 240, 260], outline=40, width=5)
    draw.line([(110, 145), (180, 70), (250, 145)], fill=40, width=5, joint="curve")
    draw.line([(240, 260), (470, 250)], fill=40, width=5)
    return image


def saved(image: Image.Image, path: Path, **options: object) -> Path:
    """Write a picture and return its path."""
    image.save(path, **options)
    return path


@pytest.fixture
def truth() -> np.ndarray:
    """Return where the ink is."""
    return np.asarray(drawing()) < 140


def overlap(ink: np.ndarray, truth: np.ndarray) -> float:
    """Return the shared area over the whole area of two line drawings."""
    return float(((ink > 0.5) & truth).sum() / ((ink > 0.5) | truth).sum())


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.bmp"])
def test_types(tmp_path: Path, truth: np.ndarray, name: str) -> None:
    """PNG, JPEG, WebP and BMP give the drawn lines."""
    assert overlap(read(saved(drawing(), tmp_path / name)), truth) > 0.75


@pytest.mark.parametrize("mode", ["1", "P", "RGB", "RGBA", "LA", "CMYK", "I;16"])
def test_modes(tmp_path: Path, truth: np.ndarray, mode: str) -> None:
    """Palette, transparency, CMYK and 16 bits give the same lines."""
    image = drawing()
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 256)
    elif mode in ("RGBA", "LA"):
        gray = np.asarray(image)
        bands = [np.zeros_like(gray)] * (len(mode) - 1)
        # Black everywhere; the drawing is in how opaque it is.
        image = Image.fromarray(np.stack([*bands, 255 - gray], axis=-1), mode=mode)
    else:
        image = image.convert(mode)
    name = "a.jpg" if mode == "CMYK" else "a.png"
    assert overlap(read(saved(image, tmp_path / name)), truth) > 0.7


def test_turned_by_exif(tmp_path: Path, truth: np.ndarray) -> None:
    """A photograph that says it lies on its side is turned."""
    exif = Image.Exif()
    exif[0x0112] = 6
    path = saved(drawing().rotate(90, expand=True), tmp_path / "a.jpg", exif=exif)
    ink = read(path)
    assert ink.shape == truth.shape
    assert overlap(ink, truth) > 0.75


@pytest.mark.parametrize("shadow", ["corner", "edge"])
def test_photograph_of_paper(tmp_path: Path, truth: np.ndarray, shadow: str) -> None:
    """Uneven light, a shadow and noise are paper, the lines stay."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    light = 1 - 0.55 * (x / WIDTH) * (y / HEIGHT) if shadow == "corner" else 0.4 + 0.6 * x / WIDTH
    noise = np.random.default_rng(0).normal(0, 4, (HEIGHT, WIDTH))
    photo = np.clip(np.asarray(drawing()) * light + noise, 0, 255).astype(np.uint8)
    assert overlap(read(saved(Image.fromarray(photo), tmp_path / "a.jpg")), truth) > 0.6


def test_chalk_on_a_board(tmp_path: Path, truth: np.ndarray) -> None:
    """A light drawing on dark ground is turned round."""
    board = Image.fromarray(255 - np.asarray(drawing()))
    assert overlap(read(saved(board, tmp_path / "a.png")), truth) > 0.7


def test_large_ones_are_made_smaller(tmp_path: Path) -> None:
    """Beyond 1600 pixels the lines are kept, the pixels are not."""
    big = drawing().resize((4800, 3200))
    ink = read(saved(big, tmp_path / "a.png"))
    assert max(ink.shape) == KEPT_SIDE
    assert 0.01 < float((ink > 0.5).mean()) < 0.1


def _bomb(width: int, height: int) -> bytes:
    """Return a small PNG whose header says it is huge."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(
            ">I", zlib.crc32(name + data))  # fmt: skip

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b""))


@pytest.mark.parametrize(
    ("width", "height", "said"),
    [(8000, 6250, "50 megapixels"), (60_000, 60_000, "more than 179 megapixels")],
)
def test_too_many_pixels(tmp_path: Path, width: int, height: int, said: str) -> None:
    """50 megapixels and decompression bombs are refused by the header alone."""
    path = tmp_path / "a.png"
    path.write_bytes(_bomb(width, height))
    with pytest.raises(UsageError, match=said + ", at most 40"):
        read(path)


@pytest.mark.parametrize("size", [(1, 1), (1000, 3)])
def test_too_few_pixels(tmp_path: Path, size: tuple[int, int]) -> None:
    """One pixel is no sketch; both values are named."""
    path = saved(Image.new("L", size, 255), tmp_path / "a.png")
    with pytest.raises(UsageError, match=f"{size[0]} × {size[1]} pixels, at least 64"):
        read(path)


@pytest.mark.parametrize("level", [0, 128, 255])
def test_blank_paper(tmp_path: Path, level: int) -> None:
    """A sheet of one tone is blank, and so is one with noise alone."""
    with pytest.raises(UsageError, match="blank"):
        read(saved(Image.new("L", (300, 200), level), tmp_path / "a.png"))
    noise = np.random.default_rng(1).normal(level, 5, (200, 300)).clip(0, 255).astype(np.uint8)
    with pytest.raises(UsageError, match="blank"):
        read(saved(Image.fromarray(noise), tmp_path / "b.png"))


def test_a_photograph_of_something_else(tmp_path: Path) -> None:
    """What has no paper in it is no line drawing."""
    y, x = np.mgrid[0:200, 0:300]
    waves = ((np.sin(x / 3.0) + np.sin(y / 3.0)) * 60 + 128).astype(np.uint8)
    with pytest.raises(UsageError, match="paper"):
        read(saved(Image.fromarray(waves), tmp_path / "a.png"))


def test_other_files_are_refused(tmp_path: Path) -> None:
    """A GIF, a text and nothing at all are no sketches; a missing file is said to be missing."""
    gif = saved(drawing(), tmp_path / "a.gif")
    text = tmp_path / "b.png"
    text.write_bytes(b"not a picture")
    empty = tmp_path / "c.png"
    empty.write_bytes(b"")
    for path in (gif, text, empty):
        with pytest.raises(FormatError, match="no PNG"):
            read(path)
    with pytest.raises(UsageError, match="No such file"):
        read(tmp_path / "missing.png")


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "BMP"])
@pytest.mark.parametrize("share", [0.3, 0.9])
def test_cut_files_are_refused(tmp_path: Path, kind: str, share: float) -> None:
    """A file that ends too early is damaged; the sentence names no word of the person's."""
    file = io.BytesIO()
    drawing().save(file, kind)
    path = tmp_path / "our boat"
    path.write_bytes(file.getvalue()[: int(share * len(file.getvalue()))])
    with pytest.raises(FormatError) as raised:
        read(path)
    assert "boat" not in str(raised.value)
