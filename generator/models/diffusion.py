"""The one place that uses diffusers for pictures: Stable Diffusion 1.5 along valence.

All frames of a strip begin from one picture, one noise and one line drawing; only the prompt moves,
between the embeddings of the negative, the neutral and the positive words. So the place stays and
its mood changes.

Sources: Rombach et al. 2022 (arXiv 2112.10752), latent diffusion; Meng et al. 2022 (SDEdit, arXiv
2108.01073), img2img; Zhang et al. 2023 (ControlNet, arXiv 2302.05543); Song et al. 2021 (DDIM,
arXiv 2010.02502), a sampler without chance of its own.
"""

# torch and diffusers take seconds to import: only who makes a picture waits for them.
# ruff: noqa: PLC0415

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from rym.bank import Maker
from rym.clock import Clock
from rym.errors import DeviceError, FormatError
from rym.messages import AFFECTS, Affect

from ..drafts import Painter, Picture, Prompter
from ..pictures.drawn import placed
from ..settings import Diffusion, GeneratorSettings
from . import strips
from .strips import Lines
from .weights import Weights, find, need, quiet, refuse_pickles

log = logging.getLogger("bank")

LIBRARIES = ("diffusers", "transformers")
PARTS = ("unet", "vae", "text_encoder")
CHECKER = "safety_checker"
WEIGHTS = "diffusion_pytorch_model.safetensors"
WANTED = ("model_index.json", "*/*.json", "*/*.txt", f"*/{WEIGHTS}", "*/model.safetensors")
WANTED_CONTROL = ("config.json", WEIGHTS)
PROBED = 2
"""Steps of a picture by which the time for a whole one is told."""
WINDOWS = 3
"""How many windows of the text encoder (77 tokens) a prompt may fill; what is longer is cut."""
Pixels = npt.NDArray[np.float32]


class Outset(NamedTuple):
    """What all frames of a strip share."""

    start: Pixels
    """Picture of shape (1, height, width, 3), 0…1, that is painted over."""
    lines: Pixels
    """The same shape: white lines on black, as ControlNet's scribbles are."""
    words: Any
    """Embeddings of negative, neutral, positive, shape (3, n_tokens, n_features)."""
    unwanted: Any
    """Embeddings of what is to be kept away from each, the same shape."""


