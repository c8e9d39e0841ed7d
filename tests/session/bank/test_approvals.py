"""What is said of a bank is kept, whoever says it at once, and counts for what was heard only."""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import msgspec
import pytest

from generator.making.rows import REMAKES
from rym import bank
from rym.bank import ROLES, Role
from rym.errors import FormatError, UsageError
from session.bank.approvals import Judgement, approve, ask_again, judge, wished, withdraw
from session.folder import hash_bank

FIRST = "audio/s0-v0-negative.flac"


def test_everything_can_be_approved_without_a_page(folder: Path) -> None:
    """Ten clips and scenes, one role at a time; what is heard stays the same bank."""
    before = hash_bank(folder)
    now = approve(folder, "all", "operator")
    assert [now.verdict(name, "operator") for name in now.judged] == [True] * 10
    assert [now.verdict(name, "person") for name in now.judged] == [None] * 10
    assert bank.load(folder) == now
    assert hash_bank(folder) == before


def test_named_ones_are_approved_and_unknown_ones_refuse_all(folder: Path) -> None:
    """A typing error approves nothing."""
    with pytest.raises(UsageError, match=r"no clip or scene 'audio/x\.flac'"):
        approve(folder, [FIRST, "audio/x.flac"], "person")
    assert bank.read(folder).approvals == ()
    now = approve(folder, [FIRST, "scene-0"], "person")
    assert {x.name for x in now.approvals} == {FIRST, "scene-0"}


def test_an_altered_file_is_not_approved(folder: Path) -> None:
    """What lies there is not what would be approved."""
    path = folder / FIRST
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    with pytest.raises(FormatError, match="SHA-256"):
        approve(folder, "all", "operator")


def test_the_newest_word_counts(folder: Path) -> None:
    """Approved, then rejected: rejected, and one row a role."""
    sha = bank.read(folder).judged[FIRST]
    for said in (True, False):
        now, refused = judge(folder, [Judgement(name=FIRST, sha256=sha, approved=said)], "person")
        assert refused == []
    assert now.verdict(FIRST, "person") is False
    assert len(now.approvals) == 1


def test_what_was_made_again_is_not_approved_any_more(
    approved: Path, remake: Callable[[Path, str], None]
) -> None:
    """The words of the other clips stay; an old hash is refused with both."""
    old = bank.read(approved).judged[FIRST]
    remake(approved, FIRST)
    now = bank.read(approved)
    for by in ROLES:
        assert [name for name in now.judged if now.verdict(name, by) is None] == [FIRST]
    now, refused = judge(approved, [Judgement(name=FIRST, sha256=old, approved=True)], "person")
    assert now.verdict(FIRST, "person") is None
    assert len(refused) == 1
    assert old[:8] in refused[0]
    assert now.judged[FIRST][:8] in refused[0]


def test_a_build_that_writes_the_manifest_keeps_what_was_said(approved: Path) -> None:
    """Also of what comes back only later: first the plain clips, then the others."""
    whole = bank.read(approved)
    fewer = tuple(
        msgspec.structs.replace(clip, file=clip.file + "x") if clip.file == FIRST else clip
        for clip in whole.clips
    )
    bank.save(msgspec.structs.replace(whole, clips=fewer, approvals=()), approved)
    assert bank.read(approved).verdict(FIRST + "x", "person") is None
    bank.save(msgspec.structs.replace(whole, approvals=()), approved)
    assert bank.read(approved) == whole


def _say(folder: Path, name: str, by: Role) -> None:
    sha = bank.read(folder).judged[name]
    for said in (False, True):
        judge(folder, [Judgement(name=name, sha256=sha, approved=said)], by)


def test_of_several_who_write_at_once_nobody_is_lost(folder: Path) -> None:
    """Three processes, ten things, two roles."""
    names = list(bank.read(folder).judged)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(3, mp_context=spawn) as pool:
        asked = [pool.submit(_say, folder, name, by) for name in names for by in ROLES]
        for one in asked:
            one.result()
    now = bank.load(folder)
    assert {(x.name, x.by): x.approved for x in now.approvals} == {
        (name, by): True for name in names for by in ROLES
    }
    assert not list(folder.glob("*.part"))


def test_what_is_to_be_made_again_is_a_list_for_the_builder(
    folder: Path, remake: Callable[[Path, str], None]
) -> None:
    """Asked twice it is one take; taken back it is none; once made, the next is asked for."""
    assert ask_again(folder, FIRST) == ask_again(folder, FIRST) == 1
    assert ask_again(folder, "scene-0") == 1
    assert json.loads((folder / REMAKES).read_text()) == {FIRST: 1, "scene-0": 1}
    assert wished(folder, bank.read(folder)) == {FIRST, "scene-0"}
    withdraw(folder, "scene-0")
    assert wished(folder, bank.read(folder)) == {FIRST}
    remake(folder, FIRST)
    assert wished(folder, bank.read(folder)) == set()
    assert ask_again(folder, FIRST) == 2
    with pytest.raises(UsageError, match="no clip or scene 'scene-9'"):
        ask_again(folder, "scene-9")
