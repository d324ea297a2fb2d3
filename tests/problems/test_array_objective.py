"""The objective on arrays of other libraries against NumPy: all maps, formats, losses, patches."""

import numpy as np
import pytest

from sktensornet import (
    CPClassifier,
    CPRegressor,
    HTClassifier,
    TTClassifier,
    TTRegressor,
)
from sktensornet._arrays._namespace import to_numpy
from sktensornet._arrays._parallel import ChunkPool
from sktensornet._problems._array_objective import ArrayObjective
from sktensornet._problems._model import Model
from sktensornet._problems._objective import Objective
from sktensornet.feature_maps import (
    AffineMap,
    FourierMap,
    OneHotMap,
    PCAMap,
    PolynomialMap,
    QuantileMap,
    SplineMap,
    TrigonometricMap,
)
from sktensornet.patches import ImagePatches, SequencePatches
from sktensornet.solvers import LBFGS

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

N = 40
MAPS = [
    AffineMap(4),
    AffineMap(3, "tanh"),
    AffineMap(3, "identity"),
    PolynomialMap(2, scale=0.5),
    TrigonometricMap(),
    OneHotMap(scale=1.0),
    FourierMap(2, scale=1.0),
    FourierMap(2, period=3.0, scale=1.0),
    SplineMap(scale=1.0),
    SplineMap(4, 1, linear=False, scale=1.0),
    PCAMap(),
    QuantileMap(degree=2, scale=1.0),
    {0: SplineMap(scale=1.0), 1: AffineMap(3), 2: "one_hot", 4: "trigonometric"},
]
CASES = [
    *(TTClassifier(feature_map=one) for one in MAPS),
    HTClassifier(feature_map=AffineMap(3)),
    HTClassifier(feature_map=SplineMap(scale=1.0), class_tensors="separate"),
    CPClassifier(feature_map=AffineMap(3), class_tensors="separate"),
    CPClassifier(feature_map=TrigonometricMap(), loss="squared_hinge"),
    CPClassifier(feature_map=PolynomialMap(scale=1.0), loss="squared_error"),
    TTClassifier(feature_map=AffineMap(3), class_tensors="separate"),
    TTClassifier(feature_map=AffineMap(4), patches=ImagePatches((3, 2), (3, 1))),
    CPClassifier(feature_map=PCAMap(3), patches=ImagePatches((3, 2), (1, 2))),
    TTClassifier(feature_map=TrigonometricMap(), patches=SequencePatches(3, stride=1)),
    TTRegressor(feature_map=PolynomialMap(scale=1.0)),
    TTRegressor(feature_map=AffineMap(3), loss="huber", output_tensors="separate"),
    CPRegressor(feature_map=PolynomialMap(scale=1.0), loss="poisson"),
    CPRegressor(feature_map=PolynomialMap(scale=1.0), loss="gamma"),
    CPRegressor(feature_map=PolynomialMap(scale=1.0), loss="quantile"),
]


def fitted(estimator, dtype=np.float64, n_classes=3):
    """A fitted estimator, what its objective takes, and a point that is not where it ended."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, 6))
    X[:, 2] = rng.integers(0, 3, N)
    X[3, 1], X[5, 2] = np.nan, np.nan
    y = rng.integers(0, n_classes, N) if hasattr(estimator, "class_weight") else rng.random((N, 2))
    estimator.set_params(rank=3, solver=LBFGS(), max_iter=1, alpha=0.1, random_state=0)
    X, weight = X.astype(dtype), 0.5 + rng.random(N)
    estimator.fit(X, y, weight)
    parts = estimator.patches_, estimator.feature_map_, estimator.network_
    model = Model.from_fitted(*parts)
    theta = model.theta_of(estimator.network_, estimator.feature_map_)
    theta = theta + 0.1 * rng.standard_normal(theta.shape)
    targets = estimator._targets
    return (model, targets.loss, X, targets.encode(y), weight), theta


def both(place, arguments, theta, penalty, alpha=0.3):
    """The objective in NumPy and there."""
    pool = ChunkPool(1)
    options = {"alpha": alpha, "penalty": penalty, "origin": 0.5 * theta, "pool": pool}
    there = ArrayObjective(*arguments, place=place, **options)
    return Objective(*arguments, **options), there


def assert_near(found, wanted, rtol):
    for got, one in zip(found, wanted, strict=True):
        got = to_numpy(got) if hasattr(got, "shape") else got
        np.testing.assert_allclose(got, one, rtol, rtol * max(1.0, np.abs(one).max()))


@pytest.mark.parametrize("estimator", CASES, ids=lambda one: repr(one)[:60])
def test_objective_gradient_and_scores_are_those_of_numpy(place, estimator):
    arguments, theta = fitted(estimator)
    here, there = both(place, arguments, theta, "frobenius")
    is_double = place.widest == place.xp.float64
    wanted = here.value_and_gradient(theta)
    assert_near(there.value_and_gradient(theta), wanted, 1e-12 if is_double else 1e-4)
    scores = here.scores(theta, here.X)
    assert_near([there.scores(theta, here.X)], [scores], 1e-10 if is_double else 1e-4)


@pytest.mark.parametrize("penalty", ["frobenius", "start"])
@pytest.mark.parametrize("case", [0, 4, 12], ids=["affine", "no constant", "mixed"])
def test_a_batch_with_dropout_has_the_same_masks(place, case, penalty):
    arguments, theta = fitted(CASES[case])
    here, there = both(place, arguments, theta, penalty)
    rows = np.random.default_rng(1).permutation(N)[:33]
    wanted = here.value_and_gradient(theta, rows, 0.3, 7)
    found = there.value_and_gradient(there.put(theta), rows, 0.3, 7)
    assert not isinstance(found[1], np.ndarray)
    assert_near(found, wanted, 1e-12 if place.widest == place.xp.float64 else 1e-4)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_float32_stays_float32(place, n_classes):
    arguments, theta = fitted(CASES[0], np.float32, n_classes)
    here, there = both(place, arguments, theta, "frobenius")
    assert there.put(theta).dtype == place.xp.float32
    rows = np.arange(N)
    found = there.value_and_gradient(there.put(theta), rows)
    assert found[1].dtype == place.xp.float32
    assert_near(found, here.value_and_gradient(theta, rows), 1e-4)


def test_chunks_are_summed_as_one(place, monkeypatch):
    arguments, theta = fitted(CASES[0])
    here, there = both(place, arguments, theta, "frobenius")
    monkeypatch.setattr(there.model, "chunk_size", 7)
    monkeypatch.setattr(there._there, "chunk_size", 15)
    assert [len(group) for group in there._groups(there._chunks(N, True))] == [2, 2, 2]
    rtol = 1e-12 if place.widest == place.xp.float64 else 1e-4
    assert_near(there.value_and_gradient(theta), here.value_and_gradient(theta), rtol)
