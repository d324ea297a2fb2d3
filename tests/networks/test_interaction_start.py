"""The start from telling products, against enumeration."""

from itertools import combinations

import numpy as np
import pytest

from sktensornet.networks import balanced, canonical_polyadic, hierarchical_tucker, tensor_train
from sktensornet.networks._passes._contraction import Contraction
from sktensornet.networks._starts import _interactions as module
from sktensornet.networks._starts._interactions import interaction_start

TREES = {
    "TT": tensor_train,
    "HT": lambda d: hierarchical_tucker(balanced(d)),
    "CP": canonical_polyadic,
}
each_tree = pytest.mark.parametrize("make", TREES.values(), ids=TREES)


def signs(n=400, d=7, seed=0):
    X = np.random.default_rng(seed).choice([-1.0, 1.0], (n, d))
    return X, [np.stack([np.ones(n), x], axis=1) for x in X.T]


def start(make, features, targets, rank, n_batch=1, weight=None, noise=None):
    tree = make(len(features))
    sizes = tree.message_sizes(
        tuple(own.shape[1] for own in features), rank, 1 if n_batch > 1 else targets.shape[1]
    )
    contraction = Contraction(tree, sizes, n_batch)
    constants = [np.eye(own.shape[1])[0] for own in features]
    weight = np.ones(len(targets)) if weight is None else weight
    cores = interaction_start(contraction, constants, features, targets, weight, noise)
    raw, _ = contraction.forward(cores, features)
    return raw[0] if n_batch == 1 else raw[..., 0].T


@each_tree
@pytest.mark.parametrize("n_batch", [1, 2])
def test_planted_interactions_are_found(make, n_batch):
    X, features = signs()
    targets = np.stack(
        [0.7 * X[:, [0, 2, 3, 6]].prod(axis=1) + 0.2, X[:, [1, 2]].prod(axis=1) - X[:, 4]], axis=1
    )
    scores = start(make, features, targets, rank=8, n_batch=n_batch)
    np.testing.assert_allclose(scores, targets, atol=1e-8)


@each_tree
@pytest.mark.parametrize("n_batch", [1, 2])
def test_rank_one_takes_the_best_product_or_the_constant(make, n_batch):
    X, features = signs()
    product = X[:, [1, 2, 5]].prod(axis=1)
    for target, chosen in [(0.9 * product + 0.1, product), (0.2 * product + 3.0, np.ones(400))]:
        targets = np.stack([target, -2 * target], axis=1)
        scores = start(make, features, targets, rank=1, n_batch=n_batch)
        weight = chosen @ targets / 400
        np.testing.assert_allclose(scores, np.outer(chosen, weight), atol=1e-8)


@each_tree
def test_without_products_the_start_is_the_mean(make):
    features = [np.ones((5, 1))] * 3
    targets = np.arange(5.0)[:, None]
    scores = start(make, features, targets, rank=2)
    np.testing.assert_allclose(scores, np.full((5, 1), 2.0), atol=1e-8)


@each_tree
def test_noise_does_not_reach_the_scores(make):
    X, features = signs()
    targets = X[:, [0, 1, 5]].prod(axis=1, keepdims=True)
    with_noise = start(make, features, targets, 6, noise=np.random.RandomState(0))
    np.testing.assert_allclose(with_noise, targets, atol=1e-8)


def test_several_features_of_a_site():
    rng = np.random.default_rng(1)
    codes = rng.integers(3, size=(500, 4))
    features = [np.hstack([np.ones((500, 1)), np.eye(3)[own]]) for own in codes.T]
    both = (codes[:, 0] == 1) & (codes[:, 3] == 2)
    targets = np.where(both, 2.0, -1.0)[:, None]
    scores = start(tensor_train, features, targets, rank=4)
    np.testing.assert_allclose(scores, targets, atol=1e-8)


def test_all_products_are_ranked_by_correlation():
    rng = np.random.default_rng(2)
    features = [np.stack([np.ones(50), x], axis=1) for x in rng.normal(size=(5, 50))]
    residual, share = rng.normal(size=(50, 2)), rng.dirichlet(np.ones(50))
    atoms = [(site, 1) for site in range(5)]
    found = module.telling_products(features, atoms, residual, share, 31)
    expected = {}
    for order in range(1, 6):
        for sites in combinations(range(5), order):
            product = np.prod([features[site][:, 1] for site in sites], axis=0)
            gain = ((share * product) @ residual) ** 2
            term = tuple((site, 1) for site in sites)
            expected[term] = gain.sum() / (share @ product**2)
    assert len(found) == len(set(found)) == 31
    assert set(found) == set(expected)
    values = np.array([expected[term] for term in found])
    np.testing.assert_allclose(values, np.sort(values)[::-1], rtol=1e-4)


def test_weights_are_repetitions():
    rng = np.random.default_rng(3)
    _, features = signs(n=60)
    targets = rng.normal(size=(60, 1))
    times = rng.integers(1, 4, size=60)
    repeated = [np.repeat(own, times, axis=0) for own in features]
    first = start(tensor_train, features, targets, 5, weight=times.astype(float))
    second = start(tensor_train, repeated, np.repeat(targets, times, axis=0), 5)
    np.testing.assert_allclose(np.repeat(first, times, axis=0), second, atol=1e-8)


@pytest.mark.parametrize(
    ("n_atoms", "n_sites", "order"),
    [(4, 4, 4), (30, 30, 6), (60, 60, 4), (100, 100, 3), (1_000, 1_000, 2), (9_000, 9_000, 1)],
)
def test_the_order_is_limited_by_the_number_of_products(n_atoms, n_sites, order):
    assert module.highest_order(n_atoms, n_sites) == order


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_targets_without_information_give_a_constant(value):
    _, features = signs(n=30, d=3)
    scores = start(tensor_train, features, np.full((30, 1), value), rank=3)
    np.testing.assert_allclose(scores, value, atol=1e-8)
