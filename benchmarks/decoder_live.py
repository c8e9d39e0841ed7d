"""The live decoder: a window's answer, the encoder beside torch's and cebra's, the process.

One window is 1 s of 19 channels at 500 Hz; the model is CEBRA + kNN on five bands and remembers
10 000 rows. Peers take one field of ten rows as ours does: the bare torch module, and
`cebra.CEBRA.transform`, which encodes ten rows to get the one that is wanted. The process is
`python -m decoder` with that model at a broker of its own.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

# A script's own folder comes first on the path, where this file would hide the package `decoder`.
ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)

import cebra
import cebra.models
import numpy as np
import psutil
import torch

from benchmarks.interleave import compare, row, show
from benchmarks.peers.ours_window import broker, part
from decoder import model as models
from decoder import training
from decoder.decoder import Decoder
from decoder.embedding import FIELD, KERNELS, Network
from decoder.features import BANDS
from decoder.model import Model
from decoder.rows import Rows
from decoder.settings import DecoderSettings, TrainingSettings
from rym.bus import ALL
from rym.clock import SystemClock
from rym.messages import AFFECTS, Learned, Window
from rym.mqtt import MqttBus
from rym.topics import STATUS, VALENCE, WINDOW

RATE, HOP = 500, 125
CHANNELS = (
    *("P7", "P4", "Cz", "Pz", "P3", "P8", "O1", "O2", "T8", "F8", "C4", "F4", "Fp2", "Fz", "C3"),
    *("F3", "Fp1", "T7", "F7"),
)
FEATURES = len(CHANNELS) * len(BANDS["default"])
REMEMBERED = 10_000
BULK = 2000
ROUNDS, STEPS, STARTS = 7, 400, 5
LIMIT = "the limit set"


def rows() -> Rows:
    """Return rows of noise under episodes of 40 rows, of which 10 000 may be learned from."""
    rng = np.random.default_rng(0)
    n = REMEMBERED * 40 // 31 + 31
    place = np.arange(n)
    label = place // 40 % 3
    usable = (place % 40 >= FIELD - 1) & (np.cumsum(place % 40 >= FIELD - 1) <= REMEMBERED)
    nothing = np.zeros(n, dtype=bool)
    t_last = 1.0 + place * HOP / RATE
    return Rows(
        features=rng.standard_normal((n, FEATURES)) + rng.standard_normal((3, FEATURES))[label],
        t_first=t_last - 1.0 + 1.0 / RATE,
        t_last=t_last,
        run=np.zeros(n, dtype=np.int64),
        label=label,
        episode=place // 40,
        usable=usable,
        baseline=nothing,
        touched=nothing,
        channels=CHANNELS,
        rate=float(RATE),
        n_times=RATE,
        hop=HOP,
        bands=BANDS["default"],
    )


def trained() -> Model:
    """Return a model of full size; what it has learned does not matter here."""
    quick = TrainingSettings(candidate="cebra-knn", steps=2, folds=2)
    model, _ = training.fit(rows(), DecoderSettings(training=quick, drive="always"), 0)
    return model


def windows(n: int) -> list[Window]:
    """Return windows of noise that follow one another, with a channel that no model needs."""
    rng = np.random.default_rng(1)
    samples = 20.0 * rng.standard_normal((RATE + n * HOP, len(CHANNELS) + 1), dtype=np.float32)
    return [
        Window(
            segment=0,
            first_sample=i * HOP,
            n_new=HOP if i else RATE,
            t_first=i * HOP / RATE,
            rate=float(RATE),
            channels=(*CHANNELS, "EXT"),
            samples=samples[i * HOP : i * HOP + RATE],
            bad=(),
            valid=True,
            reason="",
        )
        for i in range(n)
    ]


def taught(decoder: Decoder) -> None:
    """Hold keys for 12 s each, under clips that change out of step with them: a row a second."""
    for i in range(10):
        decoder.label(12.0 * i + 1.0, AFFECTS[i % 3])
    for i in range(20):
        decoder.audible(7.0 * i, AFFECTS[i % 3])


def step_rows(model: Model, *, learning: bool) -> list[dict[str, Any]]:
    """Measure window → valence; in processor time, too, in which no other process has a share."""
    stream = windows(STEPS)

    def once() -> tuple[float, float, float]:
        decoder = Decoder(DecoderSettings(drive="always"))
        decoder.load(model)
        if learning:
            taught(decoder)
        took, told = [], []
        for window in stream:
            before = time.perf_counter(), time.thread_time()
            valence = decoder.step(window)
            told += decoder.events()
            took.append((time.perf_counter() - before[0], time.thread_time() - before[1]))
        assert valence.probabilities is not None
        assert any(isinstance(event, Learned) for event in told) == learning
        wall, own = 1e6 * np.array(took[FIELD:]).T
        late = np.quantile(wall, 0.99), np.quantile(own, 0.99)
        return float(np.median(wall)), float(late[0]), float(late[1])

    once()
    pairs = [(once(), once()) for _ in range(ROUNDS)]
    limits = (("p50", 500.0), ("p99", 2000.0), ("p99 of processor time", 2000.0))
    rows = []
    for k, (what, limit) in enumerate(limits):
        ours, again = [a[k] for a, _ in pairs], [b[k] for _, b in pairs]
        how = "learning a row a second, " if learning else ""
        name = f"window → valence, {REMEMBERED} remembered rows, {how}{what}"
        rows.append(row(name, ours, again, [limit] * ROUNDS, LIMIT, unit="µs"))
    return rows


def encoder_rows() -> list[dict[str, Any]]:
    """Compare the encoder: one field as it is needed live, thousands as in training."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    fitted = cebra.CEBRA(
        model_architecture="offset10-model",
        output_dimension=7,
        num_hidden_units=64,
        max_iterations=2,
        batch_size=64,
        device="cpu",
    ).fit(rng.standard_normal((300, FEATURES)).astype(np.float32), rng.integers(0, 3, 300))
    module = fitted.solver_.model.eval()
    names = [f"conv{i}.{part}" for i in range(len(KERNELS)) for part in ("weight", "bias")]
    tensors = [tensor.detach().numpy() for tensor in module.parameters()]
    network = Network(dict(zip(names, tensors, strict=True)))
    many = rng.standard_normal((BULK, FIELD, FEATURES))
    one = many[:1]
    field = one[0].astype(np.float32)
    as_tensor = [
        torch.from_numpy(x.astype(np.float32).transpose(0, 2, 1).copy()) for x in (one, many)
    ]

    def by_torch(tensor: torch.Tensor) -> Callable[[], object]:
        def call() -> object:
            with torch.inference_mode():
                return module(tensor)

        return call

    who = f"torch {version('torch')}, 1 thread"
    return [
        compare("encoder, one field", lambda: network(one), by_torch(as_tensor[0]), who),
        compare(
            "encoder, one field",
            lambda: network(one),
            lambda: fitted.transform(field),
            f"CEBRA.transform {version('cebra')}",
        ),
        compare(
            f"encoder, {BULK} fields",
            lambda: network(many),
            by_torch(as_tensor[1]),
            who,
            rounds=9,
            block=0.2,
        ),
    ]


