"""Music by MusicGen-melody, through transformers.

The model hears the guide as a row of tones (one of twelve per frame of 128 ms), is given a prompt,
and makes 30 s at once. Longer music goes on from the codes of the last seconds, kept as they are:
decoding to sound and encoding again would blur them at every window.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rym.bank import Maker
from rym.clock import Clock
from rym.errors import FormatError, UsageError

from ..drafts import Draft, Guide, Place, Prompter
from ..settings import MusicGen
from ..sound.chroma import chromagram
from ..sound.mastering import Stereo
from . import clips, weights

if TYPE_CHECKING:
    import torch

RATE = 32_000
N_FFT, HOP = 16_384, 4_096
"""Frame and hop of the melody's tones at 32 kHz."""
WANTED = ("*.json", "*.safetensors", "*.txt", "spiece.model")
QUIET = 1e-7
"""Power, against the loudest frame, below which a frame says nothing of the melody."""

Codes = npt.NDArray[np.int64]
"""Array of shape (n_codebooks, n_frames)."""


class MusicGenMusician:
    """Makes clips with MusicGen-melody."""

    def __init__(self, chosen: MusicGen, guide: Guide, prompter: Prompter) -> None:
        if chosen.carried >= chosen.window:
            raise UsageError(
                f"music.carried is {chosen.carried:g} s, music.window {chosen.window:g} s.",
                "Carry less than a window.",
            )
        weights.need("transformers")
        self._weights = weights.find(
            chosen.model, chosen.revision, WANTED, download=chosen.download
        )
        weights.refuse_pickles(self._weights, [""])
        clips.warn_licence(self._weights.name, chosen.licence)
        self._chosen, self._score = chosen, clips.Score(guide, prompter)
        self.maker = Maker(
            backend="musicgen",
            model=self._weights.name,
            revision=self._weights.revision,
            licence=chosen.licence,
        )

    def play(self, place: Place, take: int) -> Draft:
        """Make one clip (`Musician`)."""
        # Loaded here: what does not load is no fault of a try.
        make = functools.partial(self._make, *self._loaded)
        return clips.play(make, self._chosen, self._score, place, take)

    def seconds(self, clock: Clock) -> float:
        """Return about how long one clip takes here (`Slow`)."""
        return clips.seconds(functools.partial(self._make, *self._loaded), self._score, clock)

    @functools.cached_property
    def _loaded(self) -> tuple[Any, Any]:
        with weights.quiet("transformers"):
            return load(self._weights, self._chosen)

    def _make(self, tokenizer: Any, model: Any, order: clips.Order) -> Stereo:
        mono = clips.resampled(order.guide.mean(axis=1), order.rate, RATE)
        with clips.fitting(), weights.quiet("transformers"):
            words = tokenizer([order.prompt], return_tensors="pt")
            made = generate(model, words, melody(mono), self._chosen, order)
        return clips.stereo(made, RATE, order.rate)


def melody(mono: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    """Return the strongest tone of every frame, as the model was trained to hear it.

    The recipe of transformers' own feature extractor, which needs torchaudio. Where nothing sounds
    the tone before is held: a row of C would be a melody of its own.

    Parameters
    ----------
    mono : array of shape (n_times,)
        At 32 kHz.

    Returns
    -------
    array of shape (n_times // 4096 + 1, 12)
        One 1 in each row.
    """
    tones = chromagram(mono, RATE, N_FFT, HOP)
    power = tones.max(axis=1)
    strongest = tones.argmax(axis=1)
    heard = np.where(power > QUIET * power.max(), np.arange(len(tones)), -1)
    last = np.maximum.accumulate(heard)
    strongest = strongest[np.where(last < 0, int(np.argmax(heard >= 0)), last)]
    return np.asarray(np.eye(12, dtype=np.float32)[strongest])


def load(found: weights.Weights, chosen: MusicGen) -> tuple[Any, Any]:
    """Return tokenizer and model, ready on their device.

    Raises
    ------
    FormatError
        If they do not load, or are not a MusicGen-melody at 32 kHz.
    """
    import torch  # noqa: PLC0415
    import transformers  # noqa: PLC0415

    where = chosen.device
    if where == "auto":
        where = "cuda" if torch.cuda.is_available() else "cpu"
    # Half precision fails or crawls on most CPUs.
    precision = torch.float16 if where == "cuda" else torch.float32
    try:
        # Networks are filled with draws before their weights are read.
        with torch.random.fork_rng(devices=[]):
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                found.folder, local_files_only=True, trust_remote_code=False
            )
            model = transformers.MusicgenMelodyForConditionalGeneration.from_pretrained(
                found.folder, local_files_only=True, use_safetensors=True, dtype=precision
            )
    # A damaged folder makes this library raise nearly anything.
    except Exception as error:
        raise FormatError(
            f"The weights of {found.name} do not load: {type(error).__name__}.",
            "Fetch them again with download = true, or name a complete local folder.",
        ) from None
    rate = model.config.audio_encoder.sampling_rate
    if rate != RATE:
        raise FormatError(
            f"The model {found.name} has {rate} Hz, MusicGen-melody has {RATE}.",
            "Choose a MusicGen-melody model.",
        )
    return tokenizer, model.to(where).eval()


