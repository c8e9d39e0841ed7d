"""The participant's page: its frame, its words and its two ways of saying nothing; pure."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import msgspec

from rym.messages import Safety

HERE = Path(__file__).parent
STYLE = (HERE / "page.css").read_text(encoding="utf-8")
SCRIPT = (HERE / "page.js").read_text(encoding="utf-8")

NOTICE = (
    "The pictures change slowly and were checked for flashes; before you begin, tell the person "
    "who leads the session if you have ever had a seizure, or if flickering light makes you unwell."
)
BEGIN = "Begin"
PAUSES = ("pause", "operator", "participant", "distress", "kept", "supervisor gone")
"""Reasons of `player/safety.py` after which it is silent. Of the others nothing is said here: they
come and go while the music plays, and a sentence would pull the person out of it."""


def sentence(safety: Safety) -> str:
    """Return what is said below the picture; empty while the music plays."""
    return safety.text if safety.reason in PAUSES else ""


def render(facts: dict[str, Any], nonce: str) -> str:
    """Return the whole page.

    Parameters
    ----------
    facts : dict
        `Gallery.facts`.
    nonce : str
        Without which its script does not run.
    """
    # In a script a `<` could end it, whatever stands around it.
    told = msgspec.json.encode(facts).decode().replace("<", "\\u003c")
    width, height = facts["size"]
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>RYM</title><style>{STYLE}</style></head><body>"
        f'<canvas width="{width}" height="{height}" aria-hidden="true"></canvas>'
        f'<div id="notice"><p>{escape(NOTICE)}</p>'
        f'<button type="button" id="begin">{escape(BEGIN)}</button></div>'
        '<p id="said" role="status"></p>'
        f'<p id="mark">{escape(facts["mark"])}</p>'
        f'<script nonce="{nonce}">const facts = {told};\n{SCRIPT}</script></body></html>\n'
    )
