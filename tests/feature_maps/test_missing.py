"""Missing values that say something: indicators beside the features of any map."""

import numpy as np
import pandas as pd
import pytest

from sktensornet import CPRegressor, HTRegressor, TTClassifier, TTRegressor
from sktensornet.feature_maps import (
    AffineMap,
    MixedMap,
    OneHotMap,
    PolynomialMap,
    TrigonometricMap,
)
from sktensornet.feature_maps._missing import (
    FittedMissingMap,
    sites_with_missing,
    with_missing,
)
from sktensornet.inspection import interactions
from sktensornet.patches import ImagePatches

COLUMNS = np.arange(3)[:, None]
MAPS = [
    PolynomialMap(2, scale=0.5),
    AffineMap(3),
    TrigonometricMap(0.3),
    OneHotMap(),
    MixedMap([PolynomialMap(), OneHotMap()], [[0, 2], [1]]),
]


def holes(n=20):
    rng = np.random.default_rng(0)
    X = rng.integers(0, 3, (n, 3)).astype(float)
    X[::3, 1] = np.nan
    return X


def fitted_pair(one, X):
    weight = np.ones(len(X))
    known = one.fit(X, COLUMNS, weight, np.random.RandomState(0))
    return known, with_missing(known, sites_with_missing(X, COLUMNS, weight))


@pytest.mark.parametrize("one", MAPS, ids=lambda one: type(one).__name__)
def test_one_more_feature_where_values_were_missing(one):
    X = holes()
    known, fitted = fitted_pair(one, X)
    sites = np.where(np.arange(20) % 5, X.T, np.nan)[:, :, None]
    expected, found = known.transform(sites), fitted.transform(sites)
    assert [f.shape[1] for f in found] == list(fitted.mode_sizes)
    for k in range(3):
        own = found[k][:, :-1] if k == 1 else found[k]
        np.testing.assert_array_equal(own, expected[k])
        assert fitted.constants[k] @ found[k].T == pytest.approx(known.constants[k] @ expected[k].T)
    scale = one.scale if isinstance(getattr(one, "scale", None), float) else 1.0
    np.testing.assert_allclose(found[1][:, -1], scale * np.isnan(sites[1, :, 0]))
    if fitted.has_free_scale:
        np.testing.assert_allclose(
            fitted.with_scale(0.2).transform(sites)[1][:, -1], 0.2 * np.isnan(sites[1, :, 0])
        )
    else:
        assert fitted.with_scale(0.2) is fitted
    assert fitted.same_kind(fitted_pair(one, X)[1])
    assert not fitted.same_kind(known)


def test_nothing_changes_without_missing_values_of_weight():
    X = holes()
    weight = np.where(np.isnan(X).any(axis=1), 0.0, 1.0)
    known = PolynomialMap().fit(X, COLUMNS, weight, None)
    assert with_missing(known, sites_with_missing(X, COLUMNS, weight)) is known


def test_an_indicator_has_the_scale_of_its_site():
    X = holes()
    X[1, 2] = np.nan
    X[2, 0] = np.nan
    mixed = MixedMap([PolynomialMap(scale=0.3), OneHotMap(), AffineMap(2)], [[2], [1], [0]])
    fitted = fitted_pair(mixed, X)[1]
    assert fitted.missing_sites.tolist() == [0, 1, 2]
    unknown = np.full((3, 1, 1), np.nan)
    for scale in (1.0, 0.2):
        found = fitted.with_scale(scale).transform(unknown)
        assert [features[0, -1] for features in found] == [1.0, scale, 0.3]


def test_a_warm_start_keeps_the_indicators():
    X, y = telling(100)
    complete = ~np.isnan(X).any(axis=1)
    model = TTRegressor(rank=2, feature_map=PolynomialMap(scale=1.0), alpha=1e-3, warm_start=True)
    model.set_params(tol=1e9).fit(X, y).fit(X[complete], y[complete])
    assert model.feature_map_.missing_sites.tolist() == [0]
    other = np.where(np.isnan(X[:, ::-1]), np.nan, X)
    model.fit(other, y)
    assert model.feature_map_.missing_sites.tolist() == [0]
    model.set_params(warm_start=False).fit(X[complete], y[complete])
    model.set_params(warm_start=True).fit(X, y)
    assert not isinstance(model.feature_map_, FittedMissingMap)


