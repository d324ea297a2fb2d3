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
    ("parameters", "said"),
    [
        ({"n_components": 1}, "n_components=1 must be an integer >= 2, since the constant"),
        ({"n_components": 2.5}, r"n_components=2\.5 must be an integer"),
        ({"n_components": True}, "n_components=True must be an integer"),
        ({"n_components": None}, "n_components=None must be an integer"),
        ({"scale": 0}, r"scale=0 must be a number in \(0, inf\)"),
        ({"scale": -1.5}, r"scale=-1\.5 must be a number"),
        ({"scale": np.nan}, "scale=nan must be a number"),
        ({"scale": "big"}, "scale='big' must be a number"),
        ({"n_components": "all"}, "n_components='all' must be an integer >= 2, .*or 'auto'"),
        ({"moduli": "yes"}, "moduli='yes' must be"),
    ],
)
def test_says_what_is_wrong(X, parameters, said):
    with pytest.raises(ValueError, match=said):
        PCAMap(**parameters).fit(X, ONE_SITE, None, None)


@pytest.mark.parametrize("weighted", [False, True])
def test_moduli_by_the_formula(X, weighted):
    weight = np.random.default_rng(2).uniform(0, 3, len(X)) if weighted else None
    fitted = PCAMap(3, scale=0.7, moduli=True).fit(X, TWO_SITES, weight, None)
    c = features(PCAMap(3, scale=1.0).fit(X, TWO_SITES, weight, None), X, TWO_SITES)[..., 1:]
    weights = np.ones(len(X)) if weight is None else weight
    mean = np.average(np.abs(c), axis=1, weights=weights).mean(axis=0)
    square = np.average(c**2, axis=1, weights=weights).mean(axis=0)
    expected = 0.7 * (np.abs(c) - mean) / np.sqrt((square - mean**2).max())
    found = features(fitted, X, TWO_SITES)
    np.testing.assert_allclose(found[..., 1:3], 0.7 * c, atol=1e-12)
    np.testing.assert_allclose(found[..., 3:], expected, atol=1e-12)
    assert fitted.mode_sizes == (5, 5)
    again = features(fitted.with_scale(0.1), X, TWO_SITES)
    np.testing.assert_array_equal(again, found, err_msg="a given scale is not free")


def test_a_free_scale_multiplies_all_but_the_constant(X):
    fitted = PCAMap(3, scale="auto", moduli=True).fit(X, TWO_SITES, None, None)
    half, tenth = (features(one, X, TWO_SITES) for one in (fitted, fitted.with_scale(0.1)))
    np.testing.assert_array_equal(tenth[..., 0], 1)
    np.testing.assert_allclose(tenth[..., 1:], half[..., 1:] / 5, atol=1e-14)


def test_alternatives_are_what_the_parameters_leave_open():
    X = np.random.default_rng(0).standard_normal((60, 100))
    columns = np.arange(100).reshape(2, 50)

    def sizes(X, columns, **parameters):
        others = PCAMap(**parameters).alternatives(X, columns, None)
        return [one.mode_sizes[0] for one in others]

    auto = {"n_components": "auto", "moduli": "auto"}
    assert PCAMap(**auto).fit(X, columns, None, None).mode_sizes == (10, 10)
    assert sizes(X, columns) == []
    assert sizes(X, columns, **auto) == [19, 40, 79]
    assert sizes(X, columns, n_components="auto") == [40]
    assert sizes(X, columns, n_components=6, moduli="auto") == [11]
    assert sizes(X, columns, n_components="auto", moduli=True) == [79]
    # Of six columns there are no more than six components.
    assert sizes(X, ONE_SITE, **auto) == [13]
    given = PCAMap(40, moduli=True).fit(X, columns, None, None)
    found = PCAMap(**auto).alternatives(X, columns, None)[-1]
    np.testing.assert_array_equal(found.components, given.components)
    np.testing.assert_array_equal(found.modulus, given.modulus)


def test_kinds_differ_by_size_and_moduli(X):
    def fitted(**parameters):
        return PCAMap(scale="auto", **parameters).fit(X, ONE_SITE, None, None)

    one = fitted(n_components=4)
    assert one.same_kind(fitted(n_components=4).with_scale(0.1))
    assert not one.same_kind(fitted(n_components=3))
    assert not one.same_kind(fitted(n_components=4, moduli=True))


def test_components_keep_their_relative_variances(X):
    fitted = PCAMap(7, scale=0.5).fit(X, ONE_SITE, None, None)
    found = features(fitted, X, ONE_SITE)[0][:, 1:]
    variance = np.linalg.eigvalsh(np.corrcoef(X.T))[::-1]
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(
        np.cov(found.T, ddof=0), np.diag(0.25 * variance / variance[0]), atol=1e-12
    )


@pytest.mark.parametrize("weighted", [False, True])
def test_rows_in_several_chunks(weighted):
    """Overlapping patches and more rows than fit in a chunk, against the formula."""
    rng = np.random.default_rng(3)
    X = rng.uniform(-1, 1, (2500, 5)) @ rng.standard_normal((5, 5)) + [0, 1, 2, 3, 4]
    columns = np.array([[0, 1, 2], [2, 3, 4], [4, 1, 3]])
    weight = rng.uniform(0, 3, len(X)) if weighted else None
    mean = np.average(X, axis=0, weights=weight)
    variance = np.average((X - mean) ** 2, axis=0, weights=weight)
    scale = np.sqrt(variance[columns].mean(axis=0))
    z = ((X - mean)[:, columns] / scale).clip(-4, 4)
    covariance = np.average(np.einsum("nki,nkj->nij", z, z) / 3, axis=0, weights=weight)
    values, vectors = np.linalg.eigh(covariance)
    fitted = PCAMap(3, scale=2.0).fit(X, columns, weight, None)
    found = fitted.components * np.sqrt(values[-1])
    np.testing.assert_allclose(np.abs(vectors[:, :0:-1].T @ found), np.eye(2), atol=1e-9)
    expected = 2.0 * z.swapaxes(0, 1) @ fitted.components
    np.testing.assert_allclose(features(fitted, X, columns)[..., 1:], expected, atol=1e-10)


def test_a_constant_column_is_not_seen_and_a_copy_adds_no_component(X):
    X[:, 1] = 7.0
    X[:, 4] = X[:, 3]
    fitted = PCAMap(7).fit(X, ONE_SITE, None, None)
    spread = features(fitted, X, ONE_SITE)[0].std(axis=0)
    assert np.all(spread[1:5] > 1e-3)
    np.testing.assert_allclose(spread[[0, 5, 6]], 0, atol=1e-7)
    np.testing.assert_allclose(fitted.components[1, :4], 0, atol=1e-7)
    np.testing.assert_allclose(fitted.components[3, :4], fitted.components[4, :4], atol=1e-7)


def test_the_covector_of_the_constant_is_the_first(X):
    fitted = PCAMap(3).fit(X, TWO_SITES, None, None)
    assert fitted.has_constant
    assert not fitted.parameters
    for found, u in zip(features(fitted, X, TWO_SITES), fitted.constants, strict=True):
        np.testing.assert_array_equal(u, [1, 0, 0])
        np.testing.assert_array_equal(found @ u, 1)
