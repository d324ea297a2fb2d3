"""Losses of real targets: derivatives, majorants, baselines."""

from functools import partial

import numpy as np
import pytest
from sklearn.metrics import (
    mean_absolute_error,
    mean_gamma_deviance,
    mean_pinball_loss,
    mean_poisson_deviance,
)

from sktensornet.losses import (
    AbsoluteError,
    Gamma,
    Huber,
    Poisson,
    Quantile,
    SquaredDistance,
)

LOSSES = [SquaredDistance(), Huber(0.7), Poisson(), Gamma(), AbsoluteError(), Quantile(0.8)]
each_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
each_size = pytest.mark.parametrize("n_outputs", [1, 3])


def draw(n_outputs, n=200):
    rng = np.random.default_rng(n_outputs)
    scores, direction = rng.standard_normal((2, n, n_outputs))
    return scores, rng.poisson(1.0, (n, n_outputs)) + 0.1, direction


@each_loss
@each_size
def test_gradient_is_the_derivative(loss, n_outputs):
    scores, y, direction = draw(n_outputs)
    step = 1e-6
    up, down = (loss.value_and_gradient(scores + t * direction, y)[0] for t in (step, -step))
    slope = (loss.value_and_gradient(scores, y)[1] * direction).sum(axis=1)
    np.testing.assert_allclose(slope, (up - down) / (2 * step), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("loss", [SquaredDistance(), Poisson(), Gamma()], ids=lambda x: x.name)
@each_size
def test_curvature_is_the_derivative_of_the_slope(loss, n_outputs):
    scores, y, direction = draw(n_outputs)
    step = 1e-6
    up, down = (
        (loss.value_and_gradient(scores + t * direction, y)[1] * direction).sum(axis=1)
        for t in (step, -step)
    )
    expected = (up - down) / (2 * step)
    np.testing.assert_allclose(loss.curvature(scores, y, direction), expected, rtol=1e-5)


@pytest.mark.parametrize("loss", [Huber(0.7), AbsoluteError(), Quantile(0.2)], ids=lambda x: x.name)
@pytest.mark.parametrize("length", [0.01, 0.1, 1.0, 10.0])
@each_size
def test_parabola_touches_and_lies_above(loss, length, n_outputs):
    scores, y, direction = draw(n_outputs)
    scores[::2] = y[::2] + 0.01 * scores[::2]  # half of them near the kink
    direction = length * direction
    value, gradient = loss.value_and_gradient(scores, y)
    bend = loss.curvature(scores, y, direction)
    above = value + (gradient * direction).sum(axis=1) + 0.5 * bend
    moved = loss.value_and_gradient(scores + direction, y)[0]
    assert np.all(above >= moved - 1e-12)
    square = (direction**2).sum(axis=1) * (1 + 1e-12)
    assert np.all(bend <= loss.curvature_bounds(scores, y) * square)
    assert np.all(bend <= loss.curvature_bound(n_outputs) * square)
    assert np.any(bend < 0.5 * loss.curvature_bound(n_outputs) * square)


@pytest.mark.parametrize("loss", LOSSES[:4], ids=lambda x: x.name)
def test_baseline_is_the_best_constant_for_targets_without_outliers(loss):
    y = np.array([[0.8, 0.2], [1.2, 0.4], [1.0, 0.3]])
    best = loss.baseline(y.mean(axis=0))
    gradient = loss.value_and_gradient(np.tile(best, (3, 1)), y)[1]
    np.testing.assert_allclose(gradient.mean(axis=0), 0, atol=1e-12)


@pytest.mark.parametrize("loss", [Poisson(), Gamma()], ids=lambda x: x.name)
def test_deviances_are_of_means(loss):
    np.testing.assert_allclose(loss.predictions(np.log([[2.0]])), [[2.0]])


@pytest.mark.parametrize(
    ("loss", "of"),
    [
        (Poisson(), mean_poisson_deviance),
        (Gamma(), mean_gamma_deviance),
        (AbsoluteError(), mean_absolute_error),
        (Quantile(0.8), partial(mean_pinball_loss, alpha=0.8)),
    ],
    ids=lambda x: getattr(x, "name", ""),
)
def test_value_is_scikit_learns(loss, of):
    scores, y, _ = draw(1)
    value = loss.value_and_gradient(scores, y)[0].mean()
    factor = 1.0 if loss.scales_targets else 0.5
    assert value == pytest.approx(factor * of(y, loss.predictions(scores)), abs=0.005)


@pytest.mark.parametrize("loss", [AbsoluteError(), Quantile(0.1), Quantile(0.9)])
def test_least_value_is_zero(loss):
    scores = np.linspace(-0.05, 0.05, 2001)[:, None]
    value, gradient = loss.value_and_gradient(scores, np.zeros((2001, 1)))
    assert value.min() == pytest.approx(0, abs=1e-6)
    assert np.abs(gradient[value.argmin()]) < 0.01


def test_a_constant_prediction_scores_zero_for_its_quantile():
    y = np.random.default_rng(0).standard_normal((500, 1))
    best = np.full_like(y, np.quantile(y, 0.9))
    weight = np.ones(500)
    assert Quantile(0.9).score(y, best, weight) == pytest.approx(0, abs=1e-3)
    assert SquaredDistance().score(y, best, weight) < -0.5
