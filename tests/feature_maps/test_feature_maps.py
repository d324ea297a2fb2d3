"""Feature maps: formulas, scaling by weights, limits, covectors of the constant, gradients."""

import warnings

import numpy as np
import pytest

from sktensornet.feature_maps import (
    FEATURE_MAPS,
    AffineMap,
    EmbeddingMap,
    FourierMap,
    MixedMap,
    OneHotMap,
    PCAMap,
    PolynomialMap,
    QuantileMap,
    SplineMap,
    TrigonometricMap,
)

SINGLE = np.arange(4)[:, None]
PAIRS = np.array([[0, 1], [2, 3], [1, 2]])
MAPS = {
    "affine": AffineMap(n_components=5),
    "affine, tanh": AffineMap(n_components=3, activation="tanh"),
    "affine, identity": AffineMap(n_components=3, activation="identity"),
    "pca": PCAMap(n_components=3),
    "polynomial": PolynomialMap(),
    "polynomial, cubic": PolynomialMap(degree=3, scale=0.5),
    "trigonometric": TrigonometricMap(),
    "trigonometric, short": TrigonometricMap(scale=0.2),
    "one_hot": OneHotMap(),
    "quantile": QuantileMap(degree=2),
    "quantile, few": QuantileMap(n_quantiles=5),
    "spline": SplineMap(),
    "spline, cubic": SplineMap(degree=3, linear=False, scale=0.3),
    "fourier": FourierMap(),
    "fourier, periodic": FourierMap(2, period=24.0),
    "mixed": MixedMap([OneHotMap(), SplineMap(), AffineMap(n_components=3)], [[2], [0, 3], [1]]),
}
PATCHED = ("affine", "pca", "polynomial", "trigonometric")


def data(n=40, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 4)) * [1, 10, 0.1, 3] + [0, 5, -1, 100]
    return X.round(1).astype(dtype)


def fit(feature_map, X, columns=SINGLE, weight=None):
    return feature_map.fit(X, columns, weight, np.random.RandomState(0))


def sites_of(X, columns=SINGLE):
    return np.stack([X[:, where] for where in columns])


def columns_for(name):
    return PAIRS if name.startswith(PATCHED) else SINGLE


@pytest.fixture(params=MAPS)
def name(request):
    return request.param


def test_registry_has_every_public_map():
    # Embeddings take whole numbers only and are tested on their own.
    others = set(FEATURE_MAPS.values()) - {EmbeddingMap}
    assert {type(m) for m in MAPS.values()} == {*others, MixedMap}


def test_features_have_the_promised_sizes(name):
    X, columns = data(), columns_for(name)
    fitted = fit(MAPS[name], X, columns)
    features = fitted.transform(sites_of(X, columns))
    assert [f.shape for f in features] == [(len(X), m) for m in fitted.mode_sizes]
    assert [u.shape for u in fitted.constants] == [(m,) for m in fitted.mode_sizes]
    assert fitted.n_parameters == sum(array.size for array in fitted.parameters)


def test_covectors_read_one(name):
    X, columns = data(), columns_for(name)
    fitted = fit(MAPS[name], X, columns)
    for f, u in zip(fitted.transform(sites_of(X, columns)), fitted.constants, strict=True):
        if fitted.has_constant:
            np.testing.assert_array_equal(f[:, 0], 1)
            np.testing.assert_array_equal(f @ u, 1)
        else:
            best = np.linalg.lstsq(f, np.ones(len(f)))[0]
            np.testing.assert_allclose(f @ u, f @ best, atol=1e-6)
            np.testing.assert_allclose(f @ u, 1, atol=0.3)


def test_covector_of_a_short_arc_is_nearly_exact():
    X = np.linspace(0, 1, 50)[:, None]
    fitted = fit(TrigonometricMap(scale=0.05), X, np.array([[0]]))
    features = fitted.transform(sites_of(X, np.array([[0]])))[0]
    np.testing.assert_allclose(features @ fitted.constants[0], 1, atol=0.01)


def test_covector_of_the_least_squares_is_weighted():
    X = np.array([[0.0], [1.0], [0.3]])
    weight = np.array([1.0, 1.0, 0.0])
    fitted = fit(TrigonometricMap(), X, np.array([[0]]), weight)
    np.testing.assert_allclose(fitted.constants[0], [1, 1])


