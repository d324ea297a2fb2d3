"""Coefficients against the predictions that they must add up to."""

import sys
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import BSpline
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktensornet import TTClassifier, TTRegressor
from sktensornet._estimators._reading import read_input
from sktensornet._problems._model import Model
from sktensornet.feature_maps import (
    AffineMap,
    FourierMap,
    PCAMap,
    PolynomialMap,
    QuantileMap,
    SplineMap,
    TrigonometricMap,
)
from sktensornet.inspection import _column_terms as column_terms
from sktensornet.inspection import _interactions as module
from sktensornet.inspection import interactions as any_interactions
from sktensornet.inspection import variance_shares
from sktensornet.networks import TensorNetwork, tensor_train
from sktensornet.patches import ImagePatches

interactions = partial(any_interactions, by="functions")

FORMATS = ["TT", "HT", "CP"]
SHORT = {"rank": 2, "alpha": 0.1, "max_iter": 2, "tol": 1e9}


def values_of(name, X, standardise):
    """The function that a name means, on a table."""
    if name == "1":
        return np.ones(len(X))
    if " = " in name:
        column, level = name.split(" = ")
        return (X[column].astype(str) == level).to_numpy(float)
    column, _, power = name.partition("^")
    x = X[column].to_numpy(float)
    if standardise is not None:
        mean, deviation = standardise[column]
        x = (x - mean) / deviation
    return x ** int(power or 1)


def polynomial(found, X, standardise=None):
    """The scores that the terms add up to."""
    total = np.tile(found.intercept, (len(X), 1))
    for k in range(len(found)):
        product = np.ones(len(X))
        for site, function in zip(found.sites[k], found.functions[k], strict=True):
            if site >= 0:
                product = product * values_of(found.function_names[site][function], X, standardise)
        total += product[:, None] * found.coefficients[k]
    return total


def moments(X, estimator):
    """Mean and deviation that the map standardises each numeric column with."""
    fitted = estimator.feature_map_
    for one, group in zip(fitted.maps, fitted.groups, strict=True):
        if hasattr(one, "deviation"):
            return {
                X.columns[site]: (one.mean[k, 0, 0], one.deviation[k, 0, 0])
                for k, site in enumerate(group)
            }
    raise AssertionError


@pytest.mark.parametrize(
    ("separate", "units"), [(False, "standardized"), (True, "original")], ids=str
)
@pytest.mark.parametrize("name", FORMATS)
def test_all_terms_add_up_to_the_scores(make_fitted, name, separate, units):
    clf, X = make_fitted(name, separate=separate, feature_map=PolynomialMap(2, scale=0.3))
    found = interactions(clf, 4, units=units)
    scale = moments(X, clf) if units == "standardized" else None
    expected = clf.decision_function(X)
    np.testing.assert_allclose(
        polynomial(found, X, scale), expected, rtol=1e-7, atol=1e-7 * np.abs(expected).max()
    )
    assert found.complete
    assert found.outputs.tolist() == ["a", "b", "c"]
    sizes = np.linalg.norm(found.coefficients, axis=1)
    assert (np.diff(sizes) <= 0).all()


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("n_outputs", [1, 2])
@pytest.mark.parametrize("separate", [False, True])
def test_regressors_in_units_of_the_target(make_fitted, name, n_outputs, separate):
    reg, X = make_fitted(
        name, "regressor", n_outputs, separate, feature_map=PolynomialMap(1, scale=0.5)
    )
    found = interactions(reg, 4, units="original")
    expected = reg.predict(X).reshape(len(X), -1)
    np.testing.assert_allclose(
        polynomial(found, X), expected, rtol=1e-7, atol=1e-7 * np.abs(expected).max()
    )
    second = interactions(reg, 4, units="original", output=n_outputs - 1)
    assert second.outputs.tolist() == [n_outputs - 1]
    np.testing.assert_allclose(polynomial(second, X), expected[:, -1:], rtol=1e-6, atol=1e-6)


