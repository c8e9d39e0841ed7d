"""Pictures by Stable Diffusion: the real backend on a random model of a few thousand weights."""

# ruff: noqa: PLC0415 - torch and its kin take seconds to import

from __future__ import annotations

import logging
import shutil
import socket
import sys
from pathlib import Path

import msgspec
import numpy as np
import pytest

from generator.memory import Memory
from generator.models import strips
from generator.models.diffusion import Diffuser
from generator.models.painting import painter
from generator.pictures.drawn import placed
from generator.settings import Diffusion, GeneratorSettings, NoPictures, ProceduralPictures
from rym.bank import Maker
from rym.errors import DeviceError, FormatError
from tests.generator.models import tiny
from tests.generator.models.tiny import WORDS, Slopes, Words


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> tuple[Path, Path]:
    """Return the folders of a Stable Diffusion and a ControlNet; no test may change them."""
    pytest.importorskip("diffusers", reason="the extra `generate` is not installed")
    return tiny.stable_diffusion(tmp_path_factory.mktemp("diffusion"))


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    """Let nobody leave this machine."""

    def refuse(*_) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.fixture(scope="session")
def opened() -> list:
    """Return the pipeline that tests share, once one has opened it."""
    return []


@pytest.fixture
def make(models, opened):
    """Return a function that makes a painter, by default of three frames of 128 × 80."""
    plain = (*map(str, models), True)

    def made(words=None, sketch=None, seed=7, frames=3, kept=None, **changes) -> Diffuser:
        model, control = map(str, models)
        chosen = Diffusion(
            **{"model": model, "control": control, "steps": 3, "width": 64, "threads": 1, **changes}
        )
        key = (chosen.model, chosen.control, chosen.safety_checker)
        settings = GeneratorSettings(frames=frames, width=128, height=80, pictures=chosen)
        found = painter(
            settings,
            Slopes(),
            words or Words(),
            Memory(text="the lake of zebulon", seed=seed),
            sketch=sketch,
            kept=kept,
        )
        assert isinstance(found, Diffuser)
        if key == plain and opened:
            found._pipeline = opened[0]  # loading takes longer than painting here
        elif key == plain:
            opened.append(found._pipeline)
        return found

    return made


def strip(made: Diffuser, frames: int = 3, scene: int = 0, take: int = 0) -> np.ndarray:
    """Return a whole strip."""
    return np.stack([made.paint(scene, take, frame) for frame in range(frames)])


def test_a_strip_is_the_same_whatever_was_made_before(make) -> None:
    """Painted in another order, by another painter, after another scene: the same bytes."""
    first = strip(make(frames=5), 5)
    assert first.shape == (5, 80, 128, 3)
    again = make(frames=5)
    again.paint(1, 0, 4)
    for frame in (3, 0, 4, 2, 1):
        np.testing.assert_array_equal(again.paint(0, 0, frame), first[frame])


def test_other_takes_scenes_and_memories_look_otherwise(make) -> None:
    """Each of the three changes what is seen, by far more than a change of mood does."""
    made = make()
    first = strip(made)
    mood = np.abs(first[2].astype(float) - first[0]).mean()
    for other in (strip(made, take=1), strip(made, scene=1), strip(make(seed=8))):
        assert np.abs(other.astype(float) - first).mean() > 2 * mood


def test_only_words_differ_between_frames(make) -> None:
    """With one text for all affects all frames are the same; with three, mood moves in steps."""
    # What is to be kept away of negative pictures is more: without guidance, it has no say.
    same = strip(make(Words(**dict.fromkeys(WORDS, "a lake")), guidance=1.0))
    assert (same == same[0]).all()
    made = make(frames=5)
    moved = strip(made, 5).astype(float)
    from_negative = [np.abs(x - moved[0]).mean() for x in moved[:3]]
    from_positive = [np.abs(x - moved[4]).mean() for x in moved[2:]]
    assert 0 == from_negative[0] < from_negative[1] < from_negative[2]
    assert from_positive[0] > from_positive[1] > from_positive[2] == 0
    places = made.places([x.astype(np.uint8) for x in moved])
    assert places[0] == -1
    assert places[2] == 0
    assert places[4] == 1
    assert (np.diff(places) > 0).all()


