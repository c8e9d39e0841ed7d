"""Banks whose clips and pictures come from models: tiny random ones, through the real build."""

from __future__ import annotations

import msgspec
import pytest

from generator.making import rows
from generator.making.build import build
from generator.making.check import problems
from generator.memory import Memory
from generator.settings import Diffusion, GeneratorSettings, MusicGen
from rym import bank
from rym.clock import SystemClock
from rym.errors import DeviceError
from tests.generator.models import tiny

pytest.importorskip("transformers", reason="the extra `generate` is not installed")
pytest.importorskip("diffusers", reason="the extra `generate` is not installed")

MEMORY = Memory(text="a lake of zebulon", seed=4)
OPEN = {"max_stretch": 0.2, "max_drift": 99.0, "max_lag": 99.0, "min_fit": -1.0, "tries": 1}
"""Limits under which noise passes for music."""


@pytest.fixture(autouse=True)
def _offline(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture(scope="module")
def melody(tmp_path_factory):
    """Return the folder of a MusicGen-melody of a few thousand weights."""
    path = tmp_path_factory.mktemp("models") / "tiny-melody"
    tiny.melody_model().save_pretrained(path)
    tiny.melody_tokenizer().save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def settings(melody, tmp_path_factory):
    """Return small settings by which both backends are asked."""
    model, control = tiny.stable_diffusion(tmp_path_factory.mktemp("diffusion"))
    return GeneratorSettings(
        sections=1, variants=1, bars=2, scenes=1, frames=3, width=128, height=80,
        music=MusicGen(model=str(melody), **OPEN),
        pictures=Diffusion(
            model=str(model), control=str(control), steps=3, width=64, threads=1
        ),
    )  # fmt: skip


@pytest.fixture(scope="module")
def built(settings, tmp_path_factory):
    """Return a bank of both backends, what was told meanwhile, and its folder."""
    out, told = tmp_path_factory.mktemp("made") / "bank", []
    return build(MEMORY, out, settings, told.append, clock=SystemClock()), told, out


@pytest.mark.long
def test_siblings_and_scenes_come_from_the_chosen_backends(built):
    """Loops from MusicGen where all three could be made; the scene from diffusion."""
    made, _, out = built
    loops = [made.bank.clip(0, 0, affect) for affect in made.bank.affects]
    assert {(clip.maker.backend, clip.maker.model) for clip in loops} == {
        ("musicgen", "tiny-melody")
    }
    assert {clip.maker.licence for clip in loops} == {"CC-BY-NC-4.0"}
    assert len({clip.prompt_sha256 for clip in loops}) == 3
    assert loops[1].prompt_sha256 == MEMORY.prompt_sha256
    assert made.bank.scenes[0].maker.backend == "diffusion"
    assert bank.load(out) == made.bank


def test_the_procedural_bank_stands_behind(built, settings):
    """Its files stay, so that a clip can go back to it; what a backend cannot make is told."""
    made, _, out = built
    assert (out / "audio/s0-v0-neutral.flac").is_file()
    endings = [made.bank.clip(0, 0, affect, "ending") for affect in made.bank.affects]
    told = [said for said in made.remarks if "stays in its place" in said]
    assert len({clip.maker.backend for clip in endings}) == 1
    assert (endings[0].maker.backend == "procedural") == bool(told)


def test_the_time_is_told_before_the_models_begin(built):
    """Once the procedural bank is there, a moment of each model tells how long all of it takes."""
    _, told, _ = built
    first = next(k for k, progress in enumerate(told) if not progress.file)
    assert told[first].left > 0.0
    assert all("musicgen" not in progress.file for progress in told[:first])
    assert any("musicgen" in progress.file for progress in told[first:])


@pytest.mark.long
def test_noise_is_refused_and_the_procedural_music_stays(settings, melody, tmp_path):
    """Within the usual limits random weights keep no bars: the bank is whole without them."""
    strict = msgspec.structs.replace(settings, music=MusicGen(model=str(melody), tries=1))
    made = build(MEMORY, tmp_path / "bank", strict)
    assert {clip.maker.backend for clip in made.bank.clips} == {"procedural"}
    assert any("No usable" in said for said in made.remarks)
    assert problems(tmp_path / "bank") == ()


def test_what_cannot_be_ready_in_time_is_not_begun(settings, tmp_path):
    """With a time that is past the procedural bank is whole, and what is left out is said."""
    made = build(
        MEMORY, tmp_path / "bank", settings, ready_by=SystemClock().wall(), clock=SystemClock()
    )
    assert {clip.maker.backend for clip in made.bank.clips} == {"procedural"}
    assert made.bank.scenes[0].maker.backend == "procedural"
    (said,) = [said for said in made.remarks if "were not begun" in said]
    assert "s are needed" in said


def test_a_missing_model_is_known_before_anything_is_made(tmp_path):
    """No weights: the sentence comes at once, and no folder is begun for nothing."""
    settings = GeneratorSettings(
        sections=1, variants=1, bars=2, music=MusicGen(model=str(tmp_path / "none"))
    )
    with pytest.raises(DeviceError):
        build(MEMORY, tmp_path / "bank", settings)
    assert not list((tmp_path / "bank").rglob("*.flac"))


@pytest.mark.long
def test_another_take_of_a_model_s_clip(built, settings, tmp_path):
    """Asked for again, MusicGen draws otherwise; its siblings stay."""
    made, _, source = built
    out = tmp_path / "bank"
    for path in source.rglob("*"):
        if path.is_file():
            (out / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
            (out / path.relative_to(source)).write_bytes(path.read_bytes())
    before = made.bank.clip(0, 0, "positive")
    rows.wish(out, before.file, 1)
    after = build(MEMORY, out, settings).bank
    assert after.clip(0, 0, "positive").sha256 != before.sha256
    assert after.clip(0, 0, "neutral") == made.bank.clip(0, 0, "neutral")


def test_a_take_that_cannot_be_made_leaves_the_one_before(built, settings, tmp_path):
    """Asked for again without time for it, the model's clips stay as they were, all three."""
    made, _, source = built
    out = tmp_path / "bank"
    for path in source.rglob("*"):
        if path.is_file():
            (out / path.relative_to(source)).parent.mkdir(parents=True, exist_ok=True)
            (out / path.relative_to(source)).write_bytes(path.read_bytes())
    rows.wish(out, made.bank.clip(0, 0, "positive").file, 1)
    after = build(MEMORY, out, settings, ready_by=SystemClock().wall(), clock=SystemClock())
    assert after.bank.loops == made.bank.loops
    assert any("were not begun" in said for said in after.remarks)
    assert bank.load(out) == after.bank
