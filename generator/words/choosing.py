"""Where prompts come from."""

from __future__ import annotations

from pathlib import Path

from rym.clock import Clock, SystemClock

from .. import settings
from ..drafts import Prompter
from ..memory import Memory
from .prompts import Templates
from .rewriting import Rewritten


def prompter(
    words: settings.Words,
    memory: Memory,
    kept: Path | None,
    clock: Clock | None = None,
) -> Prompter:
    """Return where the prompts of a build come from.

    Parameters
    ----------
    words : Templates or LanguageModel
        Table `words` of the settings.
    memory : Memory
        Checked.
    kept : Path, optional
        The folder in which the memory is kept (`people/<label>/memory`); a language model's
        answers lie there.
    clock : Clock, optional
        For waiting on an endpoint; the system's where it is left out.

    Raises
    ------
    UsageError
        If a language model is asked for and the person has not consented, or the memory is not
        kept.
    """
    match words:
        case settings.Templates():
            return Templates(memory, memory.drawn_seed)
        case settings.LanguageModel():
            return Rewritten(words, memory, kept, clock or SystemClock())
