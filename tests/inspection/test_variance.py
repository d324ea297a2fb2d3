"""Shares of variance against enumeration of the product of the marginals."""

import itertools
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.inspection import partial_dependence, permutation_importance

from sktensornet import TTClassifier, TTRegressor
from sktensornet.feature_maps import AffineMap, PolynomialMap, TrigonometricMap
from sktensornet.inspection import variance_shares
from sktensornet.networks import TensorNetwork
from sktensornet.patches import ImagePatches

FORMATS = ["TT", "HT", "CP"]


def components(values, weights):
    """Functional ANOVA of a function on a grid: the variance of each set of axes.

    ``values`` has one axis for each column and a last one for the outputs.
    """
    d = values.ndim - 1
    means = {}
    for chosen in itertools.chain(*(itertools.combinations(range(d), j) for j in range(d + 1))):
        part = values
        for axis in range(d):
            if axis not in chosen:
                part = np.expand_dims(np.average(part, axis, weights[axis]), axis)
        means[chosen] = part
    found = {}
    for chosen in means:
        own = sum(
            (-1) ** (len(chosen) - len(below)) * means[below]
            for below in means
            if set(below) <= set(chosen)
        )
        variance = own**2
        for axis in range(d):
            shape = variance.shape[axis] > 1
            variance = np.expand_dims(
                np.average(variance, axis, weights[axis] if shape else None), axis
            )
        found[chosen] = variance.ravel()
    return found


def grid_of(X, weight, n_levels):
    """Distinct values of each column with their weights, and all combinations as rows."""
    levels, shares = [], []
    for column in X.columns:
        grouped = pd.Series(weight).groupby(X[column].to_numpy()).sum()
        levels.append(grouped.index.to_numpy())
        shares.append(grouped.to_numpy())
    rows = pd.DataFrame(itertools.product(*levels), columns=X.columns)
    return rows.astype(X.dtypes.to_dict()), [len(own) for own in levels], shares


@pytest.fixture
def scores(make_fitted):
    """A model with random cores on a small table, its scores on the grid, and weights."""

    def make(name, kind="classifier", separate=False, **kwargs):
        estimator, X = make_fitted(name, kind, 3, separate, **kwargs)
        X = X.iloc[:7].reset_index(drop=True)
        weight = np.array([1.0, 2.0, 0.5, 1.0, 0.0, 3.0, 1.0])
        rows, shape, shares = grid_of(X, weight, None)
        function = estimator.decision_function if kind == "classifier" else estimator.predict
        values = function(rows).reshape(*shape, -1)
        return estimator, X, weight, components(values, shares)

    return make


@pytest.mark.parametrize("feature_map", [PolynomialMap(2, scale=0.4), TrigonometricMap()])
@pytest.mark.parametrize("separate", [False, True])
@pytest.mark.parametrize("name", FORMATS)
def test_shares_are_those_of_the_enumerated_grid(scores, name, separate, feature_map):
    clf, X, weight, expected = scores(name, separate=separate, feature_map=feature_map)
    found = variance_shares(clf, X, weight, max_order=2, pairs=True)
    variance = sum(part for chosen, part in expected.items() if chosen)
    np.testing.assert_allclose(found.variance, variance, rtol=1e-8)
    np.testing.assert_allclose(found.mean**2, expected[()], rtol=1e-8)

    def share(condition):
        return sum(part for chosen, part in expected.items() if condition(chosen)) / variance

    close = {"rtol": 1e-7, "atol": 1e-10}
    for j in (1, 2):
        alone = share(lambda chosen, j=j: len(chosen) == j)
        np.testing.assert_allclose(found.by_order[:, j - 1], alone, **close)
    np.testing.assert_allclose(found.by_order[:, 2], share(lambda s: len(s) > 2), **close)
    for k in range(4):
        main = share(lambda chosen, k=k: chosen == (k,))
        np.testing.assert_allclose(found.main[:, k], main, **close)
        total = share(lambda chosen, k=k: k in chosen)
        np.testing.assert_allclose(found.total[:, k], total, **close)
        for other in range(k):
            pair = share(lambda chosen, k=k, other=other: chosen == (other, k))
            np.testing.assert_allclose(found.pairs[:, k, other], pair, **close)
            np.testing.assert_allclose(found.pairs[:, other, k], pair, **close)
    assert found.columns == tuple(X.columns)
    assert found.outputs.tolist() == ["a", "b", "c"]


