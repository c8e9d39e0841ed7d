"""The page shows what is in the bank, keeps to the words, and needs nothing from outside."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rym import bank
from rym.errors import FormatError
from session.bank.approvals import Judgement, ask_again, judge
from session.bank.cards import Shown
from session.bank.figures import peaks
from session.bank.page import render
from session.bank.previews import Previews
from session.bank.show import show
from tests.session.test_words import complaint

FIRST = "audio/s0-v0-negative.flac"


def still(folder: Path) -> str:
    """Return the page without a server."""
    out = folder.parent / "page.html"
    show(folder, out=out)
    return out.read_text(encoding="utf-8")


def words(page: str) -> str:
    """Return what a page says, without its marks."""
    body = re.sub(r"<(script|style).*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def test_everything_is_on_the_page(folder: Path) -> None:
    """Each clip and scene with its measures, in the words of the screens."""
    page = still(folder)
    now = bank.read(folder)
    assert re.findall(r'data-name="([^"]+)"', page) == list(now.judged)
    said = words(page)
    for fact in (
        "bank of p07 · 1 section in 2 variants and 3 affects · 1 scene",
        "Section 1, variant 2", "Endings", "Scene 1", "Seen with section 1.",
        "−20.00 LUFS, the bank's target is −20", "true peak −12.00 dBTP", "D minor", "D major",
        "120 bpm, 1 bar of 4", "1200 Hz (spectral centroid)", "−0.20, minor below 0",
        "seam of the loop −90 dB", "seam of the loop –", "onsets' own beat off by 0.4 %",
        "5 of 64 × 36", "hue 210° to 210°", "saturation 0.20 to 0.50", "0.50 to 0.80",
        "flashes 0 in a second at most", "made by test, none", "operator: 0 of 10 approved",
    ):  # fmt: skip
        assert fact in said, fact
    for affect in ("unpleasant", "neither", "pleasant"):
        assert len(re.findall(rf"\b{affect} D ", said)) == 3
    named = re.findall(r"\S*(?:negative|positive)\S*", said)
    assert all(name.endswith(".flac") for name in named)


def test_the_page_keeps_to_the_words(folder: Path) -> None:
    """With a server and without; also what its scripts say."""
    from session.bank.server import Audition  # noqa: PLC0415

    with Audition(folder) as server:
        live = server.page("n")
    for page in (live, still(folder)):
        assert not complaint(words(page))
    here = Path(bank.__file__).parents[1] / "session" / "bank"
    for script in ("audition.js", "stage.js"):
        assert not complaint((here / script).read_text(encoding="utf-8"))


def test_the_page_needs_nothing_from_outside(folder: Path) -> None:
    """No address but its own small pictures; no script, no sound, no button without a server."""
    page = still(folder)
    addresses = re.findall(r'(?:src|href|url\()\s*=?\s*"?([^"\s>]+)', page)
    assert addresses
    assert {address.partition(",")[0] for address in addresses} == {"data:image/webp;base64"}
    assert not re.search(r"<(script|audio|button|link)\b|@import", page)


def test_what_was_said_is_shown(folder: Path) -> None:
    """Approved by one, rejected by the other, to be made again."""
    sha = bank.read(folder).judged[FIRST]
    judge(folder, [Judgement(name=FIRST, sha256=sha, approved=True)], "operator")
    judge(folder, [Judgement(name=FIRST, sha256=sha, approved=False)], "person")
    ask_again(folder, FIRST)
    card = still(folder).partition(f'data-name="{FIRST}"')[2].partition("</article>")[0]
    assert words("<p " + card).endswith("operator: approved person: rejected to be made again")


def test_a_damaged_clip_says_so_in_its_place(
    folder: Path, remake: Callable[[Path, str], None]
) -> None:
    """By its hash or by what it holds; the others are shown."""
    (folder / FIRST).write_bytes(b"nothing")
    other = "audio/s0-v1-neutral.flac"
    (folder / other).write_bytes(b"nothing either")
    now = bank.read(folder)
    clips = tuple(
        msgspec.structs.replace(clip, sha256=bank.sha256(folder / other))
        if clip.file == other else clip for clip in now.clips
    )  # fmt: skip
    bank.save(msgspec.structs.replace(now, clips=clips), folder)
    (folder / "images" / "scene-0-f01.webp").unlink()
    said = words(still(folder))
    assert "3 of 10 cannot be used; each says why." in said
    assert f"{FIRST} has SHA-256" in said
    assert f"{other} cannot be read" in said
    assert "scene-0-f01.webp is missing. It cannot be approved." in said
    assert said.count("It cannot be approved.") == 3


def test_names_from_elsewhere_are_no_markup(folder: Path) -> None:
    """A model's name or a mode cannot bring a script along."""
    now = bank.read(folder)
    evil = '</script><script>alert("x")</script>'
    maker = msgspec.structs.replace(now.clips[0].maker, model=evil)
    clips = tuple(msgspec.structs.replace(clip, mode=evil, maker=maker) for clip in now.clips)
    bank.save(msgspec.structs.replace(now, subject=evil, clips=clips), folder)
    page = still(folder)
    assert "<script" not in page
    assert evil in words(page)


