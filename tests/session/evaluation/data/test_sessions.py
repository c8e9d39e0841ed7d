"""A session's folder becomes rows: keys as labels, episodes as units, and what was heard."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest

from decoder.scoring.protocols import check, protocol
from decoder.scoring.splits import Rules
from decoder.settings import DecoderSettings
from rym.errors import FormatError, SignalError, UsageError
from rym.messages import AFFECTS
from rym.topics import NOW, PHASE
from session.after.training import calibration
from session.evaluation.data.assemble import Gathered
from session.evaluation.data.sessions import gather_sessions
from session.evaluation.data.sources import gather_given
from session.folder import Folder
from session.live.lines import read


@pytest.fixture(scope="module")
def folder(rehearsal: Callable[[], Any]) -> Folder:
    """Return a session without a model, in which the music was steered; do not change it."""
    session = rehearsal()
    session.calibrate()
    session.order("steer", "positive")
    session.feed_back()
    return session.end()


@pytest.fixture(scope="module")
def found(folder: Folder) -> Gathered:
    """Return its rows."""
    return gather_sessions([folder.path], None)


def altered(folder: Folder, root: Path, **tables: dict[str, Any]) -> Path:
    """Copy a session, with other settings in its record."""
    shutil.copytree(folder.root, root)
    copy = Folder(root / folder.path.relative_to(folder.root))
    record = copy.read()
    settings = {name: {**record.settings[name], **tables.get(name, {})} for name in record.settings}
    path = copy.path / "session.json"
    path.chmod(0o600)
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(record, settings=settings)))
    return copy.path


def test_the_calibrations_rows_are_those_that_training_learns_from(
    folder: Folder, found: Gathered
) -> None:
    """Features to the bit, labels, usable rows and the baseline: of `rym train` itself."""
    record = folder.read()
    settings = msgspec.convert(record.settings["decoder"], DecoderSettings)
    assert found.margin == settings.training.margin
    rows = calibration(folder, record, read(folder), settings)
    table = found.table
    rig = table.t - table.t[table.baseline][0] + rows.t_last[rows.baseline][0]
    place = np.searchsorted(rig, rows.t_last[rows.usable] - 1e-6)
    assert len(place) > 20
    assert np.allclose(rig[place], rows.t_last[rows.usable])
    assert np.array_equal(table.features[place], rows.features[rows.usable], equal_nan=True)
    assert np.array_equal(table.label[place], rows.label[rows.usable])
    # Nearer to the rest than the purge, and to the end of the phase than the margin, none is.
    purge = table.field_seconds + found.smoothing + 0.1
    first, last = rig[table.baseline].max() + purge, rig[place].max() - 1.6
    inside = (rig[place] > first) & (rig[place] < last)
    assert inside.sum() > 20
    assert table.usable[place][inside].all()
    assert np.array_equal(table.features[table.baseline], rows.features[rows.baseline])
    assert table.channels == rows.channels


def test_every_episode_of_a_key_is_a_unit(folder: Folder, found: Gathered) -> None:
    """Nine of the calibration and three of the feedback; none in rest."""
    table = found.table
    assert found.unit == "episode"
    assert found.dealt == "session"
    assert table.states == AFFECTS
    assert len(np.unique(table.unit[table.unit >= 0])) == 12
    for unit in range(12):
        assert len(np.unique(table.label[table.unit == unit])) == 1
    assert set(table.unit[table.baseline]) == {-1}
    check(table, protocol("within").splits(table, Rules(smoothing=found.smoothing)))
    assert found.simulated
    assert found.delay == 0.5
    assert [fact.person for fact in found.facts] == ["p"]


def test_what_was_audible_is_what_the_player_said(folder: Folder, found: Gathered) -> None:
    """Every row bears the clip that was loudest at its newest sample."""
    table = found.table
    journal = read(folder)
    phase = journal.of(PHASE)[0]
    rig = table.t - (phase.meta.wall - phase.meta.mono)
    said = [(x.meta.audible_at or x.meta.mono, x.content.audible) for x in journal.of(NOW)]
    expected = [max((s for s in said if s[0] <= t), default=(0, ""))[1] for t in rig.tolist()]
    assert {"neutral", "positive"} <= set(expected)
    names = np.array(["", *AFFECTS])
    assert np.array_equal(names[table.audible + 1], np.array(expected))


def test_sessions_stand_side_by_side(folder: Folder, found: Gathered, tmp_path: Path) -> None:
    """Two people, two sessions, twice the units; the cache gives the same."""
    other = altered(folder, tmp_path / "other")
    moved = other.parents[1].rename(other.parents[2] / "sub-q")
    path = moved / other.parent.name / other.name
    table = gather_given([folder.path, path], None, tmp_path / "cache").table
    assert table.people == ("p", "q")
    assert len(table.sessions) == len(table.recordings) == 2
    assert len(np.unique(table.unit[table.unit >= 0])) == 24
    assert np.array_equal(table.label[table.person == 0], table.label[table.person == 1])
    again = gather_sessions([folder.path, path], tmp_path / "cache").table
    assert np.array_equal(again.features, table.features, equal_nan=True)
    assert gather_sessions([folder.path], tmp_path / "cache").sha256 == found.sha256


def test_sessions_of_other_settings_are_refused(folder: Folder, tmp_path: Path) -> None:
    """Both values and both folders stand in the sentence."""
    conditioning = {**folder.read().settings["stream"]["conditioning"], "high_pass": 1.0}
    path = altered(folder, tmp_path / "f", stream={"conditioning": conditioning})
    with pytest.raises(SignalError, match=r"conditioning is high_pass = 1.0 .* as by default in"):
        gather_sessions([folder.path, path], None)
    features = {**folder.read().settings["decoder"]["features"], "preset": "no-gamma"}
    path = altered(folder, tmp_path / "g", decoder={"features": features})
    with pytest.raises(SignalError, match=r"decoder.features\] are preset = no-gamma"):
        gather_sessions([folder.path, path], None)


def test_what_is_no_session_is_one_sentence(
    folder: Folder, rehearsal: Callable[[], Any], tmp_path: Path
) -> None:
    """Another folder, the same twice, a session without keys, a session of one state."""
    with pytest.raises(UsageError, match="is not a session's folder"):
        gather_sessions([tmp_path], None)
    with pytest.raises(UsageError, match="2 sessions are given, 1 of them different"):
        gather_sessions([folder.path, folder.path], None)
    session = rehearsal()
    session.phase("rest", 0)
    session.run(3)
    with pytest.raises(FormatError, match="1 recordings and the phases rest"):
        gather_sessions([session.end().path], None)
    session = rehearsal()
    session.phase("calibration", 0)
    session.key("positive")
    session.run(8)
    with pytest.raises(SignalError, match="The keys tell positive; two are needed"):
        gather_sessions([session.end().path], None)
