"""Settings of the generator: how large a bank is, how loud, and what makes it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class ProceduralMusic(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="procedural"
):
    """Music from notes: needs no weights, and is the guide for every other backend."""

    reverb: Annotated[float, Meta(ge=0.3, le=6.0)] = 2.6
    """Time in which the room's sound falls by 60 dB, in seconds."""


class MusicGen(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="musicgen"
):
    """MusicGen-melody through transformers; the weights may not be used commercially."""

    model: str = "facebook/musicgen-melody"
    """Model id or a local folder; nothing is downloaded without `download`."""
    revision: str = "main"
    licence: str = "CC-BY-NC-4.0"
    download: bool = False
    """Whether missing weights may be fetched over the network."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    guidance: Annotated[float, Meta(ge=1.0, le=10.0)] = 3.0
    """Weight of the prompt (classifier-free guidance)."""
    tries: Annotated[int, Meta(ge=1, le=20)] = 3
    """How often a clip is made with other draws before it is given up."""
    window: Annotated[float, Meta(ge=0.5, le=30.0)] = 30.0
    """Seconds that are made at once; the model was trained on 30."""
    carried: Annotated[float, Meta(ge=0.1, le=29.0)] = 12.0
    """Seconds of what was made that the next window goes on from; shorter than a window."""
    max_stretch: Annotated[float, Meta(ge=0.0, le=0.2)] = 0.06
    """Largest change of tempo by which a clip is put on the grid; beyond it, it is rejected."""
    max_drift: Annotated[float, Meta(ge=0.0)] = 0.02
    """How far its bars may then wander from the grid's, in seconds."""
    max_lag: Annotated[float, Meta(ge=0.0)] = 0.025
    """How far its onsets may lie from the guide's, in seconds (0.06 where an attack is slow)."""
    min_fit: Annotated[float, Meta(ge=-1.0, le=1.0)] = 0.2
    """How alike its onsets must be to the guide's: their correlation."""


class Audiocraft(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="audiocraft"
):
    """MusicGen-melody through audiocraft, in an environment of its own."""

    python: str = ""
    """The Python of the environment in which audiocraft is installed."""
    model: str = "facebook/musicgen-melody"
    licence: str = "CC-BY-NC-4.0"
    download: bool = False
    """Whether audiocraft may fetch missing weights, its own and those of Demucs."""
    guidance: Annotated[float, Meta(ge=1.0, le=10.0)] = 3.0
    tries: Annotated[int, Meta(ge=1, le=20)] = 3
    max_stretch: Annotated[float, Meta(ge=0.0, le=0.2)] = 0.06
    max_drift: Annotated[float, Meta(ge=0.0)] = 0.02
    max_lag: Annotated[float, Meta(ge=0.0)] = 0.025
    min_fit: Annotated[float, Meta(ge=-1.0, le=1.0)] = 0.2
    timeout: Annotated[float, Meta(gt=0.0)] = 3600.0
    """Seconds that one clip may take."""


class AceStep(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="acestep"):
    """ACE-Step 1.5 through diffusers: covers of the procedural guide at one tempo."""

    model: str = "ACE-Step/acestep-v15-xl-turbo-diffusers"
    """Model id or a local folder in diffusers' form; ACE-Step v1 is another network."""
    revision: str = "main"
    licence: str = "MIT"
    download: bool = False
    device: Literal["auto", "cpu", "cuda"] = "auto"
    strength: Annotated[float, Meta(ge=0.0, le=1.0)] = 0.6
    """How closely the guide is kept."""
    steps: Annotated[int, Meta(ge=1, le=200)] = 8
    """8 suit the turbo models, about 50 the others."""
    guidance: Annotated[float, Meta(ge=1.0, le=20.0)] = 7.0
    """Weight of the prompt; turbo models have it built in."""
    tries: Annotated[int, Meta(ge=1, le=20)] = 3
    max_stretch: Annotated[float, Meta(ge=0.0, le=0.2)] = 0.06
    max_drift: Annotated[float, Meta(ge=0.0)] = 0.02
    max_lag: Annotated[float, Meta(ge=0.0)] = 0.025
    min_fit: Annotated[float, Meta(ge=-1.0, le=1.0)] = 0.2


