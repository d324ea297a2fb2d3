"""Weighted statistics against NumPy, with weights as repetitions."""

import numpy as np
import pytest

from sktensornet._arrays._samples import positive_scale, weighted_moments, weighted_range


def data(n=50, seed=0):
    return np.random.default_rng(seed).standard_normal((n, 3)) * [1, 100, 0.01] + [0, 1e4, -5]


@pytest.mark.parametrize("n", [1, 50, 1024, 2500])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_moments_without_weights_are_those_of_numpy(n, dtype):
    X = data(n).astype(dtype)
    mean, variance = weighted_moments(X)
    assert mean.dtype == variance.dtype == np.float64
    np.testing.assert_allclose(mean, X.astype(float).mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(variance, X.astype(float).var(axis=0), rtol=1e-9, atol=1e-20)


@pytest.mark.parametrize("n", [50, 2500])
def test_weight_is_repetition(n):
    X = data(n)
    weight = np.random.default_rng(1).integers(0, 4, n)
    repeated = np.repeat(X, weight, axis=0)
    for a, b in zip(weighted_moments(X, weight), weighted_moments(repeated), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11)
    for a, b in zip(weighted_range(X, weight), weighted_range(repeated, None), strict=True):
        np.testing.assert_array_equal(a, b)


def test_variance_survives_a_large_mean():
    X = data() + 1e9
    np.testing.assert_allclose(weighted_moments(X)[1], X.var(axis=0), rtol=1e-9)


def test_a_huge_row_of_weight_zero_is_not_there():
    X, weight = data(), np.ones(50)
    X[7], weight[7] = 1e200, 0
    without = np.delete(X, 7, axis=0)
    for a, b in zip(weighted_moments(X, weight), weighted_moments(without), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11)


@pytest.mark.parametrize("value", [0.0, 3.0, 0.1, 1e8, -1e300])
@pytest.mark.parametrize("n", [2, 7, 1500])
def test_constant_columns_have_scale_one(value, n):
    mean, variance = weighted_moments(np.full((n, 1), value), np.random.default_rng(0).random(n))
    np.testing.assert_array_equal(positive_scale(variance, mean, np.float64), [1.0])


@pytest.mark.parametrize("size", [1e-100, 1.0, 1e150, 1e300])
def test_scales_are_positive_and_finite(size):
    mean, variance = weighted_moments(size * data())
    scale = positive_scale(variance, mean, np.float64)
    assert np.all((scale > 0) & np.isfinite(scale))
    if size <= 1:
        np.testing.assert_allclose(scale, size * data().std(axis=0), rtol=1e-9)


def test_scales_too_small_for_float32_count_as_constant():
    scale = positive_scale(np.array([1e-90, 4.0]), np.zeros(2), np.float32)
    np.testing.assert_array_equal(scale, np.array([1, 2], np.float32))
    assert scale.dtype == np.float32


def test_range_is_that_of_rows_of_positive_weight():
    X = np.array([[1.0], [5.0], [-9.0]], np.float32)
    low, high = weighted_range(X, np.array([1.0, 2.0, 0.0]))
    assert low.dtype == high.dtype == np.float64
    assert (low[0], high[0]) == (1, 5)
