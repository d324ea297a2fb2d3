"""Topologies: bonds no larger than needed, balanced trees, and trees that are refused."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sktensornet.networks import (
    balanced,
    balanced_grid,
    canonical_polyadic,
    hierarchical_tucker,
    tensor_train,
)
from sktensornet.networks._dimension_trees import check_nested


def leaves(nested):
    return (
        [site for part in nested for site in leaves(part)]
        if isinstance(nested, tuple)
        else [nested]
    )


def depth(nested):
    return 1 + max(map(depth, nested)) if isinstance(nested, tuple) else 0


def sites_below(tree):
    """Sites under every node."""
    below = []
    for node in tree.nodes:
        own = [] if node.site is None else [node.site]
        below.append(own + [site for child in node.children for site in below[child]])
    return below


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=9),
    st.integers(1, 12),
    st.integers(1, 5),
    st.data(),
)
@settings(max_examples=60, deadline=None, derandomize=True, database=None)
def test_messages_are_as_large_as_rank_and_matricization_allow(modes, rank, n_outputs, data):
    d = len(modes)
    trees = [tensor_train(d, data.draw(st.integers(0, d - 1))), hierarchical_tucker(balanced(d))]
    for tree in trees:
        sizes = tree.message_sizes(tuple(modes), rank, n_outputs)
        for node, below, size in zip(tree.nodes, sites_below(tree), sizes, strict=True):
            inside = math.prod(modes[site] for site in below)
            outside = math.prod(modes) // inside * n_outputs
            if node is tree.nodes[-1]:
                assert size == n_outputs
            elif node.site is not None:
                assert size == modes[node.site]
            else:
                assert size == min(rank, inside, outside)


@pytest.mark.parametrize("rank", [1, 6])
@pytest.mark.parametrize("n_sites", [1, 2, 5])
def test_a_cp_has_its_rank_everywhere(n_sites, rank):
    tree = canonical_polyadic(n_sites)
    sizes = tree.message_sizes((3,) * n_sites, rank, 2)
    assert sizes == (*[3] * n_sites, *[rank] * n_sites, rank, 2)


def test_unfoldings_of_a_random_network_have_the_rank_of_the_message(case):
    dense = case.dense
    for node, below, size in zip(
        case.tree.nodes, sites_below(case.tree), case.message_sizes, strict=True
    ):
        if not case.batched and node.axes is not None and node is not case.tree.nodes[-1]:
            rest = [axis for axis in range(dense.ndim) if axis not in below]
            rows = math.prod(dense.shape[axis] for axis in below)
            unfolding = dense.transpose(*below, *rest).reshape(rows, -1)
            assert np.linalg.matrix_rank(unfolding) <= size


@pytest.mark.parametrize("make", [tensor_train, lambda d: hierarchical_tucker(balanced(d))])
def test_thousands_of_sites_do_not_overflow(make):
    sizes = make(3000).message_sizes((7,) * 3000, 50, 10)
    assert set(sizes) == {7, 49, 50, 10}


def test_children_come_before_parents_and_each_node_is_used_once(topology):
    tree, _ = topology
    used = [child for node in tree.nodes for child in node.children]
    assert sorted(used) == list(range(len(tree.nodes) - 1))
    assert all(max(node.children, default=-1) < k for k, node in enumerate(tree.nodes))
    cores = [k for k, node in enumerate(tree.nodes) if node.axes is not None]
    assert sorted(tree.order) == cores
    assert tree.root in cores
    assert [node.site for node in tree.nodes if node.site is not None] == list(range(tree.n_sites))


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (tensor_train(3), [(1, 2, 2), (2, 3, 4, 5), (4, 4, 1)]),
        (tensor_train(3, 0), [(1, 2, 4, 5), (4, 3, 4), (4, 4, 1)]),
        (tensor_train(1), [(1, 2, 1, 5)]),
        (hierarchical_tucker((0, (1, 2))), [(2, 2), (3, 3), (4, 4), (3, 4, 4), (2, 4, 5)]),
        (hierarchical_tucker(0), [(2, 5)]),
        (canonical_polyadic(2), [(2, 4), (3, 4), (4, 5)]),
    ],
)
def test_cores_have_the_documented_shapes(tree, expected):
    sizes = tree.message_sizes((2, 3, 4)[: tree.n_sites], 4, 5)
    assert list(tree.core_shapes(sizes)) == expected


@pytest.mark.parametrize("n_sites", [1, 2, 3, 7, 8, 100])
def test_balanced_trees_keep_the_order_and_are_as_flat_as_can_be(n_sites):
    nested = balanced(n_sites)
    assert leaves(nested) == list(range(n_sites))
    assert depth(nested) == math.ceil(math.log2(n_sites))


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (4, 4), (3, 5), (6, 2)])
def test_balanced_grids_join_rectangles(shape):
    grid = np.random.default_rng(0).permutation(math.prod(shape)).reshape(shape)
    nested = balanced_grid(grid)
    assert sorted(leaves(nested)) == list(range(grid.size))
    assert check_nested(nested, grid.size) == nested
    stack = [nested]
    while stack:
        branch = stack.pop()
        places = np.argwhere(np.isin(grid, leaves(branch)))
        height, width = np.ptp(places, axis=0) + 1
        assert height * width == len(places)
        assert max(height, width) <= 2 * min(height, width) or min(height, width) <= min(shape)
        stack += branch if isinstance(branch, tuple) else []


def test_balanced_grid_halves_the_longer_axis_first():
    assert balanced_grid(np.arange(8).reshape(2, 4)) == (((0, 4), (1, 5)), ((2, 6), (3, 7)))


def test_nested_lists_become_tuples_of_python_integers():
    tree = check_nested([np.int64(0), [2, 1]], 3)
    assert tree == (0, (2, 1))
    assert type(tree[0]) is int


@pytest.mark.parametrize(
    ("nested", "message"),
    [
        ((0, (1,)), r"tree=\(0, \(1,\)\) has a node with 1 branch"),
        ((0, ()), "0 branch"),
        ((0, 1.0), r"contains 1\.0; it must be nested tuples of integer"),
        ((0, "1"), "contains '1'"),
        ((0, True), "contains True"),
        ((0, None), "contains None"),
        ((0, 2), r"misses site\(s\) \[1\], names unknown site\(s\) \[2\].*0\.\.1 exactly once"),
        ((0, 0), r"misses site\(s\) \[1\], repeats site\(s\) \[0\]"),
        ((0, (1, -1)), r"unknown site\(s\) \[-1\]"),
        (0, r"misses site\(s\) \[1\]"),
    ],
)
def test_a_bad_tree_is_refused_by_name_value_and_mend(nested, message):
    with pytest.raises(ValueError, match=message):
        check_nested(nested, 2)
