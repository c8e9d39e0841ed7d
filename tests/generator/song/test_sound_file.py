"""Sound files: what can be listened to is, the rest is refused in one sentence."""

from __future__ import annotations

import io
import os
import stat
import sys

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from generator.song import sound_file
from rym.errors import FormatError, RymError, UsageError
from tests.generator.song.tunes import RATE, placed, sung

SECRET = "grandmothers-waltz"


@pytest.fixture(scope="module")
def tune():
    """Return three seconds of a tune."""
    return sung(placed("good king")[:6], 120)[: 3 * RATE]


@pytest.fixture
def listen(tmp_path):
    """Return a function that writes samples as a file and listens to it."""

    def write_and_read(samples, rate=RATE, name=f"{SECRET}.wav", **how):
        path = tmp_path / name
        soundfile.write(path, samples, rate, **how)
        with sound_file.open_song(path) as file:
            return sound_file.read(file)

    return write_and_read


def likeness(one, other):
    """Return the correlation of two sounds of about one length."""
    n = min(len(one), len(other))
    return float(np.corrcoef(one[:n], other[:n])[0, 1])


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg"])
@pytest.mark.parametrize("rate", [22_050, 44_100, 48_000, 96_000])
def test_every_format_and_rate_is_heard_alike(listen, tune, name, rate):
    """What comes out has one rate, peak 1 and the tune in it."""
    times = np.arange(round(3 * rate)) / rate
    heard = listen(np.interp(times, np.arange(len(tune)) / RATE, tune), rate, name)
    assert len(heard.samples) == pytest.approx(3 * RATE, abs=2)
    assert np.abs(heard.samples).max() == pytest.approx(1, abs=0.05)
    assert likeness(heard.samples, tune) > 0.97
    assert heard.remarks == ()


def test_mp3_is_heard(listen, tune):
    """An mp3 is read; its coder may shift it by some frames."""
    heard = listen(tune, name="a.mp3", format="MP3")
    shifted = np.correlate(heard.samples[: 2 * RATE], tune[2000 : 2000 + RATE], "valid")
    assert shifted.max() > 0.9 * np.linalg.norm(tune[2000 : 2000 + RATE]) ** 2


@pytest.mark.parametrize("n_channels", [2, 8])
def test_many_channels_become_one(listen, tune, n_channels):
    """The mean is taken, whatever the number."""
    heard = listen(np.repeat(tune[:, None], n_channels, axis=1))
    assert likeness(heard.samples, tune) > 0.999


def test_channels_that_cancel_do_not_become_silence(listen, tune):
    """Of two channels in opposite phase one is taken."""
    heard = listen(np.stack([tune, -0.99 * tune], axis=1))
    assert likeness(heard.samples, tune) > 0.999


def test_eight_kilohertz_are_taken_and_said(listen, tune):
    """A telephone's recording is used; that its high tones are missing is told."""
    heard = listen(np.interp(np.arange(24_000) / 8000, np.arange(len(tune)) / RATE, tune), 8000)
    assert len(heard.samples) == pytest.approx(3 * RATE, abs=4)
    assert "tones above 4 kHz are missing" in heard.remarks[0]


def test_a_clipped_song_is_taken_and_said(listen, tune):
    """Flat tops are told; loud music without them is not accused."""
    assert "clipped" in listen(np.clip(6 * tune, -0.9, 0.9)).remarks[0]
    assert listen(1.9 * tune).remarks == ()


def test_a_long_song_is_cut(listen, tune, monkeypatch):
    """Beyond the longest time nothing is used, and it is said."""
    monkeypatch.setattr(sound_file, "LONGEST_S", 2.0)
    monkeypatch.setattr(sound_file, "BLOCK", 1000)
    heard = listen(tune)
    assert len(heard.samples) == 2 * RATE
    assert "is long" in heard.remarks[0]


@pytest.mark.parametrize("name", ["a.wav", "a.flac"])
def test_a_cut_off_file_is_used_as_far_as_it_goes(tmp_path, tune, name):
    """Of a copy that was broken off the beginning is taken, and it is said."""
    path = tmp_path / name
    soundfile.write(path, np.tile(tune, 2), RATE)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    with sound_file.open_song(path) as file:
        heard = sound_file.read(file)
    assert 3 * RATE < len(heard.samples) < 6 * RATE
    assert "cut off" in heard.remarks[0]


