"""Losses of real targets: derivatives, majorants, baselines."""

import numpy as np
import pytest

from sktensornet.losses import Huber, Poisson, SquaredDistance

LOSSES = [SquaredDistance(), Huber(0.7), Poisson()]
each_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
each_size = pytest.mark.parametrize("n_outputs", [1, 3])


def draw(n_outputs, n=200):
    rng = np.random.default_rng(n_outputs)
    scores, direction = rng.standard_normal((2, n, n_outputs))
    return scores, rng.poisson(1.0, (n, n_outputs)).astype(float), direction


@each_loss
@each_size
def test_gradient_is_the_derivative(loss, n_outputs):
    scores, y, direction = draw(n_outputs)
    step = 1e-6
    up, down = (loss.value_and_gradient(scores + t * direction, y)[0] for t in (step, -step))
    slope = (loss.value_and_gradient(scores, y)[1] * direction).sum(axis=1)
    np.testing.assert_allclose(slope, (up - down) / (2 * step), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("loss", [SquaredDistance(), Poisson()], ids=["squared", "poisson"])
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


@pytest.mark.parametrize("length", [0.1, 1.0, 10.0])
def test_parabola_of_hubers_loss_touches_and_lies_above(length):
    loss = Huber(0.7)
    scores, y, direction = draw(1)
    direction = length * direction
    value, gradient = loss.value_and_gradient(scores, y)
    bend = loss.curvature(scores, y, direction)
    above = value + (gradient * direction).sum(axis=1) + 0.5 * bend
    moved = loss.value_and_gradient(scores + direction, y)[0]
    assert np.all(above >= moved - 1e-12)
    assert np.all(bend <= loss.curvature_bound(1) * (direction**2).sum(axis=1))
    assert np.any(bend < 0.5 * (direction**2).sum(axis=1))


@each_loss
def test_baseline_is_the_best_constant_for_targets_without_outliers(loss):
    y = np.array([[0.8, 0.2], [1.2, 0.4], [1.0, 0.3]])
    best = loss.baseline(y.mean(axis=0))
    gradient = loss.value_and_gradient(np.tile(best, (3, 1)), y)[1]
    np.testing.assert_allclose(gradient.mean(axis=0), 0, atol=1e-12)


def test_poisson_predicts_means():
    np.testing.assert_allclose(Poisson().predictions(np.log([[2.0]])), [[2.0]])
