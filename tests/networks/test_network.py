"""The immutable network: its dense tensor, its sizes, and what it refuses."""

import copy

import numpy as np
import pytest

from sktensornet.networks import (
    TensorNetwork,
    balanced,
    canonical_polyadic,
    hierarchical_tucker,
    tensor_train,
)


def train(shapes, batched=False, **options):
    """A tensor train of random cores of these shapes."""
    rng = np.random.default_rng(0)
    cores = tuple(rng.standard_normal(shape) for shape in shapes)
    return TensorNetwork(tensor_train(len(shapes), **options), cores, batched=batched)


SHAPES = [(1, 2, 3), (3, 4, 2, 5), (2, 3, 1)]
"""A tensor train of three sites and five outputs."""


def test_dense_tensor_is_the_einsum_of_the_cores(case):
    dense = case.network.to_dense()
    assert dense.shape == (*case.mode_sizes, 3)
    np.testing.assert_allclose(dense, case.dense, rtol=1e-11, atol=1e-12)


def test_dense_tensor_keeps_the_dtype(case):
    network = case.network
    single = TensorNetwork(
        network.tree, tuple(core.astype(np.float32) for core in network.cores), network.batched
    )
    assert single.dtype == np.float32
    assert single.to_dense().dtype == np.float32


def test_sizes_describe_the_cores(case):
    network = case.network
    assert network.n_sites == case.tree.n_sites
    assert network.mode_sizes == case.mode_sizes
    assert network.n_outputs == 3
    assert network.message_sizes == case.message_sizes
    assert network.format == case.tree.format
    assert network.n_parameters == sum(core.size for core in network.cores)
    assert network.nbytes == 8 * network.n_parameters


@pytest.mark.parametrize("centre", [0, 1, 2])
def test_ranks_of_a_tensor_train_are_its_bonds_from_left_to_right(centre):
    shapes = [(1, 2, 3), (3, 4, 2), (2, 3, 1)]
    shapes[centre] = (*shapes[centre], 5)
    assert train(shapes, centre=centre).ranks == (3, 2)


def test_ranks_of_a_tree_are_the_outgoing_bonds_in_the_order_of_the_cores():
    shapes = [(2, 1), (2, 2), (2, 3), (2, 4), (1, 2, 5), (3, 4, 6), (5, 6, 1)]
    tree = hierarchical_tucker(((0, 1), (2, 3)))
    assert TensorNetwork(tree, tuple(map(np.ones, shapes))).ranks == (1, 2, 3, 4, 5, 6)


def test_rank_of_a_cp_is_one_number():
    shapes = [(2, 7), (3, 7), (7, 2)]
    assert TensorNetwork(canonical_polyadic(2), tuple(map(np.ones, shapes))).ranks == (7,)


@pytest.mark.parametrize("shapes", [[(1, 2, 1, 3)]])
def test_a_chain_of_one_site_has_no_ranks(shapes):
    network = train(shapes)
    assert network.ranks == ()
    assert "sites=1" in repr(network)


def test_cores_are_read_only(case):
    for core in case.network.cores:
        with pytest.raises(ValueError, match="read-only"):
            core[...] = 0


def test_cores_are_copies():
    arrays = [np.ones(shape) for shape in SHAPES]
    network = TensorNetwork(tensor_train(3), tuple(arrays))
    for array in arrays:
        array[...] = 7
    assert all(np.all(core == 1) for core in network.cores)
    assert all(array.flags.writeable for array in arrays)


@pytest.mark.parametrize("name", ["cores", "tree", "batched"])
def test_attributes_cannot_be_set(name):
    with pytest.raises(AttributeError):
        setattr(train(SHAPES), name, None)