def test_what_is_no_song_is_refused(listen, tune):
    """Silence, one value, what is no number, a moment and a slow rate: each with its value."""
    cases = {
        "silent over 3 s": np.zeros(3 * RATE),
        r"constant \(0\.5\)": np.full(3 * RATE, 0.5),
        "2 of the song's": np.where(np.isin(np.arange(3 * RATE), [5, 9]), np.nan, 0.1),
        r"lasts 1\.00 s": tune[:RATE],
    }
    for said, samples in cases.items():
        with pytest.raises(FormatError, match=said) as refused:
            listen(samples, subtype="FLOAT")
        assert SECRET not in str(refused.value)
    with pytest.raises(FormatError, match="4000 frames per second"):
        listen(tune[:16_000], 4000)


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (b"These are words. " * 100, FormatError, "no sound that can be read"),
        (b"RIFF\x24\x00\x00\x00WAVEfmt ", FormatError, "no sound that can be read"),
        (b"", UsageError, "empty"),
    ],
)
def test_a_wrong_type_is_refused(tmp_path, content, kind, said):
    """Text with a sound's ending, a header alone and nothing at all."""
    path = tmp_path / f"{SECRET}.wav"
    path.write_bytes(content)
    with pytest.raises(kind, match=said) as refused, sound_file.open_song(path) as file:
        sound_file.read(file)
    assert SECRET not in str(refused.value)


def test_what_cannot_be_opened_is_refused(tmp_path):
    """A folder, nothing there, a pipe: a sentence without the name."""
    os.mkfifo(tmp_path / "pipe")
    for name, said in ((".", "is a folder"), (SECRET, "No such file"), ("pipe", "regular file")):
        with pytest.raises(UsageError, match=said) as refused:
            sound_file.open_song(tmp_path / name)
        assert SECRET not in str(refused.value)


def test_a_file_that_may_not_be_read_is_refused(tmp_path, monkeypatch):
    """Without permission there is a sentence, not a traceback."""
    path = tmp_path / f"{SECRET}.wav"
    path.write_bytes(b"x")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(type(path), "open", refuse)
    with pytest.raises(UsageError, match="Permission denied") as refused:
        sound_file.open_song(path)
    assert SECRET not in str(refused.value)


@settings(max_examples=60, deadline=None)
@given(data=st.data(), kind=st.sampled_from(["WAV", "FLAC", "OGG"]))
def test_no_damage_escapes_as_anything_else(tmp_path_factory, data, kind):
    """Whatever bytes are changed, there are finite samples or a sentence."""
    buffer = io.BytesIO()
    rng = np.random.default_rng(3)
    soundfile.write(buffer, 0.1 * rng.standard_normal(2 * 8000 + 9), 8000, format=kind)
    whole = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 5))):
        last = 100 if data.draw(st.booleans()) else len(whole) - 1
        whole[data.draw(st.integers(0, last))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("fuzz") / "a"
    path.write_bytes(whole)
    try:
        with sound_file.open_song(path) as file:
            heard = sound_file.read(file)
    except RymError:
        return
    assert np.isfinite(heard.samples).all()
    assert len(heard.samples) >= 2 * RATE


def test_a_kept_file_is_whole_and_its_owners_alone(tmp_path):
    """What is written takes the place of what was there at once, readable by one person."""
    path = tmp_path / "song.json"
    for content in (b"one", b"two"):
        sound_file.keep(content, path)
        assert path.read_bytes() == content
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["song.json"]


def test_a_full_disk_leaves_what_was_there(tmp_path, monkeypatch):
    """A write that fails is said, and changes nothing."""
    path = tmp_path / "song.json"
    sound_file.keep(b"one", path)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(type(path), "replace", full)
    with pytest.raises(UsageError, match="No space left"):
        sound_file.keep(b"two", path)
    assert path.read_bytes() == b"one"
    assert [entry.name for entry in tmp_path.iterdir()] == ["song.json"]


def test_a_folder_that_may_not_be_written_is_said(tmp_path, monkeypatch):
    """Without permission, or without the folder, there is a sentence."""

    def refuse(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    with pytest.raises(UsageError, match="No such file"):
        sound_file.keep(b"one", tmp_path / "missing" / "song.json")
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(UsageError, match="Permission denied"):
        sound_file.keep(b"one", tmp_path / "song.json")
    assert not any(tmp_path.iterdir())


def test_without_soxr_the_sentence_says_how_to_install_it(listen, tune, monkeypatch):
    """A missing extra is named with its install line."""
    monkeypatch.setitem(sys.modules, "soxr", None)
    with pytest.raises(UsageError, match=r"pip install -e '\.\[song\]'"):
        listen(np.tile(tune, 2), 44_100)


def test_sound_without_a_header_is_refused(tmp_path):
    """A .raw file tells neither rate nor channels: one sentence, as for any other file."""
    path = tmp_path / f"{SECRET}.raw"
    path.write_bytes(bytes(range(256)) * 100)
    with sound_file.open_song(path) as file, pytest.raises(FormatError, match="no sound") as caught:
        sound_file.read(file)
    assert SECRET not in caught.value.error
