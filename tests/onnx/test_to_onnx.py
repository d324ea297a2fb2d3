"""Exported graphs against the estimators, run by onnxruntime."""

import sys
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline

from sktensornet import (
    CPClassifier,
    CPRegressor,
    HTClassifier,
    HTRegressor,
    TTClassifier,
    TTRegressor,
)
from sktensornet.feature_maps import (
    FEATURE_MAPS,
    AffineMap,
    FittedMap,
    FourierMap,
    OneHotMap,
    PolynomialMap,
    QuantileMap,
    SplineMap,
    TrigonometricMap,
)
from sktensornet.networks import TensorNetwork
from sktensornet.onnx import to_onnx
from sktensornet.patches import ImagePatches, SequencePatches
from sktensornet.solvers import Adam

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

CLASSIFIERS = [TTClassifier, HTClassifier, CPClassifier]
REGRESSORS = [TTRegressor, HTRegressor, CPRegressor]
PATCHES = ImagePatches((3, 4), (2, 2), stride=1)
SETTINGS = {"rank": 3, "max_iter": 2, "penalty": "start", "random_state": 0, "n_jobs": 1}
"""With this penalty there is no search for alpha or the scale, which a graph has nothing of."""


def data(n_classes=3, d=12, dtype=np.float32):
    """Few distinct values, some of them missing, and values not seen in training."""
    rng = np.random.default_rng(0)
    X = rng.integers(0, 4, (60, d)).astype(dtype)
    y = (X[:, 0] + X[:, -1] * X[:, d // 2]).astype(int) % n_classes
    X_test = X[:20] + rng.integers(-1, 2, (20, d)).astype(dtype)
    X_test[::3, ::2] = np.nan
    X_test[1, :3] = 30
    return X, y, X_test


def run(model, X, dtype="float32"):
    """Outputs of the exported model, by name."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    saved = to_onnx(model, dtype).SerializeToString()
    session = onnxruntime.InferenceSession(saved, options)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {"X": X.astype(dtype)}), strict=True))


def assert_same_probabilities(model, X, dtype="float32", tolerance=1e-5):
    outputs = run(model, X, dtype)
    assert list(outputs) == ["label", "probabilities"]
    assert outputs["probabilities"].dtype == dtype
    probabilities = model.predict_proba(X)
    np.testing.assert_allclose(outputs["probabilities"], probabilities, rtol=0, atol=tolerance)
    np.testing.assert_array_equal(outputs["label"], model.predict(X))
    assert np.ptp(probabilities, axis=0).max() > 0.02


@pytest.mark.parametrize(
    ("tensors", "n_classes"), [("joint", 2), ("joint", 3), ("separate", 2), ("separate", 3)]
)
@pytest.mark.parametrize(("feature_map", "patches"), [("affine", PATCHES), ("polynomial", None)])
@pytest.mark.parametrize("Format", CLASSIFIERS)
def test_classifiers_give_their_probabilities(Format, feature_map, patches, tensors, n_classes):
    X, y, X_test = data(n_classes)
    model = Format(feature_map=feature_map, patches=patches, class_tensors=tensors, **SETTINGS).fit(
        X, y
    )
    assert_same_probabilities(model, X_test)


MAPS = [
    *(name for name in FEATURE_MAPS if name != "embedding"),
    AffineMap(4, "tanh"),
    AffineMap(4, "identity"),
    PolynomialMap(degree=3, scale=0.3),
    FourierMap(3, period=3.0),
    OneHotMap(scale=0.4),
    QuantileMap(degree=2),
    SplineMap(n_knots=4, degree=1, linear=False),
    SplineMap(n_knots=6, degree=3),
    TrigonometricMap(0.25),
    {0: "affine", 3: "one_hot", 4: "quantile", 6: AffineMap(3, "tanh")},
]


@pytest.mark.parametrize("feature_map", MAPS, ids=str)
def test_all_maps_are_exported(feature_map):
    """In double precision after those with indicators of missing values, below."""
    X, y, X_test = data()
    model = TTClassifier(feature_map=feature_map, **SETTINGS).fit(X, y)
    assert_same_probabilities(model, X_test)


CONTINUOUS = [one for one in MAPS[:-1] if one != "one_hot" and not isinstance(one, OneHotMap)]
CONTINUOUS += [FourierMap(3, period=2 * np.pi), QuantileMap(500, degree=3)]


@pytest.mark.parametrize("feature_map", CONTINUOUS, ids=str)
@pytest.mark.parametrize(("offset", "spread"), [(1e7, 4.0), (-1e5 - 0.37, 1e3)])
def test_an_offset_costs_no_digits_beyond_those_of_the_input(feature_map, offset, spread):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((150, 4))
    y = X[:, 0] * X[:, 1] + X[:, 2]
    X = offset + spread * X
    X_test = (offset + spread * rng.standard_normal((50, 4))).astype(np.float32).astype(float)
    X_test[::5, ::2] = np.nan
    patches = SequencePatches(2) if feature_map in ("affine", "pca") else None
    model = TTRegressor(feature_map=feature_map, patches=patches, **SETTINGS)
    expected = model.fit(X, y).predict(X_test)
    assert np.ptp(expected) > 0.05
    found = run(model, X_test)["predictions"]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4 * np.ptp(expected))


@pytest.mark.parametrize("feature_map", MAPS, ids=str)
def test_indicators_of_missing_values_are_exported(feature_map):
    X, y, X_test = data(dtype=np.float64)
    X[::4, 2:5] = np.nan
    model = TTClassifier(feature_map=feature_map, **SETTINGS).fit(X, y)
    assert model.feature_map_.missing_sites.tolist() == [2, 3, 4]
    assert_same_probabilities(model, X_test, "float64", 1e-11)


def test_splines_are_right_between_and_on_their_knots():
    X = np.random.default_rng(0).normal(size=(100, 2))
    y = X[:, 0] * X[:, 1] > 0
    model = TTClassifier(feature_map=SplineMap(5, 3), **SETTINGS).fit(X, y)
    knots = np.unique(model.feature_map_.knots[0])
    grid = np.sort(np.r_[knots, np.linspace(-5, 5, 200), X[:, 0].min(), X[:, 0].max()])
    X_test = np.column_stack([grid, grid[::-1]])
    assert_same_probabilities(model, X_test, "float64", 1e-11)


@pytest.mark.parametrize("feature_map", ["pca", "polynomial", "trigonometric", "affine"])
@pytest.mark.parametrize("patches", [PATCHES, SequencePatches(3, n_channels=2)])
def test_patches_are_exported(patches, feature_map):
    X, y, X_test = data()
    model = HTClassifier(feature_map=feature_map, patches=patches, **SETTINGS).fit(X, y)
    assert_same_probabilities(model, X_test)


@pytest.mark.parametrize("solver", ["als", "adam"])
@pytest.mark.parametrize("Format", CLASSIFIERS)
def test_the_solver_does_not_matter(Format, solver):
    X, y, X_test = data()
    settings = SETTINGS | {"penalty": "frobenius", "alpha": 1e-3}
    model = Format(solver=solver, feature_map=PolynomialMap(scale=1.0), **settings).fit(X, y)
    assert_same_probabilities(model, X_test)


@pytest.mark.parametrize("tensors", ["joint", "separate"])
@pytest.mark.parametrize(
    "model",
    [
        TTClassifier(**SETTINGS),
        CPClassifier(**SETTINGS),
        HTClassifier(tree=(0, 1, 2, 3), **SETTINGS),
    ],
    ids=["TT", "CP", "HT of one node"],
)
def test_a_batch_of_no_rows_gives_none(model, tensors):
    X, y, _ = data(d=4)
    model.set_params(class_tensors=tensors).fit(X, y)
    outputs = run(model, X[:0])
    assert outputs["probabilities"].shape == (0, 3)
    assert outputs["label"].shape == (0,)


@pytest.mark.parametrize("tree", ["balanced", (0, 1, 2), ((0, 1, 2, 3), 4, 5, 6), (((0, 1), 2), 3)])
@pytest.mark.parametrize("tensors", ["joint", "separate"])
def test_trees_of_any_shape_are_exported(tree, tensors):
    d = 5 if tree == "balanced" else 1 + max(map(int, filter(str.isdigit, str(tree))))
    X, y, X_test = data(d=d)
    model = HTClassifier(tree=tree, class_tensors=tensors, **SETTINGS).fit(X, y)
    assert_same_probabilities(model, X_test)


@pytest.mark.parametrize("d", [1, 2, 9])
@pytest.mark.parametrize("Format", CLASSIFIERS)
def test_one_site_and_few_are_exported(Format, d):
    X, y, X_test = data(d=d, dtype=np.float64)
    model = Format(feature_map="polynomial", **SETTINGS).fit(X, y)
    assert_same_probabilities(model, X_test, "float64", 1e-9)


def deep(Format, d, factors, tensors="joint"):
    """A model of d sites whose cores at the sites are multiplied by factors."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, d)).astype(np.float32)
    y = np.argsort(X[:, :3], axis=1)[:, 0]
    model = Format(
        loss="squared_error",
        feature_map=PolynomialMap(scale=0.05),
        class_tensors=tensors,
        solver="lbfgs",
        **SETTINGS,
    ).fit(X, y)
    network = model.network_
    cores = [core * factor for core, factor in zip(network.cores, factors)]
    cores += network.cores[d:]
    model.network_ = TensorNetwork(network.tree, tuple(cores), network.batched)
    return model, X


@pytest.mark.parametrize(("d", "tensors"), [(100, "separate"), (101, "joint")])
@pytest.mark.parametrize("Format", CLASSIFIERS)
def test_deep_networks_do_not_overflow_on_the_way(Format, d, tensors):
    half = d // 2
    factors = np.float32([8.0] * half + [1.0] * (d % 2) + [1 / 8] * half)
    model, X = deep(Format, d, factors, tensors)
    assert 8.0**half > float(np.finfo(np.float32).max)
    scores = model.decision_function(X)
    assert np.abs(scores).max() < 100
    outputs = run(model, X)
    np.testing.assert_allclose(outputs["scores"], scores, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(outputs["label"], model.predict(X))


@pytest.mark.parametrize("Format", CLASSIFIERS)
def test_deep_networks_saturate_as_the_estimators_do(Format):
    model, X = deep(Format, 100, np.full(100, 8.0, np.float32))
    outputs, scores = run(model, X), model.decision_function(X)
    assert np.abs(scores).min() > 2.0**98
    assert np.abs(scores).max() < 2.0**101
    np.testing.assert_allclose(outputs["scores"], scores, rtol=1e-4)
    np.testing.assert_array_equal(outputs["label"], model.predict(X))


@pytest.mark.parametrize("Format", CLASSIFIERS)
def test_deep_networks_may_vanish_but_are_no_nan(Format):
    model, X = deep(Format, 100, np.full(100, 1 / 16, np.float32))
    assert np.abs(run(model, X)["scores"]).max() < 1e-20
    model, X = deep(Format, 100, np.zeros(100, np.float32))
    np.testing.assert_array_equal(run(model, X)["scores"], np.zeros((30, 3)))


@pytest.mark.parametrize("n_outputs", [None, 1, 2])
@pytest.mark.parametrize("tensors", ["joint", "separate"])
@pytest.mark.parametrize("Format", REGRESSORS)
def test_regressors_give_their_predictions(Format, tensors, n_outputs):
    X, y, X_test = data(7)
    y = 100.0 * y + 1000
    if n_outputs is not None:
        y = np.column_stack([y, -y])[:, :n_outputs]
    model = Format(output_tensors=tensors, feature_map="polynomial", **SETTINGS).fit(X, y)
    outputs = run(model, X_test)
    predicted = model.predict(X_test)
    assert list(outputs) == ["predictions"]
    assert outputs["predictions"].shape == predicted.shape
    size = np.abs(predicted).max()
    np.testing.assert_allclose(outputs["predictions"], predicted, rtol=0, atol=1e-5 * size)


@pytest.mark.parametrize("loss", ["squared_error", "huber", "poisson", "gamma"])
def test_regressors_of_any_loss_are_exported(loss):
    X, y, X_test = data(7)
    model = TTRegressor(loss=loss, **SETTINGS).fit(X, y + 1.0)
    predicted = model.predict(X_test)
    assert np.ptp(predicted) > 0.1
    np.testing.assert_allclose(run(model, X_test)["predictions"], predicted, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("loss", ["squared_error", "squared_hinge"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_losses_without_probabilities_give_scores(loss, n_classes):
    X, y, X_test = data(n_classes)
    model = TTClassifier(loss=loss, **SETTINGS).fit(X, y)
    outputs = run(model, X_test)
    assert list(outputs) == ["label", "scores"]
    scores = model.decision_function(X_test)
    assert outputs["scores"].shape == scores.shape
    np.testing.assert_allclose(outputs["scores"], scores, rtol=1e-6, atol=1e-5)
    np.testing.assert_array_equal(outputs["label"], model.predict(X_test))


@pytest.mark.parametrize(
    "classes",
    [
        ["ant", "bee", "cow"],
        np.array(["ä", "b", "long word"], dtype=object),
        [-3, 5, 1000],
        [0.0, 1.0, 7.0],
        [False, True],
        np.array([1, 2, 3], np.int32),
    ],
    ids=str,
)
def test_labels_are_those_of_the_classes(classes):
    classes = np.asarray(classes)
    X, y, X_test = data(len(classes))
    model = TTClassifier(**SETTINGS).fit(X, classes[y])
    labels = run(model, X_test)["label"]
    np.testing.assert_array_equal(labels, model.predict(X_test))
    assert len(set(labels)) > 1
    kind = "O" if classes.dtype.kind in "OU" else classes.dtype.kind
    assert labels.dtype.kind == kind


@pytest.mark.parametrize("n", [1, 7])
def test_any_number_of_samples_goes_in(n):
    X, y, X_test = data()
    model = TTClassifier(**SETTINGS).fit(X, y)
    found = run(model, X_test[:n])["probabilities"]
    np.testing.assert_allclose(found, model.predict_proba(X_test[:n]), atol=1e-5)


def test_the_model_says_what_it_takes_and_gives():
    X, y, _ = data()
    model = to_onnx(TTClassifier(**SETTINGS).fit(X, y))
    onnx.checker.check_model(model, full_check=True)
    (given,) = model.graph.input
    assert given.name == "X"
    shape = [
        dimension.dim_param or dimension.dim_value for dimension in given.type.tensor_type.shape.dim
    ]
    assert shape == ["n_samples", 12]
    assert model.graph.name == "TTClassifier"
    assert model.producer_name == "sktensornet"


def test_weights_are_stored_once():
    X, y, _ = data()
    model = TTClassifier(**SETTINGS | {"rank": 12}).fit(X, y)
    size = len(to_onnx(model).SerializeToString())
    assert 4 * model.network_.n_parameters < size < 4 * model.network_.n_parameters + 40_000


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Strange(FittedMap):
    """A map of somebody else."""

    def forward(self, parameters, sites):
        raise AssertionError


class TestRefusals:
    def test_an_unfitted_estimator(self):
        with pytest.raises(NotFittedError):
            to_onnx(TTClassifier())

    @pytest.mark.parametrize("other", [make_pipeline(TTClassifier()), None])
    def test_what_is_none_of_ours(self, other):
        with pytest.raises(ValueError, match=r"estimator=.* must be one of this package"):
            to_onnx(other)

    def test_an_unknown_dtype(self):
        X, y, _ = data()
        with pytest.raises(ValueError, match=r"dtype='float16' is unknown; .*'float32'"):
            to_onnx(TTClassifier(**SETTINGS).fit(X, y), "float16")

    def test_columns_of_categories(self):
        X, y, _ = data(d=2)
        table = pd.DataFrame({"x": X[:, 0], "word": pd.Categorical(X[:, 1])})
        model = TTClassifier(**SETTINGS).fit(table, y)
        with pytest.raises(ValueError, match=r"categories, \['word'\], .*OrdinalEncoder"):
            to_onnx(model)

    def test_maps_of_others_naming_what_is_supported(self):
        X, y, _ = data()
        model = TTClassifier(feature_map="polynomial", **SETTINGS).fit(X, y)
        known = model.feature_map_
        model.feature_map_ = Strange(
            mode_sizes=known.mode_sizes, constants=known.constants, has_constant=True
        )
        names = "AffineMap, EmbeddingMap, FourierMap, MixedMap, OneHotMap, PCAMap, PolynomialMap"
        with pytest.raises(ValueError, match=f"feature_map_=Strange.* supports {names}"):
            to_onnx(model)

    def test_categories_that_float32_confuses(self):
        X = np.repeat([[16777216.0], [16777217.0], [3.0]], 5, axis=0)
        model = TTClassifier(feature_map="one_hot", **SETTINGS).fit(X, X[:, 0] > 5)
        with pytest.raises(
            ValueError, match="dtype='float32' cannot tell all categories of site 0"
        ):
            to_onnx(model)
        assert_same_probabilities(model, X, "float64")

    def test_labels_that_are_not_of_one_kind(self):
        X, y, _ = data()
        model = TTClassifier(**SETTINGS).fit(X, y)
        model.classes_ = np.array([None, "a", 1], dtype=object)
        with pytest.raises(ValueError, match=r"classes_=.* numbers, booleans or strings"):
            to_onnx(model)

    def test_the_package_onnx_is_missing(self, monkeypatch):
        X, y, _ = data()
        model = TTClassifier(**SETTINGS).fit(X, y)
        monkeypatch.setitem(sys.modules, "onnx", None)
        with pytest.raises(
            ImportError, match=r"to_onnx needs the package onnx.*sktensornet\[onnx\]"
        ):
            to_onnx(model)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"product": "max", "feature_map": "polynomial", "alpha": 0},
            "needs product='multiply'",
        ),
    ],
)
def test_what_has_no_form_is_named(parameters, message):
    X, y, _ = data()
    model = TTClassifier(**SETTINGS | {"solver": "adam"} | parameters).fit(abs(X.round()), y)
    with pytest.raises(ValueError, match=message):
        to_onnx(model)


def test_several_labels_are_zeros_and_ones():
    X, y, X_test = data(4)
    Y = np.column_stack([y > 1, y % 2]).astype(int)
    model = TTClassifier(**SETTINGS).fit(X, Y)
    found = run(model, X_test)
    np.testing.assert_array_equal(found["label"], model.predict(X_test))
    np.testing.assert_allclose(found["probabilities"], model.predict_proba(X_test), atol=1e-5)


SEQUENCES = {"shared_cores": True, "alpha": 0.0, "solver": Adam(0.1)}


@pytest.mark.parametrize("tensors", ["joint", "separate"])
@pytest.mark.parametrize("feature_map", ["embedding", "one_hot", "polynomial"])
@pytest.mark.parametrize("Format", CLASSIFIERS)
def test_equal_cores_skip_an_end_that_is_missing(Format, feature_map, tensors):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 4, (40, 8)).astype(float)
    y = X[:, :3].sum(axis=1) % 3
    X[np.arange(8) >= np.arange(40)[:, None] % 9] = np.nan
    X[8, 3] = np.nan
    parameters = SETTINGS | SEQUENCES | {"feature_map": feature_map, "class_tensors": tensors}
    model = Format(**parameters).fit(X, y)
    assert_same_probabilities(model, X, "float64", 1e-11)


def test_windows_of_equal_cores_and_the_length_of_the_fit():
    X, y, X_test = data()
    X_test[:, 8:] = np.nan
    patches = SequencePatches(3, n_channels=2)
    model = TTClassifier(**SETTINGS | SEQUENCES, feature_map="pca", patches=patches).fit(X, y)
    assert_same_probabilities(model, X_test)
    with pytest.raises(onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument, match="12"):
        run(model, X_test[:, :6])


@pytest.mark.parametrize("wrong", [4.0, 1e6])
def test_what_is_no_token_is_rejected(wrong):
    X, y, _ = data()
    model = TTClassifier(**SETTINGS | SEQUENCES, feature_map="embedding").fit(X, y)
    with pytest.raises(
        onnxruntime.capi.onnxruntime_pybind11_state.InvalidArgument, match="out of data bounds"
    ):
        run(model, np.where(np.arange(12) == 5, wrong, X))