def test_the_middle_shows_the_persons_own_words_alone(make) -> None:
    """Other words for the other affects leave the neutral frame as it was, to the bit."""
    one, other = make(), make(Words(negative="grey fog", positive="golden light"))
    np.testing.assert_array_equal(one.paint(0, 0, 1), other.paint(0, 0, 1))
    assert (one.paint(0, 0, 0) != other.paint(0, 0, 0)).any()
    assert (one.paint(0, 0, 2) != other.paint(0, 0, 2)).any()


def test_a_frame_is_what_diffusers_makes_of_the_prompt(make, models) -> None:
    """The pipeline, asked in its own way, gives the very picture: embeddings, noise and lines."""
    import torch
    from diffusers import (
        ControlNetModel,
        DDIMScheduler,
        StableDiffusionControlNetImg2ImgPipeline,
    )
    from PIL import Image

    made = make(sketch=np.eye(40, 64))
    made._unwanted = {"positive": "fog", "neutral": "a", "negative": "b"}.__getitem__
    ours = made.paint(0, 0, 2)
    net = ControlNetModel.from_pretrained(models[1])
    pipe = StableDiffusionControlNetImg2ImgPipeline.from_pretrained(models[0], controlnet=net)
    pipe.scheduler = DDIMScheduler.from_config(pipe.scheduler.config)
    width, height = made.size
    start = Image.fromarray(Slopes().paint(0, 0, 1)).resize((width, height), Image.LANCZOS)
    lines = (placed(np.eye(40, 64), (height, width)) * 255).round().astype(np.uint8)
    theirs = pipe(
        WORDS["positive"],
        image=start,
        control_image=Image.fromarray(lines).convert("RGB"),
        negative_prompt="fog",
        strength=0.75,
        num_inference_steps=3,
        guidance_scale=7.0,
        generator=torch.Generator().manual_seed(strips.draw_seed(7, 0, 0, 0)),
    ).images[0]
    expected = np.asarray(theirs.resize((128, 80), Image.LANCZOS)).astype(int)
    assert np.abs(expected - ours).max() <= 2


@pytest.mark.parametrize(("width", "height"), [(1280, 720), (720, 1280), (640, 64), (1000, 333)])
def test_pictures_are_made_in_the_banks_shape(make, width, height) -> None:
    """The working size is a multiple of 8 both ways, as near to the bank's shape as that allows."""
    made = make(width=512)
    made._bank = msgspec.structs.replace(made._bank, width=width, height=height)
    wide, high = made.size
    assert wide == 512
    assert high % 8 == 0
    assert abs(high - wide * height / width) <= 4


@pytest.mark.parametrize("control", ["yes", ""])
def test_the_persons_lines_are_kept_to(make, control) -> None:
    """Another sketch, another picture: by ControlNet, or drawn over what img2img begins with."""
    across, down = np.zeros((40, 40)), np.zeros((40, 40))
    across[18:22], down[:, 18:22] = 1.0, 1.0
    options = {} if control else {"control": ""}
    seen = [make(sketch=x, **options).paint(0, 0, 1).astype(int) for x in (None, across, down)]
    for one, other in ((0, 1), (1, 2), (0, 2)):
        assert (seen[one] != seen[other]).any()
    made = make(sketch=across, **options)
    assert made.maker.model == ("tiny-diffusion + tiny-control" if control else "tiny-diffusion")


def test_lines_are_white_on_black_and_where_the_scene_has_them(make) -> None:
    """Ink is white, as in scribbles; a ring stays round and lies where the scene has it."""
    y, x = np.mgrid[:90, :120] - 45
    ring = (np.abs(np.hypot(x - 15, y) - 30) < 4).astype(float)
    start, lines = make(sketch=ring)._layout(Slopes().paint(0, 0, 0))
    assert start.shape == lines.shape == (40, 64, 3)
    rows, columns = (np.flatnonzero((lines[..., 0] > 128).any(axis=k)) for k in (1, 0))
    assert abs(np.ptp(rows) - np.ptp(columns)) <= 1
    assert np.ptp(rows) > 30
    scene = placed(ring, (80, 128)).reshape(40, 2, 64, 2).mean(axis=(1, 3))
    assert np.corrcoef(scene.ravel(), lines[..., 0].ravel())[0, 1] > 0.95


