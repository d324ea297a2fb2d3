"""Nothing blows up: many columns, wild values, tiny data, ranks without use, float32."""

import itertools
import warnings

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

from sktensornet import CPClassifier, HTClassifier, TTClassifier
from sktensornet.feature_maps import AffineMap, PolynomialMap
from sktensornet.patches import ImagePatches
from sktensornet.solvers import Adam

FORMATS = [TTClassifier, HTClassifier, CPClassifier]
MAPS = ["polynomial", "trigonometric", "affine", "one_hot"]
DTYPES = [np.float64, np.float32]
each_format = pytest.mark.parametrize("Format", FORMATS)
each_dtype = pytest.mark.parametrize("dtype", DTYPES)


def formats_in_turn(**choices):
    """Every combination of choices, each with the next of the formats: what overflows is shared."""
    names = ["Format", *choices]
    combinations = zip(itertools.cycle(FORMATS), itertools.product(*choices.values()))
    return pytest.mark.parametrize(names, [(Format, *chosen) for Format, chosen in combinations])


def normal(n=40, d=5, seed=0):
    rng = np.random.default_rng(seed)
    y = np.arange(n) % 3
    X = rng.normal(size=(n, d))
    X[:, 0] += 3 * y
    return X, y


def scaled(factors):
    X, y = normal(d=len(factors))
    return X * factors, y


def constant():
    X, y = normal()
    X[:, 1], X[:, 2], X[:, 3] = 0, 1e6, 1 / 3
    return X, y


def nearly_constant():
    X, y = normal()
    X[:, 1:] = 1e6 + 1e-10 * X[:, 1:]
    return X, y


def cauchy():
    X, y = normal()
    return np.random.default_rng(0).standard_cauchy((40, 5)) * 1e3 + X, y


def outlier():
    X, y = normal()
    X[0] = 1e30
    return X, y


def tiny():
    X, y = normal()
    return X * 1e-37, y


DATA = {
    "scaled": lambda: scaled([1e6, 1e-6, 1, 1e6, 1e-6]),
    "constant": constant,
    "all_constant": lambda: (np.ones((40, 5)), np.arange(40) % 3),
    "nearly_constant": nearly_constant,
    "cauchy": cauchy,
    "outlier": outlier,
    "tiny": tiny,
    "one_column": lambda: normal(d=1),
    "two_per_class": lambda: normal(n=6),
    "two_samples": lambda: (np.array([[0.0, 1.0], [1.0, 0.0]]), np.array([0, 1])),
}


def data(name, dtype):
    X, y = DATA[name]()
    return X.astype(dtype), y


def extreme(dtype, place):
    """The largest number there is and its negative, in one column or in two.

    Two of them, and of both signs, since scikit-learn itself warns if the sum of X overflows.
    """
    X, y = normal()
    top = np.finfo(dtype).max
    X = X.astype(dtype)
    X[0, 0], X[place] = top, -top
    return X, y


