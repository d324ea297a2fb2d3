"""Principal components of patches, against scikit-learn's."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from sktensornet.feature_maps import PCAMap

ONE_SITE = np.arange(6)[None]
TWO_SITES = np.arange(6).reshape(2, 3)


@pytest.fixture(name="X")
def make_data():
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (200, 6)) @ rng.standard_normal((6, 6)) + 5


def features(fitted, X, columns):
    return fitted.transform(X[:, columns].swapaxes(0, 1))


def test_one_patch_is_scikit_learns_pca(X):
    fitted = PCAMap(4, scale=0.7).fit(X, ONE_SITE, None, None)
    found = features(fitted, X, ONE_SITE)[0]
    z = (X - X.mean(axis=0)) / X.std(axis=0)
    pca = PCA(3).fit(z)
    expected = pca.transform(z)
    expected *= 0.7 / expected[:, 0].std()
    np.testing.assert_array_equal(found[:, 0], 1)
    np.testing.assert_allclose(np.abs(found[:, 1:]), np.abs(expected), atol=1e-10)
    assert found[:, 1].std() == pytest.approx(0.7)
    assert fitted.mode_sizes == (4,)


def test_patches_share_their_components(X):
    fitted = PCAMap(3).fit(X, TWO_SITES, None, None)
    parts = [X[:, columns] - X[:, columns].mean(axis=0) for columns in TWO_SITES]
    scale = np.sqrt(np.mean([part.var(axis=0) for part in parts], axis=0))
    stacked = np.vstack([part / scale for part in parts])
    directions = np.linalg.svd(stacked, full_matrices=False)[2][:2].T
    found = fitted.components / np.linalg.norm(fitted.components, axis=0)
    np.testing.assert_allclose(np.abs(directions.T @ found), np.eye(2), atol=1e-8)


def test_weights_are_repetitions_and_signs_are_fixed(X):
    weight = np.random.default_rng(1).integers(0, 4, len(X))
    one = PCAMap(4).fit(X, TWO_SITES, weight.astype(float), None)
    two = PCAMap(4).fit(np.repeat(X, weight, axis=0), TWO_SITES, None, None)
    np.testing.assert_allclose(one.components, two.components, atol=1e-10)
    largest = np.abs(one.components).argmax(axis=0)
    assert np.all(one.components[largest, np.arange(3)] > 0)


def test_float32_constants_and_few_columns(X):
    X = X.astype(np.float32)
    X[:, 2] = 3
    fitted = PCAMap(20).fit(X, TWO_SITES, None, None)
    found = features(fitted, X, TWO_SITES)
    assert fitted.mode_sizes == (4, 4)
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    constant = PCAMap(3).fit(np.ones((5, 6)), TWO_SITES, None, None)
    assert np.isfinite(features(constant, np.ones((5, 6)), TWO_SITES)).all()


@pytest.mark.parametrize(
    ("parameters", "said"), [({"n_components": 1}, "n_components=1"), ({"scale": 0}, "scale=0")]
)
def test_says_what_is_wrong(X, parameters, said):
    with pytest.raises(ValueError, match=said):
        PCAMap(**parameters).fit(X, ONE_SITE, None, None)
