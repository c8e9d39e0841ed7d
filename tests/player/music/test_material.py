"""A bank that cannot be played is refused with the reason, before the first frame."""

from __future__ import annotations

import shutil

import msgspec
import numpy as np
import pytest
import soundfile

from player.music.material import ENDING, build, named
from player.music.score import Score
from player.output import flac
from player.service import load, told
from rym import bank
from rym.errors import FormatError

RATE, BAR, BARS = 48_000, 24_000, 4


def reader(folder, change=None):
    """Return what reads clips, altered by `change` for the last clip."""

    def read(clip):
        samples, rate = flac.read(folder / clip.file)
        changed = change and clip.file.endswith("1-1-positive.flac")
        return change(samples, rate) if changed else (samples, rate)

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


@pytest.mark.fault(45)
@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda x, r: (x, 44_100), "44100 Hz, the player needs 48000"),
        (lambda x, r: (x[:, :1], r), r"\(96000, 1\)"),
        (lambda x, r: (x[:-1], r), r"\(95999, 2\)"),
        (lambda x, r: (x[:0], r), r"\(0, 2\)"),
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


def place(path, sound, rate=RATE, subtype="PCM_24", form="FLAC"):
    """Put other sound where a clip was."""
    soundfile.write(path, sound, rate, subtype=subtype, format=form)


