"""A participant hears only what was approved, unchanged, and their own."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import msgspec
import pytest

from generator.making.build import Built
from generator.memory import Memory
from rym import bank
from rym.errors import FormatError, RymError, UsageError
from rym.messages import AFFECTS, Affect
from session.bank.admission import check_affects, remark
from session.bank.approvals import Judgement, approve, judge
from session.live import run
from session.live.run import check, ready_bank
from session.settings import Tables, load, tables

NAMES = "audio/s0-v0-negative.flac, audio/s0-v0-neutral.flac, audio/s0-v0-positive.flac"
FIRST = "audio/s0-v0-negative.flac"


def settings_of(root: Path, **more: Any) -> Tables:
    """Return settings of a session with the participant p07."""
    options = {"session.root": str(root), "session.subject": "p07", "session.kind": "participant"}
    given = {"session." + key: value for key, value in more.items()}
    return tables(load("run", None, list((options | given).items())))


def refusal(root: Path, **more: Any) -> str:
    """Return why a session with a participant is refused, after seeing that nothing was made."""
    before = sorted(root.rglob("*"))
    with pytest.raises(RymError) as caught:
        check(settings_of(root, **more))
    assert sorted(root.rglob("*")) == before
    assert caught.value.remedy
    return caught.value.error


def test_an_approved_bank_of_their_own_is_taken(approved: Path) -> None:
    """It is found under `people/`, or named."""
    root = approved.parents[2]
    for settings in (settings_of(root), settings_of(root, bank=str(approved))):
        assert check(settings) == []
        assert ready_bank(settings, None, quiet=True) == (approved, ())  # type: ignore[arg-type]


def test_the_player_of_a_participant_is_told_what_was_approved(approved: Path) -> None:
    """It takes no other content, whenever it is started; other sessions take what is there."""
    root = approved.parents[2]
    for kind, told in (("participant", bank.read(approved).content_sha256), ("pilot", "")):
        before = settings_of(root, kind=kind)
        after = run.settled(before, run.new_folder(before), approved, 1)
        assert after.player.bank_sha256 == told


def test_a_participant_s_session_builds_no_bank(tmp_path: Path) -> None:
    """The sentence says where it should be."""
    assert "builds no bank" in refusal(tmp_path)
    assert str(tmp_path / "people" / "p07" / "bank") in refusal(tmp_path)


@pytest.mark.parametrize(
    ("roles", "says"),
    [
        ((), f"The operator approved 0 of 10 clips and scenes; not yet: {NAMES} and 7 more."),
        (("operator",), "The person approved 0 of 10 clips"),
        (("person",), "The operator approved 0 of 10 clips"),
    ],
)
def test_an_unapproved_bank_is_refused(
    folder: Path, roles: tuple[bank.Role, ...], says: str
) -> None:
    """Both must have said yes to everything."""
    for by in roles:
        approve(folder, "all", by)
    assert says in refusal(folder.parents[2])


def test_a_single_rejection_refuses(approved: Path) -> None:
    """It is named, and by whom."""
    sha = bank.read(approved).judged["scene-0"]
    judge(approved, [Judgement(name="scene-0", sha256=sha, approved=False)], "person")
    assert "The person rejected scene-0; all 10 clips" in refusal(approved.parents[2])


def test_what_changed_since_the_approval_is_refused(
    approved: Path, remake: Callable[[Path, str], None]
) -> None:
    """Made again: both hashes."""
    old = bank.read(approved).judged[FIRST]
    remake(approved, FIRST)
    said = refusal(approved.parents[2])
    assert f"{FIRST} changed since the operator approved" in said
    assert old[:16] in said
    assert bank.read(approved).judged[FIRST][:16] in said


@pytest.mark.fault(45)
def test_a_damaged_file_refuses_a_participant_s_session(approved: Path) -> None:
    """Where others would play the rest; a picture counts as well."""
    for name in (FIRST, "images/scene-0-f02.webp"):
        path = approved / name
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        assert f"{name} has SHA-256" in refusal(approved.parents[2])
        check(settings_of(approved.parents[2], bank=str(approved), kind="pilot"))
        path.write_bytes(whole)
    assert check(settings_of(approved.parents[2])) == []


@pytest.mark.parametrize(("flashes", "refused"), [(3, False), (4, True)])
def test_a_scene_that_flashes_is_refused(approved: Path, flashes: int, refused: bool) -> None:
    """Three in a second are allowed, four are not, whoever approved them: both values."""
    now = bank.read(approved)
    scene = msgspec.structs.replace(now.scenes[0], flashes=flashes)
    bank.save(msgspec.structs.replace(now, scenes=(scene,)), approved)
    root = approved.parents[2]
    if refused:
        assert refusal(root) == "scene-0 flashes 4 times in a second, allowed are 3."
    else:
        assert check(settings_of(root)) == []


def test_a_foreign_bank_is_refused(approved: Path, tmp_path: Path) -> None:
    """Of another person, of another memory, from elsewhere: both values."""
    root = approved.parents[2]
    assert "bank is of p07, the session is of p08" in refusal(
        root, subject="p08", bank=str(approved)
    )
    memory = tmp_path / "memory.toml"
    memory.write_text('text = "Something else."\n')
    other = Memory(text="Something else.").fingerprint
    said = refusal(root, memory=str(memory))
    assert "abababababababab…" in said
    assert other[:16] in said
    elsewhere = shutil.copytree(approved, tmp_path / "elsewhere")
    said = refusal(root, bank=str(elsewhere))
    assert str(elsewhere) in said
    assert str(root / "people" / "p07") in said


def test_a_bank_is_of_the_memory_that_is_kept_with_it(approved: Path) -> None:
    """Where no memory is named, the person's own counts: both fingerprints."""
    root = approved.parents[2]
    kept = approved.parent / "memory" / "memory.toml"
    kept.parent.mkdir()
    kept.write_text('text = "Something else."\n')
    memory = Memory(text="Something else.")
    said = refusal(root)
    assert "abababababababab…" in said
    assert memory.fingerprint[:16] in said
    own = msgspec.structs.replace(bank.read(approved), memory_sha256=memory.fingerprint)
    bank.save(own, approved)
    assert check(settings_of(root)) == []


