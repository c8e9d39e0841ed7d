"""The MIDI port's thread.

There is no ALSA sequencer in most test machines, hence no virtual port: the seam is `Ports`. Where
a test needs true bytes, its port is mido's own over a socket, which the other end parses again.
"""

from __future__ import annotations

import importlib.util
import threading
import time
from pathlib import Path

import mido
import mido.sockets
import pytest
from hypothesis import given
from hypothesis import strategies as st

from player.outward.mapping import Midi
from player.outward.midi import WAITING, Held, MidoPorts, Sender
from rym.broker import free_port
from rym.errors import DeviceError

NOTE = Midi("note_on", 60, 64)


class Machine:
    """A machine whose one port may be pulled out, may hang, or may refuse."""

    def __init__(self, port):
        self.there = True
        self.opened = 0
        self._port = port

    def names(self):
        """Return the ports that are there."""
        return ["Synth 20:0", "Through 14:0"] if self.there else ["Through 14:0"]

    def open(self, name):
        """Open the one port."""
        assert name == "Synth 20:0"
        self.opened += 1
        return self._port


class Port:
    """Keeps what is sent to it."""

    def __init__(self):
        self.sent = []
        self.closed = 0
        self.broken = False
        self.free = threading.Event()
        self.free.set()

    def send(self, message):
        """Take a message, once it may."""
        self.free.wait(20)
        if self.broken:
            raise OSError("No such device")
        self.sent.append(message)

    def close(self):
        """Count."""
        self.closed += 1


def until(condition):
    """Wait for something that a thread does."""
    end = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < end, "it did not happen within 10 s"
        time.sleep(0.005)


@pytest.fixture
def rig():
    """Give a port, its machine and a sender to it."""
    port = Port()
    machine = Machine(port)
    sender = Sender("synth", 3, lambda: machine)
    until(lambda: not sender.trouble)
    yield port, machine, sender
    port.free.set()
    sender.close()


@pytest.mark.real
def test_what_is_sent_arrives_as_midi():
    """Notes, controller, clock, start and stop, parsed from true bytes at the other end."""
    number = free_port()
    with mido.sockets.PortServer("127.0.0.1", number) as server:
        machine = Machine(mido.sockets.connect("127.0.0.1", number))
        sender = Sender("Synth", 3, lambda: machine)
        other = server.accept()
        until(lambda: not sender.trouble)
        sender.send([Midi("start"), Midi("clock"), NOTE, Midi("control_change", 16, 127)])
        sender.send([Midi("note_off", 60, 64), Midi("stop")])
        got = []
        until(lambda: got.extend(other.iter_pending()) or len(got) == 6)
        sender.close()
    assert [str(one) for one in got] == [
        "start time=0",
        "clock time=0",
        "note_on channel=2 note=60 velocity=64 time=0",
        "control_change channel=2 control=16 value=127 time=0",
        "note_off channel=2 note=60 velocity=64 time=0",
        "stop time=0",
    ]


def test_a_port_that_hangs_holds_nobody_up(rig):
    """What is sent meanwhile is given up after a while and said; then all goes on."""
    port, _, sender = rig
    port.free.clear()
    begin = time.monotonic()
    sender.send([Midi("clock")] * (WAITING + 10))
    assert time.monotonic() - begin < 0.1
    assert sender.lost >= 9
    assert "does not take what is sent" in sender.trouble
    port.free.set()
    until(lambda: len(port.sent) >= WAITING)
    sender.send([NOTE])
    until(lambda: sender.trouble == "")


def kinds(port):
    """Return the notes and controllers that a port got, as mido's words."""
    return [str(one).split(" channel")[0] for one in port.sent if one.type != "clock"]


def test_a_note_whose_end_was_given_up_ends_all_the_same(rig):
    """What should be so now is sent once the port takes something again; nothing else is."""
    port, _, sender = rig
    sender.send([NOTE])
    until(lambda: len(port.sent) == 1)
    port.free.clear()
    sender.send([Midi("clock")] * (WAITING + 10))
    sender.send([Midi("note_off", 60, 64), Midi("note_on", 72, 64)])
    sender.send([Midi("control_change", 16, 127), Midi("note_off", 72, 64)])
    assert sender.lost >= 13
    port.free.set()
    until(lambda: "control_change" in kinds(port))
    assert kinds(port) == ["note_on", "note_off", "control_change"]


