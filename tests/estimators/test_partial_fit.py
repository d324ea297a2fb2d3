"""Training batch by batch."""

from copy import deepcopy

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.base import clone

from sktensornet import CPClassifier, HTClassifier, TTClassifier, TTRegressor
from sktensornet.feature_maps import OneHotMap
from sktensornet.solvers import LBFGS, Adam

FORMATS = [TTClassifier, HTClassifier, CPClassifier]
each_format = pytest.mark.parametrize("Format", FORMATS)
STILL = Adam(learning_rate=1e-30)
LABELS = ["a", "b", "c"]


def blobs(n=60, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    return rng.normal(size=(n, 3)) + 3 * np.eye(3)[y], np.array(LABELS)[y]


def batched(Format, **parameters):
    return Format(**({"rank": 4, "solver": "adam", "random_state": 0} | parameters))


def cores_of(model):
    return np.concatenate([core.ravel() for core in model.network_.cores])


def arrays_of(part):
    return {name: value for name, value in vars(part).items() if isinstance(value, np.ndarray)}


@pytest.mark.parametrize(
    ("Format", "solver"),
    [
        (TTClassifier, "auto"),
        (HTClassifier, "adam"),
        (CPClassifier, "adam"),
        (TTClassifier, Adam(batch_size=10)),
        (CPClassifier, Adam(batch_size=10)),
    ],
    ids=str,
)
def test_learns_from_batches(Format, solver):
    X, y = blobs(300)
    model = batched(Format, solver=solver)
    if isinstance(solver, str):
        model.set_params(solver=solver)
    for _ in range(8):
        for part in np.array_split(np.arange(300), 3):
            assert model.partial_fit(X[part], y[part], classes=LABELS) is model
    assert model.score(X, y) > 0.9
    assert model.classes_.tolist() == LABELS
    assert len(model.loss_curve_) == model.n_iter_ == 24
    assert model.validation_scores_ is None


@each_format
def test_first_batch_may_miss_classes_and_have_one_sample(Format):
    X, y = blobs()
    model = batched(Format).partial_fit(X[:1], y[:1], classes=LABELS)
    assert model.classes_.tolist() == LABELS
    assert np.isfinite(model.decision_function(X)).all()
    assert model.decision_function(X).shape == (60, 3)
    model.partial_fit(X[1:2], y[1:2])


@each_format
@pytest.mark.parametrize("feature_map", ["polynomial", "trigonometric", "affine", "one_hot"])
def test_scaling_is_fixed_at_the_first_call(Format, feature_map):
    X, y = blobs()
    model = batched(Format, feature_map=feature_map, solver=STILL)
    model.partial_fit(X, y, classes=LABELS)
    before = arrays_of(model.feature_map_)
    scores = model.decision_function(X)
    model.partial_fit(100 * X + 7, y)
    for name, value in arrays_of(model.feature_map_).items():
        np.testing.assert_array_equal(value, before[name])
    np.testing.assert_array_equal(model.decision_function(X), scores)


@each_format
@pytest.mark.parametrize(("batch_size", "steps"), [(60, 1), (20, 3), (7, 9)])
def test_a_call_is_one_pass_at_the_full_learning_rate(Format, batch_size, steps):
    """Adam moves a parameter by at most the rate a step, and by the rate in a first step."""
    X, y = blobs()
    model = batched(Format, solver=Adam(learning_rate=1e-30, batch_size=batch_size))
    model.partial_fit(X, y, classes=LABELS)
    before = cores_of(model)
    model.set_params(solver__learning_rate=1e-6).partial_fit(X, y)
    moved = np.abs(cores_of(model) - before).max() / 1e-6
    assert steps - 1 < moved < steps * 1.3


@each_format
def test_moments_carry_over_from_call_to_call(Format):
    """Two calls of one batch each differ from two starts of the optimiser."""
    X, y = blobs()
    model = batched(Format, solver=Adam(batch_size=60)).partial_fit(X, y, classes=LABELS)
    before = cores_of(model)
    model.set_params(solver__learning_rate=1e-6).partial_fit(X[::-1] * 0.3, y[::-1])
    moved = np.abs(cores_of(model) - before) / 1e-6
    assert np.median(moved[moved > 0]) < 0.999


@each_format
@pytest.mark.parametrize("solver", ["auto", "adam"])
def test_continues_after_fit(Format, solver):
    X, y = blobs()
    model = batched(Format, solver="adam", max_iter=4).fit(X, y)
    fitted = model.decision_function(X)
    after = model.set_params(solver=STILL).partial_fit(X, y).decision_function(X)
    np.testing.assert_allclose(after, fitted, rtol=1e-12, atol=1e-12)
    model.set_params(solver=solver).partial_fit(X, y)
    assert not np.allclose(model.decision_function(X), fitted)
    assert model.loss_curve_[-1] < model.loss_curve_[0]


@each_format
def test_fit_starts_anew_after_partial_fit(Format):
    X, y = blobs()
    fresh = batched(Format, max_iter=3).fit(X, y)
    used = batched(Format, max_iter=3).partial_fit(2 * X, y, classes=[*LABELS, "d"]).fit(X, y)
    assert used.classes_.tolist() == LABELS
    np.testing.assert_array_equal(cores_of(used), cores_of(fresh))
    assert used.loss_curve_ == fresh.loss_curve_


def test_a_later_alpha_counts_and_auto_keeps_the_one_before():
    X, y = blobs()
    clf = batched(TTClassifier, alpha=1e-3, product="multiply").partial_fit(X, y, np.unique(y))
    same, other = deepcopy(clf), deepcopy(clf)
    assert same.set_params(alpha="auto").partial_fit(X, y).alpha_ == 1e-3
    assert other.set_params(alpha=1e3).partial_fit(X, y).alpha_ == 1e3
    assert other.loss_curve_[-1] > 2 * same.loss_curve_[-1]
    with pytest.raises(ValueError, match="penalty='frobenius' is the norm"):
        clf.set_params(product="max").partial_fit(X, y)


@each_format
def test_random_state_decides_every_bit(Format):
    X, y = blobs()

    def trained(seed):
        model = batched(Format, random_state=seed).partial_fit(X, y, classes=LABELS)
        return cores_of(model.partial_fit(X, y))

    assert np.array_equal(trained(0), trained(0))
    assert not np.array_equal(trained(0), trained(1))


@each_format
def test_nothing_of_an_earlier_life_is_left_after_fit(Format):
    """fit, then partial_fit, is the same whatever was done before fit."""
    X, y = blobs()
    fresh = batched(Format, max_iter=2).fit(X, y).partial_fit(X, y)
    used = batched(Format, max_iter=2).partial_fit(X, y, classes=LABELS).fit(X, y)
    np.testing.assert_array_equal(cores_of(used.partial_fit(X, y)), cores_of(fresh))


@each_format
def test_batches_differ_from_call_to_call(Format):
    """The order of the samples is drawn again at every call, after fit too."""
    X, y = blobs()
    model = batched(Format, solver=Adam(batch_size=7), max_iter=1).fit(X, y)
    losses = []
    for _ in range(3):
        model.set_params(solver=Adam(learning_rate=1e-30, batch_size=7, dropout=0.5))
        model.partial_fit(X, y)
        losses.append(model.loss_curve_[-1])
    assert len(set(losses)) == 3


@each_format
def test_float32_stays_float32(Format):
    X, y = blobs()
    model = batched(Format).partial_fit(X.astype(np.float32), y, classes=LABELS)
    model.partial_fit(X, y)  # a later batch of another precision follows the first
    assert {core.dtype for core in model.network_.cores} == {np.dtype(np.float32)}
    assert model.decision_function(X).dtype == np.float32


@each_format
def test_weights_and_class_weights_count(Format):
    X, y = blobs()
    weight = np.where(y == "b", 5.0, 1.0)
    by_sample = batched(Format).partial_fit(X, y, classes=LABELS, sample_weight=weight)
    by_class = batched(Format, class_weight={"b": 5.0}).partial_fit(X, y, classes=LABELS)
    plain = batched(Format).partial_fit(X, y, classes=LABELS)
    np.testing.assert_allclose(cores_of(by_class), cores_of(by_sample))
    assert not np.allclose(cores_of(plain), cores_of(by_sample))


@pytest.mark.parametrize(
    ("solver", "exists"),
    [("auto", True), ("adam", True), (Adam(), True), ("lbfgs", False), (LBFGS(), False)],
)
def test_exists_for_mini_batch_solvers(solver, exists):
    assert hasattr(TTClassifier(solver=solver), "partial_fit") == exists


@each_format
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"X": np.zeros((60, 2))}, ["2 features", "3 features"]),
        ({"y": np.full(60, "z")}, ["y", "'z'", "classes", "'a'"]),
        ({"classes": ["a", "b"]}, ["classes", "['a', 'b']", "first call"]),
        ({"sample_weight": np.zeros(60)}, ["weight", "zero"]),
        ({"sample_weight": -np.ones(60)}, ["sample_weight", "egative"]),
        ({"y": np.arange(50)}, ["60", "50"]),
        ({"X": np.full((60, 3), np.inf)}, ["inf"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, dict) else "",
)
def test_later_calls_refuse_what_does_not_fit(Format, change, words):
    X, y = blobs()
    model = batched(Format).partial_fit(X, y, classes=LABELS)
    before = cores_of(model)
    with pytest.raises(ValueError) as error:  # noqa: PT011  the words are checked below
        model.partial_fit(**({"X": X, "y": y} | change))
    assert [word for word in words if word not in str(error.value)] == []
    np.testing.assert_array_equal(cores_of(model), before)
    model.partial_fit(X, y)


