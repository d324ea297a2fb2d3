"""The hierarchical SVD against the singular values of dense matricizations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sktensornet.networks import (
    balanced,
    canonical_polyadic,
    hierarchical_tucker,
    round_network,
    tensor_train,
)
from sktensornet.networks._conversions._hierarchical_svd import hierarchical_svd

seeds = given(st.integers(0, 10**6))
quick = settings(max_examples=40, deadline=None, derandomize=True, database=None)


def random_nested(rng, sites):
    if len(sites) == 1:
        return sites[0]
    n_branches = rng.integers(2, min(len(sites), 4) + 1)
    cuts = np.sort(rng.choice(np.arange(1, len(sites)), n_branches - 1, replace=False))
    return tuple(random_nested(rng, part.tolist()) for part in np.split(np.array(sites), cuts))


def random_problem(seed):
    """A topology and a tensor whose matricizations have decaying singular values."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(1, 6))
    if rng.random() < 0.4:
        tree = tensor_train(d, int(rng.integers(d)))
    else:
        tree = hierarchical_tucker(random_nested(rng, rng.permutation(d).tolist()))
    tensor = rng.standard_normal((*rng.integers(1, 4, d), rng.integers(1, 4)))
    for axis, length in enumerate(tensor.shape):
        mixing = np.linalg.qr(rng.standard_normal((length, length)))[0]
        decay = mixing * rng.uniform(0.1, 1) ** np.arange(length)
        tensor = np.moveaxis(np.tensordot(decay, tensor, axes=(1, axis)), 0, axis)
    return tree, tensor, rng


def singular_values(tree, tensor):
    """Those of the dense matricization of every bond, in the order of `ranks`."""
    below: list[list[int]] = []
    for node in tree.nodes:
        own = [] if node.site is None else [node.site]
        below.append(own + [site for child in node.children for site in below[child]])
    values = []
    for index in tree.order:
        if index != tree.root:
            rows = int(np.prod([tensor.shape[k] for k in below[index]]))
            matrix = np.moveaxis(tensor, below[index], range(len(below[index]))).reshape(rows, -1)
            values.append(np.linalg.svd(matrix, compute_uv=False))
    return values


def test_full_rank_is_exact(joint_tree):
    tree, sizes = joint_tree.tree, joint_tree.mode_sizes
    tensor = np.random.default_rng(0).standard_normal((*sizes, 3))
    network = hierarchical_svd(tensor, tree)
    assert network.message_sizes == tree.message_sizes(sizes, 10**6, 3)
    np.testing.assert_allclose(network.to_dense(), tensor, atol=1e-12)


def test_all_cores_but_that_of_the_class_leg_are_orthonormal(joint_tree):
    tree = joint_tree.tree
    tensor = np.random.default_rng(1).standard_normal((*joint_tree.mode_sizes, 3))
    network = hierarchical_svd(tensor, tree, rank=3)
    for index, core in zip(tree.order, network.cores, strict=True):
        if index != tree.root:
            out = (tree.nodes[index].axes or ()).index(-1)
            matrix = np.moveaxis(core, out, -1).reshape(-1, core.shape[out])
            np.testing.assert_allclose(matrix.T @ matrix, np.eye(matrix.shape[1]), atol=1e-12)


def test_ranks_of_a_network_are_found_in_its_dense_tensor(joint_tree):
    network = round_network(joint_tree.network, rank_tol=1e-10)
    dense = network.to_dense()
    found = hierarchical_svd(dense, network.tree, rank_tol=1e-10)
    assert found.ranks == network.ranks
    np.testing.assert_allclose(found.to_dense(), dense, atol=1e-8 * np.abs(dense).max())


@seeds
@quick
def test_error_of_a_rank_is_quasi_optimal(seed):
    tree, tensor, rng = random_problem(seed)
    rank = int(rng.integers(1, 5))
    network = hierarchical_svd(tensor, tree, rank=rank)
    assert all(r <= rank for r in network.ranks)
    tails = [np.sum(values[rank:] ** 2) for values in singular_values(tree, tensor)]
    approximation = network.to_dense()
    norm, error = np.linalg.norm(tensor), np.linalg.norm(approximation - tensor)
    slack = 1e-10 * norm
    assert error <= np.sqrt(np.sum(tails)) + slack
    # No network of these ranks is closer than the worst of its bonds allows.
    n_truncated = np.count_nonzero(np.array(tails) > slack**2)
    assert error <= np.sqrt(n_truncated * max(tails, default=0.0)) + slack
    assert error**2 + np.linalg.norm(approximation) ** 2 == pytest.approx(norm**2, rel=1e-10)


@seeds
@quick
def test_error_of_a_tolerance_is_within_its_bound(seed):
    tree, tensor, rng = random_problem(seed)
    tolerance = float(10 ** rng.uniform(-4, -0.3))
    network = hierarchical_svd(tensor, tree, rank_tol=tolerance)
    norm, error = np.linalg.norm(tensor), np.linalg.norm(network.to_dense() - tensor)
    n_truncated = 0
    for rank, values in zip(network.ranks, singular_values(tree, tensor), strict=True):
        tails = np.sqrt(np.cumsum(values[::-1] ** 2))[::-1]
        assert rank <= max(1, np.sum(tails > tolerance * norm))
        n_truncated += rank < len(values)
    assert error <= (tolerance * np.sqrt(n_truncated) + 1e-10) * norm


def test_zeros_have_rank_one():
    network = hierarchical_svd(np.zeros((2, 3, 2, 2)), hierarchical_tucker(balanced(3)))
    assert set(network.ranks) == {1}
    assert not network.to_dense().any()


@pytest.mark.parametrize(
    ("given_type", "expected"),
    [(np.float32, np.float32), (np.float64, np.float64), (int, np.float64), (bool, np.float64)],
)
def test_dtype_is_kept(given_type, expected):
    tensor = np.random.default_rng(0).integers(0, 2, (2, 3, 4)).astype(given_type)
    network = hierarchical_svd(tensor, tensor_train(2))
    assert all(core.dtype == expected for core in network.cores)
    np.testing.assert_allclose(network.to_dense(), tensor, atol=1e-6)


@pytest.mark.parametrize(
    ("tensor", "tree", "options", "said"),
    [
        (np.ones((2, 2)), tensor_train(1), {"rank": 0}, "rank=0"),
        (np.ones((2, 2)), tensor_train(1), {"rank_tol": 1.0}, r"rank_tol=1\.0"),
        (np.ones((2, 2)), tensor_train(2), {}, r"shape \(2, 2\).* must have 3 axes"),
        (np.ones((2, 0)), tensor_train(1), {}, "length >= 1"),
        (np.full((2, 2), np.nan), tensor_train(1), {}, "NaN"),
        (np.ones((2, 2), complex), tensor_train(1), {}, "real numbers"),
        (np.ones((2, 2)), "TT", {}, "tree='TT'"),
        (np.ones((2, 2)), canonical_polyadic(1), {}, "a CP tree"),
    ],
)
def test_bad_parameters_are_named(tensor, tree, options, said):
    with pytest.raises(ValueError, match=said):
        hierarchical_svd(tensor, tree, **options)
