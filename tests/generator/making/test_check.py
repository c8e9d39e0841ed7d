"""What `bank check` finds: each of these banks says of itself that it is well."""

import hashlib

import msgspec
import numpy as np
import pytest

from generator.making import rows
from generator.making.build import build
from generator.making.check import problems
from generator.making.finish import decode, encode
from generator.pictures.files import decode as decode_picture
from generator.pictures.files import encode as encode_picture
from generator.pictures.measures import look
from rym import bank

CLIP = "audio/s0-v0-neutral.flac"


def changed(folder, change):
    """Change a clip's sound and have the manifest say that this is how it should be."""
    manifest = bank.read(folder)
    sound, rate = decode((folder / CLIP).read_bytes())
    data, sound = encode(change(sound), rate)
    (folder / CLIP).write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    clips = [
        msgspec.structs.replace(x, sha256=digest, n_samples=len(sound)) if x.file == CLIP else x
        for x in manifest.clips
    ]
    bank.save(msgspec.structs.replace(manifest, clips=tuple(clips)), folder)


def faded(sound):
    """Return a clip that begins and ends in silence."""
    n = 3000
    fade = np.ones(len(sound))
    fade[:n], fade[-n:] = np.linspace(0, 1, n), np.linspace(1, 0, n)
    return sound * fade[:, None]


def test_a_bank_as_it_was_built_has_no_problems(small_bank):
    """Nothing is wrong with what the build made, in one process and in two."""
    assert problems(small_bank) == ()
    assert problems(small_bank, 2) == ()


def test_one_flipped_bit(copy):
    """One bit of one clip or one picture is found by its hash."""
    for file in (CLIP, "images/scene-0-f01.webp"):
        data = bytearray((copy / file).read_bytes())
        data[len(data) // 2] ^= 1
        (copy / file).write_bytes(bytes(data))
    found = problems(copy)
    assert len(found) == 2
    assert all("SHA-256" in said for said in found)
    assert {CLIP in said for said in found} == {True, False}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda x: 1.5 * x, "LUFS loud"),
        (lambda x: 0.5 * x, "LUFS loud"),
        (lambda x: np.where(np.arange(len(x))[:, None] == 5000, 0.99, x), "true peak"),
        (lambda x: x + 0.02, "constant offset"),
        (lambda x: np.roll(x, 31_111, axis=0)[:-700], "the seam clicks"),
        (faded, "the seam has a gap"),
        (lambda x: np.clip(x, -0.7 * np.abs(x).max(), 0.7 * np.abs(x).max()), "it clips"),
        (lambda x: np.roll(x, 9_600, axis=0), "its onsets lie"),
        (lambda x: np.concatenate([x[: len(x) // 2], 0 * x[len(x) // 2 :]]), "is silence"),
    ],
)
def test_a_fault_of_the_sound_is_found_though_the_manifest_agrees(copy, change, says):
    """Too loud, too soft, a peak, an offset, a seam, a gap, silence."""
    changed(copy, change)
    assert any(CLIP in said and says in said for said in problems(copy))


@pytest.mark.long
def test_a_wandering_tempo(full_bank, tmp_path):
    """A clip whose beat is 1 % too fast is refused, one of exact beats is not."""
    manifest = bank.read(full_bank)
    clip = manifest.clip(0, 0, "positive")
    sound, rate = decode((full_bank / clip.file).read_bytes())
    (tmp_path / "audio").mkdir()
    for stretch, wrong in ((1.0, False), (0.99, True)):
        at = np.linspace(0, len(sound) - 1, round(len(sound) * stretch))
        faster = np.column_stack([np.interp(at, np.arange(len(sound)), x) for x in sound.T])
        data, faster = encode(faster, rate)
        (tmp_path / clip.file).write_bytes(data)
        row = msgspec.structs.replace(
            clip, sha256=hashlib.sha256(data).hexdigest(), n_samples=len(faster)
        )
        bank.save(msgspec.structs.replace(manifest, clips=(row,), scenes=()), tmp_path)
        assert any("its beat is off" in said for said in problems(tmp_path)) is wrong


def test_a_flashing_strip(copy):
    """Frames that alternate between dark and bright are refused; the manifest says 0 flashes."""
    manifest = bank.read(copy)
    scene = manifest.scenes[0]
    first = decode_picture((copy / scene.frames[0].file).read_bytes())
    frames = []
    for k in range(13):
        data = encode_picture(np.full_like(first, 240 if k % 2 else 10))
        seen = look(decode_picture(data))
        file = f"images/flash-{k:02d}.webp"
        (copy / file).write_bytes(data)
        frames.append(
            bank.Frame(
                file=file, sha256=hashlib.sha256(data).hexdigest(), valence=round(k / 6 - 1, 6),
                hue=seen.hue, saturation=seen.saturation, value=seen.value,
                luminance=seen.luminance,
            )
        )  # fmt: skip
    strip = msgspec.structs.replace(scene, frames=tuple(frames))
    bank.save(msgspec.structs.replace(manifest, scenes=(strip,)), copy)
    assert any("scene-0 flashes" in said and "at most 3" in said for said in problems(copy))


def test_a_missing_affect(copy):
    """A bank that lacks an affect, or a clip of one, says which."""
    manifest = bank.read(copy)
    kept = tuple(clip for clip in manifest.clips if clip.affect != "positive")
    bank.save(msgspec.structs.replace(manifest, clips=kept), copy)
    assert any("positive" in said for said in problems(copy))
    two = msgspec.structs.replace(manifest, clips=kept, affects=("negative", "neutral"))
    bank.save(two, copy)
    assert any("positive cannot be played" in said for said in problems(copy))


def test_correlations_of_other_clips(copy):
    """Correlations that were measured on other sound are refused: levels would be wrong."""
    manifest = bank.read(copy)
    rows_ = [
        msgspec.structs.replace(
            x, rho=tuple(tuple(tuple(-v for v in row) for row in bar) for bar in x.rho)
        )
        for x in manifest.correlations
    ]
    bank.save(msgspec.structs.replace(manifest, correlations=tuple(rows_)), copy)
    found = problems(copy)
    assert len([said for said in found if "correlations" in said]) == len(rows_)


@pytest.mark.long
def test_a_build_heals_what_a_check_refuses(copy, memory, small):
    """After a flipped bit and a lost picture, building again gives a bank without problems."""
    (copy / CLIP).write_bytes(b"fLaC")
    (copy / "images/scene-0-f02.webp").unlink()
    assert len(problems(copy)) >= 2
    build(memory, copy, small)
    assert problems(copy) == ()
    assert rows.remakes(copy) == {}