@each_format
@pytest.mark.parametrize(
    ("parameters", "arguments", "words"),
    [
        ({}, {}, ["classes", "first call"]),
        ({}, {"classes": ["a"]}, ["class"]),
        ({"class_weight": "balanced"}, {"classes": LABELS}, ["class_weight='balanced'"]),
        ({}, {"classes": ["a", "b"]}, ["'c'", "classes"]),
    ],
)
def test_first_call_refuses_what_does_not_fit(Format, parameters, arguments, words):
    X, y = blobs()
    with pytest.raises(ValueError) as error:  # noqa: PT011  the words are checked below
        batched(Format, **parameters).partial_fit(X, y, **arguments)
    assert [word for word in words if word not in str(error.value)] == []


@each_format
def test_a_call_that_fails_half_way_leaves_it_where_it_was(Format, monkeypatch):
    """Neither the moments of the steps nor the generator have moved."""
    X = np.random.default_rng(0).normal(size=(40, 3))
    y = (X[:, 0] > 0).astype(int)
    failed, other = (Format(rank=2, solver=Adam(batch_size=8), random_state=0) for _ in range(2))
    for model in (failed, other):
        model.partial_fit(X, y, classes=[0, 1])
    advance = Adam.advance

    def interrupted(self, *args):
        advance(self, *args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Adam, "advance", interrupted)
        with pytest.raises(KeyboardInterrupt):
            failed.partial_fit(X, y)
    for model in (failed, other):
        model.partial_fit(X, y)
    np.testing.assert_array_equal(failed.decision_function(X), other.decision_function(X))


