"""MusicGen-melody with random weights, in the very files that the real one comes in."""

# torch and transformers take seconds to import: only the tests that use them wait.
# ruff: noqa: PLC0415

from __future__ import annotations

import builtins
import contextlib
import importlib.util
import json
import logging
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from generator.drafts import Place
from generator.memory import Memory
from generator.models import clips, musicgen, weights
from generator.models.choosing import musician
from generator.models.musicgen import RATE, MusicGenMusician, extended, generate, melody
from generator.music.musician import Composer
from generator.settings import GeneratorSettings, MusicGen
from rym.errors import DeviceError, FormatError, UsageError
from tests.generator.models import tiny

OPEN = {"max_stretch": 0.2, "max_drift": 99.0, "max_lag": 99.0, "min_fit": -1.0, "tries": 1}
PROMPT = "calm warm piano"
LOOP = Place(0, 0, "positive")


class Words:
    """A prompter that always says the same."""

    def prompt(self, affect, sense, index) -> str:
        """Return the prompt."""
        return PROMPT


@pytest.fixture(scope="module")
def guide() -> Composer:
    """Return the procedural music of two bars."""
    return Composer(Memory(text="x", seed=2), GeneratorSettings(sections=1, variants=1, bars=2))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Return the folder of a saved tiny model."""
    path = tmp_path_factory.mktemp("models") / "tiny-melody"
    tiny.melody_model().save_pretrained(path)
    tiny.melody_tokenizer().save_pretrained(path)
    return path


@pytest.fixture(autouse=True)
def _offline(monkeypatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def _player(folder: Path, guide: Composer, **changes: object) -> MusicGenMusician:
    settings = GeneratorSettings(music=MusicGen(model=str(folder), **{**OPEN, **changes}))
    made = musician(settings, guide, Words())
    assert isinstance(made, MusicGenMusician)
    return made


def test_a_clip_comes_out_at_the_guides_length(folder, guide) -> None:
    """From words and notes to a draft; the same again to the bit, another take otherwise."""
    import torch

    led = guide.play(LOOP, 0)
    before = torch.random.get_rng_state()
    draft = _player(folder, guide).play(LOOP, 0)
    assert draft.sound.shape == led.sound.shape
    assert draft.grid == led.grid
    assert draft.notes == ()
    assert draft.performed is None
    assert np.std(draft.sound) > 0
    again, other = (_player(folder, guide).play(LOOP, take) for take in (0, 1))
    assert again.sound.tobytes() == draft.sound.tobytes()
    assert again.seed == draft.seed != other.seed
    assert other.sound.tobytes() != draft.sound.tobytes()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_an_ending_is_as_long_as_the_guides(folder, guide) -> None:
    """An ending keeps the guide's length and falls to nothing."""
    place = Place(0, 0, "neutral", "ending")
    sound = _player(folder, guide).play(place, 0).sound
    assert sound.shape == guide.play(place, 0).sound.shape
    assert np.max(np.abs(sound[-10:])) < 1e-3


def test_noise_is_refused_with_the_fault_of_each_try(folder, guide) -> None:
    """What random weights make does not fit the bars; each try is told, the words are not."""
    player = _player(folder, guide, max_stretch=0.02, max_drift=0.02, max_lag=0.025, tries=2)
    with pytest.raises(FormatError, match="No usable positive clip for section 0") as error:
        player.play(LOOP, 0)
    assert "2 tries" in error.value.error
    assert "at most" in error.value.error or "at least" in error.value.error
    assert not {"calm", "warm", "piano"} & set(error.value.error.split())


def test_the_maker_names_the_model_and_not_its_path(folder, guide) -> None:
    """What goes into the manifest is the folder's name."""
    maker = _player(folder, guide).maker
    assert (maker.backend, maker.model, maker.revision) == ("musicgen", "tiny-melody", "")
    assert maker.licence == "CC-BY-NC-4.0"


def test_what_was_made_stays_where_music_goes_on() -> None:
    """33 s are made in two windows of 30; the first 30 s are the same as if they were all."""
    import torch

    model, words = tiny.melody_model(), tiny.melody_tokenizer()([PROMPT], return_tensors="pt")
    tones = np.eye(12, dtype=np.float32)[np.arange(300) % 12]
    codes = []
    for wanted in (300, 330):
        with torch.random.fork_rng():
            torch.manual_seed(3)
            codes.append(extended(model, words, tones, MusicGen(), wanted))
    assert [x.shape for x in codes] == [(4, 300), (4, 330)]
    assert np.array_equal(codes[0], codes[1][:, :300])


