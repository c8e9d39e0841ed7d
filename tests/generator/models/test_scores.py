"""How well a bank fits its words: tables by hand, and the real adapters on tiny random models."""

# ruff: noqa: PLC0415 - torch and its kin take seconds to import

from __future__ import annotations

import builtins
import contextlib
import itertools
import shutil
import socket
import stat
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.spatial import distance

from generator.making.finish import decode, encode
from generator.models import scores, scoring
from generator.models.scores import ScoreSettings, score_bank
from generator.models.scoring import Row
from generator.pictures import files
from rym.bank import SCHEMA, Bank, Clip, Frame, Maker, Scene
from rym.errors import FormatError
from rym.messages import AFFECTS, Affect
from tests.generator.models import tiny

RATE = 44_100
embeddings = arrays(np.float64, (3, 5), elements=st.floats(-9, 9, width=32))


class Words:
    """Prompts that name the place."""

    def __init__(self, length: int = 1) -> None:
        self.length = length

    def prompt(self, affect: Affect, sense: str, index: int) -> str:
        """Return the words of a place."""
        return f"{affect} {sense} {index}: " + "the lake of zebulon, " * self.length


def sound(seed: int) -> np.ndarray:
    """Return 1.4 s of noise in two channels."""
    return np.random.default_rng(seed).uniform(-0.3, 0.3, (round(1.4 * RATE), 2))


def clip(section: int, variant: int, affect: Affect, file: str) -> Clip:
    """Return the row of a clip whose measures tell its place."""
    step = AFFECTS.index(affect)
    return Clip(
        file=file, sha256="0" * 64, affect=affect, section=section, variant=variant,
        maker=Maker(backend="procedural"), prompt_sha256="", seed=1, bpm=72.0, bars=2,
        beats_per_bar=4, n_samples=1, downbeats=(0,), key="D", mode="major", lufs=-20.0 + variant,
        true_peak_dbtp=-3.0, spectral_centroid_hz=500.0 + 100 * step + 10 * section, rms_db=-20.0,
        mode_score=0.1 * step, beat_error=None, loop_residual_db=None, notes=(),
    )  # fmt: skip


@pytest.fixture(scope="session")
def bank(tmp_path_factory) -> tuple[Path, Bank]:
    """Return a bank of two sections, two variants and two scenes; no test may change it."""
    folder = tmp_path_factory.mktemp("scored")
    (folder / "audio").mkdir()
    (folder / "images").mkdir()
    clips, scenes = [], []
    for number, place in enumerate(itertools.product((0, 1), (0, 1), AFFECTS)):
        clips.append(clip(*place, f"audio/{number}.flac"))
        (folder / clips[-1].file).write_bytes(encode(sound(number), RATE)[0])
    for number in (0, 1):
        frames = []
        for k, valence in enumerate((-1.0, -0.4, 0.1, 0.6, 1.0)):
            file = f"images/{number}-{k}.webp"
            picture = np.random.default_rng(10 * number + k).integers(0, 256, (36, 64, 3))
            (folder / file).write_bytes(files.encode(picture.astype(np.uint8)))
            frames.append(
                Frame(file=file, sha256="0" * 64, valence=valence, hue=350.0 if number else 10.0,
                      saturation=0.5, value=0.1 * k, luminance=0.2)
            )  # fmt: skip
        scenes.append(
            Scene(name=f"scene-{number}", maker=Maker(backend="procedural"), prompt_sha256="",
                  seed=1, width=64, height=36, flashes=0, frames=tuple(frames))
        )  # fmt: skip
    return folder, Bank(
        schema=SCHEMA, memory_sha256="0" * 64, rate=RATE, affects=AFFECTS, target_lufs=-20.0,
        clips=tuple(clips), correlations=(), scenes=tuple(scenes),
    )  # fmt: skip


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> tuple[Path, Path]:
    """Return the folders of a CLIP and a CLAP; no test may change them."""
    pytest.importorskip("transformers", reason="the extra `generate` is not installed")
    folder = tmp_path_factory.mktemp("judges")
    return tiny.clip(folder), tiny.clap(folder)


@pytest.fixture
def chosen(models) -> ScoreSettings:
    """Return settings that name both."""
    return ScoreSettings(clip=str(models[0]), clap=str(models[1]))


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    """Let nobody leave this machine."""

    def refuse(*_) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)


def row(affect: Affect, index: int, *similarity: float) -> Row:
    """Return a row of the table."""
    return Row(
        file="x", sense="sight", affect=affect, index=index,
        similarity=dict(zip(AFFECTS, similarity, strict=True)),
    )  # fmt: skip