def test_weight_is_repetition(name):
    X, columns = data(), columns_for(name)
    weight = np.random.default_rng(1).integers(0, 4, len(X)).astype(float)
    repeated = np.repeat(X, weight.astype(int), axis=0)
    a, b = fit(MAPS[name], X, columns, weight), fit(MAPS[name], repeated, columns)
    assert a.mode_sizes == b.mode_sizes
    for f, g in zip(*(m.transform(sites_of(X, columns)) for m in (a, b)), strict=True):
        np.testing.assert_allclose(f, g, rtol=1e-10, atol=1e-10)
    for u, v in zip(a.constants, b.constants, strict=True):
        np.testing.assert_allclose(u, v, rtol=1e-7, atol=1e-7)


def test_scale_of_the_weights_does_not_matter(name):
    X, columns = data(), columns_for(name)
    weight = np.random.default_rng(1).random(len(X))
    a, b = fit(MAPS[name], X, columns, weight), fit(MAPS[name], X, columns, 1e3 * weight)
    for f, g in zip(*(m.transform(sites_of(X, columns)) for m in (a, b)), strict=True):
        np.testing.assert_allclose(f, g, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("outlier", [1e4, 1e200])
def test_a_row_of_weight_zero_is_not_there(name, outlier):
    X, columns = data(), columns_for(name)
    weight = np.ones(len(X))
    weight[0] = 0
    X[0] = outlier
    a, b = fit(MAPS[name], X, columns, weight), fit(MAPS[name], X[1:], columns)
    for f, g in zip(*(m.transform(sites_of(X[1:], columns)) for m in (a, b)), strict=True):
        np.testing.assert_allclose(f, g, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(
    ("huge", "dtype"),
    [(1e30, np.float32), (3e38, np.float32), (1e300, np.float64), (1.7e308, np.float64)],
)
def test_huge_inputs_at_predict_give_bounded_features(name, huge, dtype):
    X, columns = data(dtype=dtype), columns_for(name)
    fitted = fit(MAPS[name], X, columns)
    usual = max(np.abs(f).max() for f in fitted.transform(sites_of(X, columns)))
    extreme = np.full((2, 4), huge, dtype) * np.array([[1], [-1]], dtype)
    for f in fitted.transform(sites_of(extreme, columns)):
        assert f.dtype == dtype
        assert np.all(np.isfinite(f))
        assert np.abs(f).max() <= 64 * usual


@pytest.mark.parametrize(
    ("huge", "dtype"),
    [(1e30, np.float32), (3e38, np.float32), (1e200, np.float64), (1.7e308, np.float64)],
)
def test_huge_inputs_in_training_give_finite_features(name, huge, dtype):
    X, columns = data(dtype=dtype), columns_for(name)
    X[0], X[1] = huge, -huge
    fitted = fit(MAPS[name], X, columns)
    for f, u in zip(fitted.transform(sites_of(X, columns)), fitted.constants, strict=True):
        assert np.all(np.isfinite(f))
        assert np.all(np.isfinite(u))


@pytest.mark.parametrize("value", [0.0, 7.0, 1e-300, -1e30])
def test_constant_columns_give_finite_features(name, value):
    X, columns = np.full((5, 4), value), columns_for(name)
    fitted = fit(MAPS[name], X, columns)
    for f, u in zip(fitted.transform(sites_of(X, columns)), fitted.constants, strict=True):
        assert np.all(np.isfinite(f))
        np.testing.assert_allclose(f @ u, 1, rtol=1e-6)


def test_float32_stays_float32(name):
    X, columns = data(dtype=np.float32), columns_for(name)
    fitted = fit(MAPS[name], X, columns)
    features, saved = fitted.forward(fitted.parameters, sites_of(X, columns))
    assert {f.dtype for f in features} == {np.dtype(np.float32)}
    gradients = fitted.backward(fitted.parameters, saved, list(features))
    assert all(a.dtype == np.float32 for a in (*fitted.parameters, *gradients))
    wide = fit(MAPS[name], X.astype(float), columns).transform(sites_of(X.astype(float), columns))
    for f, g in zip(features, wide, strict=True):
        np.testing.assert_allclose(f, g, rtol=1e-4, atol=1e-4)


def test_transform_leaves_the_sites_as_they_are(name):
    X, columns = data(), columns_for(name)
    fitted = fit(MAPS[name], X, columns)
    sites = sites_of(X, columns)
    sites.flags.writeable = False
    before = sites.copy()
    fitted.transform(sites)
    np.testing.assert_array_equal(sites, before)


def test_gradient_of_the_parameters_is_the_derivative(name, assert_derivative):
    X, columns = data(n=6), columns_for(name)
    fitted = fit(MAPS[name], X, columns)
    sites = sites_of(X, columns)
    rng = np.random.default_rng(2)
    parameters = [array + 0.1 * rng.standard_normal(array.shape) for array in fitted.parameters]
    weight = [rng.standard_normal((6, m)) for m in fitted.mode_sizes]

    def value(arrays):
        features, _ = fitted.forward(arrays, sites)
        return sum(np.sum(w * np.sin(f)) for w, f in zip(weight, features, strict=True))

    features, saved = fitted.forward(parameters, sites)
    by_feature = [w * np.cos(f) for w, f in zip(weight, features, strict=True)]
    gradients = fitted.backward(parameters, saved, by_feature)
    assert len(gradients) == len(parameters)
    for k, gradient in enumerate(gradients):

        def along(array, k=k):
            return value([*parameters[:k], array, *parameters[k + 1 :]])

        assert_derivative(along, parameters[k], gradient, rtol=1e-5)


def test_parameters_are_read_only_copies(name):
    fitted = fit(MAPS[name], data(), columns_for(name))
    for array in fitted.parameters:
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    new = [np.ones_like(array) for array in fitted.parameters]
    other = fitted.with_parameters(new)
    for array in new:
        array[...] = 7
    assert all(np.all(array == 1) for array in other.parameters)
    assert other.mode_sizes == fitted.mode_sizes


def test_every_array_of_a_fitted_map_is_read_only(name):
    fitted = fit(MAPS[name], data(), columns_for(name))
    arrays = []
    for value in vars(fitted).values():
        arrays += value if isinstance(value, tuple) else [value]
    arrays = [a for a in arrays if isinstance(a, np.ndarray)]
    assert arrays
    assert not any(array.flags.writeable for array in arrays)


def test_attributes_of_a_fitted_map_cannot_be_set(name):
    with pytest.raises(AttributeError):
        fit(MAPS[name], data(), columns_for(name)).mode_sizes = ()


def test_the_random_start_does_not_depend_on_the_number_of_samples():
    a, b = (fit(AffineMap(), data(n), PAIRS) for n in (10, 40))
    np.testing.assert_array_equal(a.parameters[0], b.parameters[0])


def test_affine_map_is_its_formula():
    X = data()
    fitted = fit(AffineMap(n_components=4), X, PAIRS)
    places = np.stack([X[:, columns] for columns in PAIRS])
    z = (places - places.mean(axis=(0, 1))) / places.std(axis=(0, 1))
    z = np.clip(z, -4, 4)
    matrix, offset = np.random.default_rng(0).standard_normal((2, 3)), np.array([0.1, -0.2, 0.3])
    hidden = np.maximum(0, z @ matrix + offset)
    features, _ = fitted.forward([matrix, offset], sites_of(X, PAIRS))
    np.testing.assert_allclose(features[..., 1:], hidden, rtol=1e-9, atol=1e-12)


def test_polynomial_map_is_its_formula():
    X = data(n=400)
    features = fit(PolynomialMap(degree=3, scale=0.5), X, PAIRS).transform(sites_of(X, PAIRS))
    z = 0.5 * np.clip((X - X.mean(axis=0)) / X.std(axis=0), -4, 4)
    for f, (a, b) in zip(features, PAIRS, strict=True):
        powers = [z[:, column] ** k for column in (a, b) for k in (1, 2, 3)]
        np.testing.assert_allclose(f, np.column_stack([np.ones(len(X)), *powers]), atol=1e-12)


def test_trigonometric_map_is_its_formula():
    X = data()
    features = fit(TrigonometricMap(scale=0.3), X, PAIRS).transform(sites_of(X, PAIRS))
    angle = 0.3 * np.pi * (X - X.min(axis=0)) / np.ptp(X, axis=0)
    for f, (a, b) in zip(features, PAIRS, strict=True):
        pairs = [turn(angle[:, column]) for column in (a, b) for turn in (np.cos, np.sin)]
        np.testing.assert_allclose(f, np.column_stack(pairs), atol=1e-12)


@pytest.mark.parametrize("outside", [-5.0, 1e9])
def test_trigonometric_map_limits_to_the_range_seen(outside):
    fitted = fit(TrigonometricMap(), np.array([[0.0], [2.0]]), np.array([[0]]))
    edge = [[1.0, 0.0]] if outside < 0 else [[0.0, 1.0]]
    features = fitted.transform(np.array([[[outside]]]))
    np.testing.assert_allclose(features[0], edge, atol=1e-12)


def test_one_hot_map_has_one_indicator_per_category():
    X = np.array([[3.0, 0.0], [7.0, 0.0], [3.0, 1.0], [-1.0, 0.0]])
    fitted = fit(OneHotMap(), X, np.array([[0], [1]]))
    assert fitted.mode_sizes == (4, 3)
    first, second = fitted.transform(X.T[:, :, None])
    np.testing.assert_array_equal(first[:, 1:], X[:, :1] == [[-1, 3, 7]])
    np.testing.assert_array_equal(second[:, 1:], X[:, 1:] == [[0, 1]])


@pytest.mark.parametrize("unseen", [-9.0, 2.0, 99.0, 1e300])
def test_an_unseen_category_leaves_the_constant(unseen):
    fitted = fit(OneHotMap(), np.array([[1.0], [3.0]]), np.array([[0]]))
    features = fitted.transform(np.array([[[unseen], [3.0]]]))[0]
    np.testing.assert_array_equal(features, [[1, 0, 0], [1, 0, 1]])


@pytest.mark.parametrize(
    ("feature_map", "columns", "message"),
    [
        (AffineMap(n_components=1), PAIRS, "n_components=1 must be an integer >= 2, since"),
        (AffineMap(n_components=2.0), PAIRS, r"n_components=2\.0 must be an integer"),
        (AffineMap(n_components=True), PAIRS, "n_components=True must be an integer"),
        (AffineMap(activation="sin"), PAIRS, "activation='sin' is unknown; .*'relu'"),
        (AffineMap(activation=None), PAIRS, "activation=None is unknown"),
        (PolynomialMap(degree=0), SINGLE, "degree=0 must be an integer >= 1"),
        (PolynomialMap(degree="2"), SINGLE, "degree='2' must be an integer"),
        (PolynomialMap(scale=0), SINGLE, r"scale=0 must be a number in \(0, inf\)"),
        (PolynomialMap(scale=np.nan), SINGLE, "scale=nan must be a number"),
        (TrigonometricMap(scale=-1.0), SINGLE, r"scale=-1\.0 must be a number in \(0, inf\)"),
        (TrigonometricMap(scale=np.inf), SINGLE, "scale=inf must be a number"),
        (TrigonometricMap(scale="auto"), SINGLE, "scale='auto' must be a number"),
        (PolynomialMap(scale="small"), SINGLE, "scale='small' must be a number"),
        (QuantileMap(n_quantiles=1), SINGLE, "n_quantiles=1 must be an integer >= 2"),
        (QuantileMap(), PAIRS, r"QuantileMap\(\) needs sites of one column"),
        (SplineMap(n_knots=1), SINGLE, "n_knots=1 must be an integer >= 2"),
        (SplineMap(degree=0), SINGLE, "degree=0 must be an integer >= 1"),
        (SplineMap(smoothing=-1), SINGLE, r"smoothing=-1 must be a number in \[0, inf\)"),
        (SplineMap(linear=1), SINGLE, "linear=1 must be True or False"),
        (SplineMap(), PAIRS, r"SplineMap\(\) needs sites of one column"),
        (FourierMap(n_frequencies=0), SINGLE, "n_frequencies=0 must be an integer >= 1"),
        (FourierMap(period=0), SINGLE, r"period=0 must be a number in \(0, inf\)"),
        (FourierMap(), PAIRS, r"FourierMap\(\) needs sites of one column"),
        (OneHotMap(), PAIRS, r"feature_map=OneHotMap\(\) needs sites of one column, .* 2; use"),
    ],
)
def test_a_bad_parameter_is_refused_by_name_value_and_mend(feature_map, columns, message):
    with pytest.raises(ValueError, match=message):
        fit(feature_map, data(), columns)


def test_quantile_map_is_the_mid_rank():
    X = np.array([[1.0], [2.0], [2.0], [9.0], [1e9]])
    z = 12**0.5 * (np.array([0.1, 0.4, 0.4, 0.7, 0.9]) - 0.5)
    features = fit(QuantileMap(degree=2, scale=0.5), X, np.array([[0]])).transform(X.T[:, :, None])
    np.testing.assert_allclose(features[0], np.column_stack([np.ones(5), z / 2, z**2 / 4]))


def test_quantile_map_does_not_see_an_increasing_transform():
    X = data()[:, :1]
    a, b = (fit(QuantileMap(), Z, np.array([[0]])) for Z in (X, np.exp(X)))
    f, g = a.transform(X.T[:, :, None])[0], b.transform(np.exp(X).T[:, :, None])[0]
    np.testing.assert_allclose(f, g)


def test_spline_map_spans_what_it_should():
    x = np.linspace(0, 4, 81)
    X = x[:, None]
    fitted = fit(SplineMap(n_knots=5, degree=3, linear=False), X, np.array([[0]]))
    features = fitted.transform(X.T[:, :, None])[0]
    assert features.shape == (81, 1 + 5 + 3 - 1)
    np.testing.assert_allclose(features[:, 1:].mean(axis=0), 0, atol=1e-12)
    for target in (x, x**3, np.maximum(x - 2, 0) ** 3):
        fit_ = features @ np.linalg.lstsq(features, target)[0]
        np.testing.assert_allclose(fit_, target, atol=1e-9)


def test_spline_map_adds_the_standardised_column():
    X = data(n=300)
    features = fit(SplineMap(scale=0.5), X).transform(sites_of(X))
    z = 0.5 * np.clip((X - X.mean(axis=0)) / X.std(axis=0), -4, 4)
    for k, f in enumerate(features):
        np.testing.assert_allclose(f[:, 1], z[:, k])


def test_what_splines_cost_grows_with_their_second_differences():
    X = np.random.default_rng(0).standard_normal((50, 1))
    first = np.array([[0]])
    settings = {"n_knots": 6, "degree": 3, "linear": False, "scale": 0.7}
    plain = fit(SplineMap(**settings, smoothing=0), X, first).transform(X.T[:, :, None])[0] / 0.7
    smooth = fit(SplineMap(**settings, smoothing=2.5), X, first).transform(X.T[:, :, None])[0]
    a = np.random.default_rng(1).standard_normal(8)
    a -= a.mean()
    effect = plain[:, 1:] @ a
    # Of all weights with that effect those of least norm, which splines that sum to one need.
    weights = np.linalg.lstsq(smooth[:, 1:], effect)[0]
    np.testing.assert_allclose(smooth[:, 1:] @ weights, effect, atol=1e-10)
    second = np.diff(np.eye(8), 2, axis=0)
    inverse = np.linalg.inv(np.eye(8) + 2.5 * second.T @ second)
    cost = (a @ a + 2.5 * np.square(np.diff(a, 2)).sum()) * np.trace(inverse) / 8
    np.testing.assert_allclose(0.7**2 * weights @ weights, cost, rtol=1e-9)


def test_the_smoothest_splines_leave_one_effect():
    x = np.linspace(0, 1, 101)
    smooth = SplineMap(6, 1, linear=False, smoothing=1e30)
    features = fit(smooth, x[:, None], np.array([[0]])).transform(x[None, :, None])[0]
    # Coefficients on a line, which the constant is not among.
    sizes = np.linalg.svd(features[:, 1:], compute_uv=False)
    assert sizes[0] > 1e-2 > 1e-9 > sizes[1]


def test_spline_map_needs_no_splines_for_two_values():
    X = np.array([[0.0], [1.0], [1.0]])
    assert fit(SplineMap(), X, np.array([[0]])).mode_sizes == (2,)
    assert fit(SplineMap(degree=1, linear=False), X, np.array([[0]])).mode_sizes == (3,)


def test_fourier_map_is_orthonormal_for_a_uniform_column():
    X = (np.arange(1000)[:, None] + 0.5) / 1000 * 7 - 3
    f = fit(FourierMap(3, scale=1.0), X, np.array([[0]])).transform(X.T[:, :, None])[0]
    np.testing.assert_allclose(f.T @ f / 1000, np.eye(4), atol=0.01)


def test_fourier_map_has_its_period():
    X = np.arange(48.0)[:, None]
    f = fit(FourierMap(2, period=24), X, np.array([[0]])).transform(X.T[:, :, None])[0]
    np.testing.assert_allclose(f[:24], f[24:], atol=1e-12)
    np.testing.assert_allclose(f[:24].T @ f[:24] / 24, np.eye(5), atol=1e-12)


@pytest.mark.parametrize("outlier", [1e9, -1e9])
@pytest.mark.parametrize("name", ["polynomial", "quantile", "spline", "fourier"])
def test_one_outlier_changes_little(name, outlier):
    X = np.random.default_rng(0).standard_normal((200, 1))
    spoilt = X.copy()
    spoilt[0] = outlier
    where = np.array([[0]])
    clean, spoiled = (fit(MAPS[name], Z, where) for Z in (X, spoilt))
    inside = X[np.abs(X) < 2].reshape(1, -1, 1)
    f, g = clean.transform(inside)[0], spoiled.transform(inside)[0]
    # The ends of the range may move out to the fence; the shapes that can be fitted stay.
    f = f[:, :3]
    residual = f - g @ np.linalg.lstsq(g, f)[0]
    assert residual.std() < 0.1 * f[:, 1:].std()


def test_outliers_do_not_move_ordinary_moments():
    X = data(n=400)
    fitted = fit(PolynomialMap(), X)
    np.testing.assert_allclose(fitted.mean[:, 0, 0], X.mean(axis=0))
    np.testing.assert_allclose(fitted.deviation[:, 0, 0], X.std(axis=0))


def test_a_missing_value_of_a_single_column_says_nothing(name):
    X, train = data(), data()
    train[::3, 1] = np.nan
    columns = SINGLE
    fitted = fit(MAPS[name], train, columns)
    gone = X.copy()
    gone[:, 1] = np.nan
    full, without = (fitted.transform(sites_of(Z)) for Z in (X, gone))
    for site in (0, 2, 3):
        np.testing.assert_array_equal(full[site], without[site])
    if fitted.has_constant:
        expected = np.eye(1, fitted.mode_sizes[1])[0]
    else:
        known = ~np.isnan(train[:, 1])
        expected = fitted.transform(sites_of(train[known]))[1].mean(axis=0)
    np.testing.assert_allclose(without[1], np.tile(expected, (len(X), 1)), atol=1e-12)


@pytest.mark.parametrize("name", [name for name in MAPS if name.startswith(PATCHED)])
def test_a_missing_column_of_a_patch_takes_its_weighted_mean(name):
    X = data()
    X[::3, 1] = np.nan
    weight = np.random.default_rng(0).random(len(X))
    fitted = fit(MAPS[name], X, PAIRS, weight)
    known = ~np.isnan(X[:, 1])
    filled = np.where(np.isnan(X), np.average(X[known, 1], weights=weight[known]), X)
    for f, g in zip(*(fitted.transform(sites_of(Z, PAIRS)) for Z in (X, filled)), strict=True):
        np.testing.assert_allclose(f, g, atol=1e-12)


def test_a_column_that_is_always_missing_is_harmless(name):
    X = data()
    X[:, 2] = np.nan
    fitted = fit(MAPS[name], X)
    for values in (X, data()):
        assert all(np.isfinite(f).all() for f in fitted.transform(sites_of(values)))


def test_missing_values_pass_no_gradient_of_a_single_column(assert_derivative):
    X = data()
    X[::3, 1] = np.nan
    fitted = fit(AffineMap(n_components=3, activation="tanh"), X)
    weights = np.random.default_rng(0).standard_normal((4, len(X), 3))

    def value(theta):
        features, _ = fitted.forward([theta[:2].reshape(1, 2), theta[2:]], sites_of(X))
        return float((weights * features).sum())

    theta = np.concatenate([array.ravel() for array in fitted.parameters])
    parameters = [theta[:2].reshape(1, 2), theta[2:]]
    _, saved = fitted.forward(parameters, sites_of(X))
    gradient = fitted.backward(parameters, saved, list(weights))
    assert_derivative(value, theta, np.concatenate([g.ravel() for g in gradient]))


def test_mixed_map_is_its_parts():
    X = data()
    parts = [PolynomialMap(degree=2), OneHotMap()]
    mixed = fit(MixedMap(parts, [[3, 0], [1, 2]]), X)
    features = mixed.transform(sites_of(X))
    for one, group in zip(parts, ([3, 0], [1, 2]), strict=True):
        own = fit(one, X, SINGLE[group]).transform(sites_of(X)[group])
        for k, f in zip(group, own, strict=True):
            np.testing.assert_array_equal(features[k], f)


@pytest.mark.parametrize("groups", [[[0], [1, 2]], [[0, 1, 1], [2, 3]], [[0, 1], [2, 4]]])
def test_groups_must_hold_each_site_once(groups):
    with pytest.raises(ValueError, match="must contain each of the 4 sites once"):
        fit(MixedMap([PolynomialMap(), OneHotMap()], groups), data())


def test_mixed_maps_of_other_kinds_are_told_apart():
    X = data()
    groups = [[0, 1], [2, 3]]
    one = fit(MixedMap([PolynomialMap(), OneHotMap()], groups), X)
    assert one.same_kind(fit(MixedMap([PolynomialMap(), OneHotMap()], groups), X[:20]))
    assert not one.same_kind(fit(MixedMap([SplineMap(), OneHotMap()], groups), X))
    assert not one.same_kind(fit(MixedMap([PolynomialMap(), OneHotMap()], [[0], [1, 2, 3]]), X))
    assert not one.same_kind(fit(PolynomialMap(), X))


def test_a_free_scale_can_be_set_and_a_fixed_one_stays():
    X = data()
    groups = [[0, 1], [2, 3]]
    free = fit(MixedMap([SplineMap(), PolynomialMap(scale=0.3)], groups), X)
    assert free.has_free_scale
    parts = [SplineMap(scale=0.1), PolynomialMap(scale=0.3)]
    fixed = fit(MixedMap(parts, groups), X)
    assert not fixed.has_free_scale
    assert fixed.with_scale(0.1).maps == fixed.maps
    changed = free.with_scale(0.1)
    assert changed.same_kind(free)
    for f, g in zip(*(m.transform(sites_of(X)) for m in (changed, fixed)), strict=True):
        np.testing.assert_array_equal(f, g)
    assert not TrigonometricMap().has_free_scale


@pytest.mark.parametrize("kind", [SplineMap, PolynomialMap, QuantileMap, OneHotMap, FourierMap])
def test_a_free_scale_is_one_until_it_is_set(kind):
    X = data()
    a, b = fit(kind(), X), fit(kind(scale=1.0), X)
    assert not a.same_kind(fit(kind(scale=0.5), X))
    for site in range(4):
        np.testing.assert_array_equal(*(m.transform(sites_of(X))[site] for m in (a, b)))


def test_no_map_warns_on_ordinary_data(name):
    X, columns = data(), columns_for(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fit(MAPS[name], X, columns).transform(sites_of(X, columns))


@pytest.mark.parametrize("feature_map", [SplineMap(), SplineMap(degree=1), QuantileMap(3)])
def test_values_closer_than_any_slope_are_one(feature_map):
    values = np.array([0.0, 5e-324, 1e-310, 1.0, 2.0, 3.0])
    fitted = feature_map.fit(values[:, None], SINGLE[:1], None, np.random.RandomState(0))
    (features,) = fitted.transform(values[None, :, None])
    assert np.isfinite(features).all()
    np.testing.assert_allclose(features[:3], features[[0, 0, 0]], atol=1e-12)
    assert np.ptp(features[2:], axis=0).max() > 0.5
