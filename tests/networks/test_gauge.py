"""Gauge and rounding against dense matricizations and their singular values."""

import numpy as np
import pytest

from sktensornet.networks import (
    TensorNetwork,
    add,
    canonical_polyadic,
    norm,
    orthogonalise,
    round_network,
    tensor_train,
)


def sites_below(tree):
    below = []
    for node in tree.nodes:
        own = [] if node.site is None else [node.site]
        below.append(own + [site for child in node.children for site in below[child]])
    return below


def singular_values(network):
    """Those of the dense matricization of every bond, in the order of `ranks`."""
    tree, below = network.tree, sites_below(network.tree)
    dense = network.to_dense()
    values = []
    for index in tree.order:
        if index != tree.root:
            rest = [k for k in range(dense.ndim) if k not in below[index]]
            rows = int(np.prod([dense.shape[k] for k in below[index]]))
            matrix = dense.transpose(below[index] + rest).reshape(rows, -1)
            values.append(np.linalg.svd(matrix, compute_uv=False))
    return values


def test_gauge_keeps_the_tensor_and_puts_all_norm_on_one_core(tree_case):
    network = tree_case.network
    dense = network.to_dense()
    for target in range(len(network.cores)):
        centred = orthogonalise(network, target)
        scale = np.abs(dense).max()
        np.testing.assert_allclose(centred.to_dense(), dense, atol=1e-12 * scale)
        axes = tuple(range(1, centred.cores[target].ndim)) if tree_case.batched else None
        each = np.sqrt(np.sum(centred.cores[target] ** 2, axis=axes))
        assert np.linalg.norm(each) == pytest.approx(norm(network))


def test_default_target_is_the_core_of_the_class_leg(tree_case):
    network = tree_case.network
    root = network.tree.core_of[network.tree.root]
    for core, expected in zip(
        orthogonalise(network).cores, orthogonalise(network, root).cores, strict=True
    ):
        np.testing.assert_array_equal(core, expected)


def test_rounding_of_a_sum_with_itself_restores_ranks_and_tensor(tree_case):
    network = round_network(tree_case.network, rank_tol=1e-10)
    twice = round_network(add(network, network), rank_tol=1e-10)
    assert twice.ranks == network.ranks
    dense = network.to_dense()
    np.testing.assert_allclose(twice.to_dense(), 2 * dense, atol=1e-9 * np.abs(dense).max())


@pytest.mark.parametrize("rank", [1, 2])
def test_error_of_rounding_to_a_rank_is_within_the_bound(joint_tree, rank):
    network = joint_tree.network
    rounded = round_network(network, rank=rank)
    assert all(r <= rank for r in rounded.ranks)
    error = np.linalg.norm(rounded.to_dense() - network.to_dense())
    tails = [np.sum(values[rank:] ** 2) for values in singular_values(network)]
    assert error <= np.sqrt(np.sum(tails)) * (1 + 1e-9) + 1e-9 * norm(network)
    # The best approximation is no better than the worst single bond allows.
    best = np.sqrt(max(tails, default=0.0))
    assert error <= np.sqrt(max(1, len(tails))) * best + 1e-9 * norm(network)


@pytest.mark.parametrize("tolerance", [1e-8, 0.05, 0.3])
def test_rounding_to_a_tolerance_keeps_the_least_rank_each_bond_allows(joint_tree, tolerance):
    network = joint_tree.network
    rounded = round_network(network, rank_tol=tolerance)
    threshold = tolerance * norm(network)
    for rank, values in zip(rounded.ranks, singular_values(network), strict=True):
        tails = np.sqrt(np.cumsum(values[::-1] ** 2))[::-1]
        assert rank == max(1, np.sum(tails > threshold))


def test_batched_rounding_is_that_of_each_tensor(separate_trees):
    network = separate_trees.network
    rounded = round_network(network, rank=2).to_dense()
    root = network.tree.core_of[network.tree.root]
    for c in range(network.n_outputs):
        cores = [core[c] for core in network.cores]
        cores[root] = cores[root][..., None]
        single = round_network(TensorNetwork(network.tree, tuple(cores)), rank=2).to_dense()
        np.testing.assert_allclose(rounded[..., c], single[..., 0], rtol=1e-8, atol=1e-9)


def test_float32_stays_float32():
    cores = (np.ones((1, 2, 3), np.float32), np.ones((3, 2, 1, 2), np.float32))
    network = TensorNetwork(tensor_train(2), cores)
    assert orthogonalise(network).dtype == round_network(network).dtype == np.float32


def test_products_have_no_gauge():
    network = TensorNetwork(canonical_polyadic(1), (np.ones((2, 1)), np.ones((1, 1))))
    with pytest.raises(ValueError, match="no gauge"):
        orthogonalise(network)


@pytest.mark.parametrize(
    ("operation", "options", "said"),
    [
        (orthogonalise, {"towards": 2}, "towards=2"),
        (orthogonalise, {"towards": -1}, "towards=-1"),
        (round_network, {"rank": 0}, "rank=0"),
        (round_network, {"rank_tol": -0.1}, r"rank_tol=-0\.1"),
        (round_network, {"rank_tol": 1.0}, r"rank_tol=1\.0"),
    ],
)
def test_bad_parameters_are_named(operation, options, said):
    cores = (np.ones((1, 2, 1)), np.ones((1, 2, 1, 1)))
    with pytest.raises(ValueError, match=said):
        operation(TensorNetwork(tensor_train(2), cores), **options)