class Diffuser:
    """Pictures by Stable Diffusion, a strip per scene and take; a `Painter`.

    A strip is made as a whole when its first frame is asked for, since whether its draws leave a
    black frame shows only at the last one (`strips.clean_strip`).

    Parameters
    ----------
    settings : Diffusion
        Which model, and how.
    bank : GeneratorSettings
        Size and number of frames.
    prompter : Prompter
        Words for sight.
    base : Painter
        The painted scenes: they give colours, and outlines where there is no sketch.
    sketch : array of shape (height, width) or None
        The person's line drawing, 0 paper to 1 ink.
    seed : int
        The memory's.
    unwanted : callable
        From an affect to the words that are to be kept out of its pictures.
    kept : Path or None
        Folder for finished frames of strips that are not whole yet, so that a build that was
        stopped loses one frame and not a strip; it may be deleted at any time.

    Raises
    ------
    DeviceError
        If the extra or a model is missing.
    FormatError
        If a model has weights in forms that can run code.
    """

    def __init__(
        self,
        settings: Diffusion,
        bank: GeneratorSettings,
        prompter: Prompter,
        base: Painter,
        *,
        sketch: Lines | None,
        seed: int,
        unwanted: Callable[[Affect], str],
        kept: Path | None = None,
    ) -> None:
        need(*LIBRARIES)
        self._settings, self._bank = settings, bank
        self._prompter, self._base, self._sketch = prompter, base, sketch
        self._seed, self._unwanted, self._kept = seed, unwanted, kept
        self._found = _find(settings)
        names = [weights.name for weights in self._found]
        commits = [weights.revision for weights in self._found if weights.revision]
        self.maker = Maker(
            backend="diffusion",
            model=" + ".join(names),
            revision=" + ".join(commits),
            licence=settings.licence,
        )
        log.info("Pictures by %s: licence %s, its limits of use hold for them.",
                 self.maker.model, settings.licence)  # fmt: skip
        self._strip: list[Picture] = []
        self._strip_of: tuple[int, int] | None = None

    def paint(self, scene: int, take: int, frame: int) -> Picture:
        """Return one frame; its whole strip is made with it.

        Parameters
        ----------
        scene, take : int
            Which strip; other numbers begin from other noise.
        frame : int
            0 is the most negative one.

        Returns
        -------
        array of shape (height, width, 3)
            In the bank's size.

        Raises
        ------
        FormatError
            If all draws leave a black frame, or the model cannot be opened.
        DeviceError
            If the device is missing or its memory is too small.
        """
        if self._strip_of != (scene, take):
            self._strip = self._make_strip(scene, take, frame)
            self._strip_of = (scene, take)
        return _resized(self._strip[frame], self._bank.width, self._bank.height)

    def seconds(self, clock: Clock) -> float:
        """Return about how long one picture takes here, from a few steps of one (`Slow`)."""
        texts = [self._prompter.prompt(affect, "sight", 0) for affect in AFFECTS]
        texts += [self._unwanted(affect) for affect in AFFECTS]
        start, lines = self._layout(self._base.paint(0, 0, self._bank.frames // 2))
        outset = self._outset(start, lines, texts)
        few = math.ceil(PROBED / self._settings.strength)
        began = clock.now()
        self._make(outset, 0, 0.0, few)
        return (clock.now() - began) * max(1.0, self._settings.steps / few)

    def places(self, strip: list[Picture]) -> tuple[float, ...]:
        """Return the valence of every frame by how far the pictures lie apart."""
        return strips.places(strip)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height at which pictures are made: multiples of 8 in the bank's shape."""
        width = self._settings.width // 8 * 8
        height = max(8, 8 * round(width * self._bank.height / self._bank.width / 8))
        return width, height

    def _make_strip(self, scene: int, take: int, first: int) -> list[Picture]:
        n_frames = self._bank.frames
        texts = [self._prompter.prompt(affect, "sight", scene) for affect in AFFECTS]
        texts += [self._unwanted(affect) for affect in AFFECTS]
        base = self._base.paint(scene, take, n_frames // 2)
        start, lines = self._layout(base)
        facts = (self._settings, n_frames, self._seed, scene, take, self.maker.revision)
        origin = hashlib.sha256(msgspec.json.encode((facts, texts)))
        origin.update(start.tobytes() + lines.tobytes() + self._device.encode())
        # The model is loaded only where a frame is missing: that takes a while.
        outsets: list[Outset] = []

        def make(draws: int, frame: int) -> Picture | None:
            if not outsets:
                outsets.append(self._outset(start, lines, texts))
            seed = strips.draw_seed(self._seed, scene, take, draws)
            return self._make(outsets[0], seed, strips.valence(frame, n_frames))

        kept = strips.Kept(self._kept, origin.hexdigest())
        return strips.clean_strip(kept.through(make), n_frames, self._settings.tries, first)

    def _layout(self, base: Picture) -> tuple[Picture, Picture]:
        """Return the picture to begin with, and the lines to keep to, in the working size."""
        width, height = self.size
        start = _resized(base, width, height)
        if self._sketch is None:
            lines = strips.outlines(start)
        else:
            # Where the painted scene has them, too.
            lines = np.clip(placed(self._sketch, (height, width)), 0.0, 1.0)
            if not self._settings.control:
                # Without ControlNet, img2img keeps to what it sees: the lines must be there.
                start = strips.inked(start, lines)
        white = np.asarray(np.round(255.0 * lines), np.uint8)
        return start, np.repeat(white[..., None], 3, axis=2)

    def _outset(self, start: Picture, lines: Picture, texts: list[str]) -> Outset:
        with quiet(*LIBRARIES), _repeatable(self._settings.threads):
            words = _embeddings(self._pipeline, texts)
        return Outset(_pixels(start), _pixels(lines), words[:3], words[3:])

    def _make(self, outset: Outset, seed: int, valence: float, steps: int = 0) -> Picture | None:
        """Make one frame; None where it came out black. 0 steps are those of the settings."""
        import torch

        settings = self._settings
        mood, unwanted = (_between(three, valence) for three in (outset.words, outset.unwanted))
        control = {"control_image": outset.lines} if settings.control else {}
        with quiet(*LIBRARIES), _repeatable(settings.threads):
            try:
                made = self._pipeline(
                    image=outset.start,
                    prompt_embeds=mood,
                    negative_prompt_embeds=unwanted,
                    strength=settings.strength,
                    # Fewer would round down to no step at all.
                    num_inference_steps=max(
                        steps or settings.steps, math.ceil(1.0 / settings.strength)
                    ),
                    guidance_scale=settings.guidance,
                    # Made on the CPU, so that another device begins from the same noise.
                    generator=torch.Generator("cpu").manual_seed(seed),
                    output_type="np",
                    **control,
                )
            except torch.OutOfMemoryError:
                width, height = self.size
                raise DeviceError(
                    f"A picture of {width} × {height} does not fit into the GPU's memory.",
                    "Set a smaller width, or device = 'cpu', in the settings of the pictures.",
                ) from None
        picture = np.asarray(np.round(np.nan_to_num(made.images[0]) * 255.0), np.uint8)
        suspected = bool(made.nsfw_content_detected and made.nsfw_content_detected[0])
        return None if suspected or strips.is_black(picture) else picture

    @cached_property
    def _device(self) -> str:
        import torch

        there = torch.cuda.is_available()
        if self._settings.device == "cuda" and not there:
            raise DeviceError(
                "device is 'cuda', but no such GPU can be used here.",
                "Set device = 'auto' or 'cpu' in the settings of the pictures.",
            )
        return "cuda" if there and self._settings.device != "cpu" else "cpu"

    @cached_property
    def _pipeline(self) -> Any:
        try:
            return _load(self._found, self._settings, self._device)
        # A damaged folder makes these libraries raise nearly anything.
        except Exception as error:
            # Its kind alone is told: what the library says often names a path.
            raise FormatError(
                f"The model {self.maker.model} cannot be opened: {type(error).__name__}.",
                "Fetch it again with download = true, or name a folder that is whole.",
            ) from None


def _find(settings: Diffusion) -> list[Weights]:
    """Return where the model and, if one is wanted, its ControlNet are."""
    model = find(settings.model, settings.revision, WANTED, download=settings.download)
    if settings.safety_checker and not (model.folder / CHECKER).is_dir():
        raise DeviceError(
            f"The model {model.name} has no safety checker.",
            f"Name a model with a folder {CHECKER}, or fetch it again with download = true.",
        )
    refuse_pickles(model, [*PARTS, CHECKER] if settings.safety_checker else PARTS)
    if not settings.control:
        return [model]
    control = find(
        settings.control, settings.control_revision, WANTED_CONTROL, download=settings.download
    )
    refuse_pickles(control, [""])
    return [model, control]


def _load(found: list[Weights], settings: Diffusion, device: str) -> Any:
    """Open the pipeline from its folders; the network is not asked."""
    with quiet(*LIBRARIES):
        import diffusers
        import torch

        # Half precision fails on a CPU.
        options: dict[str, Any] = {
            "torch_dtype": torch.float16 if device == "cuda" else torch.float32,
            "use_safetensors": True,
            "local_files_only": True,
        }
        kind = diffusers.StableDiffusionImg2ImgPipeline
        if settings.control:
            kind = diffusers.StableDiffusionControlNetImg2ImgPipeline
            net = diffusers.ControlNetModel.from_pretrained(found[1].folder, **options)
            options["controlnet"] = net
        if not settings.safety_checker:
            options |= {"safety_checker": None, "requires_safety_checker": False}
        pipeline = kind.from_pretrained(found[0].folder, trust_remote_code=False, **options)
        pipeline.scheduler = diffusers.DDIMScheduler.from_config(pipeline.scheduler.config)
        pipeline.set_progress_bar_config(disable=True)
        if device == "cpu":
            pipeline.enable_attention_slicing()
        return pipeline.to(device)


def _embeddings(pipeline: Any, texts: list[str]) -> Any:
    """Return what the text encoder makes of each text, shape (n_texts, n_tokens, n_features).

    A text longer than the encoder's window is read in several, whose results stand side by side:
    the person's own text must not end after 50 words. The pipeline's own way cuts it there, and
    quotes what it cut in a warning.
    """
    import torch

    tokenizer = pipeline.tokenizer
    room = tokenizer.model_max_length - 2
    ids = [tokenizer(x, add_special_tokens=False, verbose=False).input_ids for x in texts]
    windows = min(WINDOWS, max(1, *(math.ceil(len(x) / room) for x in ids)))
    rows = [
        _window(tokenizer, x[room * k : room * (k + 1)], room) for x in ids for k in range(windows)
    ]
    with torch.no_grad():
        encoder = pipeline.text_encoder
        made = encoder(torch.tensor(rows, device=encoder.device))[0]
    return made.reshape(len(texts), windows * (room + 2), -1)


def _between(three: Any, valence: float) -> Any:
    """Return the embedding at a valence, straight between its neighbours, shape (1, …)."""
    negative, neutral, positive = three
    return (neutral + abs(valence) * ((positive if valence > 0 else negative) - neutral))[None]


def _window(tokenizer: Any, ids: list[int], room: int) -> list[int]:
    pad = tokenizer.pad_token_id
    padding = [tokenizer.eos_token_id if pad is None else pad] * (room - len(ids))
    return [tokenizer.bos_token_id, *ids, tokenizer.eos_token_id, *padding]


@contextmanager
def _repeatable(n_threads: int) -> Iterator[None]:
    """Keep out what the last bits would hang on: the number of threads, and timing on a GPU."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(n_threads)
    try:
        with torch.backends.cudnn.flags(enabled=True, benchmark=False, deterministic=True):
            yield
    finally:
        torch.set_num_threads(before)


def _pixels(picture: Picture) -> Pixels:
    return (picture.astype(np.float32) / np.float32(255.0))[None]


def _resized(picture: Picture, width: int, height: int) -> Picture:
    from PIL import Image

    image = Image.fromarray(picture).resize((width, height), Image.Resampling.LANCZOS)
    return np.asarray(image)