def test_two_classes_have_one_score(make_fitted):
    clf, X = make_fitted(n_outputs=2, feature_map=PolynomialMap())
    found = interactions(clf, 4, units="original", output="b")
    np.testing.assert_allclose(polynomial(found, X)[:, 0], clf.decision_function(X), rtol=1e-7)
    assert found.outputs.tolist() == ["b"]
    with pytest.raises(ValueError, match=r"output='a' must be one of"):
        interactions(clf, output="a")


@pytest.mark.parametrize("name", FORMATS)
def test_lower_orders_are_the_first_terms_of_higher_ones(make_fitted, name):
    clf, _ = make_fitted(name, feature_map=PolynomialMap(2))
    every = interactions(clf, 4)
    for order in (1, 2, 3):
        part = interactions(clf, order)
        kept = every.orders <= order
        np.testing.assert_allclose(part.coefficients, every.coefficients[kept], rtol=1e-9)
        np.testing.assert_array_equal(part.functions, every.functions[kept][:, :order])


@pytest.mark.parametrize(
    "feature_map",
    [SplineMap(4, 2), SplineMap(linear=False), SplineMap(smoothing=3.0)],
)
@pytest.mark.parametrize("units", ["standardized", "original"])
def test_splines_are_named_and_add_up(make_fitted, feature_map, units):
    clf, X = make_fitted(feature_map=feature_map)
    found = interactions(clf, 4, units=units)
    names = found.function_names[0]
    assert names[-1] == f"B{len(names) - 1 - feature_map.linear}(age)"
    # The scores at given features say what the terms add up to.
    model = Model.from_fitted(clf.patches_, clf.feature_map_, clf.network_)
    features = [f.astype(float) for f in model.features(read_input(clf, X))]
    inputs = clf.patches_.extract(read_input(clf, X))[:, :, 0]
    fitted = clf.feature_map_.maps[0]
    for k, site in enumerate(clf.feature_map_.groups[0]):
        first, knots = 1 + fitted.linear, fitted.knots[k]
        splines = np.zeros((len(X), 0))
        if len(knots):
            spline = BSpline(knots, np.eye(len(fitted.means[k])), fitted.degree)
            splines = spline(np.clip(inputs[site], knots[0], knots[-1])) - fitted.means[k]
        features[site] = np.column_stack([features[site][:, :first], splines])
        features[site][:, 1:first] /= fitted.scale
        if units == "original":
            features[site][:, first:] += fitted.means[k]
            if fitted.linear:
                features[site][:, 1] *= fitted.deviation[k]
                features[site][:, 1] += fitted.centre[k]
    features[1][:, 1:] /= clf.feature_map_.maps[1].scale
    total = np.tile(found.intercept, (len(X), 1))
    for coefficient, sites, functions in zip(
        found.coefficients, found.sites, found.functions, strict=True
    ):
        product = np.ones(len(X))
        for site, function in zip(sites, functions, strict=True):
            product = product * (features[site][:, function] if site >= 0 else 1)
        total += product[:, None] * coefficient
    np.testing.assert_allclose(total, clf.decision_function(X), rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(
    ("feature_map", "name", "function"),
    [
        (QuantileMap(), "rank(x0)", lambda x: np.argsort(np.argsort(x)) / len(x) + 0.5 / len(x)),
        (FourierMap(2, period=1.0), "cos1(x0)", lambda x: np.cos(2 * np.pi * x)),
    ],
)
def test_other_functions_of_a_column(feature_map, name, function):
    rng = np.random.default_rng(0)
    x = rng.random(60)
    y = 5 - 2 * function(x)
    reg = TTRegressor(feature_map=feature_map, alpha=1e-12, max_iter=3, tol=1e9, solver="als")
    reg.fit(np.column_stack([x, rng.random(60)]), y)
    found = interactions(reg, units="original")
    coefficients = {found.name(k): found.coefficients[k, 0] for k in range(len(found))}
    assert coefficients[name] == pytest.approx(-2, abs=1e-3)
    assert found.intercept[0] == pytest.approx(5, abs=1e-2)
    shown = interactions(reg)
    assert {shown.name(k) for k in range(len(shown))} == {found.name(k) for k in range(len(found))}


def test_a_linear_model_has_the_coefficients_of_least_squares():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 4)) * [1, 10, 0.1, 3] + [0, 100, 5, -2]
    y = X @ [2.0, -0.3, 7.0, 0.0] + 4
    reg = TTRegressor(feature_map="polynomial", alpha=1e-12).fit(X, y)
    found = interactions(reg, 1, units="original")
    linear = LinearRegression().fit(X, y)
    order = np.argsort(found.sites[:, 0])
    np.testing.assert_allclose(found.coefficients[order, 0], linear.coef_, atol=1e-4)
    np.testing.assert_allclose(found.intercept[0], linear.intercept_, atol=1e-2)


