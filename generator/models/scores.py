"""CLIP and CLAP beside a bank's words: the one place that opens these models.

Sources: Radford et al. 2021 (CLIP, arXiv 2103.00020), pictures and words; Wu et al. 2023 (CLAP,
arXiv 2211.06687), sounds and words.
"""

# torch and transformers take seconds to import: only who scores a bank waits for them.
# ruff: noqa: PLC0415

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
from scipy import signal

from rym.bank import Bank
from rym.errors import DeviceError, FormatError
from rym.messages import AFFECTS

from ..drafts import Prompter, Sense
from ..making.finish import decode as decode_sound
from ..pictures.files import decode as decode_picture
from ..words import private
from . import scoring
from .scoring import Embeddings, Item, Row, Scores, Used
from .weights import Weights, find, need, quiet, refuse_pickles

FILE = "scores.json"
WANTED = ("config.json", "*config.json", "*.txt", "tokenizer.json", "vocab.json",
          "special_tokens_map.json", "model.safetensors")  # fmt: skip
AT_ONCE = 8
"""Pictures or pieces of sound that go through a model together."""


class ScoreSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which models say how well a bank fits its words."""

    clip: str = "openai/clip-vit-large-patch14"
    """Model id or a local folder; empty for none. Nothing is downloaded without `download`."""
    clip_revision: str = "main"
    clap: str = "laion/larger_clap_general"
    """The smaller `laion/clap-htsat-unfused` comes without safetensors and would have to be
    converted."""
    clap_revision: str = "16c8cc3159a3c8a31e8ff5ef1f66b0d9ab3667db"
    """The commit that added safetensors."""
    download: bool = False
    """Whether missing weights may be fetched over the network."""


def score_bank(
    folder: Path, bank: Bank, prompter: Prompter, settings: ScoreSettings | None = None
) -> Scores:
    """Compare every clip and picture with the prompts of the three affects.

    Parameters
    ----------
    folder : Path
        Of the bank, whose files are read.
    bank : Bank
        Its manifest.
    prompter : Prompter
        The very one that the bank was made with.
    settings : ScoreSettings, optional
        Which models.

    Returns
    -------
    Scores
        Measures from the manifest in any case; similarities where the models are there, else a
        sentence says why not. A text that is longer than a model reads (CLIP: 77 tokens) is
        compared by its beginning.

    Raises
    ------
    FormatError
        If a clip or picture of the bank cannot be read.
    """
    settings = settings or ScoreSettings()
    found: list[Row] = []
    models: list[Used] = []
    missing: list[str] = []
    for sense in ("sound", "sight"):
        items = scoring.sounds(bank) if sense == "sound" else scoring.sights(bank)
        name = settings.clap if sense == "sound" else settings.clip
        if not items or not name:
            continue
        try:
            judge = (_Ears if sense == "sound" else _Eyes)(settings)
        except (DeviceError, FormatError) as error:
            missing.append(str(error))
            continue
        found += _compare(folder, sense, items, judge, prompter)
        models.append(Used(sense=sense, model=judge.weights.name, revision=judge.weights.revision))
    return Scores(
        bank_sha256=bank.content_sha256,
        models=tuple(models),
        rows=tuple(found),
        table=scoring.table(found),
        leads=scoring.leads(found),
        measures=scoring.measures(bank),
        missing=tuple(missing),
    )


def save(scores: Scores, memory: Path) -> Path:
    """Write scores beside a memory (`people/<label>/memory`), whole or not at all.

    Raises
    ------
    DeviceError
        If the folder cannot be written to.
    """
    private.folder(memory)
    data = msgspec.json.format(msgspec.json.encode(scores), indent=1)
    private.write(memory / FILE, iter([data]))
    return memory / FILE


def _compare(
    folder: Path, sense: Sense, items: list[Item], judge: _Ears | _Eyes, prompter: Prompter
) -> tuple[Row, ...]:
    with quiet("transformers"), _one_thread():
        things = np.stack([judge.thing((folder / item.file).read_bytes()) for item in items])
        places = [(affect, k) for k in sorted({x.unit for x in items}) for affect in AFFECTS]
        texts = [prompter.prompt(affect, sense, index) for affect, index in places]
        words = dict(zip(places, judge.words(texts), strict=True))
    return scoring.rows(items, sense, things, words)


class _Eyes:
    """CLIP: pictures and words in one space."""

    def __init__(self, settings: ScoreSettings) -> None:
        self.weights = _found(settings.clip, settings.clip_revision, settings)
        with _opening(self.weights):
            import transformers

            self._model, self._tokens = _open(self.weights, transformers.CLIPModel)
            self._sees = transformers.CLIPImageProcessor.from_pretrained(
                self.weights.folder, local_files_only=True
            )

    def thing(self, data: bytes) -> Embeddings:
        """Return the embedding of a picture."""
        pixels = self._sees(images=decode_picture(data), return_tensors="pt")
        made = _row(self._model.get_image_features(pixel_values=pixels["pixel_values"]))
        return np.asarray(made[0])

    def words(self, texts: list[str]) -> Embeddings:
        """Return the embeddings of texts, shape (n_texts, n_features)."""
        return _words(self._model, self._tokens, texts)


class _Ears:
    """CLAP: sounds and words in one space."""

    def __init__(self, settings: ScoreSettings) -> None:
        self.weights = _found(settings.clap, settings.clap_revision, settings)
        with _opening(self.weights):
            import transformers

            self._model, self._tokens = _open(self.weights, transformers.ClapModel)
            self._hears = transformers.ClapFeatureExtractor.from_pretrained(
                self.weights.folder, local_files_only=True
            )
        if self._model.config.audio_config.enable_fusion:
            raise FormatError(
                f"The model {self.weights.name} fuses random parts of a sound.",
                "Choose one without fusion, such as laion/larger_clap_general.",
            )

    def thing(self, data: bytes) -> Embeddings:
        """Return the embedding of a clip: the mean over pieces as long as the model hears.

        Left to itself, the model's own extractor would hear one piece, drawn at random.
        """
        sound, rate = decode_sound(data)
        mono = _resampled(sound.mean(axis=1), rate, self._hears.sampling_rate)
        longest = int(self._hears.nb_max_samples)
        pieces = [mono[k : k + longest] for k in range(0, len(mono), longest)]
        made = np.concatenate(
            [self._heard(pieces[k : k + AT_ONCE]) for k in range(0, len(pieces), AT_ONCE)]
        )
        made /= np.linalg.norm(made, axis=1, keepdims=True)
        return np.asarray(np.average(made, axis=0, weights=[len(x) for x in pieces]))

    def words(self, texts: list[str]) -> Embeddings:
        """Return the embeddings of texts, shape (n_texts, n_features)."""
        return _words(self._model, self._tokens, texts)

    def _heard(self, pieces: list[npt.NDArray[np.float64]]) -> Embeddings:
        rate = self._hears.sampling_rate
        heard = [
            self._hears(
                x, sampling_rate=rate, truncation="rand_trunc", padding="repeatpad",
                return_tensors="pt",
            )["input_features"]
            for x in pieces
        ]  # fmt: skip
        import torch

        return _row(self._model.get_audio_features(input_features=torch.cat(heard)))


def _found(model: str, revision: str, settings: ScoreSettings) -> Weights:
    need("transformers")
    weights = find(model, revision, WANTED, download=settings.download)
    refuse_pickles(weights, [""])
    return weights


@contextlib.contextmanager
def _opening(weights: Weights) -> Iterator[None]:
    with quiet("transformers"):
        try:
            yield
        # A damaged folder makes the library raise nearly anything.
        except Exception as error:
            # Its kind alone is told: what the library says often names a path.
            raise FormatError(
                f"The model {weights.name} cannot be opened: {type(error).__name__}.",
                "Fetch it again with download = true, or name a folder that is whole.",
            ) from None


def _open(weights: Weights, kind: Any) -> tuple[Any, Callable[..., Any]]:
    """Return a model and what turns texts into its tokens; the network is not asked."""
    import transformers

    model = kind.from_pretrained(weights.folder, use_safetensors=True, local_files_only=True)
    tokens = transformers.AutoTokenizer.from_pretrained(
        weights.folder, local_files_only=True, trust_remote_code=False
    )
    return model.eval(), tokens


def _words(model: Any, tokens: Any, texts: list[str]) -> Embeddings:
    longest = model.config.text_config.max_position_embeddings
    # RoBERTa, which reads for CLAP, counts its places from behind the padding's number.
    longest -= 2 if model.config.text_config.model_type == "clap_text_model" else 0
    made = [
        model.get_text_features(
            **tokens(
                [text],
                truncation=True,
                max_length=min(longest, tokens.model_max_length),
                return_tensors="pt",
            )
        )
        for text in texts
    ]
    return np.concatenate([_row(one) for one in made])


def _row(made: Any) -> Embeddings:
    """Return embeddings as an array; the library hands them over bare or wrapped."""
    return np.asarray(getattr(made, "pooler_output", made).detach().cpu().numpy(), np.float64)


def _resampled(sound: npt.NDArray[np.float64], rate: int, wanted: int) -> npt.NDArray[np.float64]:
    if rate == wanted:
        return sound
    common = math.gcd(rate, wanted)
    return np.asarray(signal.resample_poly(sound, wanted // common, rate // common))


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """Compute with one thread and without gradients: the last digits hang on the number."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            yield
    finally:
        torch.set_num_threads(before)