def test_what_a_build_remarks_is_noted_and_a_failed_one_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The remarks are handed on to the session; without a bank there is no session's folder."""
    memory = tmp_path / "memory.toml"
    memory.write_text('text = "A lake."\n')
    root = tmp_path / "root"
    settings = settings_of(root, kind="pilot", memory=str(memory))
    remarks = ("There is no song.", "One more.")

    def built(*_: object, **__: object) -> Built:
        return Built(cast(bank.Bank, None), remarks)

    monkeypatch.setattr("generator.making.build.build", built)
    folder = run.new_folder(settings)
    assert ready_bank(settings, folder, quiet=True) == (folder.bank, remarks)
    before = sorted(root.rglob("*"))

    def failed(*_: object, **__: object) -> Built:
        raise UsageError("No bank.", "None.")

    monkeypatch.setattr("generator.making.build.build", failed)
    with pytest.raises(UsageError):
        ready_bank(settings, run.new_folder(settings), quiet=True)
    assert sorted(root.rglob("*")) == before


def test_a_bank_that_names_nobody_is_foreign(approved: Path) -> None:
    """Nobody has said whose it is."""
    bank.save(msgspec.structs.replace(bank.read(approved), subject=""), approved)
    assert "nobody that it names, the session is of p07" in refusal(approved.parents[2])


def test_other_sessions_are_told_once(folder: Path, approved: Path) -> None:
    """One sentence with the first reason; none where there is no reason."""
    settings = settings_of(folder.parents[2], kind="pilot").session
    assert remark(settings, approved) == []
    bank.save(msgspec.structs.replace(bank.read(folder), subject=""), folder)
    (said,) = remark(settings, folder)
    assert said.startswith("A participant's session would refuse this bank. The bank is of nobody")


@pytest.mark.fault(46)
def test_a_model_that_names_what_the_bank_lacks_is_refused_with_both_sets() -> None:
    """The words are those of the screens."""
    with pytest.raises(UsageError) as caught:
        check_affects(AFFECTS, ("neutral", "positive"))
    assert (
        caught.value.error
        == "The model knows unpleasant, neither, pleasant, the bank has neither, pleasant."
    )


@pytest.mark.fault(46)
@pytest.mark.parametrize(
    ("states", "affects", "says"),
    [
        (AFFECTS, AFFECTS, ""),
        ((), AFFECTS, ""),
        (("neutral", "positive"), AFFECTS, "The model never says unpleasant; "),
        (("negative", "positive"), AFFECTS, "The model never says neither; "),
        (("positive",), AFFECTS, "The model never says unpleasant or neither; "),
        (("neutral",), ("neutral",), ""),
    ],
)
def test_what_a_model_never_says_is_told_once(
    states: tuple[Affect, ...], affects: tuple[Affect, ...], says: str
) -> None:
    """One sentence, none for a model that knows all or nothing."""
    assert check_affects(states, affects).startswith(says)
    assert bool(check_affects(states, affects)) == bool(says)


@pytest.mark.fault(46)
def test_a_bank_without_neutral_is_refused(folder: Path) -> None:
    """Its affects are named."""
    now = bank.read(folder)
    clips = tuple(clip for clip in now.clips if clip.affect != "neutral")
    affects: tuple[Affect, ...] = ("negative", "positive")
    bank.save(msgspec.structs.replace(now, affects=affects, clips=clips), folder)
    with pytest.raises(FormatError, match="affects negative, positive, but neutral must be"):
        check(settings_of(folder.parents[2], kind="pilot", bank=str(folder)))
