"""Arrays out of an npz that anybody may have made: no pickle, nothing larger than it claims (pure).

`np.load` alone refuses pickle, but what is packed may be a thousand times as large as the file, and
a damaged header ends in one of half a dozen exceptions.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

_DAMAGE = (
    *(zipfile.BadZipFile, ValueError, EOFError, OverflowError, MemoryError),
    *(KeyError, NotImplementedError, RuntimeError),
)
"""What damaged archives raise, besides what this module itself does."""


def pack(arrays: Mapping[str, npt.NDArray[np.generic]]) -> bytes:
    """Return arrays of numbers as an npz that is not compressed."""
    out = io.BytesIO()
    np.savez(out, **arrays)  # type: ignore[arg-type]  # arrays of numbers; nothing to pickle
    return out.getvalue()


def unpack(data: bytes) -> dict[str, npt.NDArray[np.generic]]:
    """Return what `pack` was given.

    Parameters
    ----------
    data : bytes
        The file.

    Raises
    ------
    ValueError
        If it is no npz, holds anything but arrays of numbers, or claims more than it holds.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("its arrays are compressed, which no model's are")
        if sum(member.file_size for member in members) > len(data):
            raise ValueError("its arrays claim to be larger than the file")
        with np.load(io.BytesIO(data), allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
    except _DAMAGE as error:
        raise ValueError(str(error) or type(error).__name__) from None
    for name, value in arrays.items():
        if not isinstance(value, np.ndarray) or value.dtype.kind not in "biuf":
            raise ValueError(f"{name} is no array of numbers")
    return arrays