class Checker:
    """Stands where the safety checker does; blackens the calls that it is told."""

    def __init__(self, calls: set[int], *, says_so: bool = True) -> None:
        self.calls, self.says_so, self.seen = calls, says_so, 0

    def __call__(self, images, clip_input):
        """Return the pictures, and whether each is suspected."""
        hit = self.seen in self.calls
        self.seen += 1
        # What is said to be suspected is taken as it is, anything else from −1…1 to 0…1.
        black = images * 0 - (0 if self.says_so else 1)
        return (black if hit else images), [hit and self.says_so]


@pytest.fixture
def checked(monkeypatch):
    """Return a function that puts another safety checker into a painter's pipeline."""

    def put(made: Diffuser, checker: Checker) -> Diffuser:
        # Past the pipeline's own way, which takes nothing but modules.
        monkeypatch.setitem(vars(made._pipeline), "safety_checker", checker)
        return made

    return put


@pytest.mark.parametrize("says_so", [True, False])
def test_a_black_frame_gives_its_whole_strip_other_draws(make, checked, says_so) -> None:
    """One frame blackened, said or not: all frames come from the next draws, so the place stays."""
    same = Words(**dict.fromkeys(WORDS, "a lake"))
    clean = strip(make(same, guidance=1.0))
    checker = Checker({2}, says_so=says_so)
    found = strip(checked(make(same, guidance=1.0), checker))
    assert checker.seen == 6
    assert (found == found[0]).all()
    assert (found[0] != clean[0]).any()
    np.testing.assert_array_equal(strip(checked(make(same, guidance=1.0), Checker({0}))), found)


def test_pictures_that_stay_black_are_an_error(make, checked) -> None:
    """After the last draws there is a sentence, without the person's words."""
    made = checked(make(tries=2), Checker(set(range(99))))
    with pytest.raises(FormatError, match=r"each of 2 draws .* \(frame 0 of 3\)") as error:
        made.paint(0, 0, 0)
    assert "safety checker" in str(error.value)
    assert "zebulon" not in str(error.value)


def test_the_models_own_checker_is_asked(make) -> None:
    """A checker that suspects everything blackens everything; switched off, it is not asked."""
    made = make(tries=2)
    del made._pipeline  # one of its own is opened
    made._pipeline.safety_checker.concept_embeds_weights.data.fill_(-2.0)
    with pytest.raises(FormatError, match="black"):
        made.paint(0, 0, 0)
    free = make(safety_checker=False)
    assert free.paint(0, 0, 0).any()
    assert free._pipeline.safety_checker is None


def test_the_number_of_threads_is_the_settings_own(make, monkeypatch) -> None:
    """Whatever the process computes with elsewhere, a picture's last bits do not hang on it."""
    import torch

    said = []
    before = torch.get_num_threads()
    # Heard, not done: threads that wait for one another would take their time here.
    monkeypatch.setattr(torch, "set_num_threads", said.append)
    make(threads=5).paint(0, 0, 0)
    assert said == [5, before] * 4, "for the words, and for each of three frames"


def test_a_stopped_strip_goes_on_where_it_was(make, checked, tmp_path) -> None:
    """With a folder to keep frames in, only missing ones are made, and the bytes are the same."""
    first = strip(make())
    stopped = checked(make(kept=tmp_path), Checker(set()))

    def stop(*_) -> None:
        raise KeyboardInterrupt

    whole = stopped._make
    left = iter([True, True])
    stopped._make = lambda *args: whole(*args) if next(left, None) else stop()
    with pytest.raises(KeyboardInterrupt):
        stopped.paint(0, 0, 0)
    checker = Checker(set())
    again = checked(make(kept=tmp_path), checker)
    np.testing.assert_array_equal(strip(again), first)
    assert checker.seen == 1


def test_long_texts_are_read_to_their_end_and_never_shown(make, capfd, caplog) -> None:
    """Words behind the encoder's first window count, and no line on stderr or in a log has any."""
    caplog.set_level(logging.DEBUG)
    long = "the lake of zebulon " * 8
    one = make(Words(neutral=long + "in rain")).paint(0, 0, 1)
    other = make(Words(neutral=long + "in sun ")).paint(0, 0, 1)
    assert (one != other).any()
    said = capfd.readouterr()
    assert said.out == said.err == ""
    assert "zebulon" not in caplog.text
    assert "lake" not in caplog.text


