"""Second derivatives of the losses, and their bounds."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sktensornet.losses import LogLoss, SquaredError, SquaredHinge

each_loss = pytest.mark.parametrize(
    "loss", [LogLoss(), SquaredError(), SquaredHinge()], ids=lambda loss: type(loss).__name__
)
each_size = pytest.mark.parametrize("n_outputs", [1, 3, 7])


@pytest.fixture
def draw():
    def draw(n_outputs, spread=2.0, n=300):
        rng = np.random.default_rng(n_outputs)
        scores = spread * rng.standard_normal((n, n_outputs))
        direction = rng.standard_normal((n, n_outputs))
        return scores, rng.integers(0, max(n_outputs, 2), n), direction

    return draw


@each_loss
@each_size
def test_curvature_is_the_derivative_of_the_slope(loss, n_outputs, draw):
    scores, y, direction = draw(n_outputs)
    step = 1e-6

    def slope(t):
        return (loss.value_and_gradient(scores + t * direction, y)[1] * direction).sum(axis=1)

    expected = (slope(step) - slope(-step)) / (2 * step)
    found = loss.curvature(scores, y, direction)
    kink = np.abs(np.abs(scores) - 1).min(axis=1) < 1e-4
    np.testing.assert_allclose(found[~kink], expected[~kink], rtol=1e-5, atol=1e-5)


@each_loss
@each_size
def test_bound_is_one_and_is_nearly_reached(loss, n_outputs, draw):
    bound = loss.curvature_bound(n_outputs)
    shares = []
    for spread in (0.0, 0.5, 5.0, 100.0):
        scores, y, direction = draw(n_outputs, spread)
        if n_outputs > 1:
            # The worst case of the logarithmic loss: two classes alike, the others out of reach.
            scores[:100, 2:] -= 1e3
            scores[:100, :2] = 0
            direction[:100] = 0
            direction[:100, :2] = [1, -1]
        share = loss.curvature(scores, y, direction) / (direction**2).sum(axis=1)
        assert np.all(share <= bound * (1 + 1e-12))
        shares.append(share.max())
    assert max(shares) == pytest.approx(bound, rel=1e-6)


@each_loss
def test_claims_hold(loss, draw):
    scores, y, direction = draw(3)
    at, elsewhere = (loss.curvature(s, y, direction) for s in (scores, scores + direction))
    assert loss.is_quadratic == np.allclose(at, elsewhere)
    shifted = loss.value_and_gradient(scores + 5.0, y)[0]
    assert loss.shift_free == np.allclose(shifted, loss.value_and_gradient(scores, y)[0])


@each_loss
@given(
    n_outputs=st.sampled_from([1, 2, 3, 5]),
    seed=st.integers(0, 10_000),
    spread=st.sampled_from([0.0, 0.3, 3.0, 30.0]),
    step=st.sampled_from([0.01, 1.0, 20.0]),
)
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_a_quadratic_with_the_bound_lies_above_the_loss(loss, n_outputs, seed, spread, step):
    rng = np.random.default_rng(seed)
    scores = spread * rng.standard_normal((20, n_outputs))
    change = step * rng.standard_normal((20, n_outputs))
    y = rng.integers(0, max(n_outputs, 2), 20)
    value, gradient = loss.value_and_gradient(scores, y)
    seen = change
    if loss.shift_free and n_outputs > 1:
        # What all scores have in common costs nothing, and the bound need not count it.
        seen = change - change.mean(axis=1, keepdims=True)
    bound = 0.5 * loss.curvature_bound(n_outputs) * (seen**2).sum(axis=1)
    above = value + (gradient * change).sum(axis=1) + bound
    assert np.all(loss.value_and_gradient(scores + change, y)[0] <= above * (1 + 1e-9) + 1e-9)


@pytest.mark.parametrize("n_outputs", [2, 4])
def test_shifts_are_neither_seen_by_slope_nor_curvature(n_outputs, draw):
    scores, y, direction = draw(n_outputs)
    for loss in (LogLoss(), SquaredError(), SquaredHinge()):
        slope = loss.value_and_gradient(scores, y)[1].sum(axis=1)
        bend = loss.curvature(scores, y, np.ones_like(direction))
        assert loss.shift_free == np.allclose(slope, 0, atol=1e-12)
        assert loss.shift_free == np.allclose(bend, 0, atol=1e-12)


@each_loss
@each_size
@pytest.mark.parametrize("spread", [1e3, 1e30, 2.0**300])
def test_curvature_at_extreme_scores_is_finite(loss, n_outputs, spread, draw):
    scores, y, direction = draw(n_outputs, spread)
    found = loss.curvature(scores, y, direction)
    assert found.shape == y.shape
    assert np.all(np.isfinite(found))
    assert np.all(found >= 0)