@each_format
def test_clone_forgets_the_batches(Format):
    X, y = blobs()
    model = batched(Format).partial_fit(X, y, classes=LABELS)
    with pytest.raises(ValueError, match="first call"):
        clone(model).partial_fit(X, y)


def in_pandas(levels):
    return pd.DataFrame({"level": pd.Series(levels, dtype=pd.CategoricalDtype(list("abc")))})


def in_polars(levels):
    return pl.DataFrame({"level": pl.Series(levels, dtype=pl.Enum(list("abc")))})


@pytest.mark.parametrize(
    "feature_map", ["auto", {"level": OneHotMap(scale=2.0)}], ids=["auto", "own"]
)
@pytest.mark.parametrize("table", [in_pandas, in_polars])
def test_levels_that_a_type_declares_are_learnt_later(table, feature_map):
    model = TTRegressor(
        rank=1, solver=Adam(learning_rate=0.3), feature_map=feature_map, alpha=0.0, random_state=0
    )
    model.partial_fit(table(["a", "b", "a"]), [0.0, 1.0, 0.0])
    for _ in range(40):
        model.partial_fit(table(["a", "c", "b"]), [0.0, 5.0, 1.0])
    found = model.predict(table(["a", "b", "c"]))
    np.testing.assert_allclose(found, [0.0, 1.0, 5.0], atol=0.3)


def test_levels_that_nothing_declares_are_told_of():
    model = TTRegressor(rank=1, random_state=0)
    model.partial_fit(pd.DataFrame({"level": ["a", "b", "a"]}), [0.0, 1.0, 0.0])
    with pytest.warns(UserWarning, match="'level'.*such as 'c'; they count as missing"):
        model.partial_fit(pd.DataFrame({"level": ["a", "c", "c"]}), [0.0, 1.0, 0.0])


def test_declared_levels_without_rows_cost_a_fit_nothing():
    model = TTRegressor(rank=1, alpha=1e-3, feature_map=OneHotMap(scale=1.0), random_state=0)
    model.fit(in_pandas(["a", "b", "a"]), [0.0, 1.0, 0.0])
    assert model.network_.mode_sizes == (3,)


def test_categories_of_numbers_that_are_listed():
    fitted = OneHotMap(categories=[7, 3]).fit(np.array([[3.0], [4.0]]), np.array([[0]]), None, None)
    assert fitted.categories[0].tolist() == [3.0, 4.0, 7.0]
    with pytest.raises(ValueError, match="categories='ab' must be a list of finite numbers"):
        OneHotMap(categories="ab").fit(np.zeros((2, 1)), np.array([[0]]), None, None)
