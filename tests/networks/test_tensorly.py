"""Networks to the tensors of TensorLy and back, by their dense tensors."""

import numpy as np
import pytest
import tensorly as tl
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorly.cp_tensor import CPTensor
from tensorly.tt_tensor import TTTensor
from tensorly.tucker_tensor import TuckerTensor

from sktensornet.networks import (
    TensorNetwork,
    Tree,
    balanced,
    canonical_polyadic,
    hierarchical_tucker,
    norm,
    tensor_train,
)
from sktensornet.networks._conversions._hierarchical_svd import hierarchical_svd
from sktensornet.networks._conversions._tensorly import from_tensorly, to_tensorly
from sktensornet.networks._tree import OUT, Node

KINDS = {"TT": TTTensor, "HT": TuckerTensor, "CP": CPTensor}


def close(a, b, tolerance=1e-12):
    np.testing.assert_allclose(a, b, atol=tolerance * np.abs(b).max())


def random_network(tree, mode_sizes, rank, n_outputs, batched=False, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    shapes = tree.core_shapes(tree.message_sizes(mode_sizes, rank, 1 if batched else n_outputs))
    cores = [rng.standard_normal((n_outputs, *shape) if batched else shape) for shape in shapes]
    if batched:
        root = tree.core_of[tree.root]
        cores[root] = cores[root][..., 0]
    return TensorNetwork(tree, tuple(core.astype(dtype) for core in cores), batched)


def low_rank(shape, rank, seed=0):
    rng = np.random.default_rng(seed)
    return tl.cp_to_tensor((np.ones(rank), [rng.standard_normal((m, rank)) for m in shape]))


MIDDLE = random_network(tensor_train(3), (2, 3, 4), 3, 5)
BATCHED = random_network(tensor_train(3), (2, 3, 4), 3, 5, batched=True)


def test_each_class_is_its_slice_of_the_dense_tensor(case):
    network = case.network
    for c in range(3):
        tensor = to_tensorly(network, c)
        assert type(tensor) is KINDS[network.format]
        close(tensor.to_tensor().reshape(case.mode_sizes), network.to_dense()[..., c])


def test_classes_come_back_as_a_batched_network(case):
    network = case.network
    tensors = [to_tensorly(network, c) for c in range(3)]
    back = from_tensorly(tensors, network.tree)
    assert back.batched
    assert back.tree == network.tree
    close(back.to_dense(), network.to_dense())


def test_a_class_comes_back_as_one_output(case):
    network = case.network
    back = from_tensorly(to_tensorly(network, 1), network.tree)
    assert not back.batched
    close(back.to_dense(), network.to_dense()[..., 1:2])


@pytest.mark.parametrize(
    "tree",
    [
        tensor_train(1),
        tensor_train(2),
        tensor_train(4, 3),
        hierarchical_tucker(0),
        hierarchical_tucker(((3, 0), (1, 2))),
        canonical_polyadic(1),
        canonical_polyadic(4),
    ],
    ids=str,
)
def test_the_class_axis_can_be_the_last_mode(tree):
    modes = (2, 3, 4, 2)[: tree.n_sites]
    network = random_network(tree, modes, 3, 5)
    tensor = to_tensorly(network)
    assert tensor.shape == (*modes, 5)
    close(tensor.to_tensor(), network.to_dense())
    close(from_tensorly(tensor, tree).to_dense(), network.to_dense())


def test_the_only_class_needs_no_index(case):
    network = case.network
    only = from_tensorly([to_tensorly(network, 0)], network.tree)
    close(to_tensorly(only).to_tensor().reshape(case.mode_sizes), network.to_dense()[..., 0])


@given(
    st.lists(st.integers(1, 4), min_size=1, max_size=5),
    st.integers(1, 5),
    st.integers(1, 3),
    st.booleans(),
    st.data(),
)
@settings(max_examples=40, deadline=None, derandomize=True, database=None)
def test_round_trip_of_random_networks(modes, rank, n_outputs, batched, data):
    d = len(modes)
    chain = tensor_train(d, data.draw(st.integers(0, d - 1)))
    for tree in (chain, hierarchical_tucker(balanced(d)), canonical_polyadic(d)):
        network = random_network(tree, tuple(modes), rank, n_outputs, batched, seed=rank)
        tensors = [to_tensorly(network, c) for c in range(n_outputs)]
        dense = network.to_dense()
        back = from_tensorly(tensors, tree).to_dense()
        np.testing.assert_allclose(back, dense, atol=1e-12 * norm(network))


@pytest.mark.parametrize("tree", [tensor_train(3, 0), canonical_polyadic(3)], ids=str)
def test_cores_of_batched_chains_and_products_come_back_unchanged(tree):
    network = random_network(tree, (2, 3, 4), 3, 5, batched=True)
    back = from_tensorly([to_tensorly(network, c) for c in range(5)], tree)
    for core, expected in zip(back.cores, network.cores, strict=True):
        np.testing.assert_array_equal(core, expected)


def test_float32_stays_float32(topology):
    tree, _ = topology
    network = random_network(tree, (2, 3, 4, 2, 3, 2)[: tree.n_sites], 2, 2, dtype=np.float32)
    tensors = [to_tensorly(network, c) for c in range(2)]
    assert tensors[0].to_tensor().dtype == np.float32
    back = from_tensorly(tensors, tree)
    assert all(core.dtype == np.float32 for core in back.cores)
    close(back.to_dense(), network.to_dense(), 1e-5)


def test_arrays_are_copies_and_the_backend_is_left_alone():
    backend = tl.get_backend()
    tensor = to_tensorly(BATCHED, 2)
    tensor.factors[0][:] = 0.0
    assert BATCHED.cores[0].any()
    assert tl.get_backend() == backend


def test_default_trees_take_every_mode_as_a_site():
    chain = to_tensorly(MIDDLE, 0)
    assert from_tensorly(chain).tree == tensor_train(3)
    assert from_tensorly(list(chain)).tree == tensor_train(3)
    factors = [np.ones((m, 2)) for m in (2, 3, 4)]
    assert from_tensorly(CPTensor((None, factors))).tree == canonical_polyadic(3)
    tucker = TuckerTensor((np.ones((2, 2, 2)), factors))
    assert from_tensorly(tucker).tree == hierarchical_tucker(balanced(3))


def test_a_list_of_cores_is_one_chain_and_a_list_of_those_one_for_each_class():
    cores = [list(to_tensorly(BATCHED, c)) for c in range(5)]
    close(from_tensorly(cores[1]).to_dense()[..., 0], BATCHED.to_dense()[..., 1])
    close(from_tensorly(tuple(cores)).to_dense(), BATCHED.to_dense())


def test_ranks_are_padded_with_zeros_to_the_largest():
    tree = tensor_train(3)
    networks = [random_network(tree, (3, 3, 3), rank, 1, seed=rank) for rank in (1, 3, 2)]
    batch = from_tensorly([to_tensorly(network) for network in networks])
    assert batch.ranks == (3, 3)
    expected = np.concatenate([network.to_dense() for network in networks], axis=-1)
    close(batch.to_dense(), expected)


def test_weights_and_vectors_of_a_cp_tensor_count():
    tensor = CPTensor((np.array([2.0]), [np.arange(3.0), np.arange(4.0)]))
    expected = 2.0 * np.outer(np.arange(3.0), np.arange(4.0))
    close(from_tensorly(tensor).to_dense()[..., 0], expected)


def test_a_tucker_tensor_fits_a_chain():
    network = random_network(hierarchical_tucker(((3, 0), (1, 2))), (2, 3, 4, 2), 3, 5)
    back = from_tensorly(to_tensorly(network), tensor_train(4, 1))
    close(back.to_dense(), network.to_dense())


def test_wide_factors_of_a_tucker_tensor_are_reduced():
    rng = np.random.default_rng(0)
    factors = [rng.standard_normal((2, 5)) for _ in range(3)]
    tensor = TuckerTensor((rng.standard_normal((5, 5, 5)), factors))
    network = from_tensorly(tensor)
    assert max(network.ranks) <= 2
    close(network.to_dense()[..., 0], tensor.to_tensor())


@pytest.mark.parametrize(
    "tree", [tensor_train(4, 1), hierarchical_tucker(balanced(4))], ids=["TT", "HT"]
)
@pytest.mark.parametrize("options", [{"rank": 2}, {"rank_tol": 0.1}, {"rank": 3, "rank_tol": 0.1}])
def test_truncation_is_within_the_bound_of_that_of_the_dense_tensor(tree, options):
    network = random_network(tree, (3, 2, 3, 2), 6, 2)
    dense = network.to_dense()
    expected = hierarchical_svd(dense, tree, **options)
    reference = np.linalg.norm(expected.to_dense() - dense)
    tensors = [dense]
    if tree.format == "HT":
        tensors.append(to_tensorly(network))
    for tensor in tensors:
        truncated = from_tensorly(tensor, tree, **options)
        assert max(truncated.ranks) <= options.get("rank", 9)
        assert np.linalg.norm(truncated.to_dense() - dense) <= 2 * reference


def test_a_chain_is_rounded():
    network = random_network(tensor_train(3), (3, 3, 3), 3, 1)
    assert from_tensorly(to_tensorly(network), rank=2).ranks == (2, 2)


@pytest.mark.parametrize("shape", [(3,), (3, 2), (2, 3, 2, 3)])
@pytest.mark.parametrize("n_outputs", [None, 1, 4])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_dense_tensors_are_decomposed(shape, n_outputs, dtype):
    d = len(shape)
    full = shape if n_outputs is None else (*shape, n_outputs)
    tensor = low_rank(full, 1).astype(dtype)
    expected = tensor.reshape((*shape, n_outputs or 1))
    trees = [tensor_train(d, centre) for centre in range(d)]
    trees += [hierarchical_tucker(balanced(d)), canonical_polyadic(d)]
    for tree in trees:
        network = from_tensorly(tensor, tree, rank=1, random_state=0)
        assert network.dtype == dtype
        close(network.to_dense(), expected, 1e-5 if dtype == np.float32 else 1e-12)


def test_dense_tensors_are_exact_without_a_rank():
    tensor = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    for tree in (tensor_train(3), hierarchical_tucker((2, 0, 1))):
        close(from_tensorly(tensor, tree).to_dense(), tensor)


@pytest.mark.parametrize("rank", [2, 3, 4])
def test_parafac_finds_a_low_rank_and_stays_bounded_above_it(rank):
    tensor = low_rank((4, 3, 4, 3), 2, seed=1)
    network = from_tensorly(tensor, canonical_polyadic(3), rank=rank, random_state=0)
    close(network.to_dense(), tensor, 1e-2)
    assert max(np.abs(core).max() for core in network.cores) < 1e3


def test_parafac_is_repeatable():
    tensor = np.random.default_rng(0).standard_normal((2, 3, 4))
    first, second = (
        from_tensorly(tensor, canonical_polyadic(3), rank=4, random_state=7) for _ in range(2)
    )
    for a, b in zip(first.cores, second.cores, strict=True):
        np.testing.assert_array_equal(a, b)


def test_dense_tensors_of_a_list_are_one_for_each_class():
    tensors = np.random.default_rng(0).standard_normal((3, 2, 2, 2))
    network = from_tensorly(list(tensors), tensor_train(3))
    assert network.batched
    close(network.to_dense(), np.moveaxis(tensors, 0, -1))


def test_a_site_without_a_frame_has_the_identity_as_factor():
    nodes = (Node(site=0), Node(site=1), Node((0, 1), axes=(OUT, 0, 1)), Node((2,), axes=(0, OUT)))
    tree = Tree(nodes, (2, 3), "mine")
    rng = np.random.default_rng(0)
    network = TensorNetwork(tree, (rng.standard_normal((4, 2, 3)), rng.standard_normal((4, 2))))
    tensor = to_tensorly(network)
    np.testing.assert_array_equal(tensor.factors[0], np.eye(2))
    close(tensor.to_tensor(), network.to_dense())


@pytest.mark.parametrize(
    ("network", "class_index", "said"),
    [
        (MIDDLE, 5, "class_index=5 .* < 5"),
        (MIDDLE, -1, "class_index=-1"),
        (MIDDLE, "a", "class_index='a'"),
        (MIDDLE, None, r"class_index=None.* core 1 .* 0\.\.4"),
        (BATCHED, None, r"class_index=None.* one tensor per class.* 0\.\.4"),
    ],
)
def test_bad_classes_are_named(network, class_index, said):
    with pytest.raises(ValueError, match=said):
        to_tensorly(network, class_index)


def test_a_large_tucker_core_is_refused_with_its_size():
    network = random_network(hierarchical_tucker(balanced(12)), (4,) * 12, 4, 1)
    with pytest.raises(ValueError, match=r"16,777,216 entries over 12 sites.*round_network"):
        to_tensorly(network)


def test_a_network_of_products_and_cores_is_refused():
    nodes = (Node(site=0), Node((0,), axes=(0, OUT)), Node((1,)), Node((2,), axes=(0, OUT)))
    nodes += (Node((3,), axes=(0, OUT)),)
    cores = (np.ones((2, 2)), np.ones((2, 2)), np.ones((2, 1)))
    network = TensorNetwork(Tree(nodes, (1, 3, 4), "mine"), cores)
    with pytest.raises(ValueError, match="mixes element-wise products"):
        to_tensorly(network)


CHAIN = to_tensorly(MIDDLE, 0)
TUCKER = to_tensorly(random_network(hierarchical_tucker(balanced(3)), (2, 3, 4), 2, 1))
CP = to_tensorly(random_network(canonical_polyadic(3), (2, 3, 4), 2, 1))
DENSE = np.ones((2, 3, 4))


@pytest.mark.parametrize(
    ("tensor", "options", "said"),
    [
        ("dense", {}, "tensor is of type str"),
        ([], {}, "tensor is of type list.*at least one"),
        (CHAIN, {"tree": "TT"}, "tree='TT'"),
        (CHAIN, {"tree": canonical_polyadic(3)}, r"TTTensor.* a CP .*tensor_train\(3\)"),
        (CHAIN, {"tree": tensor_train(4)}, "3 mode.* 4, or 5"),
        (CHAIN, {"tree": tensor_train(2, 0)}, r"right tree is tensor_train\(2, 1\)"),
        (CHAIN, {"rank": 0}, "rank=0"),
        ([np.ones((1, 2, 3)), np.ones((2, 2, 1))], {}, r"tensor\[1\] has shape .* length 3"),
        (CP, {"tree": tensor_train(3)}, r"CPTensor.* a TT .*canonical_polyadic\(3\)"),
        (CP, {"rank": 1}, "rank=1, .*CPTensor"),
        (CP, {"rank_tol": 0.1}, r"rank_tol=0\.1 .*CPTensor"),
        (TUCKER, {"tree": canonical_polyadic(3)}, r"TuckerTensor.* a CP .*hierarchical_tucker"),
        (TUCKER, {"tree": hierarchical_tucker((0, 1, 2, 3, 4))}, "3 mode.* 5, or 6"),
        (DENSE, {}, r"tree=None.*\(2, 3, 4\)"),
        (DENSE, {"tree": tensor_train(1)}, "3 mode.* 1, or 2"),
        (DENSE, {"tree": tensor_train(3), "rank": 0}, "rank=0"),
        (DENSE, {"tree": tensor_train(3), "rank_tol": -1}, "rank_tol=-1"),
        (DENSE, {"tree": canonical_polyadic(3)}, "rank=None .* for a CP tree"),
        (DENSE, {"tree": canonical_polyadic(3), "rank": 7}, "rank=7 must be <= 6"),
        (DENSE, {"tree": canonical_polyadic(3), "rank": 2, "rank_tol": 0.1}, r"rank_tol=0\.1"),
        (0 * DENSE, {"tree": canonical_polyadic(3), "rank": 1}, "rank=1 is more"),
        (np.nan * DENSE, {"tree": tensor_train(3)}, "NaN"),
        (1j * DENSE, {"tree": tensor_train(3)}, "real numbers"),
        ([CHAIN, CP], {}, r"tensor\[1\] gives a CP"),
        ([CHAIN, to_tensorly(MIDDLE, 0), DENSE[..., 0]], {"tree": tensor_train(3)}, "2 mode"),
        ([DENSE], {"tree": tensor_train(2)}, r"tensor\[0\] has 4 outputs"),
    ],
)
def test_what_does_not_fit_is_named(tensor, options, said):
    with pytest.raises(ValueError, match=said):
        from_tensorly(tensor, **options)
