"""Among the streams of a network the one that is meant is found, or a person is asked."""

import pytest

from rym.errors import ConfirmError, SignalError
from stream.lsl.resolve import Seen, choose, choose_sides, nothing_found, successor, wanted
from stream.settings import StreamSettings

HOST, OTHER = "eeg-room", "office"
KINDS = {"EEG": 20, "Accelerometer": 3, "Quality": 20, "Markers": 1}


def seen(name: str = "NIC", kind: str = "EEG", source_id: str = "a", **other) -> Seen:
    """Return one stream."""
    given = {"host": HOST, "uid": f"{name}-{kind}-{source_id}", "n_channels": KINDS.get(kind, 5)}
    return Seen(name, kind, source_id, **{**given, "rate": 500.0, "form": "float32", **other})


def nic1(**other) -> list[Seen]:
    """Return NIC 1's four streams, all of one name."""
    return [seen("NIC", kind, f"x-{kind}", **other) for kind in KINDS]


def nic2(prefix: str, **other) -> list[Seen]:
    """Return NIC 2's four streams."""
    return [seen(f"{prefix}-{kind}", kind, f"{prefix}-{kind}", **other) for kind in KINDS]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"preset": "nic1"}, "NIC"),
        ({"preset": "nic2"}, "LSLOutletStreamName-EEG"),
        ({"preset": "nic2", "prefix": "Lab"}, "Lab-EEG"),
        ({"preset": "muse"}, "Muse-1A2B"),
        ({"preset": "nic2", "lsl_name": "Mu*"}, "Muse-1A2B"),
        ({"source_id": "Lab-EEG"}, "Lab-EEG"),
        ({"lsl_host": OTHER}, "Muse-1A2B"),
    ],
)
def test_presets_and_names_find_one_eeg_among_all(asked: dict[str, str], found: str) -> None:
    """Each preset knows its maker's names; a name that is given counts more."""
    room = nic1() + nic2("LSLOutletStreamName") + nic2("Lab")
    room.append(seen("Muse-1A2B", "EEG", host=OTHER))
    chosen = choose(room, wanted(StreamSettings(**asked)))
    assert chosen is not None
    assert (chosen.name, chosen.kind) == (found, "EEG")


@pytest.mark.fault(3)
def test_two_that_match_are_listed() -> None:
    """None is picked, whichever comes first."""
    with pytest.raises(SignalError, match="2 LSL streams match type 'EEG'") as error:
        choose([*nic1(), *nic2("Lab")], wanted(StreamSettings()))
    assert "Lab-EEG (type EEG, source id Lab-EEG) on eeg-room; NIC (" in error.value.error
    assert [s.name for s in error.value.facts["streams"]] == ["NIC", "Lab-EEG"]


def test_what_was_seen_decides_the_remedy() -> None:
    """Nothing at all: firewall, session id, NIC's setting; something else: the settings, too."""
    asked = wanted(StreamSettings(preset="nic1"))
    nothing, something = nothing_found([], asked, 10.0), nothing_found(nic2("Lab"), asked, 10.0)
    assert "type 'EEG', name 'NIC' was found within 10 s; seen: none at all" in nothing.error
    for word in ("firewall", "SessionID", "NIC", "16571"):
        assert word in nothing.remedy
    assert "Lab-Quality (type Quality" in something.error
    assert "lsl_name" in something.remedy


OLD = seen("NIC", "EEG", "a", uid="old")
NAMELESS = seen("NIC", "EEG", "", uid="old")


@pytest.mark.fault(2)
@pytest.mark.parametrize(
    ("old", "now", "heir"),
    [
        (OLD, [OLD, seen(uid="new")], "old"),
        (OLD, [seen(uid="new")], "new"),
        (OLD, [seen(uid="new", host=OTHER)], "new"),
        (OLD, [seen(source_id="b", uid="new")], None),
        (OLD, [], None),
        (NAMELESS, [seen(source_id="", uid="new")], "new"),
        (NAMELESS, [seen(source_id="b", uid="new")], "new"),
        (NAMELESS, [seen(source_id="", uid="new", host=OTHER)], None),
        (NAMELESS, [seen("Other", source_id="", uid="new")], None),
    ],
)
def test_who_goes_on_after_an_outage(old: Seen, now: list[Seen], heir: str | None) -> None:
    """The same sender by its id, or by name, type and host where it had none; nobody else."""
    found = successor(old, now, StreamSettings(), away=1.0)
    assert (found.uid if found else None) == heir


@pytest.mark.fault(2)
def test_another_sender_must_be_confirmed() -> None:
    """After the time that a stream has to appear, both are named; a setting accepts the new one."""
    now = [seen(source_id="b", uid="new")]
    assert successor(OLD, now, StreamSettings(wait=5.0), away=4.9) is None
    with pytest.raises(ConfirmError, match=r"source id a\) on eeg-room vanished .* id b\) on"):
        successor(OLD, now, StreamSettings(wait=5.0), away=5.0)
    accepting = StreamSettings(accept_new_sender=True)
    assert successor(OLD, now, accepting, away=1.0) == now[0]


