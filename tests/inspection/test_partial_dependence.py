"""Partial dependence against scikit-learn's, which averages predictions."""

import itertools

import numpy as np
import pandas as pd
import pytest
from sklearn.inspection import PartialDependenceDisplay
from sklearn.inspection import partial_dependence as by_averaging
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktensornet import CPRegressor, HTRegressor, TTClassifier, TTRegressor
from sktensornet.feature_maps import PolynomialMap
from sktensornet.inspection import partial_dependence
from sktensornet.patches import ImagePatches

SHORT = {"rank": 4, "alpha": 1e-3, "max_iter": 3, "tol": 1e9}


def factorial():
    """A full grid, on which columns are independent, and a target with interactions."""
    levels = [[-1.5, -0.2, 0.4, 1.3], ["a", "b", "c"], [-0.7, 0.0, 1.1, 2.0]]
    X = pd.DataFrame(list(itertools.product(*levels)), columns=["u", "kind", "w"])
    y = X["u"] * X["w"] + (X["kind"] == "b") * X["u"] + np.sin(X["w"])
    return X, y


@pytest.mark.parametrize("kind", [TTRegressor, HTRegressor, CPRegressor])
@pytest.mark.parametrize("columns", [["u"], ["w"], ["u", "w"]])
def test_on_a_full_grid_it_is_the_average_of_predictions(kind, columns):
    X, y = factorial()
    reg = kind(**SHORT).fit(X, y)
    found = partial_dependence(reg, X, columns)
    expected = by_averaging(reg, X, columns, method="brute", kind="average")
    np.testing.assert_allclose(found.average, expected["average"], rtol=1e-9, atol=1e-12)
    for ours, theirs in zip(found.grid_values, expected["grid_values"], strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_the_display_of_scikit_learn_shows_the_same():
    X, y = factorial()
    reg = TTRegressor(**SHORT).fit(X, y)
    display = PartialDependenceDisplay.from_estimator(reg, X, ["u", "w"])
    for line, column in zip(display.lines_.ravel(), ["u", "w"], strict=True):
        found = partial_dependence(reg, X, column)
        np.testing.assert_allclose(line.get_ydata(), found.average[0], rtol=1e-9, atol=1e-12)
    drawn = PartialDependenceDisplay(
        [partial_dependence(reg, X, "u")],
        features=[(0,)],
        feature_names=list(X.columns),
        target_idx=0,
        deciles={0: np.quantile(X["u"], np.arange(0.1, 1, 0.1))},
    ).plot()
    np.testing.assert_allclose(
        drawn.lines_.ravel()[0].get_ydata(), display.lines_.ravel()[0].get_ydata()
    )


def test_categories_go_by_their_names():
    X, y = factorial()
    reg = TTRegressor(**SHORT).fit(X, y)
    found = partial_dependence(reg, X, ["kind", "u"])
    assert found.grid_values[0].tolist() == ["a", "b", "c"]
    assert found.columns == ("kind", "u")
    picked = partial_dependence(reg, X, ["u", "kind"], grid=[[0.4, -0.2], ["c", "a"]])
    np.testing.assert_allclose(picked.average[0, 0, 1], found.average[0, 0, 2], rtol=1e-12)
    np.testing.assert_allclose(picked.average[0, 1, 0], found.average[0, 2, 1], rtol=1e-12)
    for code, level in enumerate("abc"):
        mean = reg.predict(X.assign(kind=level, u=0.4)).mean()
        assert found.average[0, code, 2] == pytest.approx(mean, rel=1e-9)


def test_weights_are_repetitions():
    X, y = factorial()
    reg = TTRegressor(**SHORT).fit(X, y)
    weight = np.arange(len(X)) % 3
    weighted = partial_dependence(reg, X, "w", weight)
    repeated = partial_dependence(reg, X.loc[X.index.repeat(weight)], "w")
    np.testing.assert_allclose(weighted.average, repeated.average, rtol=1e-10)


def test_classes_pipelines_and_many_values():
    X = np.random.default_rng(0).standard_normal((150, 3))
    X[::7, 1] = np.nan
    y = (X[:, 0] > 0).astype(int) + (X[:, 2] > 0.5)
    model = make_pipeline(StandardScaler(), TTClassifier(**SHORT)).fit(X, y)
    found = partial_dependence(model, X, "x1", grid_resolution=20)
    assert found.average.shape == (3, 20)
    assert np.isfinite(found.average).all()
    assert found.outputs.tolist() == [0, 1, 2]
    one = partial_dependence(model, X, 1, grid_resolution=20, output=2)
    np.testing.assert_array_equal(one.average[0], found.average[2])


@pytest.mark.parametrize(
    ("columns", "parameters", "said"),
    [
        ("z", {}, "columns has the column 'z'; it must be one of"),
        (3, {}, "columns has the column 3"),
        (["u", "kind", "w"], {}, "must be one column, or two different ones"),
        (["u", 0], {}, "must be one column, or two different ones"),
        ("u", {"grid_resolution": 1}, "grid_resolution=1"),
        ("u", {"grid": [[1.0], [2.0]]}, "grid has values of 2 columns"),
        ("kind", {"grid": [["a", "z"]]}, "grid has 'z' for 'kind'"),
    ],
)
def test_bad_parameters(columns, parameters, said):
    X, y = factorial()
    reg = TTRegressor(feature_map="polynomial", **SHORT).fit(X, y)
    with pytest.raises(ValueError, match=said):
        partial_dependence(reg, X, columns, **parameters)


def test_patches_have_none():
    X = np.random.default_rng(0).random((20, 16))
    clf = TTClassifier(
        rank=2, patches=ImagePatches((4, 4), (2, 2)), solver="lbfgs", max_iter=5, tol=1e9
    ).fit(X, np.arange(20) % 2)
    with pytest.raises(ValueError, match="partial dependence is of columns"):
        partial_dependence(clf, X, 0)


def test_samples_that_end_early_are_refused():
    X = np.random.default_rng(0).standard_normal((30, 4))
    clf = TTClassifier(
        shared_cores=True, feature_map=PolynomialMap(2), solver="lbfgs", max_iter=3, tol=1e9
    ).fit(X, X[:, 0] > 0)
    X[1, 2:] = np.nan
    with pytest.raises(ValueError, match=r"X has samples without their last site.*row 1"):
        partial_dependence(clf, X, [0])
