"""Shared cores: which are equal, and the networks of other numbers of sites."""

import pickle

import numpy as np
import pytest

from sktensornet.networks import (
    TensorNetwork,
    add,
    balanced,
    canonical_polyadic,
    hierarchical_tucker,
    inner,
    norm,
    orthogonalise,
    recurrent_train,
    round_network,
)

SHARED = {
    "TT": recurrent_train(5, shared=True),
    "TT, max": recurrent_train(5, "max", shared=True),
    "HT": hierarchical_tucker(balanced(8), shared=True),
    "CP": canonical_polyadic(4, shared=True),
}


def network_of(tree, m=2, rank=3, n_outputs=2):
    rng = np.random.default_rng(0)
    sizes = tree.message_sizes((m,) * tree.n_sites, rank, n_outputs)
    cores = [rng.standard_normal(shape) for shape in tree.core_shapes(sizes)]
    for first, *others in tree.groups:
        for other in others:
            cores[other] = cores[first]
    return TensorNetwork(tree, tuple(cores))


@pytest.mark.parametrize(
    ("name", "groups", "n_parameters"),
    [
        ("TT", ((0,), (1, 2, 3), (4,)), 6 + 18 + 12),
        ("TT, max", ((0, 1, 2, 3, 4), (5,), (6, 7, 8), (9,)), 6 + 9 + 27 + 18),
        ("HT", (tuple(range(8)), (8, 9, 11, 12), (10, 13), (14,)), 6 + 27 + 27 + 18),
        ("CP", ((0, 1, 2, 3), (4,)), 6 + 6),
    ],
)
def test_which_cores_are_equal(name, groups, n_parameters):
    tree = SHARED[name]
    assert tree.groups == groups
    network = network_of(tree)
    assert network.shares_cores
    assert network.n_parameters == n_parameters


@pytest.mark.parametrize("name", SHARED)
def test_cores_that_should_be_equal_are_checked(name):
    network = network_of(SHARED[name])
    group = next(group for group in network.tree.groups if len(group) > 1)
    cores = list(network.cores)
    cores[group[1]] = cores[group[1]] + 1.0
    with pytest.raises(ValueError, match=rf"cores\[{group[1]}\] must be equal to"):
        TensorNetwork(network.tree, tuple(cores))


def test_dense_tensor_of_a_shorter_train():
    network = network_of(SHARED["TT"])
    first, middle, *_, last = network.cores
    first, last = first[0], last[:, :, 0]
    expected = {
        2: np.einsum("ax,xbc->abc", first, last),
        3: np.einsum("ax,xby,ycd->abcd", first, middle, last),
        4: np.einsum("ax,xby,ycz,zde->abcde", first, middle, middle, last),
        7: np.einsum(
            "ax,xby,ycz,zdu,uev,vfw,wgh->abcdefgh", first, *[middle] * 5, last, optimize=True
        ),
    }
    for n_sites, dense in expected.items():
        shorter = network.with_n_sites(n_sites)
        assert shorter.n_sites == n_sites
        np.testing.assert_allclose(shorter.to_dense(), dense, rtol=1e-12)


def test_dense_tensors_of_shorter_trees_and_symmetric_sums():
    network = network_of(SHARED["HT"])
    frame, low, root = (network.cores[k] for k in (0, 8, 14))
    pair = np.einsum("ai,bj,ijk->abk", frame, frame, low)
    two = np.einsum("ai,bj,ijk->abk", frame, frame, root)
    np.testing.assert_allclose(network.with_n_sites(2).to_dense(), two, rtol=1e-12)
    four = np.einsum("abi,cdj,ijk->abcdk", pair, pair, root)
    np.testing.assert_allclose(network.with_n_sites(4).to_dense(), four, rtol=1e-12)
    factor, readout = (network := network_of(SHARED["CP"])).cores[0], network.cores[-1]
    one = network.with_n_sites(1).to_dense()
    np.testing.assert_allclose(one, factor @ readout, rtol=1e-12)
    dense = network.with_n_sites(3).to_dense()
    np.testing.assert_allclose(dense, dense.transpose(2, 0, 1, 3), rtol=1e-12)


@pytest.mark.parametrize("name", SHARED)
def test_all_lengths_lead_back(name):
    network = network_of(SHARED[name])
    lengths = network.tree.lengths
    assert lengths[-1] == network.n_sites
    assert network.tree.with_n_sites(network.n_sites) == network.tree
    for n_sites in lengths:
        shorter = network.with_n_sites(n_sites)
        assert shorter.tree.lengths == tuple(n for n in lengths if n <= n_sites)
        expected = shorter.tree.sizes_like(network.tree, network.message_sizes)
        assert shorter.message_sizes == expected
    again = pickle.loads(pickle.dumps(network))
    assert again.with_n_sites(lengths[0]).n_sites == lengths[0]


def test_lengths_of_a_tree_are_those_that_fill_it():
    assert SHARED["HT"].lengths == (2, 4, 8)
    ternary = hierarchical_tucker(
        (((0, 1), (2, 3)), ((4, 5), (6, 7)), ((8, 9), (10, 11))), "max", True
    )
    assert ternary.lengths == (3, 6, 12)
    out_of_order = hierarchical_tucker(((0, 2), (1, 3)), shared=True)
    assert out_of_order.lengths == (4,)
    with pytest.raises(ValueError, match="needs shared cores"):
        out_of_order.with_n_sites(2)


@pytest.mark.parametrize(
    ("tree", "n_sites", "message"),
    [
        (recurrent_train(3), 2, "needs shared cores"),
        (SHARED["TT"], 1, "at least 2"),
        (SHARED["CP"], 0, "at least 1"),
        (SHARED["HT"], 3, r"one of \[2, 4, 8\]"),
        (SHARED["HT"], 16, r"one of \[2, 4, 8\]"),
        (recurrent_train(2, shared=True), 3, "cores that a network of 2 sites does not have"),
    ],
)
def test_other_numbers_of_sites_raise(tree, n_sites, message):
    with pytest.raises(ValueError, match=message):
        network_of(tree).with_n_sites(n_sites)


@pytest.mark.parametrize("nested", [balanced(6), ((0, 1), 2), ((0, 1, 2), (3, 4))])
def test_uneven_trees_cannot_share(nested):
    with pytest.raises(ValueError, match="perfect tree"):
        hierarchical_tucker(nested, shared=True)


def test_what_moves_norm_between_cores_gives_a_network_that_shares_none():
    for name in ("TT", "HT"):
        network = network_of(SHARED[name])
        for other in (orthogonalise(network), round_network(network, rank_tol=1e-12)):
            assert not other.shares_cores
            np.testing.assert_allclose(other.to_dense(), network.to_dense(), rtol=1e-9, atol=1e-9)
            np.testing.assert_allclose(inner(network, other), norm(network) ** 2, rtol=1e-9)
        twice = add(network, network)
        np.testing.assert_allclose(twice.to_dense(), 2 * network.to_dense(), rtol=1e-9)
