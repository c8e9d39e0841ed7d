"""A model as a folder: `model.json`, `weights.safetensors`, `memory.npz`. No pickle anywhere.

The manifest names every other file's SHA-256; the model's own name is the hash of its manifest.
A model is always built from the bytes of its files, also straight after training, so what was saved
and what was loaded cannot differ.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load as decode_tensors
from safetensors.numpy import save as encode_tensors

from rym.errors import FormatError, SignalError

from .archive import pack, unpack
from .embedding import Network
from .features import Standardizer, masked_row, row
from .gate import soften
from .linear import Linear
from .manifest import SCHEMA, Manifest
from .memory.drift import MEASURES, Measure
from .memory.rings import Memory, memory_of
from .tangent import N_CLASSES, Tangent, log_power, window_covariance

MANIFEST, WEIGHTS, MEMORY = "model.json", "weights.safetensors", "memory.npz"
LARGEST = 256 * 2**20
"""Bytes of a file above which it is not even read; 10 000 remembered rows take 1 MB."""
_AGAIN = "Train the model again with `rym train`, or take it from where it was saved."

Array = npt.NDArray[np.float64]


class Answered(NamedTuple):
    """What a model makes of ten rows."""

    p: Array | None
    """Probabilities after temperature, shape (3,); None from a model that cannot tell states."""
    z: Array | None = None
    """Embedding, shape (n_dimensions,); None where no network answers."""
    distance: float = math.nan
    """Mean distance to the remembered stretches that voted; NaN where there are none."""


@dataclass(frozen=True, eq=False)
class Model:
    """A manifest and what its files hold, ready to answer."""

    manifest: Manifest
    id: str
    """First 16 hex digits of the manifest's SHA-256."""
    standardizer: Standardizer
    network: Network | None
    memory: Memory | None
    linear: Linear | None
    tangent: Tangent | None
    usual: Mapping[Measure, Array]
    """What is usual in data that nothing was fitted to, in order of time, a value per answered row;
    NaN where there was none, empty where there is no such measure. See `memory.drift.Watch`."""
    files: Mapping[str, bytes]
    """The folder, file by file."""

    @property
    def n_columns(self) -> int:
        """Numbers that one window is reduced to: its features, or its covariance."""
        n = len(self.manifest.channels)
        return n * n if self.tangent is not None else n * len(self.manifest.bands)

    def row(self, samples: npt.NDArray[np.floating], untrusted: Sequence[str]) -> Array:
        """Return what one window is reduced to.

        Parameters
        ----------
        samples : array of shape (n_times, n_channels)
            In µV, the model's channels in its order.
        untrusted : sequence of str
            Channels that cannot be trusted.

        Returns
        -------
        array of shape (n_columns,)
            Standardized log band powers, or the covariance row by row, NaN for bad channels.
        """
        facts = self.manifest
        if self.tangent is not None:
            bad = np.array([name in untrusted for name in facts.channels])
            return window_covariance(samples, bad).astype(np.float64).ravel()
        return self.standardizer(
            masked_row(samples, facts.rate, facts.bands, facts.channels, untrusted)
        )

    def level(self, row: Array) -> float:
        """Return the level of what one window is reduced to, to be held against what is usual.

        Parameters
        ----------
        row : array of shape (n_columns,)
            See `row`.
        """
        if self.tangent is None:
            return float(row.mean())
        n = len(self.manifest.channels)
        return float(log_power(row.reshape(n, n)))

    def answer(self, field: Array, memory: Memory | None = None) -> Answered:
        """Return what the model makes of ten rows.

        Parameters
        ----------
        field : array of shape (10, n_columns)
            See `row`, oldest first.
        memory : Memory or None
            Asked in place of the model's own: one that has learned since.
        """
        soft = self.manifest.temperature
        if self.linear is not None:
            return Answered(soften(self.linear(field), soft))
        if self.tangent is not None:
            return Answered(soften(self.tangent(field), soft))
        memory = self.memory if memory is None else memory
        if self.network is None or memory is None:
            return Answered(None)
        z = self.network(field[None])[0]
        votes = memory.ask(z)
        # One state alone would be answered for sure, whatever is asked.
        told = np.count_nonzero(votes.p) >= 2
        return Answered(soften(votes.p, soft) if told else None, z, votes.distance)

    @property
    def mute(self) -> str:
        """Why `answer` gives no probabilities."""
        if self.memory is not None:
            return "the memory holds fewer than two states"
        return f"verdict: {self.manifest.verdict}"


