"""Music by ACE-Step 1.5, through diffusers: covers of the guide.

A cover keeps what the model hears of the guide's course (five codes a second) and takes its sound
from the words, so that bars and tempo come out as they went in more often than from tones alone.
"""

from __future__ import annotations

import functools
from typing import Any

from rym.bank import Maker
from rym.clock import Clock
from rym.errors import FormatError

from ..drafts import Draft, Guide, Place, Prompter
from ..settings import AceStep
from ..sound.mastering import Stereo
from . import clips, weights

LIBRARIES = ("diffusers", "transformers")
WANTED = ("model_index.json", "*/*.json", "*/*.txt", "*/*.jinja", "*/*.safetensors")


class AceStepMusician:
    """Makes clips with ACE-Step."""

    def __init__(self, chosen: AceStep, guide: Guide, prompter: Prompter) -> None:
        weights.need(*LIBRARIES)
        self._weights = weights.find(
            chosen.model, chosen.revision, WANTED, download=chosen.download
        )
        weights.refuse_pickles(self._weights, ["vae", "transformer", "text_encoder"])
        clips.warn_licence(self._weights.name, chosen.licence)
        self._chosen, self._score = chosen, clips.Score(guide, prompter)
        self.maker = Maker(
            backend="acestep",
            model=self._weights.name,
            revision=self._weights.revision,
            licence=chosen.licence,
        )

    def play(self, place: Place, take: int) -> Draft:
        """Make one clip (`Musician`)."""
        # Loaded here: what does not load is no fault of a try.
        make = functools.partial(self._make, self._pipeline)
        return clips.play(make, self._chosen, self._score, place, take)

    def seconds(self, clock: Clock) -> float:
        """Return about how long one clip takes here (`Slow`)."""
        return clips.seconds(functools.partial(self._make, self._pipeline), self._score, clock)

    @functools.cached_property
    def _pipeline(self) -> Any:
        return load(self._weights, self._chosen)

    def _make(self, pipeline: Any, order: clips.Order) -> Stereo:
        with clips.fitting(), weights.quiet(*LIBRARIES):
            return cover(pipeline, self._chosen, order)


def load(found: weights.Weights, chosen: AceStep) -> Any:
    """Return the pipeline, ready on its device.

    Raises
    ------
    FormatError
        If it does not load, or cannot make covers.
    """
    with weights.quiet(*LIBRARIES):
        import diffusers  # noqa: PLC0415
        import torch  # noqa: PLC0415

        where = chosen.device
        if where == "auto":
            where = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            # Networks are filled with draws before their weights are read.
            with torch.random.fork_rng(devices=[]):
                pipeline = diffusers.AceStepPipeline.from_pretrained(
                    found.folder,
                    local_files_only=True,
                    use_safetensors=True,
                    trust_remote_code=False,
                    torch_dtype=torch.bfloat16 if where == "cuda" else torch.float32,
                )
        # A damaged folder, or one of another model, makes this library raise nearly anything.
        except Exception as error:
            raise FormatError(
                f"The weights of {found.name} do not load: {type(error).__name__}.",
                "Name a folder in diffusers' form of ACE-Step 1.5, or fetch it again with "
                "download = true.",
            ) from None
    if pipeline.audio_tokenizer is None or pipeline.audio_token_detokenizer is None:
        raise FormatError(
            f"{found.name} has no audio tokenizer, without which ACE-Step makes no covers.",
            "Choose a model that has audio_tokenizer and audio_token_detokenizer.",
        )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline.to(where)


def cover(pipeline: Any, chosen: AceStep, order: clips.Order) -> Stereo:
    """Make a cover of the order's guide, as long as it is.

    Parameters
    ----------
    pipeline : AceStepPipeline
    chosen : AceStep
        How closely the guide is kept, and in how many steps.
    order : Order
        Words, guide, tempo, key and seed.

    Returns
    -------
    array of shape (n_times, 2)
        At the order's rate.
    """
    import torch  # noqa: PLC0415

    rate = pipeline.sample_rate
    guide = torch.from_numpy(clips.resampled(order.guide, order.rate, rate).T.copy()).float()
    cuda = pipeline.device.type == "cuda"
    # The guide is encoded with a draw of torch's own generator, which the pipeline cannot be given.
    with torch.random.fork_rng(devices=[pipeline.device] if cuda else []):
        torch.manual_seed(order.seed)
        made = pipeline(
            prompt=order.prompt,
            lyrics="[Instrumental]",
            task_type="cover",
            src_audio=guide,
            audio_duration=order.seconds,
            audio_cover_strength=chosen.strength,
            bpm=round(order.bpm),
            timesignature="4",
            num_inference_steps=chosen.steps,
            guidance_scale=chosen.guidance,
            generator=torch.Generator(pipeline.device).manual_seed(order.seed),
            output_type="np",
        ).audios[0]
    return clips.stereo(made, rate, order.rate)
