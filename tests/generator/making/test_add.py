"""Clips that were made elsewhere."""

import io

import librosa
import numpy as np
import pytest
import soundfile
from scipy import signal

from generator.drafts import Place
from generator.making.add import add
from generator.making.build import build
from generator.making.check import problems
from generator.making.finish import decode
from rym import bank
from rym.errors import FormatError, UsageError

HERE = Place(0, 0, "positive")


def given(folder, tmp_path, *, rate=48_000, turns=1.0, turn=0, gain=0.3, name="mine.wav"):
    """Write the neutral clip as somebody else might give it: other rate, level, length."""
    sound, _ = decode((folder / "audio/s0-v0-neutral.flac").read_bytes())
    sound = np.roll(sound, turn, axis=0)
    many = np.concatenate([sound] * int(np.ceil(turns)))[: round(turns * len(sound))]
    if rate != 48_000:
        many = signal.resample_poly(many, rate, 48_000, axis=0)
    path = tmp_path / name
    soundfile.write(path, gain * many, rate)
    return path


def lag_ms(one, other, bpm):
    """Return the shift, within half a beat, at which two clips' onsets agree best."""
    curves = [
        librosa.onset.onset_strength(y=x.mean(axis=1), sr=48_000, hop_length=120)
        for x in (one, other)
    ]
    half = round(30 / bpm * 400)
    shifts = range(-half, half + 1)
    scores = [float(np.sum(curves[0] * np.roll(curves[1], shift))) for shift in shifts]
    return abs(shifts[int(np.argmax(scores))]) * 2.5


@pytest.mark.long
@pytest.mark.parametrize(("rate", "turns"), [(48_000, 1.0), (48_000, 3.0), (44_100, 3.0)])
def test_a_clip_takes_its_place_through_the_same_mastering(copy, tmp_path, rate, turns):
    """A loop of the very length, or a longer piece at any rate: in step and at level."""
    before = bank.read(copy)
    clip = add(copy, given(copy, tmp_path, rate=rate, turns=turns), HERE, "CC0-1.0")
    after = bank.load(copy)
    assert after.clip(0, 0, "positive") == clip
    assert (clip.maker.backend, clip.maker.licence) == ("given", "CC0-1.0")
    assert clip.n_samples == before.clip(0, 0, "neutral").n_samples
    assert abs(clip.lufs + 20.0) <= 0.2
    assert problems(copy) == ()
    neutral, positive = (decode((copy / x.file).read_bytes())[0] for x in after.clips[1:3])
    assert lag_ms(neutral, positive, clip.bpm) <= 25.0


def test_building_again_keeps_it_and_a_second_one_replaces_it(copy, tmp_path, memory, small):
    """A build leaves what was given; the newest counts, the older one goes with the next build."""
    first = add(copy, given(copy, tmp_path), HERE)
    assert build(memory, copy, small).bank.clip(0, 0, "positive") == first
    second = add(copy, given(copy, tmp_path, gain=0.2, name="other.wav"), HERE)
    assert (first.take, second.take) == (0, 1)
    assert build(memory, copy, small).bank.clip(0, 0, "positive") == second
    assert not (copy / first.file).exists()


def test_a_rejection_of_meanwhile_is_kept(copy, tmp_path, monkeypatch):
    """Who rejects a clip on the page while another is added is not overruled by what was read."""
    name = "audio/s0-v0-neutral.flac"
    digest = bank.read(copy).judged[name]

    def said(approved):
        return (bank.Approval(name=name, sha256=digest, by="person", approved=approved),)

    bank.amend(copy, lambda _: said(True))
    real = bank.save

    def late(manifest, folder):
        bank.amend(folder, lambda _: said(False))
        real(manifest, folder)

    monkeypatch.setattr(bank, "save", late)
    add(copy, given(copy, tmp_path), HERE)
    assert bank.read(copy).verdict(name, "person") is False


def test_what_cannot_be_added_leaves_the_bank(copy, tmp_path):
    """No such place, no sound, silence, another tempo: a sentence, and the bank as it was."""
    before = (copy / bank.MANIFEST).read_bytes()
    text = tmp_path / "text.wav"
    text.write_bytes(b"not a sound")
    silent = io.BytesIO()
    soundfile.write(silent, np.zeros((480_000, 2)), 48_000, format="WAV")
    (tmp_path / "silent.wav").write_bytes(silent.getvalue())
    for path, place, error in (
        (given(copy, tmp_path), Place(3, 0, "positive"), UsageError),
        (text, HERE, UsageError),
        (tmp_path / "none.wav", HERE, UsageError),
        (tmp_path / "silent.wav", HERE, FormatError),
        (given(copy, tmp_path, turns=0.4, name="short.wav"), HERE, FormatError),
        (given(copy, tmp_path, turn=9_600, name="late.wav"), HERE, FormatError),
    ):
        with pytest.raises(error):
            add(copy, path, place)
    assert (copy / bank.MANIFEST).read_bytes() == before
    assert problems(copy) == ()