@pytest.mark.parametrize("channels", [1, 2])
def test_a_window_goes_on_from_the_codes_it_is_given(channels) -> None:
    """Transformers itself decodes the whole window: it begins with them and goes on with ours."""
    import torch

    model, words = (
        tiny.melody_model(channels),
        tiny.melody_tokenizer()([PROMPT], return_tensors="pt"),
    )
    heard = np.eye(12, dtype=np.float32)[np.arange(16) % 12]
    kept = np.random.default_rng(0).integers(0, 32, (4 * channels, 15))
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(3)
        new = musicgen._window(model, words, heard, kept, n_new=25, guidance=3.0)
        torch.manual_seed(3)
        theirs = model.generate(
            **words, input_features=torch.from_numpy(heard)[None], do_sample=True,
            guidance_scale=3.0, max_new_tokens=28, decoder_input_ids=torch.from_numpy(kept),
        )  # fmt: skip
        ours = musicgen._decoded(model, np.concatenate([kept, new], axis=1))
    assert new.shape == (4 * channels, 25)
    assert theirs.shape == (1, channels, 40 * 3200)
    assert np.allclose(ours, theirs[0].numpy(), atol=1e-6)


def test_each_window_hears_the_melody_from_its_own_beginning(monkeypatch) -> None:
    """The second window begins at its carried part, so it hears the tones from there on."""
    heard = []

    def window(model, words, tones, kept, *, n_new, guidance):
        heard.append((int(tones[0].argmax()), kept.shape[1], n_new))
        return np.zeros((4, n_new), np.int64)

    monkeypatch.setattr(musicgen, "_window", window)
    tones = np.eye(300, dtype=np.float32)
    extended(tiny.melody_model(), None, tones, MusicGen(), 330)
    assert heard == [(0, 0, 300), (round(18 * RATE / 4096), 120, 30)]


def test_sound_is_as_long_as_ordered() -> None:
    """Of whole frames, what is beyond the order is cut off."""
    words = tiny.melody_tokenizer()([PROMPT], return_tensors="pt")
    order = clips.Order(PROMPT, np.zeros((62_000, 2)), 48_000, 72.0, "C", 5)
    tones = np.eye(12, dtype=np.float32)[np.zeros(16, int)]
    made = generate(tiny.melody_model(2), words, tones, MusicGen(), order)
    assert made.shape == (2, int(62_000 / 48_000 * RATE))


def test_the_melody_is_what_transformers_would_hear() -> None:
    """Our tones are those of transformers' feature extractor, its spectrogram made by torch."""
    torch = pytest.importorskip("torch")
    from transformers.audio_utils import chroma_filter_bank
    from transformers.models.musicgen_melody.feature_extraction_musicgen_melody import (
        MusicgenMelodyFeatureExtractor as Theirs,
    )

    t = np.arange(4 * RATE) / RATE
    sweep = np.sin(2 * np.pi * 220 * t * (1 + t / 8)) + 0.3 * np.sin(2 * np.pi * 97 * t)
    window = torch.hann_window(16_384, dtype=torch.float64)

    def spectrogram(x):
        found = torch.stft(x, 16_384, 4_096, window=window, center=True, pad_mode="reflect",
                           return_complex=True)  # fmt: skip
        return found.abs() ** 2 / window.pow(2).sum()

    bank = chroma_filter_bank(
        sampling_rate=RATE, num_frequency_bins=16_384, tuning=0, num_chroma=12
    )
    stand_in = SimpleNamespace(
        n_fft=16_384, chroma_filters=torch.from_numpy(bank).double(), spectrogram=spectrogram
    )
    wanted = Theirs._torch_extract_fbank_features(stand_in, torch.from_numpy(sweep)[None])
    assert np.array_equal(melody(sweep), wanted[0].numpy())


def test_silence_in_a_melody_holds_the_tone_before() -> None:
    """Rests and the end do not become a row of C."""
    t = np.arange(2 * RATE) / RATE
    tone = np.sin(2 * np.pi * 440 * t)
    rests = np.concatenate([0 * t, tone, 0 * t, 0 * t])
    assert set(melody(rests).argmax(axis=1)) == {9}


def test_a_missing_extra_gives_the_line_that_installs_it(folder, guide, monkeypatch) -> None:
    """Without transformers, the sentence has the install line."""
    there = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "transformers" else there(name)
    )
    with pytest.raises(DeviceError, match=r"transformers is not installed.*rym\[generate\]"):
        _player(folder, guide)


