"""Transitions that keep norms: the start and the penalty of equal cores."""

import numpy as np
import pytest

from sktensornet import CPClassifier, HTClassifier, TTClassifier, TTRegressor
from sktensornet._problems._orthogonality import Orthogonality
from sktensornet.feature_maps import EmbeddingMap, PolynomialMap
from sktensornet.inspection import TrainingObjective
from sktensornet.solvers import Adam

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.integers(0, 3, (90, 6)).astype(float)
X[np.arange(6) >= RNG.integers(2, 7, (90, 1))] = np.nan
Y = (np.nansum(X, axis=1) % 3).astype(int)


def made(kind=TTClassifier, **parameters):
    options = {"rank": 4, "shared_cores": True, "feature_map": "embedding", "alpha": 0.0}
    options |= {"init": "orthogonal", "solver": "lbfgs", "max_iter": 1, "random_state": 0}
    return kind(**(options | parameters))


def transitions(estimator, steps):
    """A(x) of the core between the first and the last."""
    features = estimator.feature_map_.repeated(1).transform(np.reshape(steps, (1, -1, 1)))[0]
    return np.einsum("km,rms->krs", features, estimator.network_.cores[1])


def test_symbols_begin_with_orthogonal_transitions():
    # A step of no length leaves the start as it is.
    start = made(solver=Adam(1e-300)).fit(X, Y)
    A = transitions(start, [0.0, 1.0, 2.0, np.nan])
    np.testing.assert_allclose(A @ A.swapaxes(1, 2), np.stack([np.eye(4)] * 4), atol=1e-7)
    np.testing.assert_allclose(A[3], np.eye(4), atol=1e-7)
    assert np.abs(A[0] - A[1]).max() > 0.1
    assert start.feature_map_.parameters == ()


def test_real_steps_begin_with_norms_kept_on_average():
    steps = RNG.standard_normal((200, 5))
    reg = made(TTRegressor, rank=30, feature_map=PolynomialMap(scale=1.0), solver=Adam(1e-300))
    reg.fit(steps, steps.sum(axis=1))
    squares = transitions(reg, steps.ravel()) ** 2
    assert squares.sum() / (1000 * 30) == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize(
    ("parameters", "steps"),
    [
        ({}, X),
        ({"class_tensors": "separate", "init": "identity"}, X),
        ({"feature_map": EmbeddingMap(n_components=3), "init": "identity"}, X),
        ({"feature_map": PolynomialMap(scale=1.0)}, RNG.standard_normal((90, 6))),
    ],
    ids=["symbols", "one tensor per class", "trained map", "more steps than are compared"],
)
def test_the_penalty_has_its_derivative(parameters, steps):
    clf = made(penalty="orthogonal", **({"alpha": 3.0} | parameters)).fit(steps, Y)
    with TrainingObjective(clf, steps, Y) as objective:
        theta = objective.point + 0.1 * RNG.standard_normal(objective.point.shape)
        _, gradient = objective.value_and_gradient(theta)
        for _ in range(5):
            direction = RNG.standard_normal(theta.shape)
            at = theta + np.array([[1e-5], [-1e-5]]) * direction
            up, down = (objective.value_and_gradient(one)[0] for one in at)
            assert (up - down) / 2e-5 == pytest.approx(gradient @ direction, rel=1e-5)


def test_the_penalty_is_that_of_all_steps():
    clf = made(penalty="orthogonal", alpha=3.0, solver=Adam(0.05), max_iter=2).fit(X, Y)
    model = clf._fitted().model
    cores, _ = model.unpack(model.theta_of(clf.network_, clf.feature_map_))
    found, _ = Orthogonality(model, X).value_and_gradient(cores, ())
    A = transitions(clf, X[~np.isnan(X)])
    excess = A.swapaxes(1, 2) @ A - np.eye(4)
    assert found == pytest.approx((excess**2).sum() / len(A))


def test_the_penalty_keeps_transitions_orthogonal():
    far = made(max_iter=30, loss="squared_error").fit(X, Y)
    near = made(max_iter=30, loss="squared_error", penalty="orthogonal", alpha="auto").fit(X, Y)
    assert near.alpha_ == 0.1

    def distance(clf):
        A = transitions(clf, [0.0, 1.0, 2.0])
        return ((A.swapaxes(1, 2) @ A - np.eye(4)) ** 2).sum()

    assert distance(near) < 0.5 * distance(far)


@pytest.mark.parametrize("solver", ["lbfgs", Adam(0.02, batch_size=50)])
def test_gradients_learn_to_add_at_any_length(solver):
    words = RNG.integers(0, 3, (300, 6)).astype(float)
    words[np.arange(6) >= RNG.integers(2, 7, (300, 1))] = np.nan
    clf = made(solver=solver, loss="squared_error", penalty="orthogonal", alpha=0.01, max_iter=80)
    clf.fit(words, np.nansum(words, axis=1) % 3)
    long = RNG.integers(0, 3, (50, 200))
    assert clf.score(long, long.sum(axis=1) % 3) == 1


@pytest.mark.parametrize(
    ("kind", "parameters", "message"),
    [
        (TTClassifier, {"shared_cores": False}, "init='orthogonal' .*shared_cores=False rules out"),
        (TTClassifier, {"class_tensors": "separate"}, "init='orthogonal' .* use 'joint'"),
        (TTClassifier, {"feature_map": "affine"}, "init='orthogonal' .*AffineMap.* rules out"),
        (TTClassifier, {"product": "max"}, "product='max' rules out"),
        (CPClassifier, {}, "init='orthogonal' is for .* a tensor train"),
        (HTClassifier, {"init": "identity", "penalty": "orthogonal"}, "penalty='orthogonal' is"),
    ],
)
def test_what_does_not_go_together_raises(kind, parameters, message):
    with pytest.raises(ValueError, match=message):
        made(kind, **parameters).fit(X[:, :4], Y)


def test_two_steps_have_no_core_between():
    with pytest.raises(ValueError, match="between the first step and the last, but X has 2 steps"):
        made(penalty="orthogonal", alpha=1.0).fit(X[:, :2], Y)


def test_several_labels_and_batches_begin_orthogonal_too():
    clf = made(solver="adam").partial_fit(X, np.stack([Y > 0, Y > 1], axis=1).astype(int))
    A = transitions(clf, [0.0, 1.0, 2.0])
    np.testing.assert_allclose(A @ A.swapaxes(1, 2), np.stack([np.eye(4)] * 3), atol=0.2)
