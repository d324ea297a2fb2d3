"""Probabilities on average over the posterior: against a dense Laplace model, and what stays."""

import numpy as np
import pytest

from sktensornet import CPClassifier, HTClassifier, TTClassifier
from sktensornet.feature_maps import PolynomialMap
from sktensornet.onnx import to_onnx

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

LINE = {"feature_map": PolynomialMap(scale=1.0), "alpha": 1e-2, "random_state": 0}
RNG = np.random.default_rng(0)
X = RNG.standard_normal((90, 3))
Y = np.digitize(X[:, 0] * X[:, 1] + 0.5 * RNG.standard_normal(90), [-0.4, 0.4])
FAR = 6 * RNG.standard_normal((40, 3))


def made(kind=TTClassifier, **parameters):
    return kind(**({"rank": 3, "posterior": True, "max_iter": 3} | LINE | parameters))


@pytest.mark.parametrize("weighted", [False, True])
def test_one_core_is_a_laplace_approximation(weighted):
    x = X[:, :1]
    y = x[:, 0] + RNG.standard_normal(90) > 0
    weight = np.arange(90) % 3 if weighted else np.ones(90)
    clf = made(rank=1, solver="lbfgs", max_iter=100).fit(x, y, sample_weight=weight)
    plain = made(rank=1, solver="lbfgs", max_iter=100, posterior=False)
    score = plain.fit(x, y, sample_weight=weight).decision_function(x)
    z = np.asarray(clf.feature_map_.transform(clf.patches_.extract(x))[0])
    p = 1 / (1 + np.exp(-score))
    precision = z.T @ ((weight * p * (1 - p))[:, None] * z) + 1e-2 * weight.sum() * np.eye(2)
    variance = np.einsum("np,pq,nq->n", z, np.linalg.inv(precision), z)
    assert variance.max() > 0.2
    expected = score / np.sqrt(1 + np.pi * variance / 8)
    np.testing.assert_allclose(clf.decision_function(x), expected, rtol=1e-9)
    np.testing.assert_allclose(clf.predict_proba(x)[:, 1], 1 / (1 + np.exp(-expected)), rtol=1e-9)


@pytest.mark.parametrize("kind", [TTClassifier, HTClassifier, CPClassifier])
@pytest.mark.parametrize("class_tensors", ["joint", "separate"])
def test_labels_stay_and_samples_far_away_are_less_certain(kind, class_tensors):
    clf = made(kind, class_tensors=class_tensors).fit(X, Y)
    found = clf.predict_proba(FAR)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_array_equal(found.argmax(axis=1), clf.predict(FAR))
    np.testing.assert_allclose(clf.predict_log_proba(FAR), np.log(found))
    plain = clf.set_params(posterior=False).predict_proba(FAR)
    np.testing.assert_array_equal(plain.argmax(axis=1), found.argmax(axis=1))
    assert (found.max(axis=1) <= plain.max(axis=1)).all()
    assert found.max(axis=1).mean() < plain.max(axis=1).mean() - 0.01


def test_several_labels_have_a_variance_each():
    both = np.column_stack([Y > 0, X[:, 2] > 0]).astype(int)
    clf = made().fit(X, both)
    moderated = clf.decision_function(FAR)
    ratio = moderated / clf.set_params(posterior=False).decision_function(FAR)
    assert ((ratio > 0) & (ratio < 1)).all()
    assert np.abs(ratio[:, 0] - ratio[:, 1]).max() > 1e-3


def test_dask_and_float32():
    da = pytest.importorskip("dask.array")
    clf = made().fit(X.astype(np.float32), Y)
    expected = clf.predict_proba(FAR.astype(np.float32))
    assert expected.dtype == np.float32
    blocks = da.from_array(FAR.astype(np.float32), chunks=(15, 3))
    np.testing.assert_allclose(clf.predict_proba(blocks).compute(), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"loss": "squared_error"}, "posterior=True averages .*loss='squared_error' rules out"),
        ({"alpha": 0}, "posterior=True needs a penalty, which alpha=0 rules out"),
        ({"feature_map": "affine"}, "AffineMap.* rules out; use posterior=False"),
        ({"shared_cores": True, "solver": "lbfgs"}, "shared_cores=True rules out"),
        ({"product": "max", "penalty": "start", "solver": "lbfgs"}, "penalty='start' rules out"),
    ],
)
def test_what_does_not_go_together_raises(parameters, message):
    with pytest.raises(ValueError, match=message):
        made(**parameters).fit(X, Y)


def test_it_needs_a_fit_with_it():
    clf = made(posterior=False).fit(X, Y).set_params(posterior=True)
    with pytest.raises(ValueError, match="posterior=True needs a fit with it"):
        clf.predict_proba(X)
    clf = made(solver="adam")
    assert not hasattr(clf, "partial_fit")
    with pytest.raises(ValueError, match="posterior=True averages; set posterior=False"):
        to_onnx(made().fit(X, Y))
