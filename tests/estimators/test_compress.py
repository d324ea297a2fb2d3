"""Smaller fitted classifiers."""

import numpy as np
import pytest
from sklearn.datasets import load_digits, load_wine
from sklearn.model_selection import train_test_split

from sktensornet import CPClassifier, HTClassifier, TTClassifier
from sktensornet._arrays._parallel import ChunkPool
from sktensornet._problems._objective import Objective
from sktensornet.patches import ImagePatches
from sktensornet.solvers import ALS, Adam

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

FORMATS = [TTClassifier, HTClassifier, CPClassifier]


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X, y, test_size=0.25, stratify=y, random_state=0)


@pytest.fixture(scope="module")
def wine():
    X, y = load_wine(return_X_y=True)
    clf = TTClassifier(rank=3, feature_map="polynomial", alpha=0.0, solver="als", max_iter=1)
    return clf.set_params(loss="squared_error").fit(X, y), X, y


@pytest.fixture(scope="module", params=FORMATS, ids=lambda Format: Format.__name__)
def fitted(request, digits):
    rank = 48 if request.param is CPClassifier else 8
    clf = request.param(
        rank=rank,
        patches=ImagePatches((8, 8), (4, 4), stride=2),
        solver="als",
        loss="squared_error",
        alpha=1e-3,
        max_iter=1,
        random_state=0,
    )
    return clf.fit(digits[0], digits[2])


def objective(clf, X, y):
    """The objective of a fitted classifier, by the dense-tested `Objective`."""
    model, theta = clf._fitted().model, clf._fitted().theta
    with ChunkPool(1) as pool:
        problem = Objective(
            model,
            clf._targets.loss,
            X,
            np.searchsorted(clf.classes_, y),
            np.ones(len(X)),
            alpha=clf.alpha_,
            penalty="frobenius",
            origin=theta,
            pool=pool,
        )
        return problem.value_and_gradient(theta)[0]


def test_is_a_smaller_classifier_and_leaves_the_other_alone(fitted, digits):
    before, scores = fitted.network_, fitted.decision_function(digits[1])
    rank = max(before.ranks) // 2
    smaller = fitted.compress(rank=rank)
    assert type(smaller) is type(fitted)
    assert max(smaller.network_.ranks) == rank == smaller.rank
    assert smaller.network_.n_parameters < before.n_parameters
    assert fitted.network_ is before
    np.testing.assert_array_equal(fitted.decision_function(digits[1]), scores)
    assert smaller.predict(digits[1]).shape == digits[3].shape


def test_a_tiny_tolerance_keeps_the_scores(fitted, digits):
    same = fitted.compress(rank_tol=1e-12)
    np.testing.assert_allclose(
        same.decision_function(digits[1]), fitted.decision_function(digits[1]), atol=1e-6
    )


def test_data_make_it_better(fitted, digits):
    X, X_test, y, y_test = digits
    rank = max(fitted.network_.ranks) // 2
    plain = fitted.compress(rank=rank)
    polished = fitted.compress(rank=rank, X=X, y=y)
    assert max(polished.network_.ranks) <= rank
    assert objective(polished, X, y) < 0.7 * objective(plain, X, y)
    assert polished.score(X_test, y_test) > 0.9


def test_weights_count(fitted, digits):
    X, _, y, _ = digits
    rank = max(fitted.network_.ranks) // 2
    weight = np.where(y < 5, 1.0, 1e-6)
    low = fitted.compress(rank, X=X, y=y, sample_weight=weight)
    even = fitted.compress(rank, X=X, y=y)
    assert low.score(X[y < 5], y[y < 5]) >= even.score(X[y < 5], y[y < 5])
    assert low.score(X[y >= 5], y[y >= 5]) < even.score(X[y >= 5], y[y >= 5])


@pytest.mark.parametrize("Format", FORMATS)
@pytest.mark.parametrize("class_tensors", ["joint", "separate"])
def test_trained_maps_separate_tensors_and_other_losses(Format, class_tensors, digits):
    X, X_test, y, y_test = digits
    clf = Format(
        rank=8,
        patches=ImagePatches((8, 8), (4, 4), stride=4),
        class_tensors=class_tensors,
        solver=Adam(learning_rate=2e-2),
        max_iter=3,
        random_state=0,
    )
    if Format is CPClassifier:
        clf.set_params(rank=24)
    clf.fit(X, y)
    smaller = clf.compress(rank=clf.rank // 2, X=X, y=y)
    assert smaller.feature_map_ is clf.feature_map_
    assert objective(smaller, X, y) < objective(clf.compress(rank=clf.rank // 2), X, y)
    assert smaller.score(X_test, y_test) > 0.85


def test_float32_stays(digits):
    X, _, y, _ = digits
    X = X[:200].astype(np.float32)
    clf = TTClassifier(
        rank=4,
        patches=ImagePatches((8, 8), (4, 4)),
        solver=ALS(),
        loss="squared_error",
        max_iter=1,
    ).fit(X, y[:200])
    smaller = clf.compress(rank=3, X=X.astype(np.float64), y=y[:200])
    assert smaller.network_.dtype == np.float32
    assert smaller.decision_function(X).dtype == np.float32


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "needs rank, rank_tol or both"),
        ({"rank": 0}, "rank=0"),
        ({"rank": 2.5}, "rank=2.5"),
        ({"rank_tol": -1.0}, "rank_tol=-1"),
        ({"rank_tol": 2.0}, "rank_tol=2"),
        ({"rank": 2, "X": "X"}, "must both be given"),
        ({"rank": 2, "y": "y"}, "must both be given"),
        ({"rank": 2, "sample_weight": [1.0]}, "must both be given"),
    ],
)
def test_says_what_is_wrong(arguments, said, wine):
    clf, X, y = wine
    data = {"X": X, "y": y}
    arguments = {
        key: data[value] if isinstance(value, str) else value for key, value in arguments.items()
    }
    with pytest.raises(ValueError, match=said):
        clf.compress(**arguments)


def test_unknown_labels_raise(wine):
    clf, X, y = wine
    with pytest.raises(ValueError, match="not in classes_"):
        clf.compress(rank=2, X=X, y=y + 1)