def build(
    facts: Manifest,
    standardizer: Standardizer,
    *,
    network: Network | None = None,
    memory: Memory | None = None,
    linear: Linear | None = None,
    tangent: Tangent | None = None,
    usual: Mapping[Measure, Array] | None = None,
) -> Model:
    """Return the model of these parts, by way of its files' bytes.

    Parameters
    ----------
    facts : Manifest
        Its `files` are filled in here.
    standardizer : Standardizer
        z-score of the features.
    network, memory : Network, Memory
        Both, where the answer comes from CEBRA + kNN.
    linear : Linear
        Where it comes from LDA.
    tangent : Tangent
        Where it comes from covariances.
    usual : mapping of str to array of shape (n,)
        See `Model.usual`.
    """
    tensors: dict[str, npt.NDArray[np.generic]] = {
        "zscore.center": standardizer.center,
        "zscore.scale": standardizer.scale,
    }
    if network is not None:
        tensors.update(network.weights)
    if linear is not None:
        tensors.update(
            {"lda.coefficients": linear.coefficients, "lda.intercepts": linear.intercepts}
        )
    if tangent is not None:
        own = {"move": tangent.move, "coefficients": tangent.coefficients}
        own["intercepts"] = tangent.intercepts
        tensors.update({f"riemann.{name}": value for name, value in own.items()})
    contiguous = {name: np.ascontiguousarray(value) for name, value in tensors.items()}
    files = {
        WEIGHTS: encode_tensors(contiguous),
        MEMORY: pack({**_remembered(memory), **_packed(usual or {})}),
    }
    hashes = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    manifest = msgspec.structs.replace(facts, files=hashes)
    text = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    return parse({MANIFEST: text, **files}, "the model just trained")


