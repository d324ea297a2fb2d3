"""Several labels of a sample."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix
from sklearn.datasets import make_multilabel_classification
from sklearn.utils import get_tags

from sktensornet import CPClassifier, HTClassifier, TTClassifier, TTRegressor
from sktensornet.feature_maps import PolynomialMap
from sktensornet.losses import EachLabel, LogLoss, SquaredHinge

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

LINE = {"feature_map": PolynomialMap(scale=1.0), "alpha": 1e-3, "random_state": 0}
FORMATS = [TTClassifier, HTClassifier, CPClassifier]


@pytest.fixture(scope="module")
def labels():
    """Products that no column shows alone, with one label that few have."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((300, 4))
    return X, np.column_stack([X[:, 0] * X[:, 1] > 0, X[:, 2] > 0, X[:, 3] > 1]).astype(int)


@pytest.mark.parametrize("Format", FORMATS)
@pytest.mark.parametrize("solver", ["als", "lbfgs"])
def test_learns_each_label(Format, solver, labels):
    X, Y = labels
    clf = Format(rank=6, solver=solver, max_iter=60, **LINE).fit(X, Y)
    assert clf.score(X, Y) > 0.9
    assert clf.predict(X).shape == clf.predict_proba(X).shape == Y.shape
    assert clf.decision_function(X).shape == Y.shape
    assert clf.classes_.tolist() == [0, 1, 2]
    np.testing.assert_array_equal(clf.predict(X), clf.predict_proba(X) > 0.5)
    np.testing.assert_allclose(clf.predict_proba(X).mean(axis=0), Y.mean(axis=0), atol=0.03)


def test_separate_tensors_are_separate_fits(labels):
    X, Y = labels
    options = LINE | {"rank": 2, "solver": "als", "max_iter": 30, "tol": 1e-12}
    both = TTClassifier(class_tensors="separate", **options).fit(X, Y)
    for k in range(3):
        one = TTClassifier(**options).fit(X, Y[:, k])
        expected = one.predict_proba(X)[:, 1]
        np.testing.assert_allclose(both.predict_proba(X)[:, k], expected, atol=2e-2)


def test_columns_may_be_sparse_or_booleans_and_more_may_come(labels):
    X, Y = labels
    clf = TTClassifier(rank=3, max_iter=3, **LINE)
    expected = clf.fit(X, Y).predict_proba(X)
    for same in (csr_matrix(Y), Y.astype(bool), Y.astype(float), Y.tolist()):
        np.testing.assert_array_equal(clf.fit(X, same).predict_proba(X), expected)
    clf.set_params(solver="adam").fit(X, Y).partial_fit(X, Y)
    with pytest.raises(ValueError, match=r"y has shape \(300, 2\); it must be \(n_samples, 3\)"):
        clf.partial_fit(X, Y[:, :2])
    with pytest.raises(ValueError, match="it must be"):
        clf.partial_fit(X, Y[:, 0])


def test_early_stopping_and_starts(labels):
    X, Y = labels
    for init in ("linear", "moments", "interactions"):
        clf = TTClassifier(rank=5, early_stopping=True, init=init, max_iter=3, **LINE)
        assert max(clf.fit(X, Y).validation_scores_) > 0.4


def test_real_labels_are_learnt_by_default():
    X, Y = make_multilabel_classification(300, 10, n_classes=4, random_state=0)
    clf = TTClassifier(rank=4, random_state=0).fit(X[:200], Y[:200])
    each = (clf.predict(X[200:]) == Y[200:]).mean()
    assert each > 0.75 > max(Y[200:].mean(), 1 - Y[200:].mean())


def test_what_does_not_go_with_labels_says_so(labels):
    X, Y = labels
    with pytest.raises(ValueError, match=r"class_weight='balanced' is for one class a sample"):
        TTClassifier(class_weight="balanced").fit(X, Y)
    with pytest.raises(ValueError, match="they must be 0 and 1"):
        TTClassifier().fit(X, Y + 1)
    with pytest.raises(ValueError, match="3 columns of labels, but the classes are"):
        TTClassifier(warm_start=True, max_iter=2, **LINE).fit(X, Y[:, :2]).fit(X, Y)
    for wrong in (np.arange(600).reshape(300, 2) % 3, [[0, 1]] * 299 + [[1]]):
        with pytest.raises(ValueError, match=r"1d array|inhomogeneous"):
            TTClassifier().fit(X, wrong)
    assert get_tags(TTClassifier()).classifier_tags.multi_label
    assert get_tags(TTRegressor()).classifier_tags is None


@pytest.mark.parametrize("loss", [LogLoss(), SquaredHinge()], ids=lambda loss: loss.name)
def test_loss_is_the_sum_over_labels(loss):
    rng = np.random.default_rng(0)
    scores, direction = rng.standard_normal((2, 50, 3))
    y = rng.integers(0, 2, (50, 3)).astype(float)
    each = EachLabel(loss)
    value, gradient = each.value_and_gradient(scores, y)
    for k in range(3):
        own, slope = loss.value_and_gradient(scores[:, [k]], y[:, k].astype(int))
        value -= own
        np.testing.assert_allclose(gradient[:, [k]], slope)
    np.testing.assert_allclose(value, 0, atol=1e-12)
    step = 1e-6
    up, down = (
        (each.value_and_gradient(scores + t * direction, y)[1] * direction).sum(axis=1)
        for t in (step, -step)
    )
    found = each.curvature(scores, y, direction)
    smooth = (np.abs(np.abs(scores) - 1) > 1e-4).all(axis=1)
    np.testing.assert_allclose(found[smooth], ((up - down) / (2 * step))[smooth], rtol=1e-5)
    assert (found <= each.curvature_bound(3) * (direction**2).sum(axis=1) + 1e-12).all()
    assert each == EachLabel(type(loss)())
