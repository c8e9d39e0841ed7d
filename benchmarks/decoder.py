"""One live answer: our numpy network and memory beside CEBRA's torch module and scikit-learn."""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

# A script's own folder comes first on the path, where this file would hide the package `decoder`.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

import cebra.models
import numpy as np
import torch
from sklearn.neighbors import KNeighborsClassifier

from benchmarks.interleave import compare, show
from decoder.contrastive import weights_of
from decoder.embedding import FIELD, Network
from decoder.neighbors import memory_of, odd_root

FEATURES = 95
REMEMBERED = 1000


def main() -> None:
    """Compare and print."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    module = cebra.models.init("offset10-model", FEATURES, 64, 7).eval()
    network = Network(weights_of(module))
    field = rng.normal(size=(1, FIELD, FEATURES))
    tensor = torch.from_numpy(field.astype(np.float32).transpose(0, 2, 1).copy())

    def by_torch() -> object:
        with torch.inference_mode():
            return module(tensor)

    z = network(rng.normal(size=(REMEMBERED, FIELD, FEATURES)))
    label, stretch = rng.integers(0, 3, REMEMBERED), np.arange(REMEMBERED)
    memory = memory_of(z, label, stretch)
    sklearn = KNeighborsClassifier(odd_root(REMEMBERED), metric="cosine", algorithm="brute")
    sklearn.fit(z, label)
    probe = z[0]
    show(
        [
            compare(
                "offset10 network, one field of ten rows",
                lambda: network(field),
                by_torch,
                f"torch {version('torch')}, 1 thread",
            ),
            compare(
                f"kNN answer, {REMEMBERED} remembered rows",
                lambda: memory.predict_proba(probe),
                lambda: sklearn.predict_proba(probe[None]),
                f"scikit-learn {version('scikit-learn')}",
            ),
        ]
    )


if __name__ == "__main__":
    main()
