"""Which backend makes the music."""

from __future__ import annotations

from typing import Protocol

from ..drafts import Guide, Musician, Prompter
from ..settings import AceStep, Audiocraft, GeneratorSettings, MusicGen, ProceduralMusic
from .acestep import AceStepMusician
from .audiocraft import AudiocraftMusician
from .musicgen import MusicGenMusician


class Procedural(Guide, Musician, Protocol):
    """The procedural music: a guide for others, and a backend by itself."""


def musician(settings: GeneratorSettings, guide: Procedural, prompter: Prompter) -> Musician:
    """Return the backend for sound that the settings name.

    Parameters
    ----------
    settings : GeneratorSettings
        Whose `music` decides.
    guide : Procedural
        The procedural music; it is the backend itself where no other is named.
    prompter : Prompter
        Where other backends have their words from.

    Raises
    ------
    UsageError
        If the backend's library, environment or weights are missing.
    """
    match settings.music:
        case ProceduralMusic():
            return guide
        case MusicGen() as chosen:
            return MusicGenMusician(chosen, guide, prompter)
        case Audiocraft() as chosen:
            return AudiocraftMusician(chosen, guide, prompter)
        case AceStep() as chosen:
            return AceStepMusician(chosen, guide, prompter)
