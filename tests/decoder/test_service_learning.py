"""Keys over the bus: floods, contradictions, refused windows, undoing, the loop of a runaway."""

import asyncio

import msgspec
import pytest

from decoder import model as models
from decoder import training
from decoder.decoder import Decoder
from decoder.memory.learner import for_learning
from decoder.memory.lessons import LearningSettings
from decoder.rows import rows_from
from rym.bus import ALL
from rym.messages import Command, Drift, Label, Learned
from rym.topics import COMMAND, LABEL, LEARNED
from tests.decoder.conftest import signal_of, windows_of
from tests.decoder.memory.made import same
from tests.decoder.test_service import Rig, settle

KEYS = ("negative", "neutral", "positive")


class Keyed(Rig):
    """A rig that also hears what is learned, and speaks for the keys."""

    def __init__(self):
        super().__init__()
        self.learned = self.session.subscribe(LEARNED, overload=ALL)

    def hold(self, t, state):
        """Publish a key event."""
        return self.session.publish(LABEL, Label(state=state, t=t, source="simulator"))

    async def play(self, windows, keys=()):
        """Publish windows, and each key just before the window in which it is pressed."""
        waiting, answers = sorted(keys), []
        for window in windows:
            while waiting and waiting[0][0] <= window.t_last:
                self.hold(*waiting.pop(0))
            answers.append((await self.window(window)).content)
        return answers

    def lessons(self):
        """Return what was learned, or taken back, since the last time."""
        return [message.content for message in self.learned.drain()]


@pytest.fixture
def live(trained, settings, tmp_path):
    """Return settings of a decoder with a memory, in its folder."""
    models.save(trained("cebra-knn")[0], tmp_path / "model")
    return settings("cebra-knn", model=str(tmp_path / "model"), learning=LearningSettings(rate=4.0))


def frozen(live, trained, windows):
    """Return what a decoder answers that learns nothing."""
    model, _ = trained("cebra-knn")
    decoder = Decoder(msgspec.structs.replace(live, model="", learning=LearningSettings()))
    decoder.load(model)
    return [decoder.step(window) for window in windows]


def run(script, live):
    """Serve while a script speaks for the others."""
    asyncio.run(Keyed().run(live, script))


@pytest.mark.fault(27)
def test_held_keys_are_learned_and_undone_to_the_bit(live, trained, make_person):
    """Rows come out as they are learned; rolled back, answers are those of a twin that never did.

    Each key is answered by its `Applied`.
    """
    windows, labels = make_person(5, 100.0, 0.8)
    lost = [*windows[:300], *windows[304:]]  # after a break nothing is smoothed over
    twin = frozen(live, trained, lost)

    async def script(rig):
        taught = await rig.play(windows[:300], labels)
        rows = rig.lessons()
        assert len(rows) > 50
        assert {row.state for row in rows} <= set(KEYS)
        assert [row.number for row in rows] == list(range(1, len(rows) + 1))
        said = [one.content for one in rig.applied.drain()]
        assert [one.refused for one in said] == [""] * sum(
            t <= windows[299].t_last for t, _ in labels
        )
        assert taught != twin[:300]
        rig.session.publish(COMMAND, Command(to="decoder", action="roll-back", value="start"))
        rig.session.publish(COMMAND, Command(to="decoder", action="freeze", value=""))
        after = await rig.play(lost[300:])
        back = rig.lessons()
        assert [row.number for row in back] == [row.number for row in reversed(rows)]
        assert all(row.taken_back for row in back)
        assert {v.state for v in after} > {"unknown"}
        assert after == twin[300:]

    run(script, live)


@pytest.mark.fault(27)
def test_a_flood_of_labels_neither_blocks_nor_teaches(live, trained, make_person):
    """10 000 keys of all states within one second: every one is answered, nothing is learned.

    Windows are answered as by a twin without keys; a key that is held afterwards is learned.
    """
    windows, _ = make_person(5, 80.0, 0.8)
    twin = frozen(live, trained, windows[:120])

    async def script(rig):
        assert await rig.play(windows[:40]) == twin[:40]
        begin = windows[39].t_last
        for i in range(10_000):
            rig.hold(begin + i / 10_000, KEYS[i % 3])
        assert await rig.play(windows[40:44]) == twin[40:44]
        said = [one.content for one in rig.applied.drain()]
        assert len(said) == 10_000
        assert sum("flood" in one.refused for one in said) == 9000
        rig.hold(windows[44].t_last, "none")
        assert await rig.play(windows[44:120]) == twin[44:120]
        assert rig.lessons() == []
        rig.hold(windows[120].t_last, "positive")
        await rig.play(windows[120:200])
        assert {row.state for row in rig.lessons()} == {"positive"}

    run(script, live)


