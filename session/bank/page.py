"""The page of the audition: what will be heard and seen, and what is said of it; pure."""

from __future__ import annotations

from html import escape
from itertools import product
from pathlib import Path
from typing import Any

import msgspec

from rym.bank import ROLES, Bank, Clip
from rym.messages import AFFECTS

from ..drawing.markup import caption, document, figure, paragraph, section
from ..drawing.style import CSS
from ..words import WORDS
from .cards import Shown, clip_card, counted, scene_card
from .figures import differences, outline
from .previews import SHOWN, THUMB, Previews

HERE = Path(__file__).parent
STYLE = (HERE / "audition.css").read_text(encoding="utf-8")
SCRIPT = (HERE / "audition.js").read_text(encoding="utf-8")
STAGE = (HERE / "stage.js").read_text(encoding="utf-8")

NOTICE = (
    "Listen to each piece of music and look at each scene before a session. Nothing is played to a "
    "participant that operator and person have not both approved."
)
STEP = (
    "The three run in step: switch while the music plays, as a session would. The small players "
    "below are for one at a time; a browser may pause for a moment where their loop begins again."
)
HEARD = "Heard is what was played for 8 seconds or to its end; seen is a scene led to both ends."


def render(now: Bank, previews: Previews, shown: Shown, nonce: str = "") -> str:
    """Return the whole page.

    Parameters
    ----------
    now : Bank
        The manifest.
    previews : Previews
        Outlines and small pictures.
    shown : Shown
        What else the cards say, and whether a server stands behind the page.
    nonce : str
        What lets the page's own scripts run under its policy; for a page with a server.
    """
    body = _head(now, shown) + (_bar() if shown.live else "")
    for number, variant in product(range(now.n_sections), range(now.n_variants)):
        body += _music(now, number, variant, previews, shown)
    body += _endings(now, previews, shown)
    for number in range(len(now.scenes)):
        body += _scene(now, number, previews, shown)
    body += section("What differs", figure(differences(now)) + caption(_makers(now)))
    if shown.live:
        data = msgspec.json.encode(_facts(now)).decode().replace("<", "\\u003c")
        body += f'<script type="application/json" id="bank">{data}</script>'
        body += f'<script nonce="{nonce}">{SCRIPT}\n{STAGE}</script>'
    return document(f"RYM audition {now.subject}".strip(), CSS + STYLE, body, "audition")


def _head(now: Bank, shown: Shown) -> str:
    n = len(now.judged)
    size = (counted(now.n_sections, "section"), counted(now.n_variants, "variant"))
    facts = [
        f"bank of {now.subject}" if now.subject else "bank of nobody that it names",
        f"{size[0]} in {size[1]} and {counted(len(now.affects), 'affect')}",
        counted(len(now.scenes), "scene") if now.scenes else "no pictures",
    ]
    counts = "".join(
        f'<span data-count="{by}">{by}: '
        f"{sum(now.verdict(name, by) is True for name in now.judged)} of {n} approved</span>"
        for by in ROLES
    )
    broken = len(shown.damage)
    note = paragraph(f"{broken} of {n} cannot be used; each says why.") if broken else ""
    return (
        '<header><p class="kind">RYM · audition</p><h1>What will be heard and seen</h1>'
        f'<p class="facts">{escape(" · ".join(facts))}</p><p class="notice">{escape(NOTICE)}</p>'
        f'<p class="counts">{counts}</p></header>{note}'
    )


def _bar() -> str:
    roles = "".join(
        f'<label><input type="radio" name="role" value="{by}"><span>{by}</span></label>'
        for by in ROLES
    )
    return (
        '<div class="bar"><fieldset class="choice" id="role"><legend>Who decides?</legend>'
        f'{roles}</fieldset><button type="button" id="all" disabled>Approve all that I have heard'
        '</button><label class="volume">Volume <input type="range" id="volume" min="0" max="1" '
        'step="0.01" value="0.5"></label><button type="button" id="quiet">Stop the sound</button>'
        f'<p id="news" role="status" aria-live="polite">{escape(HEARD)}</p></div>'
    )


