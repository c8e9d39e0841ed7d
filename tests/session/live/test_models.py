"""Which models a session refuses before anything is started."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from decoder import model as models
from rym import bank
from rym.errors import RymError, SignalError, UsageError
from session.folder import Folder
from session.live.run import check
from session.settings import load, tables


def asked(protocol: str, model: Path | None = None, **options: Any) -> list[str]:
    """Check the settings of a session that is not begun; return what is to be known."""
    given = [(key.replace("__", "."), value) for key, value in options.items()]
    if model is not None:
        given.append(("session.model", str(model)))
    return check(tables(load(protocol, None, given)))


def changed(folder: Folder, tmp_path: Path, **facts: Any) -> Path:
    """Save the session's model with other facts in its manifest."""
    text = (folder.model / models.MANIFEST).read_bytes()
    for name in (models.WEIGHTS, models.MEMORY):
        (tmp_path / name).write_bytes((folder.model / name).read_bytes())
    manifest = msgspec.json.decode(text) | facts
    (tmp_path / models.MANIFEST).write_bytes(msgspec.json.encode(manifest))
    return tmp_path


@pytest.mark.fault(23)
@pytest.mark.parametrize(
    ("facts", "options", "says"),
    [
        ({"preset": "paper"}, {}, "preset 'paper', the settings say 'default'"),
        ({}, {"stream__hop": 0.5}, "hop '0.25 s', the settings say '0.5 s'"),
        ({"hop": 100}, {}, "hop '0.5 s', the settings say '0.25 s'"),
        ({}, {"stream__window": 2.0}, "window '1 s', the settings say '2 s'"),
        ({}, {"stream__rate": 250.0}, "rate '200 Hz', the settings say '250 Hz'"),
        ({}, {"decoder__features__preset": "no-gamma"}, "'default', the settings say 'no-gamma'"),
        ({}, {"stream__conditioning__high_pass": 1.0}, "the settings say 'hp 1 Hz"),
    ],
)
def test_a_model_of_other_windows_is_refused_with_both_values(
    facts: dict[str, Any],
    options: dict[str, Any],
    says: str,
    whole_session: Folder,
    tmp_path: Path,
) -> None:
    """Preset, hop, window, rate, filters: one sentence, before anything is started."""
    model = changed(whole_session, tmp_path, **facts)
    with pytest.raises(UsageError) as caught:
        asked("run", model, **options)
    assert says in caught.value.error
    assert "train a model under these settings" in caught.value.remedy


def test_a_model_under_the_settings_that_it_was_trained_with_is_taken(
    whole_session: Folder, tmp_path: Path
) -> None:
    """Nothing is refused."""
    asked("run", changed(whole_session, tmp_path))


def test_the_study_s_rows_need_their_own_hop() -> None:
    """The protocol brings it; with another hop the sentence has both."""
    asked("paper")
    with pytest.raises(SignalError, match=r"every 0\.5 s, windows come every 0\.25 s"):
        asked("paper", stream__hop=0.25)
    with pytest.raises(RymError, match=r"hop = 0\.5"):
        asked("recall", decoder__features__preset="paper")


@pytest.mark.fault(46)
def test_a_model_and_a_bank_must_speak_of_the_same(whole_session: Folder, tmp_path: Path) -> None:
    """A bank that lacks what the model knows is refused; what the model never says is told."""
    calm = shutil.copytree(whole_session.bank, tmp_path / "calm")
    now = bank.read(calm)
    rho = (((1.0, 0.0), (0.0, 1.0)),)
    bank.save(
        msgspec.structs.replace(
            now, affects=("neutral", "positive"),
            clips=tuple(clip for clip in now.clips if clip.affect != "negative"),
            correlations=tuple(msgspec.structs.replace(x, rho=rho) for x in now.correlations),
        ),
        calm,
    )  # fmt: skip
    (tmp_path / "all").mkdir()
    (tmp_path / "two").mkdir()
    knows_all = changed(whole_session, tmp_path / "all")
    knows_two = changed(whole_session, tmp_path / "two", states=["neutral", "positive"])
    with pytest.raises(UsageError) as caught:
        asked("run", knows_all, session__bank=str(calm))
    assert "knows unpleasant, neither, pleasant, the bank has neither, pleasant" in str(
        caught.value
    )
    assert asked("run", knows_all, session__bank=str(whole_session.bank)) == []
    assert asked("run", knows_two, session__bank=str(calm)) == []
    (said,) = asked("run", knows_two, session__bank=str(whole_session.bank))
    assert said == "The model never says unpleasant; the estimate plays none of that music."