def test_units_of_the_target(scores):
    reg, X, weight, expected = scores("TT", "regressor", feature_map="polynomial")
    found = variance_shares(reg, X, weight, output=1)
    variance = sum(part for chosen, part in expected.items() if chosen)
    np.testing.assert_allclose(found.variance, variance[1:2], rtol=1e-8)
    np.testing.assert_allclose(found.mean**2, expected[()][1:2], rtol=1e-8)


def test_shares_add_up(make_fitted):
    clf, X = make_fitted()
    found = variance_shares(clf, X, max_order=2)
    np.testing.assert_allclose(found.by_order.sum(axis=1), 1)
    np.testing.assert_allclose(found.main.sum(axis=1), found.by_order[:, 0])
    assert (found.total >= found.main - 1e-12).all()
    more = variance_shares(clf, X, max_order=9)
    np.testing.assert_allclose(more.by_order[:, 4:], 0, atol=1e-12)
    together = found.pooled()
    assert together.outputs.tolist() == ["all"]
    np.testing.assert_allclose(together.variance, found.variance.sum())
    np.testing.assert_allclose(
        together.main[0] * together.variance, found.variance @ found.main, rtol=1e-12
    )


def test_weights_are_repetitions(make_fitted):
    clf, X = make_fitted()
    weight = np.arange(len(X)) % 3
    weighted = variance_shares(clf, X, weight)
    repeated = variance_shares(clf, X.loc[X.index.repeat(weight)])
    np.testing.assert_allclose(weighted.total, repeated.total, rtol=1e-10)
    np.testing.assert_allclose(weighted.variance, repeated.variance, rtol=1e-10)


def factorial(estimator):
    """A full factorial design, on which columns are exactly independent."""
    levels = [[-1.5, -0.2, 0.4, 1.3], [-1.0, 0.1, 0.9], [-0.7, 0.0, 1.1, 2.0]]
    X = np.array(list(itertools.product(*levels)))
    y = X[:, 0] * X[:, 1] + np.sin(X[:, 2]) + 0.3 * X[:, 0] * X[:, 2]
    return estimator.fit(X, y), X


@pytest.fixture(scope="module")
def fitted():
    return factorial(TTRegressor(alpha=1e-4, feature_map=PolynomialMap(2, 0.3)))


def test_permutation_importance_is_twice_the_total_index(fitted):
    reg, X = fitted
    result = permutation_importance(
        reg,
        X,
        reg.predict(X),
        scoring="neg_mean_squared_error",
        n_repeats=400,
        random_state=0,
    )
    found = variance_shares(reg, X)
    expected = 2 * found.total[0] * found.variance[0]
    error = result.importances_std / 400**0.5
    assert (np.abs(result.importances_mean - expected) < 5 * error).all()
    assert (error < 0.05 * expected).all()


@pytest.mark.parametrize("column", [0, 1, 2])
def test_partial_dependence_has_the_variance_of_the_main_effect(fitted, column):
    reg, X = fitted
    result = partial_dependence(reg, X, [column], method="brute", kind="average")
    found = variance_shares(reg, X)
    effect = result["average"][0]
    assert len(effect) == len(np.unique(X[:, column]))
    assert effect.var() == pytest.approx(found.main[0, column] * found.variance[0], rel=1e-8)


def test_variance_is_that_of_the_scores_on_independent_columns(fitted):
    reg, X = fitted
    found = variance_shares(reg, X)
    assert found.variance[0] == pytest.approx(reg.predict(X).var(), rel=1e-9)
    assert found.mean[0] == pytest.approx(reg.predict(X).mean(), rel=1e-9)