def test_a_deep_copy_has_the_same_cores():
    network = train(SHAPES)
    for a, b in zip(network.cores, copy.deepcopy(network).cores, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (SHAPES[:2], "2 entries; a TT over 3 sites needs 3"),
        ([(1, 2, 4), *SHAPES[1:]], "does not match the core at the other end"),
        ([*SHAPES[:2], (3, 3, 1)], "does not match the core at the other end"),
        ([SHAPES[0], (3, 4, 2), SHAPES[2]], r"cores\[1\] has shape \(3, 4, 2\); it must have 4"),
        ([(1, 2, 3, 1), *SHAPES[1:]], r"cores\[0\] has shape .* it must have 3 axes"),
        ([(2, 2, 3), *SHAPES[1:]], r"cores\[0\]"),
        ([*SHAPES[:2], (2, 3, 2)], r"cores\[2\]"),
    ],
    ids=["too few", "left bond", "right bond", "no class leg", "axis too many", "open", "open end"],
)
def test_a_tensor_train_of_wrong_shapes_is_refused(shapes, message):
    with pytest.raises(ValueError, match=message):
        TensorNetwork(tensor_train(3), tuple(np.ones(shape) for shape in shapes))


@pytest.mark.parametrize(
    ("tree", "shapes", "message"),
    [
        (canonical_polyadic(2), [(2, 3), (2, 4), (3, 1)], "does not match"),
        (canonical_polyadic(2), [(2, 3), (2, 3), (4, 1)], "does not match"),
        (hierarchical_tucker((0, 1)), [(2, 3), (2, 4), (3, 5, 1)], "does not match"),
        (hierarchical_tucker((0, 1)), [(2, 3), (2, 4), (3, 4)], r"cores\[2\] has shape \(3, 4\)"),
    ],
)
def test_a_tree_of_wrong_shapes_is_refused(tree, shapes, message):
    with pytest.raises(ValueError, match=message):
        TensorNetwork(tree, tuple(np.ones(shape) for shape in shapes))


def test_tensors_of_different_number_are_refused():
    shapes = [(5, 1, 2, 3), (5, 3, 4, 2), (4, 2, 3, 1)]
    with pytest.raises(ValueError, match=r"cores\[2\]"):
        train(shapes, batched=True)


@pytest.mark.parametrize(
    ("n_sites", "mode_size", "entries"), [(8, 8, r"10\^7\.2"), (64, 1, r"10\^0\.0"), (30, 2, "9.0")]
)
def test_to_dense_refuses_what_is_too_large(n_sites, mode_size, entries):
    network = train(
        [(1, mode_size, 1)] * (n_sites // 2)
        + [(1, mode_size, 1, 1)]
        + [(1, mode_size, 1)] * (n_sites - n_sites // 2 - 1)
    )
    with pytest.raises(ValueError, match=rf"{entries}.* entries over {n_sites} sites.*limit"):
        network.to_dense()


def test_to_dense_takes_as_many_sites_as_it_says():
    network = train([(1, 1, 1)] * 31 + [(1, 1, 1, 2)] + [(1, 1, 1)] * 31)
    expected = np.prod([core.ravel()[0] for core in network.cores if core.size == 1])
    assert network.to_dense().shape == (*[1] * 63, 2)
    np.testing.assert_allclose(network.to_dense().ravel(), expected * network.cores[31].ravel())


@pytest.mark.parametrize(
    ("network", "text"),
    [
        (
            train(SHAPES),
            "TensorNetwork(TT, sites=3, mode_size=2..4, rank=2..3, outputs=5, parameters=132, "
            "bytes=1,056)",
        ),
        (
            TensorNetwork(canonical_polyadic(2), tuple(map(np.ones, [(2, 9), (2, 9), (9, 3)]))),
            "TensorNetwork(CP, sites=2, mode_size=2, rank=9, outputs=3, parameters=63, bytes=504)",
        ),
        (
            TensorNetwork(
                hierarchical_tucker(balanced(2)),
                tuple(map(np.ones, [(4, 2, 3), (4, 2, 3), (4, 3, 3)])),
                batched=True,
            ),
            "TensorNetwork(HT, sites=2, mode_size=2, rank=3, outputs=4, parameters=84, bytes=672)",
        ),
    ],
)
def test_repr_says_format_and_sizes(network, text):
    assert repr(network) == text
