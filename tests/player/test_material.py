"""A bank that cannot be played is refused with the reason, before the first frame."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from player import flac
from player.material import build
from player.service import load
from rym import bank
from rym.errors import FormatError


def reader(folder, change=None):
    """Return what reads clips, altered by `change` for the last clip."""

    def read(file):
        samples, rate = flac.read(folder / file)
        return (
            change(samples, rate)
            if change and file.endswith("1-1-positive.flac")
            else (
                samples,
                rate,
            )
        )

    return read


def test_a_bank_on_disk_becomes_arrays(bank_folder):
    """Two sections, two variants, three affects, bars and beats in frames, arrays locked."""
    material = load(bank_folder)
    assert material.affects == ("negative", "neutral", "positive")
    assert (len(material.sections), material.n_variants) == (2, 2)
    section = material.sections[1]
    assert section.bars == (0, 24_000, 48_000, 72_000)
    assert section.beats[:5] == (0, 6_000, 12_000, 18_000, 24_000)
    assert section.rho[1] == ((0.0, 0.0, 0.0),) * 4
    sound = section.sounds[1][2]
    assert sound.shape == (96_000, 2)
    assert not sound.flags.writeable


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x, r: (x, 44_100), "44100 Hz, the player needs 48000"),
        (lambda x, r: (x[:, :1], r), r"\(96000, 1\)"),
        (lambda x, r: (x[:-1], r), r"\(95999, 2\)"),
        (lambda x, r: (np.where(x > 0.1, np.nan, x), r), "not numbers"),
        (lambda x, r: (x * 20, r), "full scale is 1"),
        (lambda x, r: (x + np.float32(0.1), r), "constant offset"),
    ],
)
def test_a_clip_that_cannot_be_played_is_refused(bank_folder, change, words):
    """Rate, channels, length, NaN, overload, offset: both values in the sentence."""
    with pytest.raises(FormatError, match=words):
        build(bank.load(bank_folder), reader(bank_folder, change))


def test_a_manifest_that_does_not_fit_is_refused(bank_folder):
    """Missing correlations, other numbers of bars, clips that disagree about bars."""
    manifest = bank.load(bank_folder)
    read = reader(bank_folder)
    with pytest.raises(FormatError, match="no correlations for section 1, variant 1"):
        build(msgspec.structs.replace(manifest, correlations=manifest.correlations[:-1]), read)
    short = msgspec.structs.replace(manifest.correlations[0], rho=manifest.correlations[0].rho[:3])
    with pytest.raises(FormatError, match="3 bars, its clips have 4"):
        build(
            msgspec.structs.replace(manifest, correlations=(short, *manifest.correlations[1:])),
            read,
        )
    other = msgspec.structs.replace(manifest.clips[-1], downbeats=(0, 1, 2, 3))
    with pytest.raises(FormatError, match="other bars than"):
        build(msgspec.structs.replace(manifest, clips=(*manifest.clips[:-1], other)), read)


def test_correlations_are_kept_per_bar_only_where_they_vary(bank_folder):
    """Up to 0.2 of variation the section's mean stands; below −0.5 it is clamped."""
    manifest = bank.load(bank_folder)

    def bars(values):
        return tuple(((1.0, v, v - 1.0), (v, 1.0, v), (v - 1.0, v, 1.0)) for v in values)

    for values, expected in (
        ((0.1, 0.2, 0.3, 0.2), [0.2] * 4),
        ((0.0, 0.5, 0.9, 1.0), [0.0, 0.5, 0.9, 1.0]),
    ):
        first = msgspec.structs.replace(manifest.correlations[0], rho=bars(values))
        changed = msgspec.structs.replace(
            manifest, correlations=(first, *manifest.correlations[1:])
        )
        rho = build(changed, reader(bank_folder)).sections[0].rho[0]
        assert [r[0] for r in rho] == pytest.approx(expected)
        assert rho[0][1] == -0.5


def test_a_bank_without_one_affect_is_played_without_it(bank_folder):
    """Neutral and positive alone make a bank; nothing is in the place of negative."""
    manifest = bank.load(bank_folder)
    rho = ((1.0, 0.3), (0.3, 1.0))
    smaller = msgspec.structs.replace(
        manifest,
        affects=("neutral", "positive"),
        clips=tuple(c for c in manifest.clips if c.affect != "negative"),
        correlations=tuple(
            msgspec.structs.replace(c, rho=(rho,) * 4) for c in manifest.correlations
        ),
    )
    material = build(smaller, reader(bank_folder))
    assert material.affects == ("neutral", "positive")
    assert material.sections[0].sounds[0][0] is None
    assert material.sections[0].rho[0][0] == pytest.approx((0.0, 0.0, 0.3))