@pytest.mark.parametrize("feature_map", [AffineMap(4), TrigonometricMap()])
def test_patches_are_the_columns(feature_map):
    rng = np.random.default_rng(0)
    X = rng.random((6, 8))
    clf = TTClassifier(
        rank=3,
        patches=ImagePatches((2, 4), (2, 2)),
        feature_map=feature_map,
        solver="lbfgs",
        max_iter=3,
        tol=1e9,
    ).fit(X, np.arange(6) % 2)
    found = variance_shares(clf, X)
    assert found.columns == ("patch 0", "patch 1")
    columns = clf.patches_.columns
    rows = np.empty((36, 8))
    for k, (i, j) in enumerate(itertools.product(range(6), repeat=2)):
        rows[k, columns[0]], rows[k, columns[1]] = X[i, columns[0]], X[j, columns[1]]
    values = clf.decision_function(rows)
    assert found.variance[0] == pytest.approx(values.var(), rel=1e-6)
    main = values.reshape(6, 6).mean(axis=1).var()
    assert found.main[0, 0] == pytest.approx(main / values.var(), rel=1e-6, abs=1e-9)


def test_missing_values_and_constant_columns():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 3))
    X[::5, 0] = np.nan
    X[:, 2] = 7.0
    clf = TTClassifier(rank=2, alpha=0.1, max_iter=2, tol=1e9).fit(X, np.arange(50) % 2)
    found = variance_shares(clf, X, pairs=True)
    assert found.total[0, 2] == 0
    np.testing.assert_allclose(found.by_order.sum(), 1)


def test_a_constant_score_has_no_shares(make_fitted):
    clf, X = make_fitted()
    network = clf.network_
    clf.network_ = TensorNetwork(network.tree, tuple(0 * core for core in network.cores))
    found = variance_shares(clf, X, pairs=True)
    for part in (found.variance, found.by_order, found.main, found.total, found.pairs):
        np.testing.assert_array_equal(part, 0)
    np.testing.assert_array_equal(found.pooled().by_order, 0)


def test_hundreds_of_columns():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 300))
    reg = TTRegressor(rank=3, alpha=0.1, max_iter=2, tol=1e9).fit(X, X[:, 0])
    found = variance_shares(reg, X)
    assert np.isfinite(found.total).all()
    np.testing.assert_allclose(found.by_order.sum(), 1)
    np.testing.assert_allclose(found.main.sum(), found.by_order[0, 0])


def test_tables(make_fitted, monkeypatch):
    clf, X = make_fitted()
    found = variance_shares(clf, X, feature_names=["a", "c", "d", "s"])
    by_column = found.to_frame()
    assert by_column.columns.tolist() == ["column", "output", "main", "total"]
    row = by_column[(by_column["column"] == "d") & (by_column["output"] == "b")]
    assert row["total"].item() == found.total[1, 2]
    by_order = found.to_frame("order")
    assert by_order["order"].unique().tolist() == [1, 2, 3, "more"]
    assert by_order["share"].sum() == pytest.approx(3)
    with pytest.raises(ValueError, match="by='row' is unknown"):
        found.to_frame("row")
    assert "n_columns=4" in repr(found)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        found.to_frame()


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"max_order": 0}, "max_order=0 must be an integer >= 1"),
        ({"pairs": "yes"}, "pairs='yes' must be True or False"),
        ({"output": "z"}, "output='z' must be one of"),
        ({"sample_weight": np.zeros(60)}, "at least one non-zero"),
        ({"sample_weight": np.full(60, -1.0)}, "[Nn]egative"),
        ({"X": pd.DataFrame({"age": [1.0]})}, "feature names"),
    ],
)
def test_bad_parameters(make_fitted, parameters, said):
    clf, X = make_fitted()
    with pytest.raises(ValueError, match=said):
        variance_shares(clf, **({"X": X} | parameters))