def test_missing_weights_say_how_to_get_them(guide, tmp_path, monkeypatch) -> None:
    """An id that is not in the cache is not fetched; the sentence names licence and setting."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(DeviceError, match=r"not on this machine.*licence.*download = true"):
        _player(Path("facebook/musicgen-melody-nowhere"), guide)


def test_a_home_that_is_nobodys_is_a_missing_model(guide) -> None:
    """The path of an unknown person's home is a sentence, not a crash."""
    with pytest.raises(DeviceError, match="There is no folder"):
        _player(Path("~nobody-here/x"), guide)


def test_too_little_memory_is_a_sentence(folder, guide, monkeypatch) -> None:
    """What the GPU cannot hold is told with its remedy."""
    import torch

    def full(*_):
        raise torch.OutOfMemoryError("of 2 GiB")

    monkeypatch.setattr(musicgen, "generate", full)
    with pytest.raises(DeviceError, match=r"does not fit into the GPU's memory.*smaller model"):
        _player(folder, guide).play(LOOP, 0)


def test_a_damaged_model_is_named(folder, guide, tmp_path) -> None:
    """Weights that are cut off give a sentence with the folder's name and no path."""
    for file in folder.iterdir():
        (tmp_path / file.name).write_bytes(
            file.read_bytes()[: 5000 if "safe" in file.name else None]
        )
    player = _player(tmp_path, guide)
    with pytest.raises(FormatError, match=f"^The weights of {tmp_path.name} do not load") as error:
        player.play(LOOP, 0)
    assert str(tmp_path) not in str(error.value)


def test_code_in_the_folder_is_never_run(folder, guide, tmp_path, monkeypatch) -> None:
    """Nor is it asked about on the terminal, where somebody may say yes."""
    place = Path(shutil.copytree(folder, tmp_path / "own"))
    changes = {
        "config.json": {"auto_map": {"AutoConfig": "own.Own"}, "model_type": "own"},
        "tokenizer_config.json": {"auto_map": {"AutoTokenizer": ["own.Own", None]}},
    }
    for name, change in changes.items():
        config = json.loads((place / name).read_bytes()) | change
        config.pop("tokenizer_class", None)
        (place / name).write_text(json.dumps(config))
    mark = tmp_path / "mark"
    (place / "own.py").write_text(f"open({str(mark)!r}, 'w').close()\nclass Own: pass\n")
    asked = []
    monkeypatch.setattr(builtins, "input", lambda *_: asked.append(1) or "y")
    # A library that knows a class of its own takes that instead.
    with contextlib.suppress(FormatError):
        _player(place, guide).play(LOOP, 0)
    assert asked == []
    assert not mark.exists()


def test_weights_that_can_run_code_are_refused(guide, tmp_path) -> None:
    """A folder with pickles only is not opened."""
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(FormatError, match="can run code"):
        _player(tmp_path, guide)


def test_more_carried_than_a_window_is_refused(folder, guide) -> None:
    """Both lengths are named."""
    with pytest.raises(UsageError, match=r"carried is 12 s, music.window 10 s"):
        _player(folder, guide, window=10.0)


def test_the_licence_is_told_once(folder, guide, caplog, monkeypatch) -> None:
    """The first musician of a process warns that paid therapy may be commercial use."""
    monkeypatch.setattr(clips, "_warned", set())
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            _player(folder, guide)
    assert [row for row in caplog.messages if "Paid therapy" in row and "CC-BY-NC" in row] == (
        caplog.messages
    )
    assert len(caplog.messages) == 1


def test_nothing_of_the_prompt_is_printed(folder, guide, capfd) -> None:
    """No library writes to the terminal while a clip is made."""
    _player(folder, guide).play(LOOP, 2)
    out = capfd.readouterr()
    assert (out.out, out.err) == ("", "")


def test_draws_differ_from_place_to_place() -> None:
    """No two tries of any place share a seed."""
    places = [Place(s, v, a, k) for s in range(3) for v in range(2)
              for a in ("negative", "neutral", "positive") for k in ("loop", "ending")]  # fmt: skip
    seeds = [clips.draw(1, p, take, n) for p in places for take in range(3) for n in range(3)]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_weights_know_their_commit(tmp_path, monkeypatch) -> None:
    """In the hub's cache, the revision is the commit of the folder that was found."""
    commit = "0123456789abcdef0123456789abcdef01234567"
    home = tmp_path / "models--some--model"
    (home / "snapshots" / commit).mkdir(parents=True)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(commit)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    found = weights.find("some/model", "main", ("*.json",), download=False)
    assert (found.name, found.revision) == ("some/model", commit)