def planted(d, sets, n_outputs=1):
    """A regressor on columns of -1 and 1 that is a sum of products of columns."""
    rng = np.random.default_rng(0)
    X = np.where(rng.random((64, d)) < 0.5, -1.0, 1.0)
    X[0], X[1] = -1, 1
    reg = TTRegressor(rank=2, feature_map=PolynomialMap(scale=1.0), alpha=1.0, max_iter=2, tol=1e9)
    reg.fit(X, rng.standard_normal(64))
    cores = np.zeros((d, len(sets), 2, len(sets)))
    for a, chosen in enumerate(sets):
        for k in range(d):
            cores[k, a, int(k in chosen), a] = 1.0
    listed = [*cores]
    listed[0], listed[-1] = listed[0].sum(axis=0, keepdims=True), listed[-1].sum(-1, keepdims=True)
    centre = d // 2
    listed[centre] = listed[centre][..., None]
    reg.network_ = TensorNetwork(tensor_train(d), tuple(listed))
    reg.target_mean_, reg.target_scale_ = np.zeros(1), np.ones(1)
    reg._targets = replace(reg._targets, mean=reg.target_mean_, scale=reg.target_scale_)
    return reg, X


def test_scores_of_poisson_are_logarithms_of_the_targets():
    x = np.random.default_rng(0).uniform(-1, 1, (60, 1))
    y = 50.0 * np.exp(x[:, 0])
    reg = TTRegressor(rank=2, loss="poisson", feature_map="polynomial", random_state=0).fit(x, y)
    found = interactions(reg, 1, units="original")
    np.testing.assert_allclose(
        found.intercept[0] + found.coefficients[0, 0] * x[:, 0], np.log(reg.predict(x)), rtol=1e-6
    )


def test_planted_interactions_of_order_six_among_thirty_columns():
    sets = [{2, 5, 11, 17, 23, 28}, {0, 1}, {3, 4, 9, 20}]
    reg, X = planted(30, sets)
    found = interactions(reg, 6, threshold=0.3)
    every = [found.sites[k][found.sites[k] >= 0].tolist() for k in range(len(found))]
    assert sorted(every) == sorted(map(sorted, sets))
    np.testing.assert_allclose(found.coefficients, 1)
    # The columns are not of mean 0 and deviation 1, and original units undo it.
    z = (X - reg.feature_map_.mean[:, 0].T) / reg.feature_map_.deviation[:, 0].T
    expected = sum(z[:, sorted(chosen)].prod(axis=1) for chosen in sets)
    np.testing.assert_allclose(reg.predict(X), expected)
    raw = interactions(reg, 6, units="original", threshold=1e-9)
    total = raw.intercept[0] + sum(
        value[0] * X[:, sites[sites >= 0]].prod(axis=1)
        for value, sites in zip(raw.coefficients, raw.sites, strict=True)
    )
    np.testing.assert_allclose(total, expected, atol=1e-6)


