"""What can be learned from, what was learned, and how much of it; lessons as arrays and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from msgspec import Meta

from rym.errors import FormatError

Array = npt.NDArray[np.float64]

NO_LABEL = -1
SILENCE = -1


class LearningSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much is learned while a session runs."""

    frozen: bool = False
    """Whether learning begins frozen: nothing is learned until `thaw`."""
    hold: Annotated[float, Meta(ge=0.0, le=60.0)] = 1.5
    """Seconds that keys have to arrive: they are taken in so far behind the newest window."""
    rate: Annotated[float, Meta(gt=0.0, le=100.0)] = 1.0
    """Rows per second and class at most. Ten rows share a vote: more per second say little new."""
    ahead: Annotated[int, Meta(ge=1)] = 20
    """Rows of a class by which one clip may be ahead of the clip under which it was learned least
    (20 s at one row per second)."""
    capacity: Annotated[int, Meta(ge=1)] = 3400
    """Rows kept per class: 10 000 in all, for which the limits of a live step hold."""
    half_life: Annotated[float, Meta(gt=0.0)] | None = 8.0
    """Later stretches of the same state (of 2.5 s each) after which a vote counts half; null:
    never. Three simulated persons' agreement in the last quarter of 20 min in which the signature
    turned by 90°, and of 20 min in which it did not, was 0.24 and 0.89 without learning, 0.80 and
    0.94 with 6, 0.73 and 0.94 with 10, 0.64 and 0.94 with 16, 0.55 and 0.94 with 24."""
    most: Annotated[int, Meta(ge=1)] = 30_000
    """Rows learned in all, eight hours at one per second; each stays undoable."""


class Moment(NamedTuple):
    """One window's answer, as something that might be learned from."""

    t: float
    """Rig time of the newest sample in seconds."""
    begin: float
    """Rig time of the first sample of its ten rows, in seconds."""
    z: Array
    """Embedding, shape (n_dimensions,)."""
    unfit: str = ""
    """Why nothing may be learned from it: an invalid window, a stand-in, too few clean rows, a
    field not yet full; empty otherwise."""


class Lesson(NamedTuple):
    """One row that was learned: what a journal needs to learn it again."""

    number: int
    """Counts from 1; never given twice."""
    t: float
    label: int
    audible: int
    """0, 1, 2; −1 silence."""
    stretch: int
    since: float
    """Time of the first row of its stretch in seconds."""
    z: Array


_COLUMNS = ("number", "t", "label", "audible", "stretch", "since", "embedding")
_INTEGERS = frozenset({"number", "label", "audible", "stretch"})


def arrays_of(lessons: Sequence[Lesson], n_dimensions: int) -> dict[str, npt.NDArray[np.generic]]:
    """Return lessons column by column; `lessons_of` gives them back.

    Parameters
    ----------
    lessons : sequence of Lesson
        In order.
    n_dimensions : int
        Length of an embedding, of which there may be none.
    """
    out: dict[str, npt.NDArray[np.generic]] = {}
    for name, *column in zip(_COLUMNS, *lessons, strict=True):
        kind = np.int64 if name in _INTEGERS else np.float64
        out[f"lesson.{name}"] = np.array(column, dtype=kind)
    out["lesson.embedding"] = out["lesson.embedding"].reshape(-1, n_dimensions)
    return out


def lessons_of(arrays: Mapping[str, npt.NDArray[np.generic]]) -> list[Lesson]:
    """Return the lessons that `arrays_of` laid out.

    Parameters
    ----------
    arrays : mapping of str to array
        Others may be among them.

    Raises
    ------
    FormatError
        If a column is missing or of another length.
    """
    missing = [name for name in _COLUMNS if f"lesson.{name}" not in arrays]
    if missing:
        raise FormatError(f"The lessons lack {', '.join(missing)}.", "Save them again.")
    columns = [arrays[f"lesson.{name}"] for name in _COLUMNS]
    lengths = {len(column) for column in columns}
    if len(lengths) > 1:
        raise FormatError(
            f"The lessons' columns have {min(lengths)} to {max(lengths)} values.",
            "Save them again.",
        )
    rows = zip(*(column.tolist() for column in columns[:-1]), columns[-1], strict=True)
    return [Lesson._make((*row[:-1], np.asarray(row[-1], dtype=np.float64))) for row in rows]
