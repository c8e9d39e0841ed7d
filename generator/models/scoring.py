"""How well a bank fits its words, and what its measures say: tables, from numbers alone.

The tables are those of the study that is followed here (arXiv 2412.05296): similarity of every clip
and picture with the prompts of the three affects (its Table 1), and measures of sound and pictures
by affect (its Figure 5). Clips of one section and frames of one scene share prompt and notes or
layout, so a section or a scene counts once: means are taken within it first, and intervals are over
sections or scenes.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import stats

from rym.bank import Bank, Clip, Frame, Scene
from rym.messages import AFFECTS, Affect

from ..drafts import Sense

Embeddings = npt.NDArray[np.floating]
SCHEMA = 1
CONFIDENCE = 0.95
DIGITS = 4
NOTE = (
    "These similarities hardly differ between affects: in Table 1 of the study that is followed "
    "here, means such as 37.84 and 37.88 stand side by side. A difference of that size is no proof "
    "that a clip or a picture carries its affect; whoever hears and sees them says that."
)


class Mean(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mean over sections or scenes, with its 95 % interval (Student's t)."""

    mean: float
    low: float | None
    """Null where there is one section or scene, or where no interval can be told."""
    high: float | None
    n: int
    """Number of sections or scenes."""


class Row(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One clip or picture beside the prompts of the three affects."""

    file: str
    sense: Sense
    affect: Affect
    index: int
    """Of its section or scene, whose prompts these are."""
    similarity: dict[Affect, float]
    """Cosine of the angle between both embeddings, × 100, by the prompt's affect."""


class Cell(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Mean similarity of what was made for one affect with the prompts of one affect."""

    sense: Sense
    affect: Affect
    prompt: Affect
    similarity: Mean


class Lead(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """By how much one's own prompt fits better than the others', on average."""

    sense: Sense
    affect: Affect
    difference: Mean


class Measure(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One measure of sound or pictures for one affect, from the manifest."""

    name: str
    unit: str
    affect: Affect
    value: Mean


class Used(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The model that a similarity comes from."""

    sense: Sense
    model: str
    revision: str


class Scores(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What was found; kept with the memory, never in the bank."""

    schema: int = SCHEMA
    bank_sha256: str
    """Hash of what is heard and seen (`Bank.content_sha256`)."""
    models: tuple[Used, ...]
    rows: tuple[Row, ...]
    table: tuple[Cell, ...]
    leads: tuple[Lead, ...]
    measures: tuple[Measure, ...]
    missing: tuple[str, ...]
    """Why there are no similarities for sound or sight, a sentence each."""
    note: str = NOTE


class Item(NamedTuple):
    """A clip or picture that is compared with prompts."""

    file: str
    affect: Affect
    unit: int
    """Section or scene."""


def sounds(bank: Bank) -> list[Item]:
    """Return the loops of a bank; endings are too short to have words of their own."""
    return [Item(clip.file, clip.affect, clip.section) for clip in bank.loops]


def sights(bank: Bank) -> list[Item]:
    """Return of every scene the frames that stand for an affect: the ends, and nearest to 0."""
    found = []
    for index, scene in enumerate(bank.scenes):
        for affect in AFFECTS:
            found.append(Item(_frame(scene, affect).file, affect, index))
    return found


def _frame(scene: Scene, affect: Affect) -> Frame:
    wanted = {"negative": -1.0, "neutral": 0.0, "positive": 1.0}[affect]
    return min(scene.frames, key=lambda frame: abs(frame.valence - wanted))


def similarities(things: Embeddings, words: Embeddings) -> npt.NDArray[np.float64]:
    """Return how alike things and words are.

    Parameters
    ----------
    things : array of shape (n_things, n_features)
    words : array of shape (n_words, n_features)

    Returns
    -------
    array of shape (n_things, n_words)
        Cosine of the angle between both, × 100; 0 where one of them is nothing.
    """
    return np.asarray(100.0 * _unit(things) @ _unit(words).T)


def _unit(rows: Embeddings) -> npt.NDArray[np.float64]:
    rows = np.asarray(rows, np.float64)
    length = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(np.divide(rows, length, out=np.zeros_like(rows), where=length > 0))


def rows(
    items: list[Item],
    sense: Sense,
    things: Embeddings,
    words: dict[tuple[Affect, int], Embeddings],
) -> tuple[Row, ...]:
    """Return every item beside the prompts of its own section or scene.

    Parameters
    ----------
    items : list of Item
    sense : {"sound", "sight"}
    things : array of shape (n_items, n_features)
        Their embeddings, in that order.
    words : dict of array of shape (n_features,)
        Embedding of the prompt, by affect and section or scene.
    """
    found = []
    for item, thing in zip(items, things, strict=True):
        prompts = np.stack([words[affect, item.unit] for affect in AFFECTS])
        alike = similarities(thing[None], prompts)[0]
        found.append(
            Row(
                file=item.file,
                sense=sense,
                affect=item.affect,
                index=item.unit,
                similarity={
                    affect: round(float(x), DIGITS)
                    for affect, x in zip(AFFECTS, alike, strict=True)
                },
            )
        )
    return tuple(found)


def table(found: Iterable[Row]) -> tuple[Cell, ...]:
    """Return the mean similarities by affect of what was made and of the prompt."""
    units: dict[tuple[Sense, Affect, Affect], dict[int, list[float]]] = {}
    for row in found:
        for prompt, value in row.similarity.items():
            place = units.setdefault((row.sense, row.affect, prompt), defaultdict(list))
            place[row.index].append(value)
    return tuple(
        Cell(sense=sense, affect=affect, prompt=prompt, similarity=mean(values))
        for (sense, affect, prompt), values in units.items()
    )


def leads(found: Iterable[Row]) -> tuple[Lead, ...]:
    """Return by how much the own prompt fits better than the mean of the other two."""
    units: dict[tuple[Sense, Affect], dict[int, list[float]]] = {}
    for row in found:
        others = [x for affect, x in row.similarity.items() if affect != row.affect]
        lead = row.similarity[row.affect] - sum(others) / len(others)
        units.setdefault((row.sense, row.affect), defaultdict(list))[row.index].append(lead)
    return tuple(
        Lead(sense=sense, affect=affect, difference=mean(values))
        for (sense, affect), values in units.items()
    )


def mean(units: dict[int, list[float]]) -> Mean:
    """Return the mean over units of the means within them, with its interval."""
    values = np.array([np.mean(inside) for inside in units.values()])
    middle, n = float(values.mean()), len(values)
    if n < 2:
        return Mean(mean=round(middle, DIGITS), low=None, high=None, n=n)
    reach = float(stats.t.ppf((1 + CONFIDENCE) / 2, n - 1)) * float(values.std(ddof=1))
    reach /= math.sqrt(n)
    return Mean(
        mean=round(middle, DIGITS),
        low=round(middle - reach, DIGITS),
        high=round(middle + reach, DIGITS),
        n=n,
    )


OF_CLIPS: tuple[tuple[str, str, Callable[[Clip], float]], ...] = (
    ("mode", "major − minor, −1…1", lambda clip: clip.mode_score),
    ("brightness", "Hz", lambda clip: clip.spectral_centroid_hz),
    ("intensity", "LUFS", lambda clip: clip.lufs),
)
OF_FRAMES: tuple[tuple[str, str, Callable[[Frame], float]], ...] = (
    ("saturation", "0…1", lambda frame: frame.saturation),
    ("value", "0…1", lambda frame: frame.value),
)


def measures(bank: Bank) -> tuple[Measure, ...]:
    """Return mode, brightness, intensity, hue, saturation and value by affect."""
    found = []
    for affect in AFFECTS:
        clips = [clip for clip in bank.loops if clip.affect == affect]
        for name, unit, clip_value in OF_CLIPS:
            units = defaultdict(list)
            for clip in clips:
                units[clip.section].append(clip_value(clip))
            if units:
                found.append(Measure(name=name, unit=unit, affect=affect, value=mean(units)))
        frames = [_frame(scene, affect) for scene in bank.scenes]
        for name, unit, frame_value in OF_FRAMES:
            units = defaultdict(list, {k: [frame_value(x)] for k, x in enumerate(frames)})
            if units:
                found.append(Measure(name=name, unit=unit, affect=affect, value=mean(units)))
        if frames:
            found.append(Measure(name="hue", unit="degrees", affect=affect, value=_hue(frames)))
    return tuple(found)


def _hue(frames: list[Frame]) -> Mean:
    """Return the mean direction on the circle of hues, each as heavy as it is saturated."""
    angles = np.radians([frame.hue for frame in frames])
    total = np.sum(np.array([frame.saturation for frame in frames]) * np.exp(1j * angles))
    degrees = math.degrees(math.atan2(total.imag, total.real)) % 360.0
    return Mean(mean=round(degrees, 2), low=None, high=None, n=len(frames))
