"""Pictures at rest: WebP, and sheets on which many are seen at once."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from rym.errors import FormatError

from ..drafts import Picture

QUALITY = 88
METHOD = 2
"""Of libwebp's 0 to 6: beyond 2, files get 5 % smaller and take twice the time."""


def encode(picture: Picture, quality: int = QUALITY) -> bytes:
    """Return a picture as WebP, without metadata.

    Parameters
    ----------
    picture : array of shape (height, width, 3)
        sRGB.
    quality : int
        0 to 100.
    """
    from PIL import Image  # noqa: PLC0415 (the player's side never needs it)

    file = io.BytesIO()
    Image.fromarray(picture).save(file, "WEBP", quality=quality, method=METHOD)
    return file.getvalue()


def decode(data: bytes) -> Picture:
    """Return the picture in a WebP file's bytes.

    Returns
    -------
    array of shape (height, width, 3)
        sRGB.

    Raises
    ------
    FormatError
        If they are no whole WebP picture.
    """
    from PIL import Image  # noqa: PLC0415

    try:
        with Image.open(io.BytesIO(data), formats=("WEBP",)) as image:
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise FormatError(
            f"A picture of {len(data)} bytes cannot be read: {type(error).__name__}.",
            "Build the bank again with `rym bank build`.",
        ) from None


def contact_sheet(strips: Sequence[Sequence[Picture]], width: int = 1400, gap: int = 6) -> Picture:
    """Return strips as rows of one picture.

    Parameters
    ----------
    strips : sequence of sequence of array of shape (height, width, 3)
        Each strip becomes a row; the frames of a row have one size.
    width : int
        Of the whole, in pixels.
    gap : int
        White between pictures, in pixels.
    """
    from PIL import Image  # noqa: PLC0415

    rows = []
    for strip in strips:
        wide = (width - gap * (len(strip) - 1)) // len(strip)
        high = max(1, round(wide * strip[0].shape[0] / strip[0].shape[1]))
        row = np.full((high, width, 3), 255, np.uint8)
        for k, frame in enumerate(strip):
            small = Image.fromarray(frame).resize((wide, high), Image.Resampling.LANCZOS)
            row[:, k * (wide + gap) : k * (wide + gap) + wide] = np.asarray(small)
        rows += [row, np.full((gap, width, 3), 255, np.uint8)]
    return np.concatenate(rows[:-1])
