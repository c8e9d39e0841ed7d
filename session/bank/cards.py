"""One clip, or one scene, on the page of the audition; pure."""

from __future__ import annotations

from html import escape
from typing import NamedTuple

from rym.bank import ROLES, Bank, Clip, Maker, Role, Scene

from ..drawing.markup import NONE
from ..drawing.svg import clock
from ..words import WORDS

SAID = {True: "approved", False: "rejected", None: "not yet"}
AGAIN = "to be made again"


class Shown(NamedTuple):
    """What a card needs to know beside the clip or scene itself."""

    bank: Bank
    live: bool
    """Whether a server stands behind the page."""
    damage: dict[str, str]
    """What is wrong, by name; sound ones are not in it."""
    wished: frozenset[str]
    """Names of what is to be made again."""


def clip_card(clip: Clip, outline: str, shown: Shown) -> str:
    """Return the card of a clip; `outline` is the drawing of its sound."""
    word = WORDS[clip.affect]
    lasts = clock(clip.n_samples / shown.bank.rate)
    facts = f"{_key(clip)} · {clip.bpm:g} bpm · {_signed(clip.lufs, '.1f')} LUFS · {lasts}"
    inside = f'<h3><i class="{clip.affect}"></i>{escape(word)}</h3>'
    why = shown.damage.get(clip.file, "")
    if why:
        inside += f'<p class="broken">{escape(why)} It cannot be approved.</p>'
    else:
        inside += f'<div class="wave">{outline}<b></b></div>'
        if shown.live:
            loop = " loop" if clip.kind == "loop" else ""
            inside += (
                f'<audio controls{loop} preload="none" src="file/{escape(clip.sha256)}" '
                f'aria-label="{escape(word)}"></audio>'
            )
    inside += f'<p class="facts">{escape(facts)}</p>{_details(_clip_rows(clip, shown.bank))}'
    inside += _verdicts(clip.file, shown, able=not why)
    return _card(clip.file, clip.sha256, inside, extra=f' data-affect="{clip.affect}"')


def scene_card(scene: Scene, thumbs: list[str], stage: str, shown: Shown) -> str:
    """Return the card of a scene; `stage` is where it is seen in full, HTML."""
    why = shown.damage.get(scene.name, "")
    if why:
        inside = f'<p class="broken">{escape(why)} It cannot be approved.</p>'
    else:
        inside = stage + _strip(thumbs)
    inside += _details(_scene_rows(scene)) + _verdicts(scene.name, shown, able=not why)
    return _card(scene.name, scene.sha256, inside)


def _strip(thumbs: list[str]) -> str:
    small = "".join(f'<img src="{thumb}" alt="">' for thumb in thumbs)
    return (
        f'<div class="strip" aria-hidden="true">{small}</div>'
        f'<p class="ends"><span>{escape(WORDS["negative"])}</span>'
        f"<span>{escape(WORDS['neutral'])}</span><span>{escape(WORDS['positive'])}</span></p>"
    )


def _card(name: str, sha256: str, inside: str, extra: str = "") -> str:
    return (
        f'<article class="item" data-name="{escape(name)}" data-sha="{escape(sha256)}"{extra}>'
        f"{inside}</article>"
    )


def _verdicts(name: str, shown: Shown, *, able: bool) -> str:
    """Return what both have said, and the buttons to say it."""
    rows = "".join(_said(name, by, shown) for by in ROLES)
    wish = f'<p class="wish">{escape(AGAIN) if name in shown.wished else ""}</p>'
    if not shown.live:
        return f'<div class="verdict">{rows}{wish}</div>'
    disabled = "" if able else " data-broken disabled"
    buttons = (
        f'<button type="button" data-say="yes" aria-pressed="false"{disabled}>Approve</button>'
        f'<button type="button" data-say="no" aria-pressed="false"{disabled}>Reject</button>'
        '<button type="button" data-say="again" aria-pressed="false">Make again</button>'
    )
    return (
        f'<div class="verdict">{rows}{wish}<p class="ear"></p></div>'
        f'<div class="say" role="group" aria-label="{escape(name)}">{buttons}</div>'
    )


def _said(name: str, by: Role, shown: Shown) -> str:
    said = SAID[shown.bank.verdict(name, by)]
    style = said.replace(" ", "-")
    return f'<p data-by="{by}"><span>{by}:</span> <b class="{style}">{said}</b></p>'


def _details(rows: list[tuple[str, str]]) -> str:
    body = "".join(f"<dt>{escape(name)}</dt><dd>{escape(value)}</dd>" for name, value in rows)
    return f"<details><summary>measures</summary><dl>{body}</dl></details>"


def counted(n: int, thing: str) -> str:
    """Return a number with what it counts."""
    return f"{n} {thing}" if n == 1 else f"{n} {thing}s"


def _signed(value: float, form: str) -> str:
    """Return a number with a minus sign that is as wide as a plus."""
    return format(value, form).replace("-", "−")


def _key(clip: Clip) -> str:
    return " ".join(filter(None, (clip.key, clip.mode))) or "key not known"


def _clip_rows(clip: Clip, bank: Bank) -> list[tuple[str, str]]:
    target = _signed(bank.target_lufs, "g")
    seam = NONE if clip.loop_residual_db is None else f"{_signed(clip.loop_residual_db, '.0f')} dB"
    error = NONE if clip.beat_error is None else f"off by {clip.beat_error * 100:.1f} %"
    rows = [
        ("loudness", f"{_signed(clip.lufs, '.2f')} LUFS, the bank's target is {target}"),
        ("true peak", f"{_signed(clip.true_peak_dbtp, '.2f')} dBTP"),
        ("key and mode", _key(clip)),
        ("mode score", f"{_signed(clip.mode_score, '+.2f')}, minor below 0, major above"),
        ("tempo", f"{clip.bpm:g} bpm, {counted(clip.bars, 'bar')} of {clip.beats_per_bar}"),
        ("onsets' own beat", error),
        ("brightness", f"{clip.spectral_centroid_hz:.0f} Hz (spectral centroid)"),
        ("level (RMS)", f"{_signed(clip.rms_db, '.1f')} dB"),
        ("seam of the loop", seam),
        ("slow attack", "yes" if clip.slow_attack else "no"),
        ("notes known", str(len(clip.notes)) if clip.notes else NONE),
    ]
    return [*rows, *_origin(clip.maker, clip.seed, clip.take, clip.sha256), ("file", clip.file)]


def _scene_rows(scene: Scene) -> list[tuple[str, str]]:
    first, last = scene.frames[0], scene.frames[-1]

    def span(name: str) -> str:
        return f"{getattr(first, name):.2f} to {getattr(last, name):.2f}"

    rows = [
        ("pictures", f"{len(scene.frames)} of {scene.width} × {scene.height}"),
        ("hue", f"{first.hue:.0f}° to {last.hue:.0f}°"),
        ("saturation", span("saturation")),
        ("lightness (value)", span("value")),
        ("luminance", span("luminance")),
        ("flashes", f"{scene.flashes} in a second at most; more than 3 are refused"),
    ]
    return [*rows, *_origin(scene.maker, scene.seed, scene.take, scene.sha256)]


def _origin(maker: Maker, seed: int, take: int, sha256: str) -> list[tuple[str, str]]:
    model = " ".join(filter(None, (maker.model, maker.revision)))
    return [
        ("made by", ", ".join(filter(None, (maker.backend, model, maker.licence)))),
        ("take, seed", f"{take + 1}, {seed}"),
        ("SHA-256", f"{sha256[:16]}…"),
    ]
