"""The door to PortAudio, with a library behind it that does what it is told."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from player.output.portaudio import PortAudio
from player.settings import RATE
from rym.errors import DeviceError


class BrokenError(Exception):
    """PortAudio's own error."""


@pytest.fixture
def library(monkeypatch):
    """Put a library in the place of sounddevice's and rtmixer's; return what it was asked for."""
    asked = SimpleNamespace(opened=[], refuses="", rates={RATE}, lists=0, hosts=["ALSA"])

    class Mixer:
        """A stream."""

        def __init__(self, **words) -> None:
            asked.opened.append(words)
            if asked.refuses:
                raise BrokenError(asked.refuses)

        def start(self) -> None:
            """Begin."""

    def check(samplerate, **_):
        if samplerate not in asked.rates:
            raise BrokenError("Invalid sample rate")

    def devices(which=..., kind="output"):
        listed = [
            {"index": n, "name": f"device {n}", "hostapi": n, "default_samplerate": 44_100.0,
             "max_input_channels": 1, "max_output_channels": 2}
            for n in range(len(asked.hosts))
        ]  # fmt: skip
        return listed if which is ... else listed[0]

    def again() -> None:
        asked.lists += 1

    sound = SimpleNamespace(
        PortAudioError=BrokenError,
        query_devices=devices,
        query_hostapis=lambda: [{"name": name} for name in asked.hosts],
        check_output_settings=check,
        check_input_settings=check,
        WasapiSettings=lambda exclusive: ("wasapi", exclusive),
        _terminate=lambda: None,
        _initialize=again,
    )
    monkeypatch.setitem(sys.modules, "sounddevice", sound)
    monkeypatch.setitem(sys.modules, "rtmixer", SimpleNamespace(Mixer=Mixer, Recorder=Mixer))
    return asked


def test_devices_are_listed_with_their_host_api_and_the_default(library):
    """As PortAudio has them."""
    library.hosts = ["MME", "Windows WASAPI"]
    found = PortAudio().devices("output")
    assert [(one.name, one.host, one.default) for one in found] == [
        ("device 0", "MME", True),
        ("device 1", "Windows WASAPI", False),
    ]


@pytest.mark.parametrize(
    ("wanted", "taken", "rate"),
    [(0, {RATE}, RATE), (0, {44_100}, 44_100), (96_000, {RATE}, 96_000)],
)
def test_a_device_is_opened_at_the_musics_rate_where_it_takes_that(library, wanted, taken, rate):
    """Else at its own; a rate that is written down is taken as it is."""
    library.rates = taken
    door = PortAudio()
    assert door.rate(door.devices("output")[0], wanted) == rate


@pytest.mark.fault(47)
def test_a_device_that_another_program_has_is_refused_with_that_reason(library):
    """And with what there is instead."""
    library.refuses = "Device unavailable [PaErrorCode -9985]"
    door = PortAudio()
    with pytest.raises(DeviceError, match=r"'device 0' cannot be opened.*in use by another prog"):
        door.mixer(door.devices("output")[0], RATE, 0.05)


def test_wasapi_is_asked_for_the_device_alone(library):
    """Only where it was asked for; elsewhere it is refused before anything is opened."""
    library.hosts = ["Windows WASAPI", "MME"]
    door = PortAudio()
    first, second = door.devices("output")
    door.mixer(first, RATE, 0.05, exclusive=True)
    assert library.opened[-1]["extra_settings"] == ("wasapi", True)
    door.mixer(first, RATE, 0.05)
    assert library.opened[-1]["extra_settings"] is None
    n = len(library.opened)
    with pytest.raises(DeviceError, match="cannot be had by one program alone"):
        door.mixer(second, RATE, 0.05, exclusive=True)
    assert len(library.opened) == n


def test_without_the_library_the_remedy_is_named(monkeypatch):
    """As on a machine without PortAudio."""
    monkeypatch.setitem(sys.modules, "rtmixer", None)
    with pytest.raises(DeviceError, match=r"There is no PortAudio here.*libportaudio2"):
        PortAudio()


def test_devices_are_listed_again_after_the_system_refused_once(library):
    """An audio service that starts anew: the next attempt begins where there is nothing to end."""
    sound = sys.modules["sounddevice"]
    begun = [True]

    def end() -> None:
        if not begun[0]:
            raise BrokenError("PortAudio not initialized")
        begun[0] = False

    def begin() -> None:
        if library.refuses:
            raise BrokenError(library.refuses)
        begun[0] = True

    sound._terminate, sound._initialize = end, begin
    door = PortAudio()
    library.refuses = "host error"
    for _ in range(2):
        with pytest.raises(DeviceError, match="host error"):
            door.list_again()
    library.refuses = ""
    door.list_again()
    assert begun[0]
