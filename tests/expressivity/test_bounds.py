"""The table of equivalent widths against min-cuts and conversions."""

import numpy as np
import pytest

from sktensornet.expressivity import (
    LARGEST_PRIME,
    cp_rank_lower_bound,
    equivalent_width,
    min_cut,
    random_network,
)
from sktensornet.networks import (
    balanced,
    canonical_polyadic,
    convert,
    hierarchical_tucker,
    tensor_train,
)

TREES = {
    "TT": tensor_train,
    "HT": lambda d: hierarchical_tucker(balanced(d)),
    "CP": canonical_polyadic,
}


def width(network, tree):
    """The largest min-cut at a bond of a tree."""
    below, cuts = [], [1]
    for index, node in enumerate(tree.nodes):
        own = [] if node.site is None else [node.site]
        below.append(own + [site for child in node.children for site in below[child]])
        if node.site is None and index != tree.root:
            cuts.append(min_cut(network, below[index]))
    return max(cuts)


@pytest.mark.parametrize("target", ["TT", "HT"])
@pytest.mark.parametrize("source", TREES)
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_the_table_is_enough_and_attained(source, target, rank):
    """For m >= r^2 and d a power of two from 8 on, the least width is that of the table."""
    for d in (2, 3, 4, 6, 8, 16, 32):
        network = random_network(TREES[source](d), 9, rank)
        claimed = equivalent_width(source, target, rank, d, 9)
        assert width(network, TREES[target](d)) <= claimed
        if d in (8, 16, 32):
            assert width(network, TREES[target](d)) == claimed


@pytest.mark.parametrize(
    ("source", "target", "d", "rank"),
    [("TT", "HT", 8, 2), ("HT", "TT", 8, 3), ("HT", "TT", 16, 2), ("CP", "TT", 6, 4)],
)
def test_conversions_have_these_widths(source, target, d, rank):
    network = random_network(TREES[source](d), 4, rank, random_state=0)
    converted = convert(network, TREES[target](d))
    assert max(converted.ranks) == equivalent_width(source, target, rank, d, 4)


@pytest.mark.parametrize("source", ["TT", "HT"])
@pytest.mark.parametrize(("d", "rank", "m"), [(4, 2, 3), (4, 3, 2), (8, 2, 2), (6, 3, 3)])
def test_no_sum_is_narrower_than_the_bound(source, d, rank, m):
    network = random_network(TREES[source](d), m, rank, prime=LARGEST_PRIME, random_state=0)
    bound = equivalent_width(source, "CP", rank, d, m)
    assert bound == min(m, rank) ** (d // 2)
    assert cp_rank_lower_bound(network, prime=LARGEST_PRIME) >= bound


def test_small_modes_cut_the_widths():
    assert equivalent_width("TT", "HT", 10, 4, 3) == 9
    assert equivalent_width("HT", "TT", 10, 8, 2) == 16
    assert equivalent_width("TT", "TT", 10, 4, 2) == 4
    assert equivalent_width("CP", "CP", 10, 4, 2) == 10
    assert equivalent_width("TT", "CP", 10, 5, 2) == 4


def test_a_batch_has_a_bound_for_each():
    network = random_network(tensor_train(4), 3, 2, 5, batched=True, random_state=0)
    np.testing.assert_array_equal(cp_rank_lower_bound(network), [6] * 5)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("MPS", "TT", 2, 4, 2), "from_format='MPS'"),
        (("TT", "Tucker", 2, 4, 2), "to_format='Tucker'"),
        (("TT", "TT", 0, 4, 2), "rank=0"),
        (("TT", "TT", 2, 0, 2), "n_sites=0"),
        (("TT", "TT", 2, 4, 0), "mode_size=0"),
    ],
)
def test_bad_parameters_are_named(arguments, said):
    with pytest.raises(ValueError, match=said):
        equivalent_width(*arguments)