class ProceduralPictures(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="procedural"
):
    """Painted landscapes whose palette, light, weather and motion follow valence."""


class Diffusion(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="diffusion"
):
    """Stable Diffusion from the person's sketch, or from the painted scene where there is none."""

    model: str = "stable-diffusion-v1-5/stable-diffusion-v1-5"
    """Model id or a local folder; nothing is downloaded without `download`."""
    revision: str = "main"
    control: str = "lllyasviel/sd-controlnet-scribble"
    """ControlNet for the sketch's lines; empty for img2img alone."""
    control_revision: str = "main"
    licence: str = "CreativeML OpenRAIL-M"
    download: bool = False
    device: Literal["auto", "cpu", "cuda"] = "auto"
    steps: Annotated[int, Meta(ge=1, le=200)] = 25
    strength: Annotated[float, Meta(gt=0.0, le=1.0)] = 0.75
    """How far the picture may leave its sketch."""
    guidance: Annotated[float, Meta(ge=1.0, le=20.0)] = 7.0
    tries: Annotated[int, Meta(ge=1, le=20)] = 4
    """With how many draws a scene is made at most, where the safety checker blackens a frame."""
    safety_checker: bool = True
    """Whether the model's safety checker looks at every picture."""
    threads: Annotated[int, Meta(ge=1, le=64)] = 2
    """Processor threads; another number may change a picture's last bits, so it is not the
    machine's. No more than it has cores, else threads wait for one another."""
    width: Annotated[int, Meta(ge=64, le=1536)] = 768
    """Width at which pictures are made, rounded down to a multiple of 8; the height follows the
    bank's shape, and they are enlarged to its size. Made for 512 to 768."""


class NoPictures(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="none"):
    """Sound alone."""


class Templates(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="templates"
):
    """Prompts from word lists, drawn by the seed."""


class LanguageModel(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="model"
):
    """Prompts that a language model rewrites from the person's words, before any session.

    The words leave this machine unless the model is a local one; `consented` says that the person
    knows and agrees. A key comes by the environment: RYM_LANGUAGE_MODEL_KEY.
    """

    api: Literal["openai", "anthropic", "local"]
    """`openai`: any endpoint of that form; `local`: a folder with weights, through transformers."""
    model: str
    url: str = ""
    """Address of the endpoint; empty takes the API's own."""
    consented: bool = False
    timeout: Annotated[float, Meta(gt=0.0)] = 60.0
    """Seconds that one answer may take."""


Music = ProceduralMusic | MusicGen | Audiocraft | AceStep
Pictures = ProceduralPictures | Diffusion | NoPictures
Words = Templates | LanguageModel


class GeneratorSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How large a bank is, how loud, and what makes it."""

    rate: Annotated[int, Meta(ge=48_000, le=48_000)] = 48_000
    """Frames per second of every clip; the player's own."""
    sections: Annotated[int, Meta(ge=1, le=16)] = 3
    """Number of sections of the piece."""
    variants: Annotated[int, Meta(ge=1, le=8)] = 2
    """Number of variants of every section."""
    bars: Annotated[int, Meta(ge=2, le=32)] = 8
    """Bars of every section, in 4/4."""
    target_lufs: Annotated[float, Meta(ge=-40.0, le=-14.0)] = -20.0
    """Integrated loudness of every clip, in LUFS."""
    max_true_peak: Annotated[float, Meta(ge=-12.0, le=-1.0)] = -1.0
    """Highest 4× oversampled peak of any clip, in dBTP."""
    affect_level: Annotated[float, Meta(ge=0.0, le=3.0)] = 0.0
    """By how much positive clips are louder and negative ones softer than neutral, in LU."""
    scenes: Annotated[int, Meta(ge=1, le=16)] = 3
    """Number of scenes; section s is seen in scene s modulo their number."""
    frames: Annotated[int, Meta(ge=3, le=201)] = 21
    """Pictures along valence per scene; an odd number has one that is neutral."""
    width: Annotated[int, Meta(ge=64, le=3840)] = 1280
    height: Annotated[int, Meta(ge=64, le=2160)] = 720
    music: Music = ProceduralMusic()
    pictures: Pictures = ProceduralPictures()
    words: Words = Templates()
