"""What of a bank's pictures may be seen, and what takes the place of what may not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import numpy as np
import pytest
from PIL import Image

from player.pictures.files import load
from player.pictures.gallery import FASTEST, PLAIN
from rym import bank
from rym.errors import FormatError
from tests.player.pictures.conftest import HEIGHT, WIDTH, ramp

BLUE, GREEN = ramp((20, 30, 60), (120, 140, 200)), ramp((20, 50, 30), (130, 190, 140))
FLASHING = [(10, 10, 10), (240, 240, 240)] * 5
RED = [(230, 0, 0), (0, 133, 0)] * 5
"""A saturated red and a green of the same luminance."""

Hung = Callable[..., Path]


def change(folder: Path, scene: int, **fields: object) -> None:
    """Write one scene's row anew."""
    now = bank.read(folder)
    scenes = list(now.scenes)
    scenes[scene] = msgspec.structs.replace(scenes[scene], **fields)
    bank.save(msgspec.structs.replace(now, scenes=tuple(scenes)), folder)


def replace_picture(folder: Path, data: bytes) -> None:
    """Put other bytes in place of the second scene's first picture, and its hash in its row."""
    frame = bank.read(folder).scenes[1].frames[0]
    (folder / frame.file).write_bytes(data)
    frames = bank.read(folder).scenes[1].frames
    first = msgspec.structs.replace(frame, sha256=bank.sha256(folder / frame.file))
    change(folder, 1, frames=(first, *frames[1:]))


def test_good_strips_are_seen_in_their_place(hung: Hung) -> None:
    """Every scene has its own strip, and the bytes that were checked."""
    hall = load(hung(blue=BLUE, green=GREEN))
    assert hall.gallery.places == (0, 1)
    assert hall.gallery.told == ""
    assert hall.gallery.size == (WIDTH, HEIGHT)
    assert len(hall.files) == 18
    assert all(len(strip.steep) == 8 for strip in hall.gallery.strips)


@pytest.mark.fault(53)
@pytest.mark.parametrize("colours", [FLASHING, RED], ids=["light", "red"])
def test_a_strip_that_flashes_is_not_seen(hung: Hung, colours: list) -> None:
    """Its place is taken by the next good scene, its pictures are given to nobody."""
    folder = hung(blue=BLUE, bad=colours, green=GREEN)
    hall = load(folder)
    assert hall.gallery.places == (0, 1, 1)
    assert [strip.name for strip in hall.gallery.strips] == ["blue", "green"]
    assert "bad flashes" in hall.gallery.told
    assert "at most 3" in hall.gallery.told
    assert not {frame.sha256 for frame in bank.read(folder).scenes[1].frames} & hall.files.keys()


def _missing(folder: Path) -> None:
    (folder / bank.read(folder).scenes[1].frames[3].file).unlink()


def _altered(folder: Path) -> None:
    frame = folder / bank.read(folder).scenes[1].frames[3].file
    frame.write_bytes(frame.read_bytes() + b"\0")


def _truncated(folder: Path) -> None:
    data = (folder / bank.read(folder).scenes[1].frames[0].file).read_bytes()
    replace_picture(folder, data[: len(data) // 2])


def _no_picture(folder: Path) -> None:
    replace_picture(folder, b"RIFF\0\0\0\0WEBPVP8 ")


def _other_size(folder: Path) -> None:
    Image.fromarray(np.zeros((72, 64, 3), np.uint8)).save(folder / "small.webp", lossless=True)
    replace_picture(folder, (folder / "small.webp").read_bytes())


def _not_rising(folder: Path) -> None:
    frames = bank.read(folder).scenes[1].frames
    change(folder, 1, frames=frames[::-1])


def _empty(folder: Path) -> None:
    change(folder, 1, frames=())


@pytest.mark.fault(53)
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_missing, "is missing"),
        (_altered, "the manifest says"),
        (_truncated, "cannot be read"),
        (_no_picture, "cannot be read"),
        (_other_size, "64 × 72"),
        (_not_rising, "must rise"),
        (_empty, "has 0 pictures"),
    ],
)
def test_a_spoilt_strip_is_not_seen(hung: Hung, spoil: Callable, said: str) -> None:
    """One bad picture costs its whole scene, with the reason, and no other scene."""
    folder = hung(blue=BLUE, bad=GREEN)
    spoil(folder)
    gallery = load(folder).gallery
    assert gallery.places == (0, 0)
    assert said in gallery.refused["bad"]
    assert "another scene is seen" in gallery.told


def test_without_a_good_strip_the_page_is_plain(hung: Hung) -> None:
    """Where nothing may be seen, and where there is nothing."""
    gallery = load(hung(bad=FLASHING)).gallery
    assert gallery.places == (PLAIN,)
    assert "a plain picture is seen" in gallery.told
    assert load(hung()).gallery.told == "The bank has no pictures: the page stays plain."


def test_another_bank_than_was_approved_is_refused(hung: Hung) -> None:
    """The page shows what the player plays: the same hash is asked of both."""
    folder = hung(blue=BLUE)
    load(folder, bank.read(folder).content_sha256)
    with pytest.raises(FormatError, match="was approved for this session"):
        load(folder, "ab" * 32)


def test_the_page_knows_how_fast_each_strip_may_go(hung: Hung) -> None:
    """Three flashes a second need six changes; a steep strip takes so much longer."""
    folder = hung(calm=ramp((90, 90, 90), (110, 110, 110)), steep=ramp((0, 0, 0), (255, 255, 255)))
    facts = load(folder).gallery.facts("")
    calm, steep = (max(row) for row in facts["steep"])
    assert 10 < steep < 24
    assert calm < 1
    assert facts["fastest"] == FASTEST < 6
    assert facts["apart"][0][1] == facts["apart"][1][0] > 5