def save(model: Model, folder: Path) -> None:
    """Write the folder; the manifest comes last, so that a half-written folder does not load.

    Raises
    ------
    FormatError
        If the folder holds a model already; nothing is overwritten.
    """
    if (folder / MANIFEST).exists():
        raise FormatError(f"{folder} holds a model already.", "Name another folder.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for name in (WEIGHTS, MEMORY, MANIFEST):
        part = folder / (name + ".part")
        part.write_bytes(model.files[name])
        part.replace(folder / name)


def load(folder: Path) -> Model:
    """Read a model folder and check it.

    Raises
    ------
    FormatError
        If a file is missing, too large, altered, of a newer schema, or holds what no model can.
    """
    files = {}
    for name in (MANIFEST, WEIGHTS, MEMORY):
        try:
            size = (folder / name).stat().st_size
            if size > LARGEST:
                raise FormatError(
                    f"{name} of {folder} has {size} bytes, no model's has more than {LARGEST}.",
                    _AGAIN,
                )
            files[name] = (folder / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            raise FormatError(f"There is no {name} in {folder}.", _AGAIN) from None
        except OSError as error:
            raise FormatError(f"{name} of {folder}: {error.strerror}.", _AGAIN) from None
    return parse(files, str(folder))


def parse(files: Mapping[str, bytes], where: str) -> Model:
    """Return the model that these files hold.

    Parameters
    ----------
    files : mapping of str to bytes
        The folder, file by file.
    where : str
        What to call it in an error.

    Raises
    ------
    FormatError
        See `load`.
    """
    manifest = _manifest(files, where)
    try:
        tensors, arrays = _tensors(files[WEIGHTS]), unpack(files[MEMORY])
    except ValueError as error:
        raise FormatError(f"The arrays of {where} cannot be read: {error}.", _AGAIN) from None
    try:
        parts = _answering(manifest, tensors, arrays)
        usual = _usual(arrays)
        center, scale = tensors["zscore.center"], tensors["zscore.scale"]
    except KeyError as error:
        raise FormatError(f"{where} lacks the array {error}.", _AGAIN) from None
    except ValueError as error:
        raise FormatError(f"The memory of {where} does not fit: {error}.", _AGAIN) from None
    name = hashlib.sha256(files[MANIFEST]).hexdigest()[:16]
    standardizer = Standardizer(center, scale, manifest.clip)
    model = Model(manifest, name, standardizer, *parts, usual, dict(files))
    _check(model, where)
    return model


def _tensors(data: bytes) -> dict[str, npt.NDArray[Any]]:
    try:
        return dict(decode_tensors(data))
    except SafetensorError as error:
        raise ValueError(str(error)) from None
    except KeyError as error:  # a kind of number that numpy does not have
        raise ValueError(f"its numbers are of the kind {error}") from None


class _Schema(msgspec.Struct):
    schema: int


def _manifest(files: Mapping[str, bytes], where: str) -> Manifest:
    try:
        schema = msgspec.json.decode(files[MANIFEST], type=_Schema).schema
        if schema != SCHEMA:
            raise FormatError(
                f"{where} has schema {schema}, this version knows {SCHEMA}.", _AGAIN, schema=schema
            )
        manifest = msgspec.json.decode(files[MANIFEST], type=Manifest)
    except msgspec.DecodeError as error:
        raise FormatError(f"{MANIFEST} of {where} cannot be read: {error}.", _AGAIN) from None
    for name in (WEIGHTS, MEMORY):
        found, expected = hashlib.sha256(files[name]).hexdigest(), manifest.files.get(name, "")
        if found != expected:
            raise FormatError(
                f"{name} of {where} has SHA-256 {found[:16]}…, its manifest says {expected[:16]}….",
                _AGAIN,
            )
    return manifest


def _answering(
    manifest: Manifest,
    tensors: Mapping[str, npt.NDArray[Any]],
    arrays: Mapping[str, npt.NDArray[Any]],
) -> tuple[Network | None, Memory | None, Linear | None, Tangent | None]:
    if manifest.kind == "lda":
        lda = Linear(tensors["lda.coefficients"], tensors["lda.intercepts"])
        return None, None, lda, None
    if manifest.kind == "riemann":
        names = ("move", "coefficients", "intercepts")
        return None, None, None, Tangent(*(tensors[f"riemann.{name}"] for name in names))
    if manifest.kind == "none":
        return None, None, None, None
    network = Network(tensors)
    z, label, stretch = arrays["embedding"], arrays["label"], arrays["stretch"]
    if z.shape != (len(label), network.n_dimensions) or label.shape != stretch.shape:
        raise ValueError(
            f"embeddings of shape {z.shape}, labels {label.shape}, stretches {stretch.shape}, a "
            f"network of {network.n_dimensions} dimensions"
        )
    if len(label) and (label.min() < 0 or label.max() >= N_CLASSES or stretch.min() < 0):
        raise ValueError(f"labels are not 0 to {N_CLASSES - 1}, or stretches below 0")
    t = arrays["t"]
    if t.shape != label.shape or not np.isfinite(t).all():
        raise ValueError(f"times of shape {t.shape}, labels {label.shape}, or no numbers")
    memory = memory_of(z, label.astype(np.int64), stretch.astype(np.int64), t)
    return network, memory, None, None


def _remembered(memory: Memory | None) -> dict[str, npt.NDArray[Any]]:
    """Return what is saved of a memory; how often its rings have run over is not."""
    if memory is None:
        return {}
    arrays = memory.arrays()
    return {name: arrays[name] for name in ("embedding", "label", "stretch", "t")}


def _packed(usual: Mapping[Measure, Array]) -> dict[str, npt.NDArray[Any]]:
    nothing = np.zeros(0)
    return {f"usual.{name}": usual.get(name, nothing) for name in MEASURES}


def _usual(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[Measure, Array]:
    """Return what is usual, of one length where it is known at all."""
    found: dict[Measure, Array] = {name: arrays[f"usual.{name}"] for name in MEASURES}
    shapes = {name: values.shape for name, values in found.items()}
    known = {shape for shape in shapes.values() if shape != (0,)}
    if len(known) > 1 or any(len(shape) != 1 for shape in known):
        raise ValueError(f"what is usual has the shapes {shapes}")
    if any(np.isinf(values).any() for values in found.values()):
        raise ValueError("what is usual holds values that are no numbers")
    return found


def _check(model: Model, where: str) -> None:
    """Refuse parts whose sizes or values contradict the manifest."""
    manifest, zscore, linear = model.manifest, model.standardizer, model.linear
    _check_windows(manifest, where)
    n = len(manifest.channels) * len(manifest.bands)
    shapes: dict[str, tuple[npt.NDArray[Any], tuple[int, ...]]] = {
        "z-score": (zscore.center, (n,)),
        "z-score's spread": (zscore.scale, (n,)),
    }
    if model.network is not None and model.memory is not None:
        first = model.network.weights["conv0.weight"]
        shapes["network"] = (first, (len(first), n, first.shape[2]))
    if linear is not None:
        shapes["LDA"] = (linear.coefficients, (N_CLASSES, n))
        shapes["LDA's intercepts"] = (linear.intercepts, (N_CLASSES,))
    for part, (found, expected) in shapes.items():
        if found.shape != expected:
            raise FormatError(
                f"The {part} of {where} has the shape {found.shape}, its {len(manifest.channels)} "
                f"channels × {len(manifest.bands)} bands ask for {expected}.",
                _AGAIN,
            )
    values = [zscore.center]
    if model.memory is not None:
        values.append(np.asarray(model.memory.arrays()["embedding"]))
    if linear is not None:
        values += [linear.coefficients, np.exp(linear.intercepts)]
    if model.tangent is not None:
        _check_shapes(model.tangent, len(manifest.channels), where)
        values += [model.tangent.move, model.tangent.coefficients]
        values.append(np.exp(model.tangent.intercepts))
    if not ((zscore.scale > 0).all() and all(np.isfinite(value).all() for value in values)):
        raise FormatError(f"{where} holds values that are no numbers.", _AGAIN)


def _check_windows(manifest: Manifest, where: str) -> None:
    """Refuse windows and channels that no stream can have, before the first one comes."""
    twice = [name for name, n in Counter(manifest.channels).items() if n > 1]
    if twice or not manifest.channels:
        raise FormatError(
            f"{where} names {', '.join(twice)} twice." if twice else f"{where} names no channel.",
            _AGAIN,
        )
    try:
        row(np.zeros((manifest.n_times, 1)), manifest.rate, manifest.bands)
    except SignalError as error:
        raise FormatError(f"{where} asks for what cannot be: {error.error}", _AGAIN) from None


def _check_shapes(tangent: Tangent, p: int, where: str) -> None:
    """Refuse numbers of the tangent space that are not of so many channels."""
    found = [x.shape for x in (tangent.move, tangent.coefficients, tangent.intercepts)]
    expected = [(p, p), (N_CLASSES, p * (p + 1) // 2), (N_CLASSES,)]
    if found != expected:
        raise FormatError(
            f"The tangent space of {where} has the shapes {found}, its {p} channels ask for "
            f"{expected}.",
            _AGAIN,
        )
