"""Vectors of tokens: look-up, padding, scatter of the gradient, and estimators."""

import numpy as np
import pytest
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from sktensornet import CPClassifier, TTClassifier
from sktensornet.feature_maps import EmbeddingMap
from sktensornet.patches import ImagePatches
from sktensornet.solvers import Adam

COLUMNS = np.arange(4)[:, None]
X = np.array([[0, 3, 1, 3], [2, -1, 3, -1], [np.nan, 0, 0, -7]], float)


def fit(X=X, dtype=np.float64, **parameters):
    X = np.asarray(X, dtype)
    return EmbeddingMap(n_components=3, **parameters).fit(
        X, COLUMNS, None, np.random.RandomState(0)
    )


def sites_of(X, dtype=np.float64):
    return np.asarray(X, dtype).T[:, :, None]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_features_are_the_constant_and_the_rows_of_the_table(dtype):
    fitted = fit(dtype=dtype)
    (table,) = fitted.parameters
    assert table.shape == (4, 2)
    assert table.dtype == dtype
    features = fitted.transform(sites_of(X, dtype))
    assert features.dtype == dtype
    for column, feature in zip(X.T, features):
        for token, row in zip(column, feature):
            expected = table[int(token)] if token >= 0 else np.zeros(2)
            np.testing.assert_array_equal(row, [1, *expected])
    np.testing.assert_array_equal(fitted.missing(sites_of(X)), ~(X.T >= 0))


def test_gradient_is_that_of_a_one_hot_product():
    fitted = fit()
    rng = np.random.default_rng(0)
    gradient = rng.standard_normal((4, 3, 3))
    _, saved = fitted.forward(fitted.parameters, sites_of(X))
    (found,) = fitted.backward(fitted.parameters, saved, list(gradient))
    expected = np.zeros((4, 2))
    for site, column in enumerate(X.T):
        for n, token in enumerate(column):
            if token >= 0:
                expected[int(token)] += gradient[site, n, 1:]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_gradient_keeps_float32_and_takes_a_batch_of_padding():
    fitted = fit(dtype=np.float32)
    nothing = np.full((2, 4), -1, np.float32)
    _, saved = fitted.forward(fitted.parameters, sites_of(nothing, np.float32))
    (found,) = fitted.backward(fitted.parameters, saved, [np.ones((2, 3), np.float32)] * 4)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, np.zeros((4, 2)))


def test_vocabulary_is_learnt_or_given():
    assert fit().n_tokens == 4
    assert fit(n_tokens=9).parameters[0].shape == (9, 2)
    assert fit(np.full((2, 4), -1.0)).n_tokens == 1


@pytest.mark.parametrize("bad", [4.0, 1.5, np.inf])
def test_what_is_no_token_raises(bad):
    fitted = fit()
    wrong = X.copy()
    wrong[1, 2] = bad
    with pytest.raises(ValueError, match=rf"X contains {bad:g}.*n_tokens=4.*0\.\.3"):
        fitted.transform(sites_of(wrong))
    with pytest.raises(ValueError, match="no token id"):
        fit(wrong, n_tokens=4)


@pytest.mark.parametrize(
    ("parameters", "name"),
    [({"n_tokens": 0}, "n_tokens"), ({"n_tokens": 2.5}, "n_tokens"), ({"n_components": 1}, "n_c")],
)
def test_bad_parameters_are_named(parameters, name):
    with pytest.raises(ValueError, match=name):
        EmbeddingMap(**parameters).fit(X, COLUMNS, None, np.random.RandomState(0))


def test_sites_of_several_columns_raise():
    clf = TTClassifier(feature_map="embedding", patches=ImagePatches((2, 2), (1, 2)))
    with pytest.raises(ValueError, match="sites of one column"):
        clf.fit(np.zeros((4, 4), int), [0, 1, 0, 1])


@pytest.fixture(scope="module")
def sentences():
    """Padded sequences whose label is the sign of a sum of hidden weights of the tokens."""
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 12, (400, 6))
    tokens[np.arange(6) >= rng.integers(1, 7, (400, 1))] = -1
    weight = rng.standard_normal(12)
    return tokens, np.where(tokens >= 0, weight[tokens], 0).sum(axis=1) > 0


@pytest.mark.parametrize("product", ["multiply", "max"])
@pytest.mark.parametrize("kind", [TTClassifier, CPClassifier])
def test_recurrent_networks_learn_from_integers(kind, product, sentences):
    tokens, label = sentences
    clf = kind(
        rank=6,
        feature_map=EmbeddingMap(n_components=6),
        product=product,
        shared_cores=True,
        alpha=0.0,
        solver=Adam(2e-2, batch_size=32),
        max_iter=8,
        random_state=0,
    ).fit(tokens[:300], label[:300])
    assert clf.score(tokens[300:], label[300:]) > 0.8
    longer = np.full((100, 6), -1)
    longer[:, :3] = tokens[300:, :3]
    shorter = tokens[300:].astype(float)
    shorter[:, 3:] = np.nan
    np.testing.assert_array_equal(clf.decision_function(longer), clf.decision_function(shorter))


def test_works_in_a_pipeline_and_cross_validation(sentences):
    tokens, label = sentences
    clf = TTClassifier(
        rank=3,
        feature_map=EmbeddingMap(12, 4),
        product="add",
        shared_cores=True,
        solver=Adam(2e-2, batch_size=32),
        max_iter=30,
        random_state=0,
    )
    scores = cross_val_score(make_pipeline(FunctionTransformer(), clf), tokens, label, cv=2)
    assert scores.min() > 0.8


def test_a_stray_id_is_named_unless_the_vocabulary_is_given():
    stray = np.where(X == 2, 1e12, X)
    with pytest.raises(ValueError, match=r"token id 1000000000000 in column 0, .*below 1048576"):
        fit(stray)
    assert fit(np.where(X == 2, 2**20 - 1, X)).n_tokens == 2**20
    with pytest.raises(ValueError, match="token id 1048576 in column 0"):
        fit(np.where(X == 2, 2**20, X))
    assert fit(np.where(X == 2, 2**20, X), n_tokens=2**20 + 1).n_tokens == 2**20 + 1