def test_a_port_that_comes_back_gets_the_note_that_should_be_heard(rig):
    """And the controller; a note that ended while it was away does not begin again."""
    port, machine, sender = rig
    sender.send([NOTE])
    machine.there = False
    sender.look()
    until(lambda: port.closed)
    sender.send([Midi("note_off", 60, 64), Midi("note_on", 72, 64)])
    sender.send([Midi("control_change", 16, 100)])
    until(sender._waiting.empty)
    port.sent.clear()
    machine.there = True
    sender.look()
    until(lambda: len(port.sent) == 2)
    assert kinds(port) == ["control_change", "note_on"]
    assert port.sent[1].note == 72


messages = st.builds(
    Midi,
    st.sampled_from(["note_on", "note_off", "control_change"]),
    st.integers(0, 2),
    st.integers(0, 3),
)


@given(st.lists(messages, max_size=12), st.lists(messages, max_size=12))
def test_whatever_was_lost_the_rest_makes_it_so_again(wanted, given_):
    """What one state lacks, sent to the other, leaves nothing to be sent."""
    one, other = Held(), Held()
    for message in wanted:
        one.take(message)
    for message in given_:
        other.take(message)
    for message in one.since(other):
        assert not other.has(message)
        other.take(message)
    assert one.since(other) == []


def test_a_port_that_was_pulled_out_comes_back_by_itself(rig):
    """It is given back, said to be missing, and opened again once it is there."""
    port, machine, sender = rig
    machine.there = False
    sender.look()
    until(lambda: port.closed)
    assert sender.trouble == "The MIDI port 'synth' is not there; it is looked for."
    sender.send([NOTE])
    machine.there = True
    sender.look()
    until(lambda: not sender.trouble)
    assert machine.opened == 2
    sender.send([NOTE])
    until(lambda: port.sent)
    assert sender.trouble == ""


def test_a_port_that_fails_is_opened_again(rig):
    """An error of its own ends this opening, not the thread."""
    port, machine, sender = rig
    port.broken = True
    sender.send([NOTE])
    until(lambda: "is lost: No such device" in sender.trouble)
    port.broken = False
    sender.look()
    until(lambda: machine.opened == 2)


def test_a_name_that_two_ports_have_is_told():
    """Nothing is sent to either."""
    machine = Machine(Port())
    sender = Sender("0", 1, lambda: machine)
    until(lambda: "which Synth 20:0, Through 14:0 all have" in sender.trouble)
    sender.close()
    assert machine.opened == 0


def test_an_error_that_nobody_knows_is_told_to_whoever_looks():
    """The thread ends with it, and so does the process."""

    def none_of_these():
        raise KeyError("unheard of")

    sender = Sender("synth", 1, none_of_these)
    sender._thread.join(10)
    with pytest.raises(KeyError, match="unheard of"):
        sender.look()


@pytest.mark.real
@pytest.mark.skipif(
    importlib.util.find_spec("rtmidi") is None, reason="the extra `midi` is not installed"
)
@pytest.mark.skipif(Path("/dev/snd/seq").exists(), reason="the extra `midi` finds a sequencer here")
def test_a_machine_without_midi_is_a_sentence():
    """As `rtmidi` itself finds it, without ALSA's sequencer."""
    sender = Sender("synth", 1, MidoPorts)
    until(lambda: sender.trouble.startswith("MIDI cannot be sent: "))
    sender.look()
    sender.close()


@pytest.mark.skipif(
    importlib.util.find_spec("rtmidi") is not None, reason="the extra `midi` is installed"
)
def test_without_the_extra_the_remedy_is_told():
    """One sentence, and the process goes on."""
    sender = Sender("synth", 1, MidoPorts)
    until(lambda: "pip install rym[midi]" in sender.trouble)
    sender.look()
    sender.close()


def test_what_is_sent_where_there_is_no_midi_hides_the_remedy_from_nobody():
    """The sentence stands, however much of the beat comes, and nothing of it counts as lost."""

    def none():
        raise DeviceError("MIDI cannot be sent: no mido.", "Install the extra `midi`.")

    sender = Sender("synth", 1, none)
    sender._thread.join(10)
    said = sender.trouble
    sender.send([Midi("clock")] * (3 * WAITING))
    assert sender.trouble == said == "MIDI cannot be sent: no mido. Install the extra `midi`."
    assert sender.lost == 0
