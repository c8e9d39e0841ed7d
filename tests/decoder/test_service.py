"""The decoder as a service on a bus in memory."""

import asyncio
import subprocess
import sys

import msgspec
import pytest

from decoder import model as models
from decoder.decoder import Decoder
from decoder.service import serve
from decoder.settings import FeatureSettings
from rym.bus import ALL, MemoryHub, order
from rym.clock import ManualClock
from rym.errors import FormatError
from rym.messages import Command
from rym.service import Lifeline, Shell
from rym.topics import APPLIED, COMMAND, STATUS, VALENCE, WINDOW


class Rig:
    """A decoder service between a stream and a session, in memory."""

    def __init__(self):
        self.hub = MemoryHub()
        self.clock = ManualClock(200.0)
        self.stream = self.hub.bus("stream", self.clock, 1)
        self.session = self.hub.bus("session", self.clock, 1)
        self.bus = self.hub.bus("decoder", self.clock, 1)
        self.valence = self.session.subscribe(VALENCE, overload=ALL)
        self.applied = self.session.subscribe(APPLIED["decoder"], overload=ALL)
        self.status = self.session.subscribe(STATUS["decoder"], overload=ALL)

    async def run(self, settings, script):
        """Serve while `script` speaks for the others."""
        task = asyncio.create_task(serve(Shell(self.bus, self.clock, Lifeline()), settings))
        await settle()
        await script(self)
        await self.bus.close()
        await task

    async def window(self, window):
        """Publish a window and return the answer."""
        sent = self.stream.publish(WINDOW, window)
        answer = await self.valence.get()
        assert answer.cause == (sent.id,)
        return answer


async def settle():
    """Let every task that can run do so."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
def folder(trained, tmp_path):
    """Return a saved model's folder."""
    models.save(trained("lda")[0], tmp_path / "model")
    return tmp_path / "model"


def load_command(folder):
    """Return the command that names a model."""
    return Command(to="decoder", action="load-model", value=str(folder))


def test_every_window_is_answered_with_cause_and_age(make_person, settings, folder, trained):
    """The answers are those of the pure decoder; the age is the clock less the newest sample."""
    windows, _ = make_person(2, 20.0, 0.8)
    chosen = msgspec.structs.replace(settings(), model=str(folder))
    pure = Decoder(chosen)
    pure.load(trained("lda")[0])

    async def script(rig):
        for window in windows:
            answer = await rig.window(window)
            assert answer.content == pure.step(window)
            assert answer.meta.age == pytest.approx(200.0 - window.t_last)
        facts = rig.status.drain()[-1].content.facts
        assert facts["verdict"] == "follows"
        assert facts["states"] == "negative neutral positive"
        assert facts["delay"] == pytest.approx(
            facts["half_window"] + facts["half_field"] + facts["smoothing"]
        )

    asyncio.run(Rig().run(chosen, script))


def test_a_model_is_loaded_between_windows_and_said_so(make_person, settings, folder):
    """`Applied.at` is the number of the first window that the new model answers."""
    windows, _ = make_person(2, 20.0, 0.8)

    async def script(rig):
        before = [await rig.window(w) for w in windows[:3]]
        assert {v.content.reason for v in before} == {"no model"}
        rig.session.publish(COMMAND, Command(to="player", action="set-level", value="-6"))
        sent = rig.session.publish(COMMAND, load_command(folder))
        after = await rig.window(windows[3])
        applied = [message.content for message in rig.applied.drain()]
        assert [(a.input, a.at) for a in applied] == [(sent.id, 3)]
        assert after.content.reason == "warming up 1/10"
        assert after.content.model == models.load(folder).id

    asyncio.run(Rig().run(settings(), script))


def test_a_repeated_order_is_answered_again_and_carried_out_once(make_person, settings, folder):
    """A lost `Applied` does no harm: the field is not emptied by the repetition."""
    windows, _ = make_person(2, 20.0, 0.8)

    async def script(rig):
        sent = rig.session.publish(COMMAND, load_command(folder))
        for window in windows[:5]:
            await rig.window(window)
        rig.session.resend(sent)
        answer = await rig.window(windows[5])
        assert answer.content.reason == "warming up 6/10"
        assert [m.content.at for m in rig.applied.drain()] == [0, 0]

    asyncio.run(Rig().run(settings(), script))


