"""Which painter the settings ask for."""

from __future__ import annotations

import functools
from pathlib import Path

from ..drafts import Painter, Prompter
from ..memory import Memory
from ..settings import Diffusion, GeneratorSettings, NoPictures, ProceduralPictures
from ..words.prompts import negative_prompt
from .diffusion import Diffuser
from .strips import Lines


def painter(
    settings: GeneratorSettings,
    base: Painter,
    prompter: Prompter,
    memory: Memory,
    *,
    sketch: Lines | None = None,
    kept: Path | None = None,
) -> Painter | None:
    """Return who makes the pictures.

    Parameters
    ----------
    settings : GeneratorSettings
        `settings.pictures` decides.
    base : Painter
        The painted scenes, which a model begins from.
    prompter : Prompter
        Words for sight, for a model.
    memory : Memory
        Whose seed decides the draws, and whose avoid-list is kept out.
    sketch : array of shape (height, width), optional
        The person's line drawing, 0 paper to 1 ink, for a model.
    kept : Path, optional
        Folder for what is finished of a strip that is not whole yet; deleted by the caller once the
        bank is.

    Returns
    -------
    Painter or None
        None where there are to be no pictures. A model is looked for at once, and opened when the
        first frame is asked for.

    Raises
    ------
    DeviceError
        If a model or its libraries are missing, with what to install or set.
    FormatError
        If a model's weights are in a form that can run code.
    """
    match settings.pictures:
        case ProceduralPictures():
            return base
        case NoPictures():
            return None
        case Diffusion() as diffusion:
            return Diffuser(
                diffusion,
                settings,
                prompter,
                base,
                sketch=sketch,
                seed=memory.drawn_seed,
                unwanted=functools.partial(negative_prompt, memory),
                kept=kept,
            )