@pytest.mark.parametrize("top", [1, 3])
def test_the_largest_of_billions_are_found_and_certified(top):
    sets = [{2, 15, 31, 47, 48, 59}, {0, 1, 50}, {9}]
    reg, _ = planted(60, sets)
    found = interactions(reg, 6, top=top)
    assert found.complete
    assert len(found) == top
    every = [set(found.sites[k][found.sites[k] >= 0].tolist()) for k in range(top)]
    assert all(chosen in sets for chosen in every)
    again = interactions(reg, 6, threshold=0.5)
    assert len(again) == 3


def test_a_search_that_may_have_missed_terms_says_so(monkeypatch):
    reg, _ = planted(16, [{0, 1}, {2, 3}, {4}])
    rng = np.random.default_rng(0)
    cores = tuple(rng.standard_normal(core.shape) for core in reg.network_.cores)
    reg.network_ = TensorNetwork(reg.network_.tree, cores)
    every = interactions(reg, 3)
    monkeypatch.setattr(module, "MOST_TERMS", 10)
    monkeypatch.setattr(module, "_FIRST_BEAM", 4)
    monkeypatch.setattr(module, "_BEAM", 4)
    with pytest.warns(UserWarning, match=r"top=2 of \d+ terms cannot rule out"):
        found = interactions(reg, 3, top=2)
    assert not found.complete
    assert len(found) == 2
    with pytest.raises(ValueError, match=r"threshold=1e-06 leaves too many"):
        interactions(reg, 3, threshold=1e-6)
    with pytest.raises(ValueError, match="pass top, a threshold or a smaller order"):
        interactions(reg, 3)
    monkeypatch.setattr(module, "_BEAM", 10_000)
    found = interactions(reg, 3, top=2)
    assert found.complete
    np.testing.assert_allclose(found.coefficients, every.coefficients[:2])


@settings(deadline=None, max_examples=15, derandomize=True, database=None)
@given(
    centre=st.lists(st.floats(-50, 50), min_size=3, max_size=3),
    spread=st.lists(st.floats(0.1, 20), min_size=3, max_size=3),
)
def test_coefficients_follow_the_units_of_the_columns(centre, spread):
    rng = np.random.default_rng(0)
    Z = rng.uniform(-1, 1, (40, 3))
    y = Z[:, 0] * Z[:, 1] * Z[:, 2] + Z[:, 0]
    reg = TTRegressor(feature_map="polynomial", alpha=1e-3, max_iter=3, tol=1e9, solver="als")
    X = Z * spread + centre
    plain = interactions(reg.fit(Z, y), 3)
    moved = interactions(reg.fit(X, y), 3)

    def keyed(found):
        return {tuple(s): c[0] for s, c in zip(found.sites.tolist(), found.coefficients)}

    first, second = keyed(plain), keyed(moved)
    for key, value in first.items():
        assert second[key] == pytest.approx(value, abs=1e-4)
    top = interactions(reg, 3, units="original", threshold=0)
    leading = keyed(top)[0, 1, 2]
    deviations = reg.feature_map_.deviation[:, 0, 0]
    assert leading == pytest.approx(second[0, 1, 2] / deviations.prod(), rel=1e-6, abs=1e-12)


def test_table_of_the_terms(make_fitted):
    clf, _ = make_fitted(feature_map=PolynomialMap(2))
    found = interactions(clf, 2, top=20)
    frame = found.to_frame()
    assert isinstance(frame, pd.DataFrame)
    assert frame.columns.tolist() == ["order", "columns", "term", "output", "coefficient"]
    assert len(frame) == 20 * 3
    np.testing.assert_array_equal(frame["coefficient"], found.coefficients.ravel())
    assert frame["columns"].map(len).tolist() == frame["order"].tolist()
    assert {"age × colour = red", "age^2", "colour = blue"} <= set(
        interactions(clf, 2).to_frame()["term"]
    )
    assert "n_terms=20" in repr(found)
    renamed = interactions(clf, 1, feature_names=["a", "c", "d", "s"])
    assert renamed.columns(0)[0] in "acds"


