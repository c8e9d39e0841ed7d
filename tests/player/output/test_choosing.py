"""Which device a name means, whether it is the one from before, and who can have it alone."""

from __future__ import annotations

import pytest

from player.output.choosing import Found, again, alone, choose
from rym.errors import DeviceError


def device(number: int, name: str, host: str = "ALSA", **more) -> Found:
    """Return a device with two outputs and no input."""
    return Found(number, name, host, **{"rate": 48_000.0, "n_in": 0, "n_out": 2, **more})


HEADPHONES = device(0, "USB Headphones", default=True)
SPEAKERS = device(1, "Built-in Speakers")
MICROPHONE = device(2, "USB Microphone", n_in=1, n_out=0)
ALL = [HEADPHONES, SPEAKERS, MICROPHONE]


@pytest.mark.parametrize(
    ("wanted", "kind", "found"),
    [
        ("", "output", HEADPHONES),
        ("headphones", "output", HEADPHONES),
        ("Built-in", "output", SPEAKERS),
        ("usb", "output", HEADPHONES),
        ("usb", "input", MICROPHONE),
    ],
)
def test_a_part_that_only_one_name_has_is_enough(wanted, kind, found):
    """In small letters or large, among the devices that have the channels."""
    assert choose(ALL, wanted, kind) == found


def test_a_whole_name_is_meant_where_it_is_a_part_of_another():
    """`USB` is the device `USB`, also beside `USB Headphones`."""
    usb = device(7, "USB")
    assert choose([HEADPHONES, usb], "usb", "output") == usb


def test_a_part_that_two_names_have_is_refused_with_both():
    """Nobody is played the music by chance."""
    with pytest.raises(DeviceError, match=r"more than one.*Built-in Speakers, USB Headphones"):
        choose(ALL, "e", "output")


@pytest.mark.parametrize("wanted", ["Bluetooth", ""])
def test_what_is_not_there_is_refused_with_what_is(wanted):
    """A name that nothing has, or a default where there is none."""
    with pytest.raises(DeviceError, match="there are: Built-in Speakers"):
        choose([SPEAKERS, MICROPHONE], wanted, "output")


def test_one_device_under_many_host_apis_is_one():
    """Windows lists it four times; the one through which it can be had alone is taken."""
    hosts = ("MME", "Windows DirectSound", "Windows WASAPI", "Windows WDM-KS")
    four = [device(n, "Headphones", host) for n, host in enumerate(hosts)]
    assert choose(four, "head", "output").host == "Windows WASAPI"


@pytest.mark.fault(47)
def test_another_device_with_the_same_part_of_the_name_is_not_the_one_from_before():
    """What was opened is wanted back by its whole name and host API, at whatever number."""
    other = device(0, "USB Loudspeakers", default=True)
    with pytest.raises(DeviceError, match="'USB Headphones' is not there"):
        again([other, SPEAKERS], HEADPHONES, "output")
    with pytest.raises(DeviceError, match="is not there"):
        again([HEADPHONES._replace(host="JACK")], HEADPHONES, "output")
    moved = HEADPHONES._replace(number=5, default=False)
    assert again([other, SPEAKERS, moved], HEADPHONES, "output") == moved


@pytest.mark.parametrize(
    ("found", "how"),
    [
        (device(0, "Headphones", "Windows WASAPI"), "wasapi"),
        (device(0, "Headphones", "Windows WDM-KS"), "by itself"),
        (device(0, "USB Audio: - (hw:1,0)"), "by itself"),
    ],
)
def test_a_device_is_had_alone_where_its_host_api_can(found, how):
    """WASAPI is asked for it; whoever opens ALSA's hw devices or WDM-KS has them alone."""
    assert alone(found) == how


@pytest.mark.parametrize(
    ("found", "remedy"),
    [
        (device(0, "pulse"), "hw devices"),
        (device(0, "default"), "hw devices"),
        (device(0, "Headphones", "Core Audio"), "another device"),
        (device(0, "Headphones", "MME"), "another device"),
        (device(0, "system", "JACK Audio Connection Kit"), "another device"),
    ],
)
def test_where_others_could_sound_beside_it_that_is_said(found, remedy):
    """Nothing is promised that PortAudio does not keep."""
    with pytest.raises(DeviceError, match=f"cannot be had by one program alone.*{remedy}"):
        alone(found)
