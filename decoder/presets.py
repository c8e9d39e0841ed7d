"""Presets: which rows a decoder rests on, and what is particular about them, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from rym.errors import SignalError, UsageError
from rym.messages import LabelState

from .settings import Preset

Keys = Sequence[tuple[float, LabelState]]


class Rule(NamedTuple):
    """What a preset asks for besides its bands, which stand in `features.BANDS`."""

    hop: float | None = None
    """Seconds from window to window; None: what the stream's settings say."""
    look_ahead: int = 0
    """Rows by which a label lies before the newest of its ten. 0: nothing looks ahead."""
    unpressed: LabelState = "none"
    """What it means that no key is held."""
    prior: Literal["balanced", "found"] = "balanced"
    """How often the network's training draws a state."""
    says: str = ""
    """What people must know of an answer."""


RULES: dict[Preset, Rule] = {
    "default": Rule(),
    "no-gamma": Rule(),
    "paper": Rule(
        hop=0.5,
        look_ahead=4,
        unpressed="neutral",
        prior="found",
        says="As in the study: two rows a second, a row learned with the four after it, so that "
        "an answer is about 2 s ago; no key means neutral, and states are drawn as often as "
        "they were held.",
    ),
}
"""`paper` is Yi and Lee's line (Communications Psychology 2025), for comparison: an Offset(5, 5) of
cebra puts the label four rows before the newest of its ten, changes of the label within the ten
included."""


def check_hop(preset: Preset, hop: float) -> None:
    """Refuse windows that come more or less often than a preset's rows.

    Parameters
    ----------
    preset : str
        Of `[decoder.features]`.
    hop : float
        Seconds from window to window.

    Raises
    ------
    SignalError
        If the preset asks for another hop.
    """
    asked = RULES[preset].hop
    if asked is not None and not math.isclose(asked, hop, rel_tol=1e-3):
        raise SignalError(
            f"The preset {preset!r} has a row every {asked:g} s, windows come every {hop:g} s.",
            f"Set hop = {asked:g} in [stream], or another preset in [decoder.features].",
            preset=preset,
            hop=hop,
        )


def check_preset(model: Preset, settings: Preset) -> None:
    """Refuse a model whose rows are of another preset than the settings'.

    Parameters
    ----------
    model, settings : str
        The model's preset and that of `[decoder.features]`.

    Raises
    ------
    UsageError
        If they differ.
    """
    if model != settings:
        raise UsageError(
            f"The model was trained with preset {model!r}, the settings say {settings!r}.",
            "Set preset in [decoder.features] as it was, or train a model under these settings.",
            trained=model,
            settings=settings,
        )


def meant(keys: Keys, preset: Preset) -> list[tuple[float, LabelState]]:
    """Return what the keys mean under a preset: in `paper`, no key means neutral.

    Parameters
    ----------
    keys : sequence of (t, state)
        Time of each key event in seconds, and what is held from then on.
    preset : str
        Of `[decoder.features]`.
    """
    unpressed = RULES[preset].unpressed
    if unpressed == "none":
        return list(keys)
    said = [(t, unpressed if state == "none" else state) for t, state in keys]
    return [(-math.inf, unpressed), *said]
