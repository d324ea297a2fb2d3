"""Losses against finite differences, hand formulas and scikit-learn."""

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.metrics import log_loss

from sktensornet.losses import (
    CLASSIFICATION_LOSSES,
    CalibratedSquaredError,
    LogLoss,
    SquaredError,
    SquaredHinge,
)

LOSSES = [LogLoss(), SquaredError(), CalibratedSquaredError(), SquaredHinge()]
each_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: type(loss).__name__)
each_width = pytest.mark.parametrize("n_outputs", [1, 3])


def problem(n_outputs, n=12, seed=0):
    rng = np.random.default_rng(seed)
    return 2 * rng.standard_normal((n, n_outputs)), rng.integers(0, max(2, n_outputs), n)


def targets(y, n_outputs):
    """Targets of +1 and -1."""
    return 2 * (y[:, None] == ([1] if n_outputs == 1 else range(n_outputs))) - 1.0


def test_registry_has_every_public_loss():
    assert {type(loss) for loss in LOSSES} == set(CLASSIFICATION_LOSSES.values())


@each_width
@each_loss
def test_gradient_is_the_derivative_of_the_value(loss, n_outputs, assert_derivative):
    scores, y = problem(n_outputs)
    value, gradient = loss.value_and_gradient(scores, y)
    assert value.shape == (12,)
    assert gradient.shape == scores.shape
    assert_derivative(lambda s: loss.value_and_gradient(s, y)[0].sum(), scores, gradient)


@each_width
@each_loss
def test_the_loss_of_a_sample_does_not_depend_on_the_others(loss, n_outputs):
    scores, y = problem(n_outputs)
    value, gradient = loss.value_and_gradient(scores, y)
    for i in range(len(y)):
        own_value, own_gradient = loss.value_and_gradient(scores[i : i + 1], y[i : i + 1])
        np.testing.assert_allclose(own_value, value[i : i + 1], rtol=1e-14)
        np.testing.assert_allclose(own_gradient, gradient[i : i + 1], rtol=1e-14)


@each_width
def test_log_loss_is_that_of_scikit_learn(n_outputs):
    scores, y = problem(n_outputs)
    value, _ = LogLoss().value_and_gradient(scores, y)
    labels = range(max(2, n_outputs))
    probability = np.exp(LogLoss().log_probabilities(scores))
    np.testing.assert_allclose(probability.sum(axis=1), 1, rtol=1e-12)
    np.testing.assert_allclose(value.mean(), log_loss(y, probability, labels=labels), rtol=1e-12)


def test_log_loss_of_two_scores_is_that_of_their_difference():
    scores, y = problem(1)
    one = LogLoss().value_and_gradient(scores, y)[0]
    two = LogLoss().value_and_gradient(np.hstack([np.zeros_like(scores), scores]), y)[0]
    np.testing.assert_allclose(one, two, rtol=1e-12)


@each_width
def test_squared_error_is_its_formula(n_outputs):
    scores, y = problem(n_outputs)
    expected = 0.5 * np.sum((scores - targets(y, n_outputs)) ** 2, axis=1)
    np.testing.assert_allclose(SquaredError().value_and_gradient(scores, y)[0], expected)


@each_width
def test_squared_hinge_is_its_formula(n_outputs):
    scores, y = problem(n_outputs)
    expected = np.sum(np.maximum(0, 1 - targets(y, n_outputs) * scores) ** 2, axis=1)
    np.testing.assert_allclose(SquaredHinge().value_and_gradient(scores, y)[0], expected)


@pytest.mark.parametrize("frequency", [[0.3, 0.7], [0.2, 0.5, 0.3], [0.1, 0.2, 0.3, 0.4]])
@each_loss
def test_baseline_is_the_best_constant_score(loss, frequency):
    frequency = np.array(frequency)
    y = np.arange(len(frequency))
    n_outputs = 1 if len(frequency) == 2 else len(frequency)

    def mean_loss(scores):
        value, gradient = loss.value_and_gradient(np.tile(scores, (len(y), 1)), y)
        return frequency @ value, frequency @ gradient

    baseline = loss.baseline(frequency)
    assert baseline.shape == (n_outputs,)
    np.testing.assert_allclose(mean_loss(baseline)[1], 0, atol=1e-12)
    found = minimize(mean_loss, np.zeros(n_outputs), jac=True, tol=1e-10)
    assert mean_loss(baseline)[0] <= found.fun + 1e-12


@pytest.mark.parametrize("frequency", [[0.0, 1.0], [1.0, 0.0], [0.0, 0.5, 0.5]])
@each_loss
def test_baseline_of_an_absent_class_is_finite(loss, frequency):
    assert np.all(np.isfinite(loss.baseline(np.array(frequency))))


@pytest.mark.parametrize("size", [1e3, 1e30, 2.0**300])
@each_width
@each_loss
def test_extreme_scores_give_finite_values(loss, n_outputs, size):
    scores = size * np.array([[1.0, -1.0, 0.5], [-1.0, 1.0, 1.0]])[:, :n_outputs]
    for label in range(max(2, n_outputs)):
        value, gradient = loss.value_and_gradient(scores, np.full(2, label))
        assert np.all(np.isfinite(value))
        assert np.all(value >= 0)
        assert np.all(np.isfinite(gradient))


@pytest.mark.parametrize("size", [1e3, 1e30])
def test_extreme_scores_of_the_log_loss_cost_their_margin(size):
    value, gradient = LogLoss().value_and_gradient(np.array([[size], [size]]), np.array([0, 1]))
    np.testing.assert_allclose(value, [size, 0], atol=1e-300)
    np.testing.assert_allclose(gradient, [[1], [0]], atol=1e-300)
    scores = np.array([[size, 0, -size]])
    value, gradient = LogLoss().value_and_gradient(scores, np.array([2]))
    np.testing.assert_allclose(value, 2 * size)
    np.testing.assert_allclose(gradient, [[1, 0, -1]], atol=1e-300)


@pytest.mark.parametrize("size", [1e3, 1e30])
@each_width
def test_extreme_scores_give_probabilities(n_outputs, size):
    scores = size * np.array([[1.0, -1.0, 0.5], [-1.0, 1.0, 1.0]])[:, :n_outputs]
    probability = np.exp(LogLoss().log_probabilities(scores))
    np.testing.assert_allclose(probability.sum(axis=1), 1)


@each_loss
def test_only_a_loss_with_probabilities_gives_them(loss):
    scores, _ = problem(3)
    if loss.has_probabilities:
        assert loss.log_probabilities(scores).shape == (12, 3)
    else:
        with pytest.raises(AttributeError, match=f"{type(loss).__name__} gives no probabilities"):
            loss.log_probabilities(scores)


@each_width
@each_loss
def test_scores_are_left_as_they_are(loss, n_outputs):
    scores, y = problem(n_outputs)
    scores.flags.writeable = False
    loss.value_and_gradient(scores, y)


@pytest.mark.parametrize("n_classes", [2, 3, 10])
def test_log_loss_of_balanced_classes_starts_at_zero(n_classes):
    baseline = LogLoss().baseline(np.full(n_classes, 1 / n_classes))
    np.testing.assert_allclose(baseline, 0, atol=1e-14)
