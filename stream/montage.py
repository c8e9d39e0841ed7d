"""Channel names: one spelling for each electrode, and what kind of channel a name means.

Channels are matched by name everywhere, never by index, so every source cleans its names here once.
Electrodes follow the 10-20 and 10-10 systems; the old names T3, T4, T5 and T6 of the 10-20 system
mean T7, T8, P7 and P8 of the 10-10 system (American Clinical Neurophysiology Society, Guideline 2).
"""

from __future__ import annotations

import re
from typing import Literal

Kind = Literal[
    "scalp", "reference", "eog", "ecg", "emg", "external", "accelerometer", "trigger", "other"
]

ENOBIO20: tuple[str, ...] = (
    *("P7", "P4", "Cz", "Pz", "P3", "P8", "O1", "O2", "T8", "F8"),
    *("C4", "F4", "Fp2", "Fz", "C3", "F3", "Fp1", "T7", "F7", "EXT"),
)
"""The Enobio 20's channels in the order in which NIC sends and writes them."""

_OLD = {"T3": "T7", "T4": "T8", "T5": "P7", "T6": "P8"}

_ROWS: dict[str, str] = {
    "N": "z",
    "Fp": "z 1 2",
    "AF": "z 1 2 3 4 5 6 7 8 9 10",
    "F": "z 1 2 3 4 5 6 7 8 9 10",
    "FT": "7 8 9 10",
    "FC": "z 1 2 3 4 5 6",
    "T": "7 8 9 10",
    "C": "z 1 2 3 4 5 6",
    "TP": "7 8 9 10",
    "CP": "z 1 2 3 4 5 6",
    "P": "z 1 2 3 4 5 6 7 8 9 10",
    "PO": "z 1 2 3 4 5 6 7 8 9 10",
    "O": "z 1 2 9 10",
    "I": "z 1 2",
}

SCALP: frozenset[str] = frozenset(
    row + column for row, columns in _ROWS.items() for column in columns.split()
)
"""Every electrode of the 10-10 system that lies on the scalp, in its one spelling."""

_SPELLING = {name.upper(): name for name in (*SCALP, "A1", "A2", "M1", "M2", "EXT")}

_PREFIX = re.compile(r"^(EEG|POL)[\s_:-]+", re.IGNORECASE)

_KINDS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("reference", re.compile(r"([AM][12]|CMS|DRL|REF|GND)(-([AM][12]|REF|LE|PZ))?$")),
    ("eog", re.compile(r"([HV]?EOG|EYE)")),
    ("ecg", re.compile(r"(ECG|EKG)")),
    ("emg", re.compile(r"EMG")),
    ("external", re.compile(r"(EXT|AUX|RIGHT AUX|LEFT AUX)")),
    ("accelerometer", re.compile(r"(ACC|GYR|[XYZ]$)")),
    ("trigger", re.compile(r"(TRIG|TRG|STI|STATUS|MARKER|EVENT|TRIGGER|ANNOTATION)")),
)


def clean(name: str) -> str:
    """Return the one spelling of a channel's name.

    A prefix such as ``EEG `` goes; a reference behind a hyphen (``F3-Pz``, ``Cz-REF``) goes where
    the rest is a scalp electrode; case is put right; T3…T6 become T7, T8, P7 and P8. A name that is
    no electrode comes back without surrounding blanks and without its prefix.

    Parameters
    ----------
    name : str
        What the device or the file calls the channel.

    Returns
    -------
    str
        The cleaned name.
    """
    short = _PREFIX.sub("", name.strip()).strip().rstrip(".")
    for candidate in (short, short.partition("-")[0].strip()):
        upper = candidate.upper()
        spelled = _SPELLING.get(_OLD.get(upper, upper).upper())
        if spelled is not None and (candidate == short or spelled in SCALP):
            return spelled
    return short


def is_scalp(name: str) -> bool:
    """Say whether a name, cleaned or not, is an electrode on the scalp."""
    return clean(name) in SCALP


def kind(name: str) -> Kind:
    """Return what a channel of this name measures.

    Parameters
    ----------
    name : str
        The channel's name, cleaned or not.

    Returns
    -------
    str
        ``scalp`` for EEG; everything else is auxiliary and never decoded. ``other`` is a name that
        says nothing, such as ``Ch1`` of an Enobio 8, whose electrodes the operator has to name.
    """
    short = clean(name)
    if short in SCALP:
        return "scalp"
    upper = short.upper()
    return next((found for found, pattern in _KINDS if pattern.match(upper)), "other")
