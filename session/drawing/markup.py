"""The few pieces of HTML that pages are made of, and how their numbers are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

NONE = "–"
"""Written where there is no value."""
FOOT = "For research and wellness; no diagnosis, no treatment."


def document(title: str, css: str, body: str, style: str = "") -> str:
    """Return a whole page that needs nothing from outside.

    Parameters
    ----------
    title : str
        What the window is called.
    css : str
        All of its style.
    body : str
        HTML between the page's edges; the footer comes after it.
    style : str
        Class of the whole, where it has one.
    """
    opening = f'<body class="{style}">' if style else "<body>"
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{css}</style></head>"
        f"{opening}<main>{body}<footer>{escape(FOOT)}</footer></main></body></html>\n"
    )


def section(title: str, inside: str) -> str:
    """Return a section; `inside` is HTML."""
    return f"<section><h2>{escape(title)}</h2>{inside}</section>"


def rows_of(head: Sequence[str], rows: Iterable[Sequence[str]], empty: str = "") -> str:
    """Return a table, or the sentence `empty` where there is no row."""
    body = "".join(f"<tr>{_cells(row)}</tr>" for row in rows)
    if not body:
        return paragraph(empty)
    top = "".join(f"<th>{escape(h)}</th>" for h in head)
    return (
        f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
    )


def _cells(row: Sequence[str]) -> str:
    return "".join(f"<td>{escape(cell)}</td>" for cell in row)


def paragraph(words: str) -> str:
    """Return a paragraph; nothing for no words."""
    return f"<p>{escape(words)}</p>" if words else ""


def caption(words: str) -> str:
    """Return the small words below a figure or a table."""
    return f'<p class="caption">{escape(words)}</p>'


def bullets(lines: Iterable[str]) -> str:
    """Return a list of sentences."""
    return "<ul>" + "".join(f"<li>{escape(line)}</li>" for line in lines) + "</ul>"


def legend(chips: Iterable[tuple[str, str]]) -> str:
    """Return the key of a figure's colours from pairs of (CSS background, word)."""
    inside = "".join(
        f'<span class="chip"><i style="background:{colour}"></i>{escape(word)}</span>'
        for colour, word in chips
    )
    return f'<p class="legend">{inside}</p>'


def details(summary: str, inside: str) -> str:
    """Return what is folded away behind its name; `inside` is HTML."""
    return f"<details><summary>{escape(summary)}</summary>{inside}</details>"


def figure(drawing: str) -> str:
    """Return a drawing in its frame."""
    return f"<figure>{drawing}</figure>"


def headline(value: str, words: str = "") -> str:
    """Return a figure in large type with small words below it."""
    return f'<p class="figure">{escape(value)}<small>{escape(words)}</small></p>'


def share(value: float | None) -> str:
    """Return a share (0…1) with two digits."""
    return NONE if value is None else f"{value:.2f}"


def percent(value: float, places: int = 0) -> str:
    """Return a share (0…1) in percent."""
    return f"{value * 100:.{places}f} %"


def milliseconds(seconds: float | None) -> str:
    """Return seconds as milliseconds with no more digits than can be read."""
    if seconds is None:
        return NONE
    value = seconds * 1e3
    return f"{value:.1f}" if abs(value) < 10 else f"{value:,.0f}".replace(",", "\u202f")