def test_derivatives_by_trained_maps_are_finite_differences():
    X = holes()
    _, fitted = fitted_pair(AffineMap(3), X)
    sites = X.T[:, :, None]
    rng = np.random.default_rng(1)
    features, saved = fitted.forward(fitted.parameters, sites)
    slopes = [rng.normal(size=f.shape) for f in features]
    gradient = fitted.backward(fitted.parameters, saved, slopes)

    def value(parameters):
        found = fitted.forward(parameters, sites)[0]
        return sum(float(np.vdot(a, b)) for a, b in zip(found, slopes, strict=True))

    for p, array in enumerate(fitted.parameters):
        step = rng.normal(size=array.shape)
        ends = [
            value([a + h * step if q == p else a for q, a in enumerate(fitted.parameters)])
            for h in (1e-6, -1e-6)
        ]
        assert (ends[0] - ends[1]) / 2e-6 == pytest.approx(np.vdot(gradient[p], step), rel=1e-6)


def telling(n=900, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 2))
    y = X[:, 1] + np.where(rng.random(n) < 0.3, 3.0, X[:, 0])
    X[y == X[:, 1] + 3.0, 0] = np.nan
    return X, y


@pytest.mark.parametrize("Format", [TTRegressor, HTRegressor, CPRegressor])
def test_estimators_learn_what_is_missing(Format):
    X, y = telling()
    model = Format(rank=4, random_state=0).fit(X[:300], y[:300])
    assert model.score(X[300:], y[300:]) > 0.98
    assert isinstance(model.feature_map_, FittedMissingMap)


def test_columns_that_were_complete_stay_neutral():
    X, y = telling()
    model = TTRegressor(rank=3, random_state=0).fit(X[:300], y[:300])
    assert model.feature_map_.missing_sites.tolist() == [0]
    gone = X[300:310].copy()
    gone[:, 1] = np.nan
    assert model.feature_map_.transform(gone.T[:, :, None])[1][:, 1:] == pytest.approx(0.0)


def test_missing_categories_tell():
    rng = np.random.default_rng(0)
    town = rng.choice(["a", "b", None], 300)
    y = np.where(town == "a", 0, np.where(town == "b", 1, 2))
    X = pd.DataFrame({"town": town, "x": rng.normal(size=300)})
    assert TTClassifier(rank=3, random_state=0).fit(X, y).score(X, y) == 1.0


@pytest.mark.parametrize(
    "parameters", [{"patches": ImagePatches((1, 2), (1, 1))}, {"shared_cores": True}], ids=str
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_not_in_patches_and_shared_cores(parameters):
    X, y = telling(40)
    model = TTRegressor(rank=2, feature_map="affine", max_iter=2, **parameters).fit(X, y)
    assert not isinstance(model.feature_map_, FittedMissingMap)


def test_the_first_batch_decides():
    X, y = telling(100)
    complete = ~np.isnan(X).any(axis=1)
    model = TTRegressor(rank=2, random_state=0).partial_fit(X, y)
    assert model.partial_fit(X[complete], y[complete]).feature_map_.missing_sites.tolist() == [0]
    model = TTRegressor(rank=2, random_state=0).partial_fit(X[complete], y[complete])
    assert not isinstance(model.partial_fit(X, y).feature_map_, FittedMissingMap)


def test_other_formats_and_explanations_know_the_indicator():
    X, y = telling(200)
    model = TTRegressor(rank=3, feature_map="polynomial", random_state=0).fit(X, y)
    other = HTRegressor.from_fitted(model)
    np.testing.assert_allclose(other.predict(X), model.predict(X), rtol=1e-6, atol=1e-8)
    terms = interactions(model, order=1, by="functions").to_frame()["term"].tolist()
    assert "x0 is missing" in terms
