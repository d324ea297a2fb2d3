"""Importances of columns, and the moments that a fit keeps for them."""

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import NotFittedError
from sklearn.feature_selection import RFE, SelectFromModel

from sktensornet import (
    CPClassifier,
    CPRegressor,
    HTClassifier,
    HTRegressor,
    TTClassifier,
    TTRegressor,
)
from sktensornet._estimators._reading import read_input
from sktensornet._fitting import _feature_moments as module
from sktensornet._problems._model import Model
from sktensornet.feature_maps import PolynomialMap, QuantileMap, SplineMap
from sktensornet.inspection import variance_shares
from sktensornet.networks import scale_outputs
from sktensornet.patches import ImagePatches

SHORT = {"rank": 3, "alpha": 1e-2, "max_iter": 2, "tol": 1e9}


def data(n=80):
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "age": np.where(rng.random(n) < 0.2, np.nan, rng.uniform(20, 70, n)),
            "colour": rng.choice(["blue", "green", "red"], n),
            "constant": 7.0,
            "dose": rng.standard_normal(n),
        }
    )
    y = X["dose"] * (X["colour"] == "red") + X["age"].fillna(40) / 20
    return X, y, rng.integers(0, 3, n).astype(float)


def expected(estimator, X, weight=None):
    total = variance_shares(estimator, X, weight).total.mean(axis=0)
    return total / total.sum()


@pytest.mark.parametrize("kind", [TTRegressor, HTRegressor, CPRegressor])
@pytest.mark.parametrize("feature_map", [SplineMap(4), PolynomialMap(2), QuantileMap(2)])
def test_importances_are_the_shares_of_the_variance(kind, feature_map):
    X, y, weight = data()
    Y = np.column_stack([y, y**2, -y])
    reg = kind(feature_map=feature_map, **SHORT).fit(X, Y, weight)
    found = reg.feature_importances_
    np.testing.assert_allclose(found, expected(reg, X, weight), rtol=1e-9, atol=1e-13)
    assert found.shape == (4,)
    assert found[2] == pytest.approx(0, abs=1e-13)
    assert found.sum() == pytest.approx(1)


@pytest.mark.parametrize("kind", [TTClassifier, HTClassifier, CPClassifier])
def test_classes_count_alike(kind):
    X, y, _ = data()
    labels = np.digitize(y, np.quantile(y, [0.3, 0.7]))
    clf = kind(class_tensors="separate", **SHORT).fit(X, labels)
    np.testing.assert_allclose(clf.feature_importances_, expected(clf, X), rtol=1e-9, atol=1e-13)


def test_weights_are_repetitions():
    X, y, weight = data()
    weighted = TTRegressor(**SHORT, random_state=0).fit(X, y, weight)
    rows = np.repeat(np.arange(len(X)), weight.astype(int))
    repeated = TTRegressor(**SHORT, random_state=0).fit(X.iloc[rows], y.iloc[rows])
    np.testing.assert_allclose(
        weighted.feature_importances_, repeated.feature_importances_, rtol=1e-6, atol=1e-12
    )


def test_of_wide_categories_the_diagonal_is_enough():
    rng = np.random.default_rng(1)
    X = np.column_stack([rng.integers(0, 90, 400), rng.standard_normal(400)])
    X[:20, 0] = np.nan
    y = np.sin(np.nan_to_num(X[:, 0])) * X[:, 1]
    reg = TTRegressor(categorical_features=[0], **SHORT).fit(X, y)
    assert reg._feature_moments.squares[0].ndim == 1
    np.testing.assert_allclose(reg.feature_importances_, expected(reg, X), rtol=1e-9)


def test_of_wide_splines_there_are_none():
    X = np.random.default_rng(0).standard_normal((300, 2))
    reg = TTRegressor(feature_map=SplineMap(80), **SHORT).fit(X, X[:, 0])
    with pytest.raises(AttributeError, match="local features of column 0"):
        _ = reg.feature_importances_