def test_the_licence_is_said(make, caplog) -> None:
    """Who is going to use the pictures reads the licence that bounds their use."""
    caplog.set_level(logging.INFO)
    made = make()
    assert made.maker.licence == "CreativeML OpenRAIL-M"
    assert caplog.text.count("CreativeML OpenRAIL-M") == 1


def test_a_missing_extra_names_its_install_line(make, monkeypatch) -> None:
    """Without diffusers there is a sentence that says how to get it."""
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(DeviceError, match=r"diffusers is not installed.*rym\[generate\]"):
        make()


@pytest.mark.parametrize("field", ["model", "control"])
@pytest.mark.parametrize("name", ["nobody/has-this", "/nowhere/at-all", "", "a b"])
def test_a_missing_model_is_said_and_not_fetched(make, field, name) -> None:
    """Neither a folder nor a cached id: a sentence, and nobody asks the network."""
    if (field, name) == ("control", ""):
        assert make(control="").maker.model == "tiny-diffusion"
        return
    with pytest.raises(DeviceError, match=r"not on this machine|There is no folder"):
        make(**{field: name})


def test_a_cached_model_is_named_by_its_commit(make, models, tmp_path, monkeypatch) -> None:
    """What the hub's cache holds is used offline, and the manifest gets its commit."""
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    commit = "0123456789abcdef0123456789abcdef01234567"
    place = tmp_path / "models--some--model"
    (place / "refs").mkdir(parents=True)
    (place / "refs" / "main").write_text(commit)
    shutil.copytree(models[0], place / "snapshots" / commit)
    made = make(model="some/model", control="")
    assert made.maker == Maker(
        backend="diffusion",
        model="some/model",
        revision=commit,
        licence="CreativeML OpenRAIL-M",
    )
    np.testing.assert_array_equal(made.paint(0, 0, 0), make(control="").paint(0, 0, 0))


@pytest.mark.parametrize("part", ["unet", "text_encoder", "safety_checker", "control"])
def test_weights_that_can_run_code_are_refused(make, models, tmp_path, part) -> None:
    """A part that has a pickle only is refused by name, before anything is opened."""
    folders = [Path(shutil.copytree(x, tmp_path / x.name)) for x in models]
    folder = folders[1] if part == "control" else folders[0] / part
    (weights,) = folder.glob("*.safetensors")
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(FormatError, match=rf"has {weights.stem}\.bin, but no safetensors"):
        make(model=str(folders[0]), control=str(folders[1]))


def test_a_model_that_is_not_whole_is_said(make, models, tmp_path) -> None:
    """No safety checker, no weights of a part, or damaged weights: a sentence each."""
    whole = Path(shutil.copytree(models[0], tmp_path / "model"))
    (weights,) = (whole / "unet").glob("*.safetensors")
    data = weights.read_bytes()
    weights.write_bytes(data[: len(data) // 2])
    with pytest.raises(FormatError, match=r"model \+ tiny-control cannot be opened"):
        make(model=str(whole)).paint(0, 0, 0)
    weights.unlink()
    with pytest.raises(DeviceError, match="unet of the model model has no weights"):
        make(model=str(whole))
    shutil.rmtree(whole / "safety_checker")
    with pytest.raises(DeviceError, match="has no safety checker"):
        make(model=str(whole))


def test_a_gpu_that_is_not_there_is_said(make) -> None:
    """Asked for where there is none, it is an error; by default the processor does it."""
    import torch

    if torch.cuda.is_available():
        assert make()._device == "cuda"
        return
    assert make()._device == "cpu"
    with pytest.raises(DeviceError, match="device is 'cuda'"):
        make(device="cuda").paint(0, 0, 0)


def test_the_settings_choose_the_painter() -> None:
    """Painted scenes as they are, or no pictures at all."""
    base, memory = Slopes(), Memory(text="x")
    chosen = GeneratorSettings(pictures=ProceduralPictures())
    assert painter(chosen, base, Words(), memory) is base
    assert painter(GeneratorSettings(pictures=NoPictures()), base, Words(), memory) is None
