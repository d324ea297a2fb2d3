"""Conversions between trees against the dense tensor, and their widths against min-cuts."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sktensornet.networks import (
    TensorNetwork,
    balanced,
    canonical_polyadic,
    convert,
    hierarchical_tucker,
    inner,
    min_cut,
    norm,
    round_network,
    tensor_train,
)
from sktensornet.networks._conversions import _convert as _conversions
from sktensornet.networks._conversions import _to_tree as _regraft
from sktensornet.networks._cores import message_cores
from sktensornet.networks._passes._contraction import Contraction
from sktensornet.networks._tree import Node, Tree

seeds = st.integers(0, 2**32 - 1)
quick = settings(max_examples=40, deadline=None, derandomize=True)


def sites_below(tree):
    below = []
    for node in tree.nodes:
        own = [] if node.site is None else [node.site]
        below.append(own + [site for child in node.children for site in below[child]])
    return below


def random_network(rng, tree, modes, rank, n_outputs=1, batched=False):
    sizes = tree.message_sizes(modes, rank, 1 if batched else n_outputs)
    cores = [rng.standard_normal(shape) for shape in tree.core_shapes(sizes)]
    if not batched:
        return TensorNetwork(tree, tuple(cores))
    root = tree.core_of[tree.root]
    cores = [rng.standard_normal((n_outputs, *core.shape)) for core in cores]
    cores[root] = cores[root][..., 0]
    return TensorNetwork(tree, tuple(cores), batched=True)


def scores(network, features):
    contraction = Contraction(
        network.tree, network.message_sizes, network.n_outputs if network.batched else 1
    )
    cores = message_cores(network)
    result = contraction.forward(cores, features)[0]
    return result[..., 0].T if network.batched else result[0]


def cuts(network, tree):
    """The min-cut of the network at every bond of a tree, in the order of `ranks`."""
    below = sites_below(tree)
    return tuple(min_cut(network, below[index]) for index in tree.order if index != tree.root)


TARGETS = {
    "TT": tensor_train,
    "TT, leg first": lambda d: tensor_train(d, 0),
    "TT, leg last": lambda d: tensor_train(d, d - 1),
    "HT": lambda d: hierarchical_tucker(balanced(d)),
    "HT, reversed caterpillar": lambda d: hierarchical_tucker(
        0 if d == 1 else tuple(reversed(range(d))) if d < 4 else (3, (*range(4, d), 2), (1, 0))
    ),
    "CP": canonical_polyadic,
}


def test_the_tensor_stays(case):
    network, dense = case.network, case.dense
    scale = np.abs(dense).max()
    for name, target in TARGETS.items():
        tree = target(network.n_sites)
        converted, error = convert(network, tree, return_error=True)
        assert converted.tree == tree, name
        assert converted.batched == network.batched
        assert error < 1e-12, name
        np.testing.assert_allclose(converted.to_dense(), dense, atol=1e-12 * scale, err_msg=name)


@given(seeds)
@quick
def test_any_tree_to_any_other(random_tree, seed):
    rng = np.random.default_rng(seed)
    d, n_outputs, batched = int(rng.integers(1, 7)), int(rng.integers(1, 4)), rng.random() < 0.3
    modes = tuple(int(m) for m in rng.integers(1, 4, d))
    network = random_network(
        rng, random_tree(rng, d), modes, int(rng.integers(1, 4)), n_outputs, batched
    )
    tree = random_tree(rng, d)
    converted = convert(network, tree)
    dense = network.to_dense()
    np.testing.assert_allclose(converted.to_dense(), dense, atol=1e-11 * np.linalg.norm(dense))
    if not tree.multiplied:
        assert all(a <= b for a, b in zip(converted.ranks, cuts(network, tree), strict=True))


@given(seeds)
@quick
def test_widths_are_the_min_cuts_with_the_class_leg(random_tree, seed):
    rng = np.random.default_rng(seed)
    d, n_outputs = int(rng.integers(2, 8)), int(rng.integers(1, 5))
    source, tree = random_tree(rng, d), random_tree(rng, d)
    if tree.multiplied:
        tree = tensor_train(d)
    network = random_network(rng, source, (2,) * d, int(rng.integers(1, 4)), n_outputs)
    assert convert(network, tree).ranks == cuts(network, tree)


@pytest.mark.parametrize(
    ("n_outputs", "batched", "top", "widest"),
    [(1, False, 2, 4), (10, False, 12, 24), (10, True, 2, 4)],
)
def test_the_class_leg_has_a_price(n_outputs, batched, top, widest):
    rng = np.random.default_rng(0)
    network = random_network(rng, tensor_train(8), (6,) * 8, 2, n_outputs, batched)
    # With 10 classes the core (2, 6, 2, 10) of site 4 is cheapest to cut at its site.
    tree = convert(network, hierarchical_tucker(balanced(8)))
    assert tree.ranks[-2:] == (2, top)
    assert max(tree.ranks) == widest


@pytest.mark.parametrize(
    ("d", "rank", "width"), [(2, 3, 3), (4, 3, 3), (8, 2, 4), (8, 3, 9), (16, 2, 4)]
)
def test_a_balanced_tree_as_a_train(d, rank, width):
    network = random_network(
        np.random.default_rng(1), hierarchical_tucker(balanced(d)), (rank,) * d, rank
    )
    assert max(convert(network, tensor_train(d)).ranks) == width


@pytest.mark.parametrize("source", ["TT", "HT", "CP"])
@pytest.mark.parametrize("target", ["TT", "HT"])
def test_many_sites(source, target):
    rng = np.random.default_rng(2)
    network = random_network(rng, TARGETS[source](64), (3,) * 64, 2, 2)
    converted = convert(network, TARGETS[target](64))
    features = [rng.standard_normal((20, 3)) for _ in range(64)]
    expected = scores(network, features)
    np.testing.assert_allclose(
        scores(converted, features), expected, atol=1e-10 * np.abs(expected).max()
    )
    assert converted.ranks == cuts(network, converted.tree)


def test_there_and_back():
    rng = np.random.default_rng(3)
    train = random_network(rng, tensor_train(16), (3,) * 16, 3, 4)
    tree = convert(train, hierarchical_tucker(balanced(16)))
    back = convert(tree, train.tree)
    assert back.ranks == train.ranks
    error = norm(train) ** 2 + norm(back) ** 2 - 2 * inner(train, back)
    assert abs(error) < 1e-10 * norm(train) ** 2


def test_ranks_are_those_of_the_tensor_not_of_the_cores():
    """A sum as a tree as a train has the rank of the sum, far below the min-cut of the tree."""
    rng = np.random.default_rng(4)
    terms = random_network(rng, canonical_polyadic(32), (4,) * 32, 5)
    tree = convert(terms, hierarchical_tucker(balanced(32)))
    train = convert(tree, tensor_train(32))
    assert max(tree.ranks) == max(train.ranks) == 5
    assert max(cuts(tree, train.tree)) == 100


@given(seeds)
@quick
def test_the_error_of_a_truncation_is_the_one_reported(random_tree, seed):
    rng = np.random.default_rng(seed)
    d, batched = int(rng.integers(2, 6)), rng.random() < 0.3
    modes = tuple(int(m) for m in rng.integers(1, 5, d))
    network = random_network(rng, random_tree(rng, d), modes, 4, 2, batched)
    tree = random_tree(rng, d)
    rank = int(rng.integers(1, 4))
    if tree.multiplied:
        tree = tensor_train(d)
    tolerance = float(rng.choice([0.0, 0.1]))
    converted, error = convert(network, tree, rank, tolerance, return_error=True)
    assert max(converted.ranks, default=1) <= rank
    difference = (converted.to_dense() - network.to_dense()).reshape(-1, 2)
    shares = np.linalg.norm(difference, axis=0) / np.linalg.norm(
        network.to_dense().reshape(-1, 2), axis=0
    )
    joint = np.linalg.norm(difference) / np.linalg.norm(network.to_dense())
    assert error == pytest.approx(shares.max() if batched else joint, abs=1e-10)


def test_a_tolerance_lowers_ranks():
    rng = np.random.default_rng(5)
    network = random_network(rng, tensor_train(8), (3,) * 8, 3)
    tree = hierarchical_tucker(balanced(8))
    converted, error = convert(network, tree, rank_tol=0.2, return_error=True)
    assert sum(converted.ranks) < sum(convert(network, tree).ranks)
    assert 0 < error <= 0.2 * math.sqrt(len(converted.ranks))


def test_a_sum_has_few_terms():
    rng = np.random.default_rng(6)
    train = random_network(rng, tensor_train(6), (5,) * 6, 2)
    assert convert(train, canonical_polyadic(6)).ranks == (2**5,)
    wide = random_network(rng, tensor_train(6), (2,) * 6, 4)
    assert convert(wide, canonical_polyadic(6)).ranks == (2**5,)
    tree = random_network(rng, hierarchical_tucker(balanced(4)), (5,) * 4, 2)
    # Three of the four sites below the two bonds of the root fix one index each.
    assert convert(tree, canonical_polyadic(4)).ranks == (2**3,)


def test_a_sum_of_fewer_terms_is_fitted_and_says_so():
    rng = np.random.default_rng(7)
    train = random_network(rng, tensor_train(3), (3,) * 3, 3)
    assert convert(train, canonical_polyadic(3), 9).ranks == (9,)
    with pytest.warns(UserWarning, match=r"rank=2.* changed the tensor by 0\.\d+ of its norm"):
        convert(train, canonical_polyadic(3), 2)
    fitted, error = convert(train, canonical_polyadic(3), 2, return_error=True, random_state=0)
    difference = np.linalg.norm(fitted.to_dense() - train.to_dense())
    assert error == pytest.approx(difference / norm(train))
    assert 0.01 < error < 1


def test_a_sum_keeps_its_terms():
    network = random_network(np.random.default_rng(8), canonical_polyadic(4), (2, 3, 4, 2), 6, 2)
    assert convert(network, canonical_polyadic(4)).cores[0] is not None
    same = convert(network, canonical_polyadic(4), 6)
    np.testing.assert_array_equal(same.cores[2], network.cores[2])
    fewer, error = convert(network, canonical_polyadic(4), 3, return_error=True)
    difference = np.linalg.norm(fewer.to_dense() - network.to_dense())
    assert fewer.ranks == (3,)
    assert error == pytest.approx(difference / norm(network))


def test_dtype_stays():
    network = random_network(np.random.default_rng(9), tensor_train(4), (3,) * 4, 2, 3)
    single = TensorNetwork(network.tree, tuple(c.astype(np.float32) for c in network.cores))
    for target in TARGETS.values():
        converted = convert(single, target(4))
        assert converted.dtype == np.float32
        np.testing.assert_allclose(converted.to_dense(), network.to_dense(), atol=1e-5)


@pytest.mark.parametrize("target", ["TT", "HT", "CP"])
def test_zeros_stay(target):
    cores = tuple(np.zeros(shape) for shape in ((1, 2, 2), (2, 2, 2, 3), (2, 2, 1)))
    converted, error = convert(
        TensorNetwork(tensor_train(3), cores), TARGETS[target](3), return_error=True
    )
    assert error == 0
    assert not converted.to_dense().any()


def mixed_tree():
    """A product of two sites beside a third site."""
    nodes = [Node(site=0), Node(site=1), Node(site=2), Node((0, 1)), Node((3, 2), axes=(0, 1, -1))]
    return Tree(tuple(nodes), (4,), "mixed")


SMALL = TensorNetwork(tensor_train(3), tuple(map(np.ones, ((1, 2, 2), (2, 2, 2, 3), (2, 2, 1)))))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("network", tensor_train(3)), "network='network' must be a TensorNetwork"),
        ((SMALL, "HT"), "tree='HT' must be a Tree"),
        ((SMALL, tensor_train(4)), r"over 4 site\(s\); it must be over the 3"),
        ((SMALL, tensor_train(3), 0), "rank=0"),
        ((SMALL, tensor_train(3), None, 1.0), r"rank_tol=1\.0"),
        ((SMALL, canonical_polyadic(3), 2, 0.1), r"rank_tol=0\.1 must be 0 for a CP"),
        ((SMALL, mixed_tree()), "mixes element-wise products"),
    ],
)
def test_bad_arguments_are_named(arguments, said):
    with pytest.raises(ValueError, match=said):
        convert(*arguments)


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [
        ("HT", "TT", "array of .* entries on the way"),
        ("TT", "CP", "terms of 64 entries"),
        ("CP", "HT", "6 terms"),
    ],
)
def test_absurd_widths_raise(source, target, said, monkeypatch):
    for module in (_conversions, _regraft):
        monkeypatch.setattr(module, "LARGEST", 200)
    network = random_network(np.random.default_rng(0), TARGETS[source](16), (4,) * 16, 6)
    with pytest.raises(ValueError, match=said):
        convert(network, TARGETS[target](16))


def test_a_cap_does_not_save_a_sum_too_large_to_form():
    network = random_network(np.random.default_rng(0), tensor_train(32), (4,) * 32, 4)
    with pytest.raises(ValueError, match="to_dense"):
        convert(network, canonical_polyadic(32), 10)


@given(seeds)
@quick
def test_min_cut_bounds_the_rank_and_is_the_least_of_all_cuts(random_tree, seed):
    rng = np.random.default_rng(seed)
    d, n_outputs = int(rng.integers(1, 5)), int(rng.integers(1, 4))
    modes = tuple(int(m) for m in rng.integers(1, 4, d))
    tree = random_tree(rng, d)
    network = random_network(rng, tree, modes, int(rng.integers(1, 4)), n_outputs)
    rows = [k for k in range(d) if rng.random() < 0.5]
    class_in_rows = bool(rng.random() < 0.5)
    cut = min_cut(network, rows, class_in_rows)
    assert cut == least_cut(network, rows, class_in_rows)
    dense = network.to_dense()
    first = rows + ([d] if class_in_rows else [])
    matrix = np.moveaxis(dense, first, range(len(first)))
    matrix = matrix.reshape(math.prod(dense.shape[k] for k in first), -1)
    assert np.linalg.matrix_rank(matrix, rtol=1e-10) <= cut


def least_cut(network, rows, class_in_rows):
    """By trying all sides of all nodes that are not sites."""
    tree, sizes = network.tree, network.message_sizes
    inner_nodes = [index for index, node in enumerate(tree.nodes) if node.site is None]
    best = math.inf
    for sides in itertools.product([False, True], repeat=len(inner_nodes)):
        side = dict(zip(inner_nodes, sides, strict=True))
        side |= {i: node.site in rows for i, node in enumerate(tree.nodes) if node.site is not None}
        weight = sizes[tree.root] if side[tree.root] != class_in_rows else 1
        for index in inner_nodes:
            for child in tree.nodes[index].children:
                # A product node is a hyperedge: here its messages, all of one size, meet.
                if side[child] != side[index] and not tree.nodes[index].is_product:
                    weight *= sizes[child]
            node = tree.nodes[index]
            if node.is_product and any(side[child] != side[index] for child in node.children):
                weight *= sizes[index]
        best = min(best, weight)
    return best


@pytest.mark.parametrize(
    ("rows", "said"), [([3], "3"), ([-1], "-1"), ([0.5], r"0\.5"), ([0, 0], r"\[0, 0\]")]
)
def test_rows_must_be_sites(rows, said):
    with pytest.raises(ValueError, match=said):
        min_cut(SMALL, rows)


def test_rounding_is_left_alone():
    """Converting to its own tree is a rounding of the network."""
    network = random_network(np.random.default_rng(1), tensor_train(5), (3,) * 5, 3, 2)
    assert convert(network, network.tree).ranks == round_network(network).ranks