def test_moments_are_weighted_means():
    X, y, weight = data()
    reg = TTRegressor(**SHORT).fit(X, y, weight)
    model = Model.from_fitted(reg.patches_, reg.feature_map_, reg.network_)
    features = model.features(read_input(reg, X))
    moments = reg._feature_moments
    np.testing.assert_allclose(moments.means[1], np.average(features[1], 0, weight))
    second = np.einsum("n,ni,nj->ij", weight, features[3], features[3]) / weight.sum()
    np.testing.assert_allclose(moments.squares[3], second, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("kind", [TTRegressor, HTRegressor, CPRegressor])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_constant_target_has_no_part_in_them(kind, dtype):
    X = np.random.default_rng(0).standard_normal((60, 3)).astype(dtype)
    Y = np.column_stack([1e9 * X[:, 0], np.full(60, 3.0)]).astype(dtype)
    reg = kind(feature_map=PolynomialMap(scale=1.0), random_state=0).fit(X, Y)
    assert reg.feature_importances_ == pytest.approx([1, 0, 0], abs=2e-3)
    shares = variance_shares(reg, X)
    np.testing.assert_array_equal(shares.total[1], 0.0)
    assert shares.total[0] == pytest.approx([1, 0, 0], abs=2e-3)
    np.testing.assert_array_equal(reg.fit(X, Y[:, 1]).feature_importances_, 0.0)


def test_a_constant_score_has_none_above_zero():
    X = np.random.default_rng(0).standard_normal((30, 3))
    reg = TTRegressor(**SHORT).fit(X, X[:, 0])
    flat = scale_outputs(reg.network_, np.zeros(1))
    found = module.importances(flat, reg._feature_moments)
    np.testing.assert_array_equal(found, np.zeros(3))


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"patches": ImagePatches((2, 4), (2, 2))}, "with patches, which share columns"),
        ({"product": "max", "alpha": 0.0}, "with product='max'"),
        ({"shared_cores": True, "feature_map": PolynomialMap(2)}, "with shared_cores=True"),
    ],
)
def test_who_has_none_says_why(parameters, said):
    X = np.random.default_rng(0).standard_normal((30, 8))
    clf = TTClassifier(**SHORT | {"solver": "lbfgs"} | parameters).fit(X, X[:, 0] > 0)
    assert not hasattr(clf, "feature_importances_")
    assert "feature_importances_" not in dir(clf)
    with pytest.raises(AttributeError, match=said):
        _ = clf.feature_importances_


def test_partial_fit_has_none_and_leaves_none():
    X = np.random.default_rng(0).standard_normal((60, 3))
    clf = TTClassifier(solver="adam", feature_map="polynomial", max_iter=40)
    with pytest.raises(AttributeError, match=r"no attribute 'feature_importances_'$"):
        _ = clf.feature_importances_
    with pytest.raises(AttributeError, match="no attribute 'somethingelse'"):
        _ = clf.somethingelse
    clf.fit(X, X[:, 0] > 0)
    assert clf.feature_importances_.argmax() == 0
    clf.partial_fit(X, X[:, 0] > 0)
    with pytest.raises(AttributeError, match="after partial_fit"):
        _ = clf.feature_importances_


def test_other_networks_have_their_own():
    X, y, _ = data()
    reg = TTRegressor(**SHORT).fit(X, y)
    tree = HTRegressor.from_fitted(reg)
    np.testing.assert_allclose(tree.feature_importances_, reg.feature_importances_, atol=1e-10)
    small = reg.compress(rank=1)
    np.testing.assert_allclose(small.feature_importances_, expected(small, X), atol=1e-12)
    assert np.abs(small.feature_importances_ - reg.feature_importances_).max() > 1e-4


def test_selection_by_importances():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 6))
    y = X[:, 1] * X[:, 4] + X[:, 2]
    reg = TTRegressor(feature_map="polynomial", rank=3, alpha=1e-3, max_iter=3, tol=1e9)
    chosen = SelectFromModel(reg, threshold=0.1).fit(X, y)
    assert chosen.get_support(indices=True).tolist() == [1, 2, 4]
    ranking = RFE(reg, n_features_to_select=3).fit(X, y)
    assert ranking.get_support(indices=True).tolist() == [1, 2, 4]


def test_nothing_is_computed_on_access(monkeypatch):
    X, y, _ = data()
    reg = TTRegressor(**SHORT).fit(X, y)
    monkeypatch.setattr(module, "GradedGrams", None)
    assert "feature_importances_" in reg._repr_html_()
    assert reg.feature_importances_ is reg.feature_importances_


def test_during_another_fit_there_are_none():
    X, y, _ = data()
    said = []

    class Ask:
        def setup(self, estimator, context):
            with pytest.raises(AttributeError) as error:
                _ = estimator.feature_importances_
            said.append(str(error.value))

        teardown = on_fit_task_begin = on_fit_task_end = lambda *args, **kwargs: None

    reg = TTRegressor(**SHORT).fit(X, y)
    reg.set_callbacks(Ask()).fit(X, y)
    assert [text.split("'feature_importances_' ")[1] for text in said] == [
        "before the fit has ended."
    ]


def test_before_a_fit_nothing_is_there():
    with pytest.raises(NotFittedError):
        TTClassifier().predict([[1.0]])
    assert not hasattr(TTClassifier(), "feature_importances_")