async def _started(url: str, command: Sequence[str]) -> tuple[float, float]:
    """Return the seconds until the decoder is ready, and its resident MB behind 40 answers."""
    clock = SystemClock()
    bus = MqttBus(url, service="stream", epoch=1, clock=clock, rig="bench")
    await bus.connect()
    said = bus.subscribe(STATUS["decoder"], overload=ALL)
    answers = bus.subscribe(VALENCE, overload=ALL)
    began = clock.now()
    with part(command) as process:
        async for message in said:
            if message.content.life == "ready" and message.content.facts.get("model"):
                break
        ready = clock.now() - began
        for window in windows(40):
            bus.publish(WINDOW, window)
            await answers.get()
        resident = psutil.Process(process.pid).memory_info().rss / 2**20
    await bus.close()
    return ready, resident


def process_rows(model: Model) -> list[dict[str, Any]]:
    """Measure how soon the process is ready, and what it takes."""
    with tempfile.TemporaryDirectory() as folder, broker() as url:
        models.save(model, Path(folder) / "model")
        config = Path(folder) / "decoder.toml"
        config.write_text(f"[decoder]\nmodel = '{folder}/model'\ndrive = 'always'\n")
        words = ("--config", str(config), "--broker", url, "--rig", "bench")
        command = [sys.executable, "-m", "decoder", *words]
        found = [asyncio.run(_started(url, command)) for _ in range(2 * STARTS)]
    rows = []
    for k, (what, limit, unit) in enumerate((("ready after", 3.0, "s"), ("resident", 150.0, "MB"))):
        ours, again = [pair[k] for pair in found[::2]], [pair[k] for pair in found[1::2]]
        name = f"python -m decoder, {what}"
        rows.append(row(name, ours, again, [limit] * STARTS, LIMIT, unit=unit))
    return rows


def main() -> None:
    """Compare and print."""
    sys.stderr.write(
        f"numpy {version('numpy')}; processes that wait: {psutil.getloadavg()[0]:.1f}\n"
    )
    model = trained()
    steps = [*step_rows(model, learning=False), *step_rows(model, learning=True)]
    show([*steps, *encoder_rows(), *process_rows(model)])


if __name__ == "__main__":
    main()
