"""Procedural music as a backend: from one memory to any clip of its bank."""

from __future__ import annotations

from functools import cached_property

from rym.bank import Maker
from rym.errors import UsageError

from ..drafts import Draft, Place
from ..memory import Memory
from ..settings import GeneratorSettings, ProceduralMusic
from . import render
from .arrangement import arrange, avoided
from .cadence import close
from .composition import Piece, compose


class Composer:
    """Writes the piece of a memory and plays any part of it; needs no weights.

    Parameters
    ----------
    memory : Memory
        Checked (`generator.memory.load`).
    settings : GeneratorSettings
        How large the bank is. Where other music than procedural is wanted, this is its guide, and
        the room is the usual one.

    Raises
    ------
    UsageError
        If the avoid-list leaves nothing to play the tune.
    """

    maker = Maker(backend="procedural")

    def __init__(self, memory: Memory, settings: GeneratorSettings) -> None:
        self._memory = memory
        self._settings = settings
        self._avoid = avoided(memory.avoid)
        music = settings.music
        self._reverb = (music if isinstance(music, ProceduralMusic) else ProceduralMusic()).reverb

    @cached_property
    def piece(self) -> Piece:
        """What all clips share."""
        return compose(self._memory, self._settings)

    def play(self, place: Place, take: int = 0) -> Draft:
        """Make one clip.

        Parameters
        ----------
        place : Place
            Section, variant, affect, loop or ending.
        take : int
            Another number is another hearing: other figures, ornaments and touch on the same grid,
            harmony and tune.

        Returns
        -------
        Draft
            A loop, folded, with what it was folded from; or an ending, which rings out to silence.

        Raises
        ------
        UsageError
            If the piece has no such section or variant.
        """
        self._refuse_foreign(place)
        return self._ending(place, take) if place.kind == "ending" else self._loop(place, take)

    def _refuse_foreign(self, place: Place) -> None:
        sections, variants = self._settings.sections, self._settings.variants
        if not (0 <= place.section < sections and 0 <= place.variant < variants):
            raise UsageError(
                f"There is no section {place.section}, variant {place.variant} in a piece of "
                f"{sections} sections with {variants} variants.",
                "Numbers begin at 0; raise sections or variants in the settings.",
            )

    def _loop(self, place: Place, take: int) -> Draft:
        piece = self.piece
        notes = arrange(piece, place.section, place.variant, place.affect, self._avoid, take=take)
        grid = render.Grid(bars=piece.bars, bpm=piece.bpm, rate=self._settings.rate)
        performed = render.perform(notes, render.COLOURS[place.affect], grid, self._reverb)
        looped = render.fold(performed, grid.n_samples)
        looped -= looped.mean(axis=0)
        return Draft(
            sound=looped,
            performed=performed,
            grid=grid,
            key=piece.key,
            mode=piece.modes[place.affect],
            seed=piece.seed,
            notes=notes,
        )

    def _ending(self, place: Place, take: int) -> Draft:
        piece = self.piece
        notes, bars = close(piece, place.section, place.affect, self._avoid, take)
        grid = render.Grid(bars=bars, bpm=piece.bpm, rate=self._settings.rate)
        sound = render.perform(notes, render.COLOURS[place.affect], grid, self._reverb)
        return Draft(
            sound=sound.astype(float),
            performed=None,
            grid=grid,
            key=piece.key,
            mode=piece.modes[place.affect],
            seed=piece.seed,
            notes=notes,
        )
