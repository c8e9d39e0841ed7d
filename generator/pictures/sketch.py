"""The person's sketch: a file with a drawing on paper, read as lines."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from rym.errors import FormatError, UsageError

from .fields import Field

TYPES = ("PNG", "JPEG", "WEBP", "BMP")
MAX_PIXELS = 40_000_000
"""More are refused from the file's header alone: decoded, they would fill half a gigabyte."""
MIN_SIDE = 64
"""Least width and height, in pixels."""
KEPT_SIDE = 1600
"""Larger sketches are made smaller, in pixels of the longer side: lines stay wider than one."""
BLANK, FULL = 0.0008, 0.5
"""Shares of ink below which a sketch is blank, and above which it is no line drawing."""
CONTRAST = 0.1
"""Least difference between the darkest and the lightest tone."""
REMEDY = "Draw with a dark pen on plain paper, and give a PNG, JPEG, WebP or BMP of it."


def read(path: Path) -> Field:
    """Return the lines of a sketch.

    Parameters
    ----------
    path : Path
        PNG, JPEG, WebP or BMP in any colour mode; turned as its EXIF says.

    Returns
    -------
    array of shape (height, width)
        0 paper to 1 ink, at most `KEPT_SIDE` on the longer side.

    Raises
    ------
    UsageError
        If the file cannot be opened, is too small or too large, or blank.
    FormatError
        If it is no picture of these types, or cut off.
    """
    try:
        with path.open("rb"):
            pass
    except OSError as error:
        raise UsageError(
            f"The sketch cannot be read: {error.strerror}.", "Give an existing file."
        ) from None
    return lines(_gray(path))


def _gray(path: Path) -> npt.NDArray[np.float32]:
    """Return the picture in gray, 0 to 1, on white where it is transparent."""
    from PIL import Image, ImageOps, UnidentifiedImageError  # noqa: PLC0415

    try:
        with warnings.catch_warnings():
            # Pillow warns of large pictures; the size is judged here.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=TYPES) as image:
                _check_size(image.width, image.height)
                image.draft("L", (KEPT_SIDE, KEPT_SIDE))
                turned = ImageOps.exif_transpose(image)
                gray = _flat(turned)
    except Image.DecompressionBombError:
        # Pillow refuses these by their header, before it tells their size.
        raise _too_large(f"more than {2 * (Image.MAX_IMAGE_PIXELS or 0) / 1e6:.0f}") from None
    except UnidentifiedImageError:
        raise FormatError("The sketch is no PNG, JPEG, WebP or BMP.", REMEDY) from None
    except (OSError, SyntaxError, ValueError) as error:
        raise FormatError(f"The sketch is damaged: {type(error).__name__}.", REMEDY) from None
    shrink = KEPT_SIDE / max(gray.shape)
    if shrink >= 1:
        return gray
    height, width = (max(1, round(side * shrink)) for side in gray.shape)
    small = Image.fromarray(gray).resize((width, height), Image.Resampling.BOX)
    return np.asarray(small, np.float32)


def _check_size(width: int, height: int) -> None:
    if min(width, height) < MIN_SIDE:
        raise UsageError(
            f"The sketch has {width} × {height} pixels, at least {MIN_SIDE} × {MIN_SIDE} are"
            " needed.",
            "Scan or photograph it larger.",
        )
    if width * height > MAX_PIXELS:
        raise _too_large(f"{width * height / 1e6:.0f}")


def _too_large(megapixels: str) -> UsageError:
    return UsageError(
        f"The sketch has {megapixels} megapixels, at most {MAX_PIXELS / 1e6:.0f} are taken.",
        "Save it smaller; 2000 pixels across are plenty.",
    )


def _flat(image: Any) -> npt.NDArray[np.float32]:
    from PIL import Image  # noqa: PLC0415

    if image.mode.startswith("I") or image.mode == "F":
        deep = np.asarray(image, np.float32)
        # 16 bits; Pillow would cut them off at 255.
        return deep / np.float32(65535 if deep.max() > 255 else 255)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, (255, 255, 255, 255))
        image = Image.alpha_composite(white, image)
    return np.asarray(image.convert("RGB").convert("L"), np.float32) / np.float32(255)


def lines(gray: npt.NDArray[np.floating]) -> Field:
    """Return the ink of a drawing whose paper may be unevenly lit.

    The paper's brightness around each point is a high quantile of its surroundings, so a shadow
    across a photograph is paper and not ink; what is a good deal darker than that is ink.

    Parameters
    ----------
    gray : array of shape (height, width)
        0 black to 1 white; a light drawing on dark ground is turned round.

    Returns
    -------
    array of shape (height, width)
        0 paper to 1 ink.

    Raises
    ------
    UsageError
        If there is hardly any ink, or hardly any paper.
    """
    gray = np.asarray(gray, np.float32)
    contrast = float(np.ptp(ndimage.gaussian_filter(gray, 1)))
    if contrast < CONTRAST:
        raise UsageError(
            f"The sketch is blank: its tones differ by {contrast:.0%}, at least {CONTRAST:.0%} are"
            " needed.",
            REMEDY,
        )
    if float(np.median(gray)) < 0.5 * float(gray.max()) and float(np.median(gray)) < 0.4:
        gray = gray.max() - gray
    paper = _paper(gray)
    dark = np.clip(1 - gray / np.maximum(paper, 0.02), 0, 1)
    noise = 1.4826 * float(np.median(np.abs(dark - np.median(dark))))
    strong = float(np.quantile(dark, 0.998))
    low = max(0.07, float(np.median(dark)) + 5 * noise)
    high = max(low + 0.06, 0.6 * strong)
    ink = np.asarray(np.clip((dark - low) / (high - low), 0, 1), np.float32)
    ink = _without_specks(ink)
    share = float(np.mean(ink > 0.5))
    if share < BLANK:
        raise UsageError(
            f"The sketch is blank: {share:.2%} of it is ink, at least {BLANK:.2%} are needed.",
            REMEDY,
        )
    if share > FULL:
        raise UsageError(
            f"The sketch has hardly any paper: {share:.0%} of it is ink, at most {FULL:.0%} are"
            " taken.",
            REMEDY,
        )
    return ink


def _paper(gray: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return how bright the paper is around each point."""
    height, width = gray.shape
    step = max(1, min(height, width) // 160)
    small = gray[: height // step * step, : width // step * step]
    small = small.reshape(height // step, step, width // step, step).max(axis=(1, 3))
    # Wider than any line and its neighbours, narrower than a shadow.
    wide = max(5, min(small.shape) // 7) | 1
    bright = ndimage.percentile_filter(small, 85, size=wide, mode="nearest")
    bright = ndimage.gaussian_filter(bright, wide / 3)
    zoomed = ndimage.zoom(bright, (height / bright.shape[0], width / bright.shape[1]), order=1)
    return np.asarray(zoomed, np.float32)


def _without_specks(ink: Field) -> Field:
    """Return the ink without dots smaller than a line is wide."""
    label, n = ndimage.label(ink > 0.3, structure=np.ones((3, 3)))
    if not n:
        return ink
    size = np.bincount(label.ravel())
    least = max(4.0, (max(ink.shape) / 250) ** 2)
    kept = size >= least
    kept[0] = True
    return np.asarray(ink * kept[label], np.float32)