def _music(now: Bank, number: int, variant: int, previews: Previews, shown: Shown) -> str:
    """Return one section in one variant: its affects in step, and one by one."""
    place = f"{number}-{variant}"
    affects = [affect for affect in AFFECTS if affect in now.affects]
    clips = [now.clip(number, variant, affect) for affect in affects]
    mixer = ""
    if shown.live and not any(clip.file in shown.damage for clip in clips):
        choice = "".join(
            f'<label class="{a}"><input type="radio" name="mix-{place}" value="{a}"'
            f"{' checked' if a == 'neutral' else ''}><span>{escape(WORDS[a])}</span></label>"
            for a in affects
        )
        mixer = (
            f'<div class="mixer"><button type="button" class="play" aria-pressed="false">Play in '
            f'step</button><fieldset class="choice"><legend>hear</legend>{choice}</fieldset>'
            '<output class="where"></output></div>'
        )
    cards = "".join(clip_card(clip, _outline(clip, previews, shown), shown) for clip in clips)
    words = caption(STEP) if shown.live and (number, variant) == (0, 0) else ""
    return (
        f'<section class="music" data-section="{number}" data-variant="{variant}">'
        f"<h2>Section {number + 1}, variant {variant + 1}</h2>{mixer}{words}"
        f'<div class="items">{cards}</div></section>'
    )


def _endings(now: Bank, previews: Previews, shown: Shown) -> str:
    rows = []
    for number in range(now.n_sections):
        clips = [x for x in now.clips if (x.kind, x.section) == ("ending", number)]
        clips.sort(key=lambda clip: AFFECTS.index(clip.affect))
        if clips:
            cards = (clip_card(x, _outline(x, previews, shown), shown) for x in clips)
            rows.append(f'<h3>Section {number + 1}</h3><div class="items">{"".join(cards)}</div>')
    if not rows:
        return ""
    words = caption("Played once, when the music comes to its end.")
    return section("Endings", words + "".join(rows))


def _outline(clip: Clip, previews: Previews, shown: Shown) -> str:
    if clip.file in shown.damage:
        return ""
    found = previews.outline(clip.file, clip.sha256)
    return outline(found, clip.affect, f"Outline of the {clip.kind}, {WORDS[clip.affect]}")


def _scene(now: Bank, number: int, previews: Previews, shown: Shown) -> str:
    scene = now.scenes[number]
    sections = [str(s + 1) for s in range(now.n_sections) if s % len(now.scenes) == number]
    plural = "s" if len(sections) > 1 else ""
    with_ = caption(f"Seen with section{plural} {', '.join(sections)}." if sections else "")
    whole = scene.name not in shown.damage
    thumbs = [previews.picture(f.file, f.sha256, THUMB) for f in scene.frames] if whole else []
    stage = ""
    if shown.live and len(scene.frames) > 1:
        stage = (
            f'<canvas width="{scene.width}" height="{scene.height}" role="img" '
            f'aria-label="Scene {number + 1}"></canvas>'
            '<input type="range" class="lead" min="-1" max="1" step="0.01" value="0" '
            f'aria-label="Scene {number + 1}, from unpleasant to pleasant">'
        )
    elif whole:
        three = (scene.frames[0], scene.frames[len(scene.frames) // 2], scene.frames[-1])
        stage = "".join(
            f'<img class="still" src="{previews.picture(f.file, f.sha256, SHOWN)}" '
            f'alt="{escape(word)}">'
            for f, word in zip(three, (WORDS[a] for a in AFFECTS), strict=True)
        )
        stage = f'<div class="stills">{stage}</div>'
    card = scene_card(scene, thumbs, stage, shown)
    return f'<section class="scene"><h2>Scene {number + 1}</h2>{with_}{card}</section>'


def _makers(now: Bank) -> str:
    """Return by what the bank was made, one sentence."""
    makers = [clip.maker for clip in now.clips] + [scene.maker for scene in now.scenes]
    names = dict.fromkeys(
        " ".join(filter(None, (m.backend, m.model, f"({m.licence})" if m.licence else "")))
        for m in makers
    )
    return (
        "A mark is a clip, a line a scene; the short strokes are means. "
        f"Made by {', '.join(names)}. Figures tell that versions differ, not that they are felt."
    )


def _facts(now: Bank) -> dict[str, Any]:
    """Return what the page's script needs to know."""
    affects = list(now.affects)
    rho = {
        f"{row.section}-{row.variant}": row.rho for row in now.correlations if row.kind == "loop"
    }
    return {
        "content": now.content_sha256,
        "rate": now.rate,
        "affects": affects,
        "rho": rho,
        "scenes": {
            scene.name: [[f.sha256, f.valence, f.luminance] for f in scene.frames]
            for scene in now.scenes
        },
    }