@given(embeddings, embeddings, st.floats(0.01, 100))
def test_similarity_is_the_cosine(things, words, scale) -> None:
    """It is scipy's cosine × 100, whatever the lengths; nothing is like nothing."""
    found = scoring.similarities(scale * things, words)
    for (i, one), (j, other) in itertools.product(enumerate(things), enumerate(words)):
        if min(np.linalg.norm(one), np.linalg.norm(other)) > 1e-3:
            assert found[i, j] == pytest.approx(100 * (1 - distance.cosine(one, other)), abs=1e-4)
    assert (np.abs(found) <= 100 + 1e-9).all()
    assert not scoring.similarities(0 * things, words).any()


def test_tables_count_sections_and_scenes_not_files() -> None:
    """Means and intervals are those over scenes; more pictures of a scene make nothing surer."""
    rows = [row("positive", k, 1.0, 2.0, 3.0 + k) for k in range(3)]
    cells = {x.prompt: x.similarity for x in scoring.table(rows)}
    expected = stats.ttest_1samp([3.0, 4.0, 5.0], 0.0).confidence_interval(0.95)
    assert (cells["positive"].low, cells["positive"].high) == pytest.approx(expected, abs=1e-3)
    assert (cells["negative"].mean, cells["negative"].low) == (1.0, 1.0)
    (lead,) = scoring.leads(rows)
    assert lead.difference.mean == pytest.approx(4.0 - 1.5)
    assert lead.difference.n == 3
    assert scoring.leads(rows + rows) == (lead,)
    assert scoring.leads(rows[:1])[0].difference.low is None


def test_measures_are_the_manifests(bank) -> None:
    """Each is the mean over sections or scenes; hues are averaged round the circle."""
    _, made = bank
    found = {(x.name, x.affect): x.value for x in scoring.measures(made)}
    assert {name for name, _ in found} == {
        "mode", "brightness", "intensity", "hue", "saturation", "value",
    }  # fmt: skip
    for step, affect in enumerate(AFFECTS):
        assert found["mode", affect].mean == pytest.approx(0.1 * step)
        assert found["brightness", affect].mean == pytest.approx(505.0 + 100 * step)
        assert found["brightness", affect].n == 2
        assert found["intensity", affect].mean == pytest.approx(-19.5)
        assert found["value", affect].mean == pytest.approx(0.2 * step)
        assert found["hue", affect].mean % 360 == pytest.approx(0.0, abs=0.1)


def test_a_bank_is_compared_as_clip_and_clap_do_it(bank, chosen, models) -> None:
    """Every figure is the model's own: of a picture, and of a clip in pieces of one second."""
    import torch
    import transformers
    from PIL import Image

    folder, made = bank
    state = np.random.get_state()[1].copy()  # noqa: NPY002 - nobody may have drawn from it
    found = score_bank(folder, made, Words(), chosen)
    assert (np.random.get_state()[1] == state).all()  # noqa: NPY002
    assert found.missing == ()
    assert [(x.sense, x.model) for x in found.models] == [
        ("sound", "tiny-clap"),
        ("sight", "tiny-clip"),
    ]
    assert len(found.rows) == 12 + 6
    assert {x.file for x in found.rows if x.sense == "sight" and x.index == 1} == {
        f"images/1-{k}.webp" for k in (0, 2, 4)
    }

    seen = next(x for x in found.rows if x.file == "images/1-4.webp")
    clip_model = transformers.CLIPModel.from_pretrained(models[0])
    image = transformers.CLIPImageProcessor.from_pretrained(models[0])(
        Image.open(folder / seen.file), return_tensors="pt"
    )
    texts = [Words().prompt(affect, "sight", 1) for affect in AFFECTS]
    words = transformers.AutoTokenizer.from_pretrained(models[0])(
        texts, padding=True, return_tensors="pt"
    )
    with torch.no_grad():
        logits = clip_model(**words, **image).logits_per_image[0] / clip_model.logit_scale.exp()
    assert list(seen.similarity.values()) == pytest.approx((100 * logits).tolist(), abs=0.01)

    heard = next(x for x in found.rows if x.file == "audio/11.flac")
    clap_model = transformers.ClapModel.from_pretrained(models[1])
    hears = transformers.ClapFeatureExtractor.from_pretrained(models[1])
    mono = decode((folder / heard.file).read_bytes())[0].mean(axis=1)
    from scipy import signal

    mono = signal.resample_poly(mono, 160, 147)
    tokens = transformers.AutoTokenizer.from_pretrained(models[1])
    texts = [Words().prompt(affect, "sound", 1) for affect in AFFECTS]
    with torch.no_grad():
        pieces = []
        for piece in (mono[:48_000], mono[48_000:]):
            features = hears(piece, sampling_rate=48_000, return_tensors="pt")["input_features"]
            made_of = clap_model.get_audio_features(features).pooler_output[0].numpy()
            pieces.append(made_of * len(piece))
        spoken = [
            clap_model.get_text_features(**tokens([text], return_tensors="pt")).pooler_output[0]
            for text in texts
        ]
    mixed = sum(pieces)
    expected = [100 * (1 - distance.cosine(mixed, x.numpy())) for x in spoken]
    assert list(heard.similarity.values()) == pytest.approx(expected, abs=0.01)