def assert_sound(model, X, y):
    """No warning but that the fit was short, finite curves, scores and cores; returns scores."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
        scores = model.decision_function(X)
        assert np.isin(model.predict(X), y).all()
        if model.loss == "log_loss":
            np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-5)
            assert not np.isnan(model.predict_log_proba(X)).any()
    assert np.isfinite(scores).all()
    assert np.isfinite(model.loss_curve_).all()
    assert all(np.isfinite(core).all() for core in model.network_.cores)
    assert scores.dtype == X.dtype
    return scores


def short(Format, **parameters):
    return Format(**({"max_iter": 4, "random_state": 0} | parameters))


@formats_in_turn(name=DATA, feature_map=MAPS)
def test_difficult_data(Format, feature_map, name):
    X, y = data(name, np.float32)
    assert_sound(short(Format, feature_map=feature_map, solver="lbfgs"), X, y)


@formats_in_turn(name=DATA, solver=["lbfgs", "adam"])
def test_difficult_data_in_double_precision(Format, solver, name):
    X, y = data(name, np.float64)
    assert_sound(short(Format, solver=solver), X, y)


PLACES = [(1, 0), (1, 1)]
"""Of the second value: in the column of the first, or in another."""


@formats_in_turn(feature_map=MAPS, dtype=DTYPES, place=PLACES)
def test_largest_finite_values(Format, feature_map, dtype, place):
    """Their differences and squares overflow."""
    X, y = extreme(dtype, place)
    assert_sound(short(Format, feature_map=feature_map, max_iter=2), X, y)


@formats_in_turn(feature_map=MAPS, dtype=DTYPES)
def test_columns_of_a_large_power_of_ten(Format, feature_map, dtype):
    X, y = normal()
    value = 1e300 if dtype is np.float64 else 1e36
    X = (np.sign(X - 1) * value).astype(dtype)
    scores = assert_sound(short(Format, feature_map=feature_map, max_iter=2), X, y)
    assert np.ptp(scores) > 1e-3


@formats_in_turn(activation=["relu", "tanh", "identity"], dtype=DTYPES, place=PLACES)
def test_largest_finite_values_in_patches(Format, activation, dtype, place):
    X, y = extreme(dtype, place)
    X = np.hstack([X, np.zeros((40, 11), dtype)])
    model = short(
        Format,
        patches=ImagePatches((4, 4), (2, 2)),
        feature_map=AffineMap(n_components=5, activation=activation),
    )
    assert_sound(model, X, y)


@formats_in_turn(
    solver=["lbfgs", "adam"], dtype=DTYPES, loss=["log_loss", "squared_error", "squared_hinge"]
)
def test_heavy_tails_under_every_loss_and_solver(Format, solver, dtype, loss):
    X, y = data("cauchy", dtype)
    assert_sound(short(Format, solver=solver, loss=loss), X, y)


def wide():
    """A thousand columns, a tenth of which tell the classes apart."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 1000)).astype(np.float32), np.arange(30) % 3
    X[:, :100] += y[:, None]
    return X, y


def test_a_thousand_columns_are_learnt():
    """By a chain, whose products are the longest; of every format the networks' tests see to it."""
    X, y = wide()
    model = short(
        TTClassifier,
        rank=4,
        feature_map=PolynomialMap(scale=1.0),
        solver="lbfgs",
        alpha=1e-4,
        max_iter=3,
    )
    assert_sound(model, X, y)
    assert model.loss_curve_[-1] < 0.95 * np.log(3)


def test_a_thousand_columns_in_mini_batches():
    X, y = wide()
    solver = Adam(batch_size=15)
    model = short(CPClassifier, rank=3, feature_map="trigonometric", solver=solver, max_iter=1)
    assert_sound(model, X, y)


@each_format
def test_many_columns_of_outliers(Format):
    rng = np.random.default_rng(0)
    X, y = rng.standard_cauchy((20, 200)), np.arange(20) % 2
    feature_map = PolynomialMap(degree=3, scale=1.0)
    model = short(Format, rank=3, alpha=1e-3, max_iter=1, feature_map=feature_map)
    assert_sound(model, X, y)


@each_format
@each_dtype
@pytest.mark.parametrize("class_tensors", ["joint", "separate"])
def test_rank_beyond_any_matricization(Format, dtype, class_tensors):
    X, y = normal(d=2)
    feature_map = PolynomialMap(scale=1.0)
    model = short(Format, rank=64, class_tensors=class_tensors, feature_map=feature_map, alpha=1e-4)
    assert_sound(model, X.astype(dtype), y)
    assert model.score(X, y) > 0.7
    if Format is not CPClassifier:
        assert max(model.network_.ranks) <= 6


@each_format
@each_dtype
def test_one_column_learns(Format, dtype):
    X, y = normal(n=90, d=1)
    model = short(Format, max_iter=30)
    assert_sound(model, X.astype(dtype), y)
    assert model.score(X, y) > 0.7