def cut(path):
    """Leave half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


LOUD = np.full((BAR * BARS, 2), 1.5)
BAD = {
    "missing": lambda path: path.unlink(),
    "truncated": cut,
    "empty": lambda path: path.write_bytes(b""),
    "no length": lambda path: place(path, np.zeros((0, 2))),
    "wrong rate": lambda path: place(path, np.zeros((BAR * BARS, 2)), 44_100),
    "mono": lambda path: place(path, np.zeros(BAR * BARS)),
    "float above 1": lambda path: place(path, LOUD, subtype="FLOAT", form="WAV"),
    "constant": lambda path: place(path, LOUD / 3),
    "no numbers": lambda path: place(path, LOUD * np.nan, subtype="FLOAT", form="WAV"),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


def rehash(folder):
    """Let the manifest agree with what lies there, as a careless hand would."""
    manifest = bank.read(folder)
    clips = tuple(
        msgspec.structs.replace(clip, sha256=bank.sha256(folder / clip.file))
        if (folder / clip.file).is_file() else clip
        for clip in manifest.clips
    )  # fmt: skip
    bank.save(msgspec.structs.replace(manifest, clips=clips), folder)


@pytest.mark.fault(45)
@pytest.mark.parametrize("agreed", [False, True], ids=["by hash", "by content"])
@pytest.mark.parametrize("harm", BAD.values(), ids=BAD)
def test_a_bad_file_costs_its_stretch_and_the_others_play(bank_folder, tmp_path, harm, agreed):
    """Whatever is wrong with a file, it is reported, refused where asked, and never heard."""
    folder = tmp_path / "bank"
    shutil.copytree(bank_folder, folder)
    harm(folder / "audio" / "1-0-positive.flac")
    if agreed:
        rehash(folder)
    faults = {}
    material = load(folder, tell=faults.__setitem__)
    assert list(faults) == [(1, 0)]
    assert "1-0-positive.flac" in faults[1, 0].error
    assert material.turns == ((0, 0), (0, 1), (1, 1))
    assert material.sections[1].sounds[0] == (None, None, None)
    assert material.sections[1].sounds[1][2].shape == (BAR * BARS, 2)
    with pytest.raises(FormatError, match=r"1-0-positive\.flac"):
        load(folder)
    again = load(folder, left_out=named(faults))
    assert again.turns == material.turns


@pytest.mark.fault(45)
@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24"])
def test_how_many_bits_a_sample_has_makes_no_difference(bank_folder, tmp_path, subtype):
    """24 bits are what the builder writes, 16 are as good."""
    folder = tmp_path / "bank"
    shutil.copytree(bank_folder, folder)
    path = folder / "audio" / "1-0-positive.flac"
    sound, _ = soundfile.read(path)
    place(path, sound, subtype=subtype)
    rehash(folder)
    assert load(folder).sections[1].sounds[0][2] == pytest.approx(sound, abs=2**-15)


@pytest.mark.fault(45)
def test_a_bank_of_which_nothing_can_be_played_is_refused(bank_folder, tmp_path):
    """One file of each section and variant is bad: the player does not start."""
    folder = tmp_path / "bank"
    shutil.copytree(bank_folder, folder)
    for path in (folder / "audio").glob("*-neutral.flac"):
        cut(path)
    faults = {}
    with pytest.raises(FormatError, match="None of the 2 sections can be played"):
        load(folder, tell=faults.__setitem__)
    assert len(faults) == 4


def test_the_music_goes_on_past_what_is_left_out(bank_folder):
    """Sections keep their numbers; a restart finds the same place."""
    whole = load(bank_folder)
    score = Score(load(bank_folder, left_out="0/0"), loops=2)
    n = BAR * BARS
    heard = [score.spot(k * n)[:2] for k in range(7)]
    assert heard == [(1, 0), (1, 0), (0, 1), (0, 1), (1, 1), (1, 1), (1, 0)]
    assert [Score(whole, 1).spot(k * n)[:2] for k in range(4)] == [(0, 0), (1, 0), (0, 1), (1, 1)]


N_ENDING = 60_000


@pytest.fixture(scope="module")
def with_endings(bank_folder, tmp_path_factory):
    """Return a bank whose sections have endings of three bars, alike by 0.3, and a picture."""
    folder = tmp_path_factory.mktemp("endings") / "bank"
    shutil.copytree(bank_folder, folder)
    manifest = bank.read(folder)
    endings = []
    for clip in manifest.clips:
        if clip.variant:
            continue
        file = f"audio/s{clip.section}-end-{clip.affect}.flac"
        sound, _ = soundfile.read(folder / clip.file)
        place(folder / file, sound[:N_ENDING] * np.linspace(1, 0, N_ENDING)[:, None])
        endings.append(
            msgspec.structs.replace(
                clip,
                kind="ending",
                file=file,
                sha256=bank.sha256(folder / file),
                n_samples=N_ENDING,
                downbeats=(0, BAR, 2 * BAR),
                loop_residual_db=None,
            )
        )
    alike = tuple(tuple(1.0 if i == j else 0.3 for j in range(3)) for i in range(3))
    rows = [
        bank.Correlation(section=s, variant=0, kind="ending", rho=(alike,) * 3) for s in range(2)
    ]
    frame = bank.Frame(
        file="images/0.webp", sha256="0", valence=0.0, hue=0.0, saturation=0.0, value=0.0,
        luminance=0.0,
    )  # fmt: skip
    scene = bank.Scene(
        name="scene-0", maker=bank.Maker(backend="test"), prompt_sha256="", seed=0, width=64,
        height=64, flashes=0, frames=(frame,),
    )  # fmt: skip
    more = msgspec.structs.replace(
        manifest,
        clips=(*endings, *manifest.clips),
        correlations=(*rows, *manifest.correlations),
        scenes=(scene,),
    )
    bank.save(more, folder)
    return folder


def test_endings_are_loaded_beside_the_loops(with_endings, bank_folder):
    """One per section with its own bars and correlations; they do not stand for loops."""
    material = load(with_endings)
    assert material.turns == ((0, 0), (1, 0), (0, 1), (1, 1))
    assert {len(x) for s in material.sections for v in s.sounds for x in v} == {BAR * BARS}
    assert material.sections[0].rho == load(bank_folder).sections[0].rho
    ending = material.sections[1].ending
    assert (ending.n_frames, ending.bars) == (N_ENDING, (0, BAR, 2 * BAR))
    assert ending.rho[2] == pytest.approx((0.3, 0.3, 0.3))
    sound, _ = soundfile.read(with_endings / "audio" / "s1-end-positive.flac")
    assert ending.sounds[2] == pytest.approx(sound, abs=1e-6)
    assert not ending.sounds[2].flags.writeable
    assert load(bank_folder).sections[0].ending is None


@pytest.mark.fault(45)
@pytest.mark.parametrize("agreed", [False, True], ids=["by hash", "by content"])
@pytest.mark.parametrize("harm", BAD.values(), ids=BAD)
def test_a_bad_ending_costs_itself_alone(with_endings, tmp_path, harm, agreed):
    """Every loop plays, the other section keeps its ending, and the status names what is out."""
    folder = tmp_path / "bank"
    shutil.copytree(with_endings, folder)
    harm(folder / "audio" / "s1-end-neutral.flac")
    if agreed:
        rehash(folder)
    faults = {}
    material = load(folder, tell=faults.__setitem__)
    assert list(faults) == [(1, ENDING)]
    assert "s1-end-neutral.flac" in faults[1, ENDING].error
    assert len(material.turns) == 4
    assert material.sections[0].ending
    assert material.sections[1].ending is None
    with pytest.raises(FormatError, match=r"s1-end-neutral\.flac"):
        load(folder)
    assert named(material.left_out) == "1/ending"
    again = load(folder, left_out=named(material.left_out))
    assert again.left_out == material.left_out
    assert again.sections[1].ending is None
    assert "section 2, ending" in told(faults)


@pytest.mark.fault(45)
def test_endings_do_not_make_up_for_loops(with_endings, tmp_path):
    """Where no loop can be played, there is nothing to end; their endings are not asked after."""
    folder = tmp_path / "bank"
    shutil.copytree(with_endings, folder)
    for path in (folder / "audio").glob("*-neutral.flac"):
        cut(path)
    faults = {}
    with pytest.raises(FormatError, match="None of the 2 sections can be played"):
        load(folder, tell=faults.__setitem__)
    assert len(faults) == 4


def test_an_ending_whose_correlations_do_not_fit_is_refused(with_endings):
    """Missing, or of another number of bars: the sentence says that it is an ending's."""
    manifest = bank.read(with_endings)
    read = reader(with_endings)
    with pytest.raises(FormatError, match="no correlations for section 0, its ending"):
        build(msgspec.structs.replace(manifest, correlations=manifest.correlations[1:]), read)
    short = msgspec.structs.replace(manifest.correlations[0], rho=manifest.correlations[0].rho[:2])
    rows = (short, *manifest.correlations[1:])
    with pytest.raises(FormatError, match="of 2 bars, its clips have 3"):
        build(msgspec.structs.replace(manifest, correlations=rows), read)


def test_a_bank_that_was_changed_meanwhile_is_not_played(bank_folder):
    """Where a hash is expected, another content is refused; approvals alone change nothing."""
    manifest = bank.read(bank_folder)
    assert load(bank_folder, expected=manifest.content_sha256).affects == manifest.affects
    with pytest.raises(FormatError, match="was approved for this session"):
        load(bank_folder, expected="0" * 64)
