"""Which fault a channel has in a window, if any (pure).

The faults are those of real recordings: electrodes that hang on a rail, lose hold or drift, and
floating ones that carry a copy of their neighbour and therefore pass every test of level.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..settings import Artifact, QualitySettings
from .measures import Flags, Floats, Measures

NOT_FINITE = "not finite"
COPY = "copy of "
EVENTS: tuple[Artifact, ...] = ("rail", "wrap", "clipped", "pop", "drift")
"""Faults that reach the other channels, too, when they begin; `QualitySettings.invalid` knows them
by the same names."""
STATES = ("rail", "drift")
"""Those of them that are a state of the electrode if a segment begins with them."""


def faults_of(
    measures: Measures,
    names: Sequence[str],
    before: Sequence[str],
    device: Floats | None,
    settings: QualitySettings,
) -> list[str]:
    """Return each channel's first fault, empty where there is none.

    Parameters
    ----------
    measures : Measures
        Of one window.
    names : sequence of str
        The channels that were measured, in their order.
    before : sequence of str
        What each channel's fault was until now.
    device : array of shape (n_channels,) or None
        The amplifier's own quality index of each, 0 (best) to 1.
    settings : QualitySettings
        Thresholds.
    """
    known = np.array([fault.startswith(COPY) for fault in before], bool)
    copies = _copies(measures, names, known, settings)
    copied = np.array([copy != "" for copy in copies], bool)
    warns = np.zeros(len(names), bool) if device is None else device >= settings.device
    found = [""] * len(names)
    for fault, channels in [*_by_precedence(measures, copied, settings), ("device index", warns)]:
        for i in np.flatnonzero(channels):
            found[i] = found[i] or (
                copies[i] if fault == COPY else _worded(fault, measures.level[i])
            )
    return found


def _by_precedence(
    m: Measures, copied: Flags, settings: QualitySettings
) -> list[tuple[str, Flags]]:
    """Return the faults that the signal shows, the most telling first.

    A floating electrode drifts and has an odd level, too; that it carries its neighbour's signal
    says what to do about it.
    """
    return [
        (NOT_FINITE, ~m.finite),
        ("wrap", m.jump >= 1.5 * settings.full_scale),
        ("rail", _on_rail(m, settings)),
        ("flat", m.still < settings.flat_range),
        ("clipped", m.clipped >= settings.clip_share),
        ("pop", m.step >= settings.pop_step),
        (COPY, copied),
        ("drift", m.drift >= settings.drift),
        ("level", ~((m.level >= settings.level_attached) & (m.level <= settings.level_high))),
        ("line noise", m.mains_left >= settings.line_left),
    ]


def _worded(fault: str, level: float) -> str:
    if fault != "level":
        return fault
    return f"implausible level {level:.{0 if level >= 10.0 else 3}f} µV"


def _on_rail(m: Measures, settings: QualitySettings) -> Flags:
    """Return which channels are saturated in any sample or stuck near a known level."""
    on_rail: Flags = m.extreme >= 0.999 * settings.full_scale
    rails = np.array(settings.rails).reshape(-1, 1)
    near = np.any(np.abs(m.middle - rails) + m.spread / 2 <= settings.rail_within, axis=0)
    if near.any():
        on_rail |= near & (m.spread < settings.rail_share * np.sort(m.spread)[len(m.spread) // 3])
    return on_rail


def _copies(
    m: Measures, names: Sequence[str], known: Flags, settings: QualitySettings
) -> list[str]:
    """Return for each channel whose copy it is, empty where it is its own.

    The nearest copy is named. All members of a group are bad: which one is the origin cannot be
    told, and a floating group has none. Two that are `known` as copies remain so up to wider
    bounds.
    """
    # What is unexplained is the root of 1 − r², so the bound on r widens by the square.
    held = 1 - (1 - settings.copy_correlation) * settings.copy_hold**2
    power = np.einsum("it,it->i", m.centred, m.centred)
    one, other = _candidates(m.centred, power, min(held, settings.copy_correlation))
    if not len(one):
        return [""] * len(names)
    cross = np.abs(np.einsum("pt,pt->p", m.centred[one], m.centred[other]))
    r = cross / np.sqrt(power[one] * power[other])
    # What the stronger one leaves unexplained of the weaker one: a copy may be a weak one.
    weaker = np.minimum(power[one], power[other]) / m.centred.shape[1]
    residual = np.sqrt(weaker * np.maximum(0.0, 1 - r**2))
    both = known[one] & known[other]
    copy = (r >= np.where(both, held, settings.copy_correlation)) & (
        residual <= settings.copy_residual * np.where(both, settings.copy_hold, 1.0)
    )
    nearest = np.full((len(names), len(names)), -1.0)
    nearest[one[copy], other[copy]] = nearest[other[copy], one[copy]] = r[copy]
    copies = [""] * len(names)
    for i in np.flatnonzero(nearest.max(axis=1) >= 0):
        copies[i] = COPY + names[int(nearest[i].argmax())]
    return copies


def _candidates(
    centred: Floats, power: Floats, least: float
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Return the pairs of rows that correlate by about `least` or more.

    The product of matrices takes a sixth of the time of sums that round alike on every machine, so
    it only says which pairs those sums are worth while for; hence the margin.
    """
    scale = np.sqrt(power)
    near = np.abs(centred @ centred.T) >= (least - 1e-6) * scale[:, None] * scale
    near &= (power > 0)[:, None] & (power > 0)
    one, other = np.nonzero(np.triu(near, 1))
    return one, other