@pytest.mark.fault(27)
def test_contradictory_labels_teach_nothing(live, trained, make_person):
    """Two states for the same moments, turned every second: answers stay, to the bit."""
    windows, _ = make_person(5, 60.0, 0.8)
    t = windows[0].t_last
    keys = [(t + i / 2, KEYS[2 * (i % 2)]) for i in range(140)]
    keys += [(t + i / 2 + 1e-3, KEYS[2 * ((i + 1) % 2)]) for i in range(140)]

    async def script(rig):
        assert await rig.play(windows, keys) == frozen(live, trained, windows)
        assert rig.lessons() == []

    run(script, live)


@pytest.mark.fault(13)
@pytest.mark.fault(27)
def test_a_label_for_a_rejected_window_teaches_nothing(live, make_person):
    """A key held while the signal is bad: only rows whose ten are good are learned."""
    windows, _ = make_person(5, 80.0, 0.8)
    t = [window.t_last for window in windows]
    bad = range(120, 180)
    rejected = [
        msgspec.structs.replace(window, valid=False, reason="too many bad channels")
        if i in bad
        else window
        for i, window in enumerate(windows)
    ]

    async def script(rig):
        await rig.play(rejected, [(t[20], "positive")])
        rows = [row.t for row in rig.lessons()]
        assert any(at < t[120] for at in rows)
        assert any(at > t[189] for at in rows)
        assert not any(t[120] <= at < t[189] for at in rows)

    run(script, live)


@pytest.mark.fault(26)
@pytest.mark.parametrize("known", [True, False], ids=["a model of one state", "no model"])
def test_a_cold_start_is_unknown_however_long_keys_are_held(known, make_person, settings, tmp_path):
    """Keys are answered; nothing is learned, since nothing says what a state looks like."""
    windows, labels = make_person(5, 60.0, 0.8)
    live = settings("cebra-knn", drive="always")
    if known:
        rows = rows_from(windows, [(0.0, "positive")], live)
        models.save(training.fit(rows, live, 0)[0], tmp_path / "model")
        live = msgspec.structs.replace(live, model=str(tmp_path / "model"))

    async def script(rig):
        said = await rig.play(windows, labels)
        assert {(v.state, v.valence, v.probabilities) for v in said} == {("unknown", None, None)}
        assert rig.lessons() == []
        await settle()
        assert len(rig.applied.drain()) == len([t for t, _ in labels if t <= windows[-1].t_last])

    run(script, live)


@pytest.mark.long
@pytest.mark.fault(29)
@pytest.mark.parametrize("state", [0, 2], ids=["negative", "positive"])
def test_thirty_minutes_of_a_clip_that_equals_the_key_teach_nothing_and_raise_the_flag(
    state, live, trained
):
    """The signature is held in one state by its own music, the key with it: half an hour.

    Nothing is learned, answers are those of a twin without keys, the memory stays to the bit, and
    the balance's flag is up within ten minutes.
    """
    windows = windows_of(signal_of(7, 1800.0, [(0.0, state)], 0.8))
    model, _ = trained("cebra-knn")
    looped, twin = (Decoder(msgspec.structs.replace(live, model="")) for _ in range(2))
    for decoder in (looped, twin):
        decoder.load(model)
    looped.audible(windows[0].t_last, KEYS[state])
    looped.label(windows[0].t_last, KEYS[state])
    told = []
    for i, window in enumerate(windows):
        said = looped.step(window)
        told += looped.events()
        assert i > 1200 or said == twin.step(window)
    assert not [event for event in told if isinstance(event, Learned)]
    assert looped.learner.refused["one clip"] > 7000
    same(looped.learner.memory, for_learning(model.memory, live.learning))
    flags = [e for e in told if isinstance(e, Drift) and e.measure == "balance"]
    assert flags
    assert flags[0].t - windows[0].t_last < 600.0
    assert (flags[0].after > 0.5) == (state == 2)