@each_format
@pytest.mark.parametrize("n_classes", [2, 7])
def test_two_samples_per_class(Format, n_classes):
    y = np.repeat(np.arange(n_classes), 2)
    X = np.random.default_rng(0).normal(size=(len(y), 3)) + 5 * np.eye(8)[y][:, :3] + y[:, None]
    model = short(Format, max_iter=40)
    assert_sound(model, X, y)
    assert model.score(X, y) > 0.8


@each_format
@pytest.mark.parametrize("feature_map", ["polynomial", "trigonometric"])
@pytest.mark.parametrize("factor", [1e6, 1e-6, 1e100])
def test_units_of_the_columns_do_not_matter(Format, feature_map, factor):
    X, y = normal()
    model = short(Format, feature_map=feature_map, solver="lbfgs")
    factors = np.array([1, factor, 1, factor, 1])
    plain, other = (assert_sound(model, X * f, y) for f in (1.0, factors))
    np.testing.assert_allclose(other, plain, rtol=1e-6, atol=1e-8)


@each_format
@pytest.mark.parametrize("feature_map", ["polynomial", "trigonometric"])
def test_an_offset_does_not_matter(Format, feature_map):
    X, y = normal()
    model = short(Format, feature_map=feature_map, solver="lbfgs")
    plain, other = (assert_sound(model, X + offset, y) for offset in (0.0, 1e6))
    np.testing.assert_allclose(other, plain, rtol=1e-5, atol=1e-6)


@formats_in_turn(feature_map=MAPS, dtype=DTYPES)
def test_wild_values_at_predict_only(Format, feature_map, dtype):
    X, y = normal()
    model = short(Format, feature_map=feature_map, solver="adam").fit(X.astype(dtype), y)
    top = np.finfo(dtype).max
    X_new = np.array([[top, 0, 0, 0, 0], [0, 0, 0, -top, 0]], dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = model.decision_function(X_new)
        assert np.isfinite(model.predict_proba(X_new)).all()
    assert np.isfinite(scores).all()


@each_format
@pytest.mark.parametrize("feature_map", ["polynomial", "trigonometric", "affine"])
def test_inputs_are_limited_at_predict(Format, feature_map):
    """What lies beyond the documented range counts as its end."""
    X, y = normal()
    model = short(Format, feature_map=feature_map, solver="adam").fit(X, y)
    far, farther = (model.decision_function(s * np.ones((1, 5))) for s in (1e5, 1e9))
    np.testing.assert_array_equal(far, farther)


@each_format
@each_dtype
@pytest.mark.filterwarnings("ignore:the objective was not finite")
def test_a_rate_far_too_large_gives_finite_scores_or_a_clear_error(Format, dtype):
    X, y = normal()
    model = short(Format, solver=Adam(learning_rate=100.0), max_iter=10)
    said = ""
    try:
        model.fit(X.astype(dtype), y)
    except ValueError as error:
        said = str(error)
    if said:
        assert "smaller learning_rate than 100" in said
        return
    assert np.isfinite(model.decision_function(X)).all()
    assert all(np.isfinite(core).all() for core in model.network_.cores)


@each_format
def test_weights_of_any_size(Format):
    X, y = normal()
    for weight in (1e-300, 1e300):
        model = short(Format, solver="adam").fit(X, y, sample_weight=np.full(40, weight))
        assert np.isfinite(model.decision_function(X)).all()


@each_format
@pytest.mark.parametrize("class_tensors", ["joint", "separate"])
def test_a_class_without_weight(Format, class_tensors):
    X, y = normal()
    model = short(Format, solver="adam", class_tensors=class_tensors)
    model.fit(X, y, sample_weight=(y != 1).astype(float))
    assert np.isfinite(model.decision_function(X)).all()
    assert 1 not in model.predict(X)
    assert model.decision_function(X).shape == (40, 3)


@each_format
def test_many_classes(Format):
    y = np.arange(200) % 50
    X = np.random.default_rng(0).normal(size=(200, 4)) + y[:, None]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "rank=", UserWarning)
        model = short(Format, solver="adam").fit(X, y)
    assert model.decision_function(X).shape == (200, 50)
    assert np.isfinite(model.decision_function(X)).all()
