"""The compiled affine map against the one of NumPy."""

import numpy as np
import pytest

from sktensornet.feature_maps import AffineMap, _affine
from sktensornet.patches import ImagePatches

pytest.importorskip("numba")


@pytest.fixture
def compiled(monkeypatch):
    """How often compiled code was used, whatever the size."""
    used = []
    chosen = _affine._compiled_for

    def counted(*arrays):
        found = chosen(*arrays)
        used.append(found is not None)
        return found

    monkeypatch.setattr(_affine, "WORTH_COMPILING", 0)
    monkeypatch.setattr(_affine, "_compiled_for", counted)
    return used


def both_ways(dtype, activation, n, m, missing=False):
    """Features and derivatives by the parameters, of sites some of which are far away."""
    rng = np.random.default_rng(n + m)
    X = rng.standard_normal((n, 42)).astype(dtype)
    X[0, :7] = 1e30
    sites = ImagePatches((6, 7), (2, 3), stride=(2, 2)).fit(42)
    fitted = AffineMap(m, activation).fit(X[1:], sites.columns, None, np.random.RandomState(0))
    parameters = [rng.standard_normal(p.shape).astype(dtype) for p in fitted.parameters]
    if missing:
        X[2] = np.nan
    features, saved = fitted.forward(parameters, sites.extract(X))
    gradient = rng.standard_normal((*features.mT.shape,)).astype(dtype).mT
    return features, fitted.backward(parameters, saved, gradient)


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ["relu", "identity", "tanh"])
@pytest.mark.parametrize(("n", "m"), [(24, 2), (25, 6), (101, 9)])
def test_compiled_features_and_derivatives(n, m, activation, dtype, missing, compiled, monkeypatch):
    features, gradients = both_ways(dtype, activation, n, m, missing)
    assert compiled == [True, True]
    monkeypatch.setattr(_affine, "_compiled_for", lambda *arrays: None)
    expected, by_parameters = both_ways(dtype, activation, n, m, missing)
    rtol = 200 * float(np.finfo(dtype).eps)
    np.testing.assert_allclose(features, expected, rtol, rtol)
    assert features.dtype == dtype
    for found, wanted in zip(gradients, by_parameters, strict=True):
        assert found.dtype == dtype
        np.testing.assert_allclose(found, wanted, rtol, rtol * np.abs(wanted).max())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("d", "p", "m"), [(1, 1, 2), (3, 4, 9), (2, 13, 6)])
@pytest.mark.parametrize("n", [24, 25, 101])
def test_nothing_is_written_or_used_beyond_the_arrays(n, d, p, m, dtype, guarded):
    module = _affine.compiled_module("sktensornet._compiled._affine")
    rng = np.random.default_rng(n + m)
    shapes = [(d, p, n), (d, p + 1, n), (d, m, n), (d, m, n)]
    sites, z, features, gradient = (
        guarded(rng.standard_normal(shape).astype(dtype), gap).mT
        for gap, shape in enumerate(shapes)
    )
    matrix, offset = rng.standard_normal((p, m - 1)), rng.standard_normal(m - 1)
    mean, factor = np.zeros(p), np.ones(p)
    module.affine(sites, mean, factor, 4.0, matrix, offset, 0.0, z, features)
    whole = module.affine_adjoint(z, features, gradient, True)
    inputs = np.clip(sites, -4, 4)
    rtol = 200 * float(np.finfo(dtype).eps)
    np.testing.assert_array_equal(z[..., :-1], inputs)
    hidden = np.maximum(inputs @ matrix + offset, 0)
    np.testing.assert_allclose(features[..., 1:], hidden, rtol, rtol)
    wanted = np.matmul(z.mT, gradient[..., 1:] * (features[..., 1:] > 0)).sum(axis=0)
    np.testing.assert_allclose(whole, wanted, rtol, rtol * np.abs(wanted).max())
    assert (z[..., -1] == 1).all()
    assert (features[..., 0] == 1).all()


@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_a_parameter_that_is_not_a_number_shows(activation, compiled):
    X = np.random.default_rng(0).standard_normal((30, 2))
    fitted = AffineMap(4, activation).fit(X, np.array([[0], [1]]), None, np.random.RandomState(0))
    matrix, offset = (np.array(parameter) for parameter in fitted.parameters)
    matrix[0, 1] = np.nan
    features, _ = fitted.forward((matrix, offset), np.asfortranarray(X).T[:, :, None])
    assert compiled == [True]
    assert np.isnan(features[..., 2]).all()
    assert np.isfinite(features[..., [0, 1, 3]]).all()


def test_what_compiled_code_cannot_take_is_left_to_numpy(compiled):
    both_ways(np.float64, "relu", 11, 3)
    assert compiled == [False, False]


def test_a_scale_whose_inverse_overflows_is_left_to_numpy(compiled):
    X = 1e-40 * np.random.default_rng(0).standard_normal((30, 1)).astype(np.float32)
    fitted = AffineMap(3).fit(X, np.array([[0]]), None, np.random.RandomState(0))
    tiny = AffineMap(3).fit(X, np.array([[0]]), None, np.random.RandomState(0))
    object.__setattr__(tiny, "scale", np.full(1, 1e-40, np.float32))
    features, _ = tiny.forward(fitted.parameters, X.T[:, :, None])
    assert np.isfinite(features).all()
    assert not compiled
