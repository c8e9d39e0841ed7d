"""Gains keep the level, whatever the correlation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from player.music import crossfade
from player.settings import BLOCK

shares = st.floats(0.0, 1.0)
layers = st.integers(0, 2)
correlations = st.floats(-0.5, 1.0)


def matrix(rho):
    """Return R from its three pairs."""
    a, b, c = rho
    return np.array([[1, a, b], [a, 1, c], [b, c, 1]])


@pytest.mark.parametrize("rho", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(("old", "new"), [(0, 1), (1, 2), (2, 0)])
def test_the_level_stays_within_half_a_db_through_a_fade(rho, old, new):
    """The power of two layers of known correlation is that of one, at every step of a fade."""
    pairs = (rho, rho, rho)
    for t in np.linspace(0, 1, 101):
        g = np.array(crossfade.gains(crossfade.turn(crossfade.only(old), new, t), pairs))
        level = 10 * math.log10(g @ matrix(pairs) @ g)
        assert abs(level) < 0.5


def test_the_textbook_laws_are_the_ends_of_ours():
    """Uncorrelated layers get equal power (0.707), identical ones equal gain (0.5) half-way."""
    middle = crossfade.turn(crossfade.only(0), 1, 0.5)
    assert crossfade.gains(middle, (0.0, 0.0, 0.0))[:2] == pytest.approx((0.5**0.5, 0.5**0.5))
    assert crossfade.gains(middle, (1.0, 1.0, 1.0))[:2] == pytest.approx((0.5, 0.5))


@given(st.tuples(layers, layers, layers), shares, shares, st.tuples(*[correlations] * 3))
def test_gains_are_bounded_in_any_mixture(order, t, u, rho):
    """Every gain lies in [0, CAP], also where a fade leaves from the middle of another one."""
    first, second, third = order
    base = crossfade.turn(crossfade.turn(crossfade.only(first), second, t), third, u)
    assert math.isclose(sum(x * x for x in base), 1.0, rel_tol=1e-9)
    assert all(0.0 <= g <= crossfade.CAP + 1e-9 for g in crossfade.gains(base, rho))


@given(layers, layers, layers, shares)
def test_half_is_where_old_and_new_contribute_equally(first, second, to, t):
    """At `half` the new layer is as long as all others together, or it was so from the start."""
    base = crossfade.turn(crossfade.only(first), second, t)
    share = crossfade.half(base, to)
    g = crossfade.turn(base, to, share)
    old = math.sqrt(sum(x * x for i, x in enumerate(g) if i != to))
    assert g[to] >= old - 1e-6
    assert share == 0.0 or g[to] == pytest.approx(old, abs=1e-6)


@given(
    st.tuples(layers, layers, layers),
    shares,
    shares,
    st.floats(0.0, 1.0),
    st.tuples(*[correlations] * 3),
)
def test_the_curve_is_the_scalar_law_frame_by_frame(order, t, start, bend, rho):
    """What is heard (arrays) and what is said of it (scalars) follow one law, also if bent."""
    first, second, to = order
    base = crossfade.turn(crossfade.only(first), second, t)
    curve = crossfade.Curve()
    step = (1.0 - start) / BLOCK
    curve.fill(BLOCK, base, to, t=(start, step, -bend * step / BLOCK), rho=rho, slope=(0, 0, 0))
    for k in (0, 1, 250, BLOCK - 1):
        share = start + k * step - bend * step / BLOCK * k * k / 2
        expected = crossfade.gains(crossfade.turn(base, to, share), rho)
        for i in range(3):
            if base[i] > 0 or i == to:
                assert curve.gains[i][k] == pytest.approx(expected[i], abs=1e-6)


def test_a_correlation_is_clamped():
    """Cancelling layers are not answered with gain."""
    assert crossfade.clamp(-0.9) == -0.5
    assert crossfade.clamp(1.2) == 1.0
