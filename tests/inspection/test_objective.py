"""The objective of a fitted estimator, for whoever wants to minimise it."""

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris

from sktensornet import CPClassifier, CPRegressor, HTClassifier, HTRegressor, TTClassifier
from sktensornet.feature_maps import AffineMap, PolynomialMap
from sktensornet.inspection import TrainingObjective
from sktensornet.networks import convert, tensor_train
from sktensornet.solvers import LBFGS

ESTIMATORS = [
    TTClassifier(rank=3, alpha=1e-2),
    HTClassifier(rank=3, alpha=1e-2, class_tensors="separate", feature_map=AffineMap(4)),
    CPClassifier(rank=4, alpha=1e-2, penalty="start", loss="squared_hinge"),
    CPRegressor(rank=4, alpha=1e-2, shared_cores=True, feature_map=PolynomialMap()),
    HTRegressor(rank=3, alpha=1e-2, loss="huber"),
]
short = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def data(estimator):
    load = load_iris if hasattr(estimator, "class_weight") else load_diabetes
    X, y = load(return_X_y=True)
    return X[::3], y[::3]


@short
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda one: type(one).__name__)
def test_is_what_the_fit_minimised(estimator):
    X, y = data(estimator)
    weight = np.linspace(0.5, 2, len(X))
    estimator.set_params(solver="lbfgs", max_iter=3, random_state=0)
    estimator.fit(X, y, sample_weight=weight)
    direction = np.random.default_rng(0)
    with TrainingObjective(estimator, X, y, weight) as objective:
        value, gradient = objective.value_and_gradient(objective.point)
        step = 1e-6 * direction.standard_normal(len(objective.point))
        ahead, _ = objective.value_and_gradient(objective.point + step)
        behind, _ = objective.value_and_gradient(objective.point - step)
        network, _ = objective.fitted(objective.point)
        scores = objective.scores(objective.point, X)
    if estimator.penalty == "frobenius":
        assert value == pytest.approx(estimator.loss_curve_[-1], rel=1e-9)
    assert ahead - behind == pytest.approx(2 * gradient @ step, rel=1e-4, abs=1e-12)
    for own, theirs in zip(network.cores, estimator.network_.cores, strict=True):
        np.testing.assert_array_equal(own, theirs)
    np.testing.assert_array_equal(scores, estimator._raw_scores(X, "predict"))


@short
def test_a_solver_goes_on_from_it_with_another_network():
    X, y = load_iris(return_X_y=True)
    clf = TTClassifier(rank=3, alpha=1e-2, solver="lbfgs", max_iter=3, random_state=0).fit(X, y)
    at_the_end = convert(clf.network_, tensor_train(4, 3))
    with TrainingObjective(clf, X, y, network=at_the_end) as objective:
        before, _ = objective.value_and_gradient(objective.point)
        assert before == pytest.approx(clf.loss_curve_[-1], rel=1e-9)
        outcome = LBFGS().minimize(
            objective,
            objective.point,
            max_iter=5,
            tol=1e-8,
            patience=5,
            random_state=None,
            monitor=lambda point, value: False,
        )
        after, _ = objective.value_and_gradient(outcome.point)
    assert after < before


@short
def test_what_does_not_go_together_raises():
    X, y = load_iris(return_X_y=True)
    clf = TTClassifier(rank=2, alpha=1e-2, max_iter=1).fit(X, y)
    other = TTClassifier(rank=2, alpha=1e-2, max_iter=1).fit(X[:, 1:], y)
    with pytest.raises(ValueError, match="mode sizes"):
        TrainingObjective(clf, X, y, network=other.network_)
    with pytest.raises(ValueError, match="must be a fitted estimator of sktensornet"):
        TrainingObjective(LBFGS(), X, y)
