"""Shared cores in the flat parameter vector, and samples of other lengths."""

import numpy as np
import pytest

from sktensornet._arrays._parallel import ChunkPool
from sktensornet._problems._model import Model
from sktensornet._problems._objective import Objective
from sktensornet.feature_maps import AffineMap, EmbeddingMap, PolynomialMap
from sktensornet.losses import CLASSIFICATION_LOSSES
from sktensornet.networks import balanced, canonical_polyadic, hierarchical_tucker, recurrent_train
from sktensornet.networks._cores import message_cores
from sktensornet.networks._passes._contraction import Contraction
from sktensornet.patches import SingleColumns

MAKE = {
    "TT": recurrent_train,
    "HT": lambda d, *args: hierarchical_tucker(balanced(d), *args),
    "CP": canonical_polyadic,
}
each_kind = pytest.mark.parametrize("kind", MAKE)
each_product = pytest.mark.parametrize("product", ["multiply", "max", "hypot"])
each_batched = pytest.mark.parametrize("batched", [False, True], ids=["joint", "separate"])
N_SITES = 4


def make(kind, product, shared, batched=False, feature_map=None, missing=False):
    rng = np.random.default_rng(1)
    X = rng.standard_normal((12, N_SITES))
    feature_map = feature_map or AffineMap(3, activation="tanh")
    if isinstance(feature_map, EmbeddingMap):
        X = rng.integers(0, feature_map.n_tokens, X.shape).astype(float)
    sites = SingleColumns().fit(N_SITES)
    fitted = feature_map.fit(X, sites.columns, None, np.random.RandomState(0))
    if missing:
        for row, known in zip(X, [4, 3, 2, 1, 0, 4, 3, 2, 4, 4, 2, 1]):
            row[known:] = np.nan
        X[5, 1] = np.nan
    tree = MAKE[kind](N_SITES, product, shared)
    n_tensors, leg = (3, 1) if batched else (1, 3)
    sizes = tree.message_sizes(fitted.mode_sizes, 3, leg)
    return Model(sites, fitted, tree, sizes, n_tensors, batched, X.dtype), X


def random_theta(model):
    return np.random.default_rng(2).standard_normal(model.size) * 0.7


def objective(model, X, pool, alpha=0.0):
    y = np.arange(len(X)) % 3
    return Objective(
        model,
        CLASSIFICATION_LOSSES["log_loss"](),
        X,
        y,
        np.ones(len(X)),
        alpha=alpha,
        penalty="frobenius",
        origin=np.zeros(model.size),
        pool=pool,
    )


@each_kind
@each_product
@each_batched
def test_gradient_is_the_sum_over_the_places(kind, product, batched):
    shared, X = make(kind, product, True, batched)
    free = Model(
        shared.sites,
        shared.feature_map,
        shared.tree.free(),
        shared.message_sizes,
        shared.contraction.n_batch,
        batched,
        X.dtype,
    )
    theta = random_theta(shared)
    assert shared.size < free.size
    wide = free.pack(*shared.unpack(theta))
    np.testing.assert_array_equal(shared.pack(*shared.unpack(theta)), theta)
    alpha = 0.3 if product == "multiply" else 0.0
    with ChunkPool(1) as pool:
        value, gradient = objective(shared, X, pool, alpha).value_and_gradient(theta)
        same, by_place = objective(free, X, pool, alpha).value_and_gradient(wide)
    np.testing.assert_allclose(value, same, rtol=1e-12)
    cores, parameters = free.unpack(by_place)
    sums = [sum(cores[k] for k in group) for group in shared.tree.groups]
    expected = np.concatenate([array.ravel() for array in (*sums, *parameters)])
    np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-12)


@each_kind
@each_product
@each_batched
@pytest.mark.parametrize("feature_map", [None, EmbeddingMap(5, 3), PolynomialMap(2)], ids=str)
def test_a_missing_end_is_skipped(kind, product, batched, feature_map):
    model, X = make(kind, product, True, batched, feature_map, missing=True)
    theta = random_theta(model)
    network, fitted = model.network(theta), model.fitted_map(theta)
    scores = model.scores(theta, X, 1)
    lengths = np.array(model.tree.lengths)
    for row, own in zip(X, scores):
        known = np.flatnonzero(~np.isnan(row))
        last = known[-1] + 1 if len(known) else 0
        n_sites = lengths[lengths >= last][0]
        features = fitted.transform(model.sites.extract(row[None]))[:n_sites]
        np.testing.assert_allclose(own, scores_of(network.with_n_sites(n_sites), features))


def scores_of(network, features):
    """Scores of a network on its own."""
    cores = message_cores(network)
    contraction = Contraction(network.tree, network.message_sizes, len(cores[0]))
    return contraction.forward(cores, features)[0].ravel()


@each_kind
@each_product
@each_batched
@pytest.mark.parametrize("feature_map", [None, EmbeddingMap(5, 3)], ids=str)
def test_gradient_with_missing_ends_is_the_derivative(
    kind, product, batched, feature_map, assert_derivative
):
    model, X = make(kind, product, True, batched, feature_map, missing=True)
    theta = random_theta(model)
    with ChunkPool(1) as pool:
        function = objective(model, X, pool)
        _, gradient = function.value_and_gradient(theta)
        assert_derivative(
            lambda point: function.value_and_gradient(point)[0],
            theta,
            gradient,
            step=1e-6,
            rtol=1e-5,
        )


@each_kind
def test_a_gap_that_is_not_at_the_end_is_not_skipped(kind):
    model, X = make(kind, "multiply", True)
    theta = random_theta(model)
    X[:, 1] = np.nan
    scores = model.scores(theta, X, 1)
    free = Model(
        model.sites,
        model.feature_map,
        model.tree.free(),
        model.message_sizes,
        1,
        False,
        X.dtype,
    )
    wide = free.pack(*model.unpack(theta))
    np.testing.assert_allclose(scores, free.scores(wide, X, 1), rtol=1e-12)