def test_a_bank_without_pictures_and_endings_has_a_page(folder: Path) -> None:
    """What is not there is not shown."""
    now = bank.read(folder)
    loops = tuple(msgspec.structs.replace(clip) for clip in now.loops)
    bank.save(msgspec.structs.replace(now, clips=loops, scenes=()), folder)
    said = words(still(folder))
    assert "no pictures" in said
    assert "Endings" not in said
    assert "saturation of the pictures" not in said


def test_without_a_manifest_there_is_one_sentence(tmp_path: Path) -> None:
    """Nothing is served, nothing written."""
    with pytest.raises(FormatError, match=r"no bank\.json in"):
        show(tmp_path, out=tmp_path / "page.html")
    assert list(tmp_path.iterdir()) == []


@given(st.integers(1, 900), st.integers(1, 40), st.integers(1, 2), st.integers(0, 2**32 - 1))
def test_an_outline_holds_every_peak(n: int, columns: int, channels: int, seed: int) -> None:
    """Lowest and highest of each stretch, over all channels, in order, none left out."""
    sound = np.random.default_rng(seed).normal(size=(n, channels)).astype(np.float32)
    found = peaks(sound, columns)
    assert found.shape == (min(n, columns), 2)
    pieces = np.array_split(sound, len(found))
    assert found[:, 0].min() == sound.min()
    assert found[:, 1].max() == sound.max()
    assert (found[:, 0] <= found[:, 1]).all()
    if n % len(found) == 0:
        assert found.tolist() == [[float(x.min()), float(x.max())] for x in pieces]


def test_previews_are_made_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second page decodes nothing; a file that was written to is looked at again."""
    previews = Previews(folder)
    now = bank.read(folder)
    assert previews.damages(now) == {}
    monkeypatch.setattr("session.bank.previews.flac.read", None)
    monkeypatch.setattr("session.bank.previews.decode", None)
    assert previews.damages(now) == {}
    (folder / FIRST).write_bytes(b"")
    assert list(previews.damages(now)) == [FIRST]


@pytest.mark.parametrize("live", [False, True])
def test_nothing_of_a_manifest_becomes_markup(folder: Path, live: bool) -> None:
    """Whatever its strings hold, on the page with a server and on the one without."""
    evil = "\"'><img src=x onerror=alert(1)>"
    now = bank.read(folder)
    maker = bank.Maker(backend=evil, model=evil, revision=evil, licence=evil)
    clips = tuple(
        msgspec.structs.replace(x, sha256=evil + x.sha256, file=evil + x.file, key=evil, mode=evil,
                                maker=maker)
        for x in now.clips
    )  # fmt: skip
    scenes = tuple(msgspec.structs.replace(x, name=evil + x.name, maker=maker) for x in now.scenes)
    hostile = msgspec.structs.replace(now, subject=evil, clips=clips, scenes=scenes)
    damage = {clips[0].file: evil}
    shown = Shown(hostile, live=live, damage=damage, wished=frozenset())
    page = render(hostile, Sounds(folder), shown, "nonce")
    assert evil not in page
    assert "<img src=x" not in page


class Sounds(Previews):
    """Previews of files that lie under no such name."""

    def outline(self, file: str, sha256: str) -> np.ndarray:
        """Return one stroke."""
        return np.zeros((2, 2))

    def picture(self, file: str, sha256: str, width: int) -> str:
        """Return no picture."""
        return "data:,"