def test_scores_are_the_same_again_and_silent(bank, chosen, capfd, caplog) -> None:
    """Long texts, twice: the same figures; neither stderr nor a log gets a word of them."""
    caplog.set_level("DEBUG")
    folder, made = bank
    first = score_bank(folder, made, Words(100), chosen)
    assert score_bank(folder, made, Words(100), chosen) == first
    assert first.rows != score_bank(folder, made, Words(), chosen).rows
    said = capfd.readouterr()
    assert said.out == said.err == ""
    assert "zebulon" not in caplog.text


def test_they_are_kept_with_the_memory_without_its_words(bank, chosen, tmp_path) -> None:
    """A file for its owner alone, that says what it is no proof of, and quotes no prompt."""
    folder, made = bank
    found = score_bank(folder, made, Words(), chosen)
    path = scores.save(found, tmp_path / "memory")
    assert path == tmp_path / "memory" / "scores.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    text = path.read_text(encoding="utf-8")
    assert msgspec.json.decode(text, type=scoring.Scores) == found
    assert found.bank_sha256 == made.content_sha256
    assert "no proof" in text
    assert "37.84" in text
    assert "zebulon" not in text


def test_without_weights_the_measures_remain(bank, models, monkeypatch) -> None:
    """Each missing model is a sentence with its remedy; what is there is used."""
    folder, made = bank
    neither = score_bank(folder, made, Words(), ScoreSettings(clip="some/clip", clap="/no/clap"))
    assert neither.rows == neither.table == neither.leads == neither.models == ()
    assert len(neither.measures) == 18
    assert "There is no folder clap" in neither.missing[0]
    assert "some/clip is not on this machine" in neither.missing[1]
    assert "download = true" in neither.missing[1]
    one = score_bank(folder, made, Words(), ScoreSettings(clip=str(models[0]), clap=""))
    assert one.missing == ()
    assert {x.sense for x in one.rows} == {"sight"}
    unseen = msgspec.structs.replace(made, scenes=())
    none = score_bank(folder, unseen, Words(), ScoreSettings(clip=str(models[0]), clap=""))
    assert none.rows == none.missing == ()
    monkeypatch.setitem(sys.modules, "transformers", None)
    bare = score_bank(folder, made, Words())
    assert all("rym[generate]" in sentence for sentence in bare.missing)
    assert len(bare.missing) == 2


def test_models_that_cannot_be_used_are_said(bank, models, tmp_path) -> None:
    """Weights that can run code, damaged weights, and one that hears random parts."""
    folder, made = bank

    def missing(model: Path) -> str:
        (said,) = score_bank(folder, made, Words(), ScoreSettings(clip="", clap=str(model))).missing
        return said

    fusing = Path(shutil.copytree(models[1], tmp_path / "fusing"))
    config = msgspec.json.decode((fusing / "config.json").read_bytes())
    config["audio_config"]["enable_fusion"] = True
    (fusing / "config.json").write_bytes(msgspec.json.encode(config))
    assert "fuses random parts" in missing(fusing)
    weights = fusing / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    assert "fusing cannot be opened" in missing(fusing)
    weights.rename(fusing / "pytorch_model.bin")
    assert "pytorch_model.bin, but no safetensors" in missing(fusing)


def test_code_in_the_folder_is_never_run(models, tmp_path, monkeypatch) -> None:
    """Nor is it asked about on the terminal, where somebody may say yes."""
    place = Path(shutil.copytree(models[0], tmp_path / "own"))
    changes = {
        "config.json": {"auto_map": {"AutoConfig": "own.Own"}, "model_type": "own"},
        "tokenizer_config.json": {"auto_map": {"AutoTokenizer": ["own.Own", None]}},
    }
    for name, change in changes.items():
        config = msgspec.json.decode((place / name).read_bytes()) | change
        config.pop("tokenizer_class", None)
        (place / name).write_bytes(msgspec.json.encode(config))
    mark = tmp_path / "mark"
    (place / "own.py").write_text(f"open({str(mark)!r}, 'w').close()\nclass Own: pass\n")
    asked = []
    monkeypatch.setattr(builtins, "input", lambda *_: asked.append(1) or "y")
    # A library that knows a class of its own takes that instead.
    with contextlib.suppress(FormatError):
        scores._Eyes(ScoreSettings(clip=str(place), clap=""))
    assert not mark.exists()
    assert asked == []


def test_sentence_of_a_damaged_model_tells_no_path(models, tmp_path) -> None:
    """Libraries name the file with its folder, which may bear a person's name."""
    place = Path(shutil.copytree(models[0], tmp_path / "whole"))
    (place / "config.json").write_text("{")
    with pytest.raises(FormatError, match=r"whole cannot be opened: [A-Za-z]+\.") as error:
        scores._Eyes(ScoreSettings(clip=str(place), clap=""))
    assert str(tmp_path) not in str(error.value)