def generate(
    model: Any,
    words: Any,
    tones: npt.NDArray[np.float32],
    chosen: MusicGen,
    order: clips.Order,
) -> npt.NDArray[np.float64]:
    """Make as much music as the order is long.

    Parameters
    ----------
    model : MusicgenMelodyForConditionalGeneration
    words : BatchEncoding
        The prompt's tokens.
    tones : array of shape (n_frames, 12)
        The melody, all of it.
    chosen : MusicGen
        Window, guidance.
    order : Order
        Length and seed.

    Returns
    -------
    array of shape (1 or 2, n_times)
        At 32 kHz.
    """
    import torch  # noqa: PLC0415

    per_second = model.config.audio_encoder.frame_rate
    wanted = int(np.ceil(order.seconds * per_second))
    gpus = [model.device] if model.device.type == "cuda" else []
    with torch.random.fork_rng(devices=gpus), torch.no_grad():
        torch.manual_seed(order.seed)
        codes = extended(model, words, tones, chosen, wanted)
        made = _decoded(model, codes)
    return made[:, : int(order.seconds * RATE)]


def extended(
    model: Any, words: Any, tones: npt.NDArray[np.float32], chosen: MusicGen, wanted: int
) -> Codes:
    """Return the codes of so many frames, window after window.

    What a window has made is never touched again: the next one only goes on from its last part.
    """
    per_second = model.config.audio_encoder.frame_rate
    window, carried = (round(x * per_second) for x in (chosen.window, chosen.carried))
    codes = np.zeros((model.decoder.num_codebooks, 0), np.int64)
    while codes.shape[1] < wanted:
        kept = codes[:, -carried:] if codes.shape[1] else codes
        start = codes.shape[1] - kept.shape[1]
        n_new = min(window, wanted - start) - kept.shape[1]
        frame = round(start / per_second * RATE / HOP)
        heard = tones[frame : frame + model.config.chroma_length]
        new = _window(model, words, heard, kept, n_new=n_new, guidance=chosen.guidance)
        codes = np.concatenate([codes, new], axis=1)
    return codes


def _window(
    model: Any,
    words: Any,
    heard: npt.NDArray[np.float32],
    kept: Codes,
    *,
    n_new: int,
    guidance: float,
) -> Codes:
    """Return the codes that go on from `kept`, without it."""
    import torch  # noqa: PLC0415

    # In step n, codebook k says frame n − k: the last frames of the later books come late.
    books, delay = len(kept), np.arange(len(kept)) // model.decoder.config.audio_channels
    spoken = _Spoken()
    before = {"decoder_input_ids": torch.from_numpy(kept).to(model.device)}
    model.generate(
        **words.to(model.device),
        **(before if kept.shape[1] else {}),
        input_features=torch.from_numpy(heard)[None].to(model.device, model.dtype),
        do_sample=True,
        guidance_scale=guidance,
        max_new_tokens=n_new + int(delay[-1]),
        streamer=spoken,
    )
    steps = np.stack(spoken.steps, axis=1)
    if steps.shape != (books, n_new + delay[-1]):
        raise FormatError(
            f"The model stopped after {steps.shape[1]} steps of {n_new + int(delay[-1])}.",
            "Take the end token out of its generation_config.json.",
        )
    return np.stack([row[late : late + n_new] for row, late in zip(steps, delay, strict=True)])


class _Spoken:
    """Takes down what the model says, step by step: transformers' streamer."""

    def __init__(self) -> None:
        self.steps: list[Codes] = []
        self._begun = False

    def put(self, value: torch.Tensor) -> None:
        """Take the beginning, which is known, and then the codes of each step."""
        if self._begun:
            self.steps.append(np.asarray(value.cpu().reshape(-1).numpy(), np.int64))
        self._begun = True

    def end(self) -> None:
        """Nothing is left to be done."""


def _decoded(model: Any, codes: Codes) -> npt.NDArray[np.float64]:
    """Return the codes as sound, array of shape (1 or 2, n_times)."""
    import torch  # noqa: PLC0415

    channels = model.decoder.config.audio_channels
    out = []
    for channel in range(channels):
        book = torch.from_numpy(codes[channel::channels]).to(model.device)[None, None]
        sound = model.audio_encoder.decode(book, audio_scales=[None]).audio_values
        out.append(sound[0, 0].float().cpu().numpy())
    return np.asarray(out, np.float64)
