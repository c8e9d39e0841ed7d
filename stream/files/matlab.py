"""Whether a MATLAB file (version 5 to 7, as EEGLAB's `.set`) is whole, before it is read (pure).

scipy, through which MNE-Python reads these files, follows the numbers in them without looking: one
wrong byte ends the whole process. Everything that it would follow is therefore checked first:
types, sizes, dimensions ("MAT-File Format", MathWorks). Nothing is read out here.
"""

from __future__ import annotations

import math
import struct
import zlib
from typing import NamedTuple

HEADER = 128
DEEPEST = 40
"""Structures within one another; EEGLAB needs about five."""
LARGEST = 4_000_000_000
"""Bytes up to which a packed variable is unpacked."""

_SIZES = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8}
"""Bytes of one number, by the type of an element."""
_INT8, _INT32, _UINT32, _MATRIX, _PACKED = 1, 5, 6, 14, 15
_TEXT = {1: 1, 2: 1, 3: 2, 4: 2, 16: 1, 17: 1, 18: 1}
"""Bytes from which a letter is made, at least; the last three are UTF-8, UTF-16 and UTF-32."""
_CELL, _STRUCTURE, _OBJECT, _LETTERS, _FUNCTION, _OPAQUE = 1, 2, 3, 4, 16, 17
_NUMBERS = range(6, 16)
_COMPLEX = 0x0800


class BrokenError(ValueError):
    """What does not hold together."""


class _Element(NamedTuple):
    """One element of a file."""

    type: int
    body: memoryview
    end: int
    """Where the next one begins."""


def check_matlab(data: bytes) -> None:
    """Follow everything in a file, and refuse what leads nowhere.

    Parameters
    ----------
    data : bytes
        The whole file.

    Raises
    ------
    BrokenError
        What is wrong first.
    """
    order = {b"IM": "<", b"MI": ">"}.get(data[HEADER - 2 : HEADER])
    if order is None:
        raise BrokenError("it is no MATLAB file of version 5 to 7")
    at = HEADER
    view = memoryview(data)
    while at < len(view):
        # A packed variable is not filled up to eight bytes, all others are.
        element = _element(view, at, order)
        at = element.end
        if element.type == _PACKED:
            element = _element(memoryview(_unpacked(element.body)), 0, order)
        _matrix(element, order, 0)


def _unpacked(body: memoryview) -> bytes:
    packed = zlib.decompressobj()
    try:
        data = packed.decompress(body, LARGEST)
    except zlib.error as error:
        raise BrokenError(f"a packed variable is damaged ({error})") from error
    if not packed.eof:
        raise BrokenError("a packed variable is cut off, or too large")
    return data


def _element(view: memoryview, at: int, order: str) -> _Element:
    """Return the element that begins at a byte."""
    if at + 8 > len(view):
        raise BrokenError("it ends within a tag")
    kind, size = struct.unpack_from(f"{order}II", view, at)
    if kind >> 16:  # up to four bytes stand in the tag itself
        kind, size = kind & 0xFFFF, kind >> 16
        if size > 4:
            raise BrokenError(f"a short element of {size} bytes")
        return _Element(kind, view[at + 4 : at + 4 + size], at + 8)
    end = at + 8 + size
    if end > len(view):
        raise BrokenError("an element is longer than what holds it")
    return _Element(kind, view[at + 8 : end], end if kind == _PACKED else end + -size % 8)


def _matrix(element: _Element, order: str, depth: int) -> None:
    """Check one array and all that it holds."""
    if element.type != _MATRIX or depth > DEEPEST:
        raise BrokenError(f"an element of type {element.type} where an array is due")
    view = element.body
    if not len(view):
        return
    flags = _expect(view, 0, order, _UINT32)
    if len(flags.body) != 8:
        raise BrokenError("an array without flags")
    bits = struct.unpack_from(f"{order}I", flags.body)[0]
    if bits & 0xFF == _OPAQUE:  # such as MATLAB's own strings: three names, then an array
        at = flags.end
        for _ in range(3):
            at = _expect(view, at, order, _INT8).end
        _matrix(_element(view, at, order), order, depth + 1)
        return
    shape = _expect(view, flags.end, order, _INT32)
    if len(shape.body) % 4 or not 8 <= len(shape.body) <= 128:
        raise BrokenError(f"an array of {len(shape.body) / 4:g} dimensions")
    dims = struct.unpack(f"{order}{len(shape.body) // 4}i", shape.body)
    if min(dims) < 0:
        raise BrokenError(f"an array of the size {dims}")
    name = _expect(view, shape.end, order, _INT8)
    _content(view, name.end, order, depth=depth, bits=bits, n=math.prod(dims))


def _content(view: memoryview, at: int, order: str, *, depth: int, bits: int, n: int) -> None:
    """Check what stands behind an array's name."""
    kind = bits & 0xFF
    if kind in _NUMBERS:
        for _ in range(2 if bits & _COMPLEX else 1):
            part = _element(view, at, order)
            if part.type not in _SIZES or len(part.body) != n * _SIZES[part.type]:
                raise BrokenError(f"{n} numbers in {len(part.body)} bytes of type {part.type}")
            at = part.end
    elif kind == _LETTERS:
        part = _element(view, at, order)
        if part.type not in _TEXT or len(part.body) < n * _TEXT[part.type]:
            raise BrokenError(f"{n} letters in {len(part.body)} bytes of type {part.type}")
    elif kind in (_CELL, _STRUCTURE, _OBJECT, _FUNCTION):
        if kind == _OBJECT:
            at = _expect(view, at, order, _INT8).end
        if kind in (_STRUCTURE, _OBJECT):
            fields, at = _fields(view, at, order)
            n *= fields
        n = 1 if kind == _FUNCTION else n
        if n * 8 > len(view) - at:
            raise BrokenError(f"{n} arrays in {len(view) - at} bytes")
        for _ in range(n):
            inner = _element(view, at, order)
            _matrix(inner, order, depth + 1)
            at = inner.end
    else:
        raise BrokenError(f"an array of class {kind}, which EEG does not need")


def _fields(view: memoryview, at: int, order: str) -> tuple[int, int]:
    """Return how many fields a structure has, and where the first one begins."""
    width = _expect(view, at, order, _INT32)
    if len(width.body) != 4:
        raise BrokenError("a structure without a length of names")
    letters = struct.unpack(f"{order}i", width.body)[0]
    names = _expect(view, width.end, order, _INT8)
    if not 0 < letters <= 256 or len(names.body) % letters:
        raise BrokenError(f"names of {letters} letters in {len(names.body)} bytes")
    return len(names.body) // letters, names.end


def _expect(view: memoryview, at: int, order: str, kind: int) -> _Element:
    element = _element(view, at, order)
    if element.type != kind:
        raise BrokenError(f"an element of type {element.type} where type {kind} is due")
    return element
