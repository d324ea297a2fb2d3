"""The temperature of probabilities against the log loss that it minimises."""

import numpy as np
import pytest
from scipy.special import expit, log_softmax

from sktensornet.losses import CalibratedSquaredError, EachLabel, LogLoss, SquaredError

RNG = np.random.default_rng(0)


def with_one_alike(log_p, y, weight):
    """The log loss with one more observation, whose classes are all alike."""
    own = log_p[np.arange(len(y)), y]
    alike = 1 / (weight.sum() + 1)
    return -float(weight @ ((1 - alike) * own + alike * log_p.mean(axis=1)))


def test_it_is_the_squared_error():
    scores, y = RNG.standard_normal((20, 3)), RNG.integers(0, 3, 20)
    for mine, other in zip(
        CalibratedSquaredError(0.3).value_and_gradient(scores, y),
        SquaredError().value_and_gradient(scores, y),
        strict=True,
    ):
        np.testing.assert_array_equal(mine, other)


def test_probabilities_are_those_of_scores_over_the_temperature():
    scores = RNG.standard_normal((20, 3))
    found = CalibratedSquaredError(0.3).log_probabilities(scores)
    np.testing.assert_allclose(found, log_softmax(scores / 0.3, axis=1), rtol=1e-12)
    margin = CalibratedSquaredError(0.3).log_probabilities(scores[:, :1])
    np.testing.assert_allclose(np.exp(margin[:, 1]), expit(scores[:, 0] / 0.3), rtol=1e-12)


@pytest.mark.parametrize("n_scores", [1, 3])
def test_no_other_temperature_has_less_log_loss(n_scores):
    y = RNG.integers(0, max(n_scores, 2), 200)
    hot = 2 * (y[:, None] == (np.arange(n_scores) if n_scores > 1 else 1)) - 1
    scores = hot + 0.7 * RNG.standard_normal((200, n_scores))
    weight = RNG.integers(1, 4, 200).astype(float)
    loss = CalibratedSquaredError().calibrated(scores, y, weight)

    def at(temperature):
        return with_one_alike(LogLoss().log_probabilities(scores / temperature), y, weight)

    best = at(loss.temperature)
    assert all(best <= at(factor * loss.temperature) for factor in (0.1, 0.9, 0.99, 1.01, 1.1, 10))


def test_weights_are_repetitions():
    scores, y = RNG.standard_normal((30, 2)), RNG.integers(0, 2, 30)
    weight = RNG.integers(1, 5, 30)
    rows = np.repeat(np.arange(30), weight)
    whole = CalibratedSquaredError().calibrated(scores[:, :1], y, weight.astype(float))
    each = CalibratedSquaredError().calibrated(scores[rows, :1], y[rows], np.ones(len(rows)))
    np.testing.assert_allclose(whole.temperature, each.temperature, rtol=1e-9)


def test_it_stays_finite_where_all_is_right():
    scores, y = np.array([[1.0], [-1.0]] * 50), np.array([1, 0] * 50)
    loss = CalibratedSquaredError().calibrated(scores, y, np.ones(100))
    # The best probability is 1 - 1 / (2 (n + 1)), by the observation of both classes.
    np.testing.assert_allclose(np.exp(loss.log_probabilities(scores))[0, 1], 1 - 1 / 202, rtol=1e-5)


def test_labels_share_one_temperature():
    scores, y = RNG.standard_normal((40, 3)), RNG.integers(0, 2, (40, 3)).astype(float)
    loss = EachLabel(CalibratedSquaredError()).calibrated(scores, y, np.ones(40))
    flat = CalibratedSquaredError().calibrated(
        scores.reshape(-1, 1), y.ravel().astype(int), np.ones(120)
    )
    assert loss.temperature == flat.temperature
    np.testing.assert_allclose(
        np.exp(loss.log_probabilities(scores)), expit(scores / loss.temperature), rtol=1e-12
    )


def test_losses_without_a_temperature_stay_as_they_are():
    loss = LogLoss()
    assert loss.calibrated(np.zeros((2, 1)), np.array([0, 1]), np.ones(2)) is loss


def test_a_temperature_is_positive():
    with pytest.raises(ValueError, match=r"temperature=0 must be a number in \(0, inf\)"):
        CalibratedSquaredError(0)