def test_numbers_as_categories_and_columns_without_names():
    X = np.array([[0, 1.5], [1, 2.5], [2, 0.5], [0, 3.0]])
    clf = TTClassifier(
        categorical_features=[0], feature_map="polynomial", alpha=0.1, max_iter=2, tol=1e9
    )
    found = interactions(clf.fit(X, [0, 1, 1, 0]), 2)
    names = {found.name(k) for k in range(len(found))}
    assert {"x0 = 2.0", "x1", "x0 = 0.0 × x1"} <= names
    one_hot = TTClassifier(feature_map="one_hot", **SHORT).fit(X, [0, 1, 1, 0])
    found = interactions(one_hot, 1)
    assert "x1 = 1.5" in {found.name(k) for k in range(len(found))}


def test_pandas_is_only_needed_for_the_table(monkeypatch, make_fitted):
    clf, _ = make_fitted()
    found = interactions(clf, 1)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        found.to_frame()


def test_nothing_above_the_threshold(make_fitted):
    clf, _ = make_fitted()
    found = interactions(clf, 2, threshold=1e9)
    assert len(found) == 0
    assert found.coefficients.shape == (0, 3)
    assert found.to_frame().empty


def test_float32_models_give_float64_coefficients(make_fitted):
    clf, _ = make_fitted(dtype=np.float32)
    assert clf.network_.dtype == np.float32
    assert interactions(clf, 2).coefficients.dtype == np.float64


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"order": 0}, "order=0 must be an integer >= 1"),
        ({"order": 1.5}, "order=1.5"),
        ({"units": "raw"}, "units='raw' is unknown"),
        ({"top": 0}, "top=0"),
        ({"threshold": -1.0}, "threshold=-1.0"),
        ({"threshold": np.nan}, "threshold=nan"),
        ({"output": "z"}, "output='z' must be one of"),
        ({"feature_names": ["a"]}, "feature_names has 1 names"),
    ],
)
def test_bad_parameters(make_fitted, parameters, said):
    clf, _ = make_fitted()
    with pytest.raises(ValueError, match=said):
        interactions(clf, **parameters)


def test_other_objects_are_refused(make_fitted):
    with pytest.raises(ValueError, match="must be a fitted estimator of sktensornet"):
        interactions(StandardScaler())
    with pytest.raises(NotFittedError):
        interactions(make_pipeline(StandardScaler(), TTClassifier()))
    with pytest.raises(NotFittedError):
        interactions(TTClassifier())


@pytest.mark.parametrize(
    ("feature_map", "name"),
    [
        (AffineMap(3), "AffineMap"),
        (PCAMap(3), "PCAMap"),
        (TrigonometricMap(), "TrigonometricMap"),
    ],
)
def test_maps_without_named_functions_are_refused(feature_map, name):
    X = np.random.default_rng(0).random((20, 9))
    clf = TTClassifier(
        rank=2,
        patches=ImagePatches((3, 3), (2, 2), stride=1),
        feature_map=feature_map,
        max_iter=2,
        tol=1e9,
    )
    clf.fit(X, np.arange(20) % 2)
    with pytest.raises(ValueError, match=f"which those of {name} are not"):
        interactions(clf)


def test_powers_of_the_columns_of_a_patch():
    X = np.random.default_rng(0).random((20, 4))
    clf = TTClassifier(
        rank=2,
        patches=ImagePatches((1, 4), (1, 2)),
        feature_map=PolynomialMap(2),
        solver="als",
        max_iter=2,
        tol=1e9,
    ).fit(X, np.arange(20) % 2)
    found = interactions(clf, 2, units="original")
    assert {found.name(k) for k in range(len(found)) if found.orders[k] == 1} == {
        name for k in range(4) for name in (f"x{k}", f"x{k}^2")
    }
    frame = pd.DataFrame(X, columns=[f"x{k}" for k in range(4)])
    np.testing.assert_allclose(polynomial(found, frame)[:, 0], clf.decision_function(X), atol=1e-9)


