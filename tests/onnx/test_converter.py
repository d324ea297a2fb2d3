"""Estimators within what skl2onnx converts, run by onnxruntime."""

import sys

import numpy as np
import onnxruntime
import pytest
import skl2onnx
from sklearn.calibration import CalibratedClassifierCV
from sklearn.decomposition import PCA
from sklearn.ensemble import BaggingClassifier, StackingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktensornet import (
    CPClassifier,
    CPRegressor,
    HTClassifier,
    HTRegressor,
    TTClassifier,
    TTRegressor,
)
from sktensornet.onnx import register_converters

SETTINGS = {"rank": 3, "max_iter": 2, "penalty": "start", "random_state": 0, "n_jobs": 1}
"""With this penalty there is no search for alpha or the scale, which a graph has nothing of."""
LABELS = {
    "two": lambda X: (X[:, 0] > 0).astype(int),
    "three": lambda X: np.digitize(X[:, 0], [-0.5, 0.5]).astype(np.int8),
    "words": lambda X: np.where(X[:, 0] > 0, "yes", "no"),
    "booleans": lambda X: X[:, 0] > 0,
}


pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


@pytest.fixture(autouse=True)
def registered():
    register_converters()


@pytest.fixture(name="X")
def samples():
    return np.random.default_rng(0).standard_normal((60, 5)).astype(np.float32)


def run(model, X, **options):
    """Outputs of the converted model."""
    saved = skl2onnx.to_onnx(model, X[:1], **options).SerializeToString()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(saved, options).run(None, {"X": X})


def alone(model):
    return model


def in_a_pipeline(model):
    return make_pipeline(StandardScaler(), PCA(4), model)


@pytest.mark.parametrize(
    ("labels", "dtype"),
    [("two", np.float32), ("three", np.float64), ("words", np.float32), ("booleans", np.float64)],
)
@pytest.mark.parametrize(
    ("Format", "place"),
    [(TTClassifier, alone), (HTClassifier, in_a_pipeline), (CPClassifier, alone)],
)
def test_classifiers(X, Format, place, labels, dtype):
    X = X.astype(dtype)
    model = place(Format(**SETTINGS)).fit(X, LABELS[labels](X))
    label, probabilities = run(model, X, options={"zipmap": False})
    assert np.array_equal(label, model.predict(X))
    assert probabilities.dtype == dtype
    np.testing.assert_allclose(probabilities, model.predict_proba(X), rtol=0, atol=1e-5)


@pytest.mark.parametrize("n_targets", [1, 2])
@pytest.mark.parametrize(
    ("Format", "place"),
    [(TTRegressor, in_a_pipeline), (HTRegressor, alone), (CPRegressor, in_a_pipeline)],
)
def test_regressors_give_a_column_for_each_target(X, Format, place, n_targets):
    model = place(Format(**SETTINGS)).fit(X, X[:, :2] * X[:, 2:3] if n_targets == 2 else X[:, 0])
    (predictions,) = run(model, X)
    expected = model.predict(X).reshape(-1, n_targets)
    np.testing.assert_allclose(predictions, expected, rtol=0, atol=1e-5)


def test_two_in_one_model_do_not_get_in_the_way_of_each_other(X):
    models = [(str(rank), TTClassifier(**SETTINGS | {"rank": rank})) for rank in (2, 3)]
    stack = StackingClassifier(models, LogisticRegression(), cv=2).fit(X, X[:, 0] * X[:, 1] > 0)
    _, probabilities = run(stack, X, options={"zipmap": False})
    np.testing.assert_allclose(probabilities, stack.predict_proba(X), rtol=0, atol=1e-5)


def scores(model, X):
    """The decision function, with a column for each class."""
    found = model.decision_function(X)
    return np.column_stack([-found, found]) if found.ndim == 1 else found


@pytest.mark.parametrize("labels", ["two", "three", "words"])
@pytest.mark.parametrize("loss", ["log_loss", "squared_hinge"])
def test_raw_scores_are_those_of_the_decision_function(X, labels, loss):
    model = TTClassifier(loss=loss, **SETTINGS).fit(X, LABELS[labels](X))
    label, found = run(model, X, options={"zipmap": False, "raw_scores": True})
    assert np.array_equal(label, model.predict(X))
    np.testing.assert_allclose(found, scores(model, X), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    ("Format", "loss", "labels"),
    [
        (TTClassifier, "log_loss", "two"),
        (HTClassifier, "log_loss", "three"),
        (CPClassifier, "squared_hinge", "two"),
        (TTClassifier, "squared_hinge", "three"),
    ],
)
def test_calibrated_by_scores(X, Format, loss, labels):
    model = CalibratedClassifierCV(Format(loss=loss, **SETTINGS), cv=2).fit(X, LABELS[labels](X))
    label, probabilities = run(model, X, options={"zipmap": False})
    assert np.array_equal(label, model.predict(X))
    np.testing.assert_allclose(probabilities, model.predict_proba(X), rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda one: StackingClassifier([("one", one)], LogisticRegression(), cv=2),
        lambda one: StackingClassifier(
            [("one", one)], LogisticRegression(), cv=2, stack_method="decision_function"
        ),
        lambda one: BaggingClassifier(one, 2, random_state=0),
        OneVsRestClassifier,
    ],
    ids=["stack", "stack_of_scores", "bag", "one_vs_rest"],
)
def test_within_what_asks_for_scores_or_probabilities(X, wrap):
    model = wrap(TTClassifier(**SETTINGS)).fit(X, LABELS["three"](X))
    label, probabilities = run(model, X, options={"zipmap": False})
    assert np.array_equal(label, model.predict(X))
    np.testing.assert_allclose(probabilities, model.predict_proba(X), rtol=0, atol=1e-5)


def test_votes_of_pairs(X):
    model = OneVsOneClassifier(TTClassifier(**SETTINGS)).fit(X, LABELS["three"](X))
    label = run(model, X, options={"zipmap": False})[0]
    assert np.array_equal(label.ravel(), model.predict(X))


def test_integers_go_in_as_they_are():
    X = np.random.default_rng(0).integers(0, 4, (60, 5))
    model = TTClassifier(feature_map="one_hot", **SETTINGS).fit(X, X[:, 0] > 1)
    _, probabilities = run(model, X, options={"zipmap": False})
    np.testing.assert_allclose(probabilities, model.predict_proba(X), rtol=0, atol=1e-5)


def test_probabilities_are_maps_by_label_unless_said(X):
    model = TTClassifier(**SETTINGS).fit(X, LABELS["words"](X))
    _, maps = run(model, X)
    expected = model.predict_proba(X)
    found = [[row[label] for label in ("no", "yes")] for row in maps]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5)


def test_a_loss_without_probabilities_is_refused(X):
    model = TTClassifier(loss="squared_error", **SETTINGS).fit(X, LABELS["two"](X))
    with pytest.raises(ValueError, match=r"loss='squared_error' has no probabilities"):
        skl2onnx.to_onnx(model, X[:1])


def test_what_to_onnx_refuses_is_refused(X):
    model = TTClassifier(categorical_features=[0], **SETTINGS)
    model.fit(np.round(X), LABELS["two"](X))
    with pytest.raises(ValueError, match="fitted on columns of categories"):
        skl2onnx.to_onnx(model, X[:1])


def test_the_package_skl2onnx_is_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match=r"needs the package skl2onnx.*sktensornet\[onnx\]"):
        register_converters()