@pytest.mark.fault(2)
@pytest.mark.fault(3)
@pytest.mark.parametrize("accept", [False, True])
def test_two_that_could_go_on_are_refused(accept: bool) -> None:
    """Two with the old one's id, or two of its name where it had none."""
    for old in (OLD, NAMELESS):
        twins = [seen(source_id=old.source_id, uid=f"new-{k}") for k in range(2)]
        with pytest.raises(SignalError, match="2 LSL streams could be NIC"):
            successor(old, twins, StreamSettings(accept_new_sender=accept), away=0.1)


def test_a_stream_that_the_settings_exclude_never_goes_on() -> None:
    """With a source id in the settings, another room's device is no candidate and no error."""
    asked = StreamSettings(source_id="a", accept_new_sender=True)
    assert successor(OLD, [seen(source_id="b", uid="new")], asked, away=1e3) is None


@pytest.mark.parametrize("device", [nic1(), nic2("Lab")])
def test_the_other_streams_of_one_device(device: list[Seen]) -> None:
    """Same host, named alike; those of another device or host are left alone."""
    room = device + nic2("Other") + nic1(host=OTHER) + nic2("Lab", host=OTHER)
    sides = choose_sides(device[0], room)
    assert sides.missing == {}
    assert list(sides.there.values()) == device[1:]


def device(ids: str, made: float) -> list[Seen]:
    """Return the streams of one of several NIC 1 on one machine; `{}` in `ids` is the type."""
    return [
        seen("NIC", kind, ids.format(kind), uid=f"{made}-{kind}", created=made + k / 1000)
        for k, kind in enumerate(KINDS)
    ]


@pytest.mark.parametrize(
    "ids", [("dev1-{}", "dev10-{}"), ("E1{}", "E2{}"), ("{}", "{}-2"), ("", "")]
)
def test_two_devices_of_one_name_keep_their_own_streams(ids: tuple[str, str]) -> None:
    """Told apart by their source ids or, where these say nothing, by when they were made."""
    one, two = device(ids[0], 50.0), device(ids[1], 20.0)
    for mine in (one, two):
        sides = choose_sides(mine[0], [*one, *two])
        assert sides.missing == {}
        assert list(sides.there.values()) == mine[1:]


def test_devices_that_were_made_at_once_are_not_guessed() -> None:
    """Nor those that say nothing of when; the sentence names the way out."""
    for made in ((50.0, 50.0001), (0.0, 0.0)):
        one, two = (device("", t) for t in made)
        if not made[0]:
            one, two = ([s._replace(created=0.0) for s in some] for some in (one, two))
        sides = choose_sides(one[0], [*one, *two])
        assert sides.there == {}
        assert all("give each device a name of its own" in why for why in sides.missing.values())


def test_a_stream_of_the_other_device_is_never_taken() -> None:
    """One that did not answer in time is missing; its twin does not stand in for it."""
    one, two = device("dev1-{}", 50.0), device("dev2-{}", 20.0)
    sides = choose_sides(one[0], [one[0], one[3], *two])
    assert sides.there == {"markers": one[3]}
    assert sides.missing == {"accelerometer": "no such stream", "quality": "no such stream"}
    one, two = device("", 50.0), device("", 20.0)
    sides = choose_sides(one[0], [one[0], *two])
    assert sides.there == {}
    assert "1 of them for 2 devices" in sides.missing["quality"]


def test_muse_s_own_type_is_known() -> None:
    """Its programs say ACC, and have neither quality nor markers."""
    muse = [seen("Muse", "EEG"), seen("Muse", "ACC", n_channels=3), seen("Muse", "GYRO")]
    sides = choose_sides(muse[0], muse)
    assert sides.there == {"accelerometer": muse[1]}
    assert sides.missing == {"quality": "no such stream", "markers": "no such stream"}


def test_side_streams_that_do_not_fit_are_left_out_with_the_reason() -> None:
    """Two of a kind, a wrong number of channels, text where numbers belong."""
    room = [
        *nic1(),
        seen("NIC", "Markers", "twin"),
        seen("Lab-EEG", "EEG"),
        seen("Lab-Quality", "Quality", n_channels=19),
        seen("Lab-Accelerometer", "Accelerometer", form="string"),
    ]
    missing = choose_sides(room[0], room).missing
    assert list(missing) == ["markers"]
    assert "2 of them" in missing["markers"]
    assert "[stream] lsl_name" in missing["markers"]
    assert choose_sides(room[5], room).missing == {
        "quality": "19 channels, not 20",
        "accelerometer": "text, not numbers",
        "markers": "no such stream",
    }