def test_other_products_have_no_interactions():
    X, y = load_iris(return_X_y=True)
    clf = TTClassifier(3, product="max", feature_map="polynomial", solver="adam", max_iter=1)
    with pytest.raises(ValueError, match="needs product='multiply'"):
        interactions(clf.fit(X, y))


@pytest.mark.parametrize("route", ["functions", "squares"])
@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("name", FORMATS)
def test_sizes_of_columns_are_those_of_the_analysis_of_variance(
    make_fitted, monkeypatch, name, separate, route
):
    clf, X = make_fitted(name, separate=separate, feature_map=PolynomialMap(2))
    if route == "squares":
        monkeypatch.setattr(column_terms, "MOST_TERMS", 16)
    found = any_interactions(clf, 4)
    shares = variance_shares(clf, X, max_order=4, pairs=True)
    np.testing.assert_allclose(found.intercept, shares.mean, rtol=1e-9)
    assert len(found) == 15
    squares = found.coefficients**2 / shares.variance
    for j in range(1, 5):
        own = squares[found.orders == j].sum(axis=0)
        np.testing.assert_allclose(own, shares.by_order[:, j - 1], rtol=1e-8, atol=1e-12)
    for term in range(len(found)):
        sites = found.sites[term][found.sites[term] >= 0].tolist()
        if len(sites) == 1:
            expected = shares.main[:, sites[0]]
        elif len(sites) == 2:
            expected = shares.pairs[:, sites[0], sites[1]]
        else:
            continue
        np.testing.assert_allclose(squares[term], expected, rtol=1e-8, atol=1e-12)
        assert found.name(term) == " × ".join(X.columns[k] for k in sites)
    assert found.units == "deviations"
    sizes = np.linalg.norm(found.coefficients, axis=1)
    assert (np.diff(sizes) <= 0).all()
    assert len(any_interactions(clf, 4, top=3)) == 3
    assert len(any_interactions(clf, 4, threshold=sizes[5])) == 6


def test_columns_of_any_map_and_patches_have_sizes():
    X = np.random.default_rng(0).random((20, 9))
    clf = TTClassifier(
        rank=2,
        patches=ImagePatches((3, 3), (2, 2), stride=1),
        feature_map=AffineMap(3),
        max_iter=2,
        tol=1e9,
    ).fit(X, np.arange(20) % 2)
    found = any_interactions(clf, 4)
    shares = variance_shares(clf, X)
    np.testing.assert_allclose((found.coefficients**2).sum(), shares.variance, rtol=1e-6)
    assert "patch" in found.name(0)


def test_what_columns_cannot_do(make_fitted, monkeypatch):
    clf, _ = make_fitted()
    with pytest.raises(ValueError, match="units='original' is of single functions"):
        any_interactions(clf, units="original")
    with pytest.raises(ValueError, match="by='rows' is unknown"):
        any_interactions(clf, by="rows")
    monkeypatch.setattr(column_terms, "MOST_TERMS", 3)
    with pytest.raises(ValueError, match="order=3 has 15 sets of columns, more than 3"):
        any_interactions(clf, 3)
    monkeypatch.setattr(column_terms, "MOST_TERMS", 20)
    monkeypatch.setattr(column_terms, "_MOST_SQUARES", 20)
    with pytest.raises(ValueError, match="the functions of the columns are too many for ranks"):
        any_interactions(clf, 3)
    clf._feature_moments = None
    with pytest.raises(ValueError, match="by='columns' needs the mean features"):
        any_interactions(clf)