def test_an_order_that_waits_for_its_answer_ends(make_person, settings, folder):
    """`order` returns once a window has come by."""
    windows, _ = make_person(2, 20.0, 0.8)

    async def script(rig):
        waiting = asyncio.create_task(
            order(rig.session, COMMAND, load_command(folder), {"decoder"})
        )
        await settle()
        await rig.window(windows[0])
        await asyncio.wait_for(waiting, 5.0)

    asyncio.run(Rig().run(settings(), script))


@pytest.mark.fault(24)
def test_a_refused_model_leaves_the_one_before_in_use(make_person, settings, folder, tmp_path):
    """An altered folder is refused in words, and decoding goes on."""
    windows, _ = make_person(2, 20.0, 0.8)
    good = models.load(folder).id
    (tmp_path / "altered").mkdir()
    for path in folder.iterdir():
        data = bytearray(path.read_bytes())
        if path.name == models.WEIGHTS:
            data[-1] ^= 1
        (tmp_path / "altered" / path.name).write_bytes(data)

    async def script(rig):
        for window in windows[:12]:
            await rig.window(window)
        rig.session.publish(COMMAND, load_command(tmp_path / "altered"))
        answer = await rig.window(windows[12])
        assert answer.content.model == good
        assert not answer.content.reason.startswith("warming")
        assert "SHA-256" in rig.status.drain()[-1].content.detail
        assert len(rig.applied.drain()) == 1

    asyncio.run(Rig().run(msgspec.structs.replace(settings(), model=str(folder)), script))


def of_the_study(folder, to):
    """Copy a model's folder as if its rows were those of the study."""
    to.mkdir()
    for path in folder.iterdir():
        (to / path.name).write_bytes(path.read_bytes())
    manifest = msgspec.json.decode((to / models.MANIFEST).read_bytes())
    (to / models.MANIFEST).write_bytes(msgspec.json.encode({**manifest, "preset": "paper"}))
    return to


def test_a_model_of_another_preset_is_refused_with_both(make_person, settings, folder, tmp_path):
    """The one before stays in use, and the status says why."""
    windows, _ = make_person(2, 20.0, 0.8)
    other = of_the_study(folder, tmp_path / "other")

    async def script(rig):
        await rig.window(windows[0])
        rig.session.publish(COMMAND, load_command(other))
        answer = await rig.window(windows[1])
        assert answer.content.model == models.load(folder).id
        said = rig.status.drain()[-1].content.detail
        assert "preset 'paper', the settings say 'default'" in said

    asyncio.run(Rig().run(msgspec.structs.replace(settings(), model=str(folder)), script))


def test_what_a_control_makes_doubtful_is_said(settings, folder):
    """Behind the verdict's reason, in the status; nothing where there is no doubt."""
    path, said = folder / models.MANIFEST, "EMG alone did as well: 0.71 of 0.74."
    manifest = msgspec.json.decode(path.read_bytes())

    async def script(rig):
        details.append(rig.status.drain()[-1].content.detail)

    details = []
    for doubt in ("", said):
        path.write_bytes(msgspec.json.encode({**manifest, "doubt": doubt}))
        asyncio.run(Rig().run(msgspec.structs.replace(settings(), model=str(folder)), script))
    assert details == [manifest["why"], f"{manifest['why']} Doubtful: {said}"]


def test_what_an_answer_by_the_study_s_rows_means_is_said(settings, folder, tmp_path):
    """Its look-ahead, and that no key means neutral, stand in the status."""
    model = str(of_the_study(folder, tmp_path / "study"))
    features = FeatureSettings(preset="paper")

    async def script(rig):
        said = rig.status.drain()[-1].content.detail
        assert said.startswith(models.load(folder).manifest.why)
        assert "an answer is about 2 s ago; no key means neutral" in said

    asyncio.run(Rig().run(settings(model=model, features=features), script))


def test_a_model_that_cannot_be_had_at_the_start_is_an_error(settings, tmp_path):
    """`python -m decoder` with a wrong folder ends with one sentence, before the first window."""
    wrong = msgspec.structs.replace(settings(), model=str(tmp_path / "none"))

    async def script(rig):
        """Say nothing."""

    with pytest.raises(FormatError, match=r"There is no model\.json"):
        asyncio.run(Rig().run(wrong, script))


def test_the_live_process_imports_no_heavy_library():
    """numpy, msgspec and safetensors are enough to decode."""
    code = (
        "import sys, decoder.service\n"
        "heavy = {'torch', 'cebra', 'sklearn', 'river', 'scipy', 'mne', 'matplotlib', 'pandas'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
