"""ACE-Step with random weights through diffusers' own pipeline, offline."""

# ruff: noqa: PLC0415 - torch and its kin take seconds to import

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from generator.drafts import Place
from generator.memory import Memory
from generator.models import clips
from generator.models.acestep import AceStepMusician, cover, load
from generator.models.choosing import musician
from generator.models.weights import Weights
from generator.music.musician import Composer
from generator.settings import AceStep, GeneratorSettings
from rym.errors import DeviceError, FormatError

pytestmark = pytest.mark.long

WORDS = ["<pad>", "<unk>", "</s>", "calm", "warm", "piano", "Instrumental", "#", "Caption"]
SIZE = {
    "hidden_size": 16, "intermediate_size": 32, "num_attention_heads": 2,
    "num_key_value_heads": 1, "head_dim": 8,
}  # fmt: skip
TONES = 8


class Words:
    """A prompter that always says the same."""

    def prompt(self, affect, sense, index) -> str:
        """Return the prompt."""
        return "calm warm piano"


def _pipeline(**changes):
    """Return a pipeline of some thousand random weights: 25 latents of 48 kHz per second."""
    import torch
    from diffusers import (
        AceStepPipeline,
        AceStepTransformer1DModel,
        AutoencoderOobleck,
        FlowMatchEulerDiscreteScheduler,
    )
    from diffusers.pipelines.ace_step import (
        AceStepAudioTokenDetokenizer,
        AceStepAudioTokenizer,
        AceStepConditionEncoder,
    )
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3Model

    words = Tokenizer(models.WordLevel({w: k for k, w in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    layers = {"num_attention_pooler_hidden_layers": 1, "audio_acoustic_hidden_dim": TONES}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        parts = {
            "vae": AutoencoderOobleck(
                encoder_hidden_size=2 * TONES, downsampling_ratios=[8, 15, 16],
                channel_multiples=[1, 1, 2], decoder_channels=2, decoder_input_channels=TONES,
                sampling_rate=48_000,
            ),
            "text_encoder": Qwen3Model(
                Qwen3Config(vocab_size=len(WORDS), num_hidden_layers=1, **SIZE)
            ),
            "tokenizer": PreTrainedTokenizerFast(
                tokenizer_object=words, pad_token="<pad>", unk_token="<unk>", eos_token="</s>"
            ),
            "transformer": AceStepTransformer1DModel(
                num_hidden_layers=1, in_channels=3 * TONES, audio_acoustic_hidden_dim=TONES,
                encoder_hidden_size=16, is_turbo=True, **SIZE,
            ),
            "condition_encoder": AceStepConditionEncoder(
                text_hidden_dim=16, timbre_hidden_dim=TONES, num_lyric_encoder_hidden_layers=1,
                num_timbre_encoder_hidden_layers=1, **SIZE,
            ),
            "scheduler": FlowMatchEulerDiscreteScheduler(num_train_timesteps=1, shift=1.0),
            "audio_tokenizer": AceStepAudioTokenizer(fsq_dim=16, **layers, **SIZE),
            "audio_token_detokenizer": AceStepAudioTokenDetokenizer(**layers, **SIZE),
        }  # fmt: skip
    return AceStepPipeline(**{**parts, **changes})


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Return the folder of a saved tiny pipeline."""
    path = tmp_path_factory.mktemp("models") / "tiny-ace"
    _pipeline().save_pretrained(path)
    return path


@pytest.fixture(scope="module")
def guide() -> Composer:
    """Return the procedural music of two bars."""
    return Composer(Memory(text="x", seed=2), GeneratorSettings(sections=1, variants=1, bars=2))


@pytest.fixture(autouse=True)
def _offline(monkeypatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def _player(model: Path | str, guide: Composer, **changes: object) -> AceStepMusician:
    opened = {
        "max_stretch": 0.2,
        "max_drift": 99.0,
        "max_lag": 99.0,
        "min_fit": -1.0,
        "tries": 1,
        "steps": 2,
    }
    settings = GeneratorSettings(music=AceStep(model=str(model), **{**opened, **changes}))
    made = musician(settings, guide, Words())
    assert isinstance(made, AceStepMusician)
    return made


def test_a_clip_comes_out_at_the_guides_length(folder, guide, capfd) -> None:
    """From words and guide to a draft, without a word on the terminal or a draw of torch's own."""
    import torch

    place = Place(0, 0, "positive")
    before = torch.random.get_rng_state()
    player = _player(folder, guide)
    draft = player.play(place, 0)
    assert draft.sound.shape == guide.play(place, 0).sound.shape
    assert player.maker.model == "tiny-ace"
    assert torch.equal(torch.random.get_rng_state(), before)
    out = capfd.readouterr()
    assert (out.out, out.err) == ("", "")


def test_the_seed_and_the_guide_decide(folder) -> None:
    """Same order, same sound; another seed or another guide, another one."""
    pipeline = load(Weights(folder, "tiny-ace", ""), AceStep())
    rng = np.random.default_rng(0)
    order = clips.Order("calm", rng.uniform(-0.5, 0.5, (48_000, 2)), 48_000, 72.0, "C", 5)
    others = (order, order._replace(seed=6), order._replace(guide=order.guide[::-1]))
    made = [cover(pipeline, AceStep(steps=2), x) for x in (order, *others)]
    assert abs(len(made[0]) - 48_000) <= 1_920
    assert made[0].tobytes() == made[1].tobytes()
    assert made[0].tobytes() != made[2].tobytes()
    assert made[0].tobytes() != made[3].tobytes()


def test_a_model_without_covers_is_refused(tmp_path) -> None:
    """Without the audio tokenizer the guide could not be followed."""
    _pipeline(audio_tokenizer=None, audio_token_detokenizer=None).save_pretrained(tmp_path)
    with pytest.raises(FormatError, match="no audio tokenizer"):
        load(Weights(tmp_path, "bare", ""), AceStep())


def test_a_folder_of_another_model_is_named(folder, guide, tmp_path) -> None:
    """ACE-Step v1 and other strangers do not load; the sentence says what does."""
    for part in ("vae", "transformer", "text_encoder"):
        (tmp_path / part).mkdir()
        (tmp_path / part / "model.safetensors").write_bytes(b"x")
    with pytest.raises(FormatError, match=r"do not load.*ACE-Step 1\.5"):
        _player(tmp_path, guide).play(Place(0, 0, "neutral"), 0)


def test_a_missing_extra_or_model_says_what_to_do(guide, monkeypatch) -> None:
    """The install line, or how to get the weights."""
    with pytest.raises(DeviceError, match=r"not on this machine.*download = true"):
        _player("nobody/acestep-nowhere", guide)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(DeviceError, match=r"diffusers is not installed.*rym\[generate\]"):
        _player("nobody/acestep-nowhere", guide)
