"""The network of a calibration, as the rest of the decoder asks for it."""

import subprocess
import sys

import numpy as np
import pytest

from decoder import contrastive
from decoder.settings import TrainingSettings
from rym.errors import SignalError

QUICK = {"hidden_units": 8, "dimensions": 3, "batch": 64, "learning_rate": 0.01}


def calibration(n=240, seed=0):
    """Return rows of noise, the usable ones and their labels, which say nothing."""
    rows = np.random.default_rng(seed).standard_normal((n, 5))
    return rows, np.arange(9, n), (np.arange(n) // 30 % 2)[9:]


def test_torch_alone_is_needed():
    """Where cebra is missing, a network is fitted all the same."""
    code = (
        "import sys; sys.modules['cebra'] = None\n"
        "import numpy as np\n"
        "from decoder import contrastive\n"
        "from decoder.settings import TrainingSettings\n"
        "few = TrainingSettings(hidden_units=4, dimensions=2, batch=16, steps=2)\n"
        "rows = np.random.default_rng(0).standard_normal((30, 3))\n"
        "print(*contrastive.fit(rows, np.arange(9, 30), np.arange(21) % 2, few, 0))\n"
        "print(*contrastive.versions())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "torch"
    assert done.stdout.startswith("conv0.weight conv0.bias")


def test_patience_ends_a_fit_that_gains_nothing():
    """With labels of noise it ends early: a limit of steps that is far off changes nothing."""
    some, many = (
        contrastive.fit(*calibration(), TrainingSettings(**QUICK, steps=n, patience=3), 0)
        for n in (150, 300)
    )
    for name, weight in some.items():
        np.testing.assert_array_equal(weight, many[name])
    without = contrastive.fit(*calibration(), TrainingSettings(**QUICK, steps=150), 0)
    assert not np.array_equal(some["conv0.bias"], without["conv0.bias"])


def test_a_state_too_small_to_be_held_out_is_refused():
    """The share and the state are named."""
    rows, newest, labels = calibration(60)
    settings = TrainingSettings(**QUICK, patience=3, held_out=0.9)
    with pytest.raises(SignalError, match="With 90% held out, class 0 has no row to learn from"):
        contrastive.fit(rows, newest, labels, settings, 0)
