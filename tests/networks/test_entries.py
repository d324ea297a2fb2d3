"""Entries and their squares by order of interaction, against the dense tensor."""

import itertools

import numpy as np
import pytest

from sktensornet.networks import (
    TensorNetwork,
    balanced,
    canonical_polyadic,
    change_modes,
    hierarchical_tucker,
    scale_outputs,
    tensor_train,
)
from sktensornet.networks._tensors._entry_search import EntrySearch, count_entries
from sktensornet.networks._tensors._grams_by_order import GradedGrams


def dense_entries(dense, order):
    """Entries up to an order, keyed by the (site, index) of what is not constant."""
    modes = dense.shape[:-1]
    found = {}
    for index in itertools.product(*map(range, modes)):
        key = tuple((site, i) for site, i in enumerate(index) if i)
        if len(key) <= order:
            found[key] = dense[index]
    return found


def as_dict(entries):
    return {
        tuple(sorted(map(tuple, chosen.tolist()))): value
        for j, indices in entries.indices.items()
        for chosen, value in zip(indices, entries.values[j], strict=True)
    }


def assert_same(found, expected, scale):
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, rtol=1e-9, atol=1e-12 * scale)


def orders(modes):
    return sum(np.ix_(*[(np.arange(m) > 0).astype(int) for m in modes]))


def test_all_entries_up_to_an_order(case):
    dense = case.dense
    for order in (0, 1, 2, 6):
        expected = dense_entries(dense, order)
        entries = EntrySearch(case.network, order).run()
        assert entries.dropped == 0
        assert_same(as_dict(entries), expected, np.abs(dense).max())
        assert len(expected) == count_entries(case.mode_sizes, order)


def test_a_threshold_misses_nothing(case):
    dense = case.dense
    expected = {key: value for key, value in dense_entries(dense, 3).items() if key}
    size = {key: np.linalg.norm(value) for key, value in expected.items()}
    ranked = sorted(size.values())
    for share in (0.9, 0.5, 0.1):
        # Half way between two sizes, so that rounding decides nothing.
        place = int(share * len(ranked))
        threshold = 0.5 * sum(ranked[max(0, place - 1) : place + 1]) if place else 0.5 * ranked[0]
        entries = EntrySearch(case.network, 3, threshold).run()
        found = {key: value for key, value in as_dict(entries).items() if key}
        large = {key: value for key, value in expected.items() if size[key] >= threshold}
        assert_same(found, large, np.abs(dense).max())


def test_a_beam_says_what_it_may_have_missed(case):
    expected = dense_entries(case.dense, 2)
    entries = EntrySearch(case.network, 2, beam=4).run()
    found = as_dict(entries)
    for key, value in found.items():
        np.testing.assert_allclose(value, expected[key], rtol=1e-9, atol=1e-9)
    missed = [np.linalg.norm(value) for key, value in expected.items() if key not in found]
    assert len(found) <= 5
    assert max(missed, default=0.0) <= entries.dropped * (1 + 1e-9)
    if not missed:
        assert entries.dropped == 0


def test_squared_norms_by_order(case):
    kept = min(2, len(case.mode_sizes))
    grams = GradedGrams(case.network, kept, per_output=True)
    order, squares = orders(case.mode_sizes), case.dense**2
    expected = [squares[order == j].sum(axis=0) for j in range(kept + 1)]
    expected.append(squares[order > kept].sum(axis=0))
    np.testing.assert_allclose(
        grams.squared_norms(), np.stack(expected, axis=1), rtol=1e-9, atol=1e-12 * squares.sum()
    )


def test_squared_norms_by_site(case):
    grams = GradedGrams(case.network, 1, per_output=True)
    squares = case.dense**2
    for site, size in enumerate(case.mode_sizes):
        used = np.take(squares, range(1, size), axis=site).sum(axis=tuple(range(squares.ndim - 1)))
        alone = [
            value**2
            for key, value in dense_entries(case.dense, 1).items()
            if key and key[0][0] == site
        ]
        found = grams.site_norms(site)
        np.testing.assert_allclose(found[0], sum(alone), rtol=1e-9, atol=1e-12 * squares.sum())
        np.testing.assert_allclose(found[1], used, rtol=1e-9)


def test_gram_matrices_of_all_outputs_together(case):
    grams = GradedGrams(case.network, 1, per_output=False)
    squares = case.dense**2
    np.testing.assert_allclose(grams.squared_norms().sum(), squares.sum(), rtol=1e-9)
    total = grams.site_norms(0)[1].sum()
    np.testing.assert_allclose(total, squares[1:].sum(), rtol=1e-9)


def test_other_features(case):
    rng = np.random.default_rng(0)
    matrices = [
        rng.standard_normal((m, n)) for m, n in zip(case.mode_sizes, itertools.cycle([3, 1]))
    ]
    expected = case.dense
    for site, matrix in enumerate(matrices):
        expected = np.moveaxis(np.moveaxis(expected, site, -1) @ matrix, -1, site)
    found = change_modes(case.network, matrices).to_dense()
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10 * np.abs(expected).max())


def test_scaled_outputs(case):
    n_outputs = case.dense.shape[-1]
    factors = np.arange(2.0, 2.0 + n_outputs)
    found = scale_outputs(case.network, factors).to_dense()
    np.testing.assert_allclose(found, case.dense * factors, rtol=1e-9, atol=1e-12)
    one = scale_outputs(case.network, factors, np.array([n_outputs - 1]))
    assert one.n_outputs == 1
    np.testing.assert_allclose(one.to_dense(), found[..., -1:], rtol=1e-9, atol=1e-12)


def tree_of(d, make):
    """Cores for a tree of rank one: the entry of order k is the same for all, 3**k."""
    tree = make(d)
    shapes = tree.core_shapes(tree.message_sizes((2,) * d, 1, 1))
    factors = [2.0 ** (20 if place < d // 2 else -20) for place in range(d)]
    cores = []
    for place, shape in enumerate(shapes):
        site = next((axis for axis, length in enumerate(shape) if length == 2), None)
        core = np.ones(shape)
        if site is not None:
            core = np.moveaxis(np.moveaxis(core, site, -1) * [1.0, 3.0], -1, site)
            core = core * factors[place]
        cores.append(core)
    return TensorNetwork(tree, tuple(cores))


TREES = {
    "chain": tensor_train,
    "tree": lambda d: hierarchical_tucker(balanced(d)),
    "product": canonical_polyadic,
}


@pytest.mark.parametrize("make", TREES.values(), ids=TREES)
def test_hundreds_of_sites_stay_in_range(make):
    d = 200
    network = tree_of(d, make)
    grams = GradedGrams(network, 2, per_output=True)
    norms = grams.squared_norms()[0]
    np.testing.assert_allclose(norms[:3], [1, 9 * d, 81 * d * (d - 1) / 2])
    np.testing.assert_allclose(norms.sum(), 10.0**d)
    alone, together = grams.site_norms(d - 1)
    np.testing.assert_allclose([alone[0], together[0]], [9, 0.9 * 10.0**d])
    for search in (EntrySearch(network, 2), EntrySearch(network, 2, threshold=8.0)):
        entries = search.run()
        np.testing.assert_allclose(entries.values[0], 1)
        np.testing.assert_allclose(entries.values[2], 9)
        assert len(entries.values[2]) == d * (d - 1) / 2


@pytest.mark.parametrize("make", TREES.values(), ids=TREES)
def test_pruning_finds_a_planted_entry_among_very_many(make):
    """One interaction of order 8 among 60 columns, where there are three billion."""
    rng = np.random.default_rng(1)
    d, chosen = 60, {1, 8, 15, 22, 30, 41, 50, 58}
    tree = make(d)
    shapes = tree.core_shapes(tree.message_sizes((2,) * d, 1, 1))
    cores = []
    for place, shape in enumerate(shapes):
        core = np.ones(shape)
        site = next((axis for axis, length in enumerate(shape) if length == 2), None)
        if site is not None:
            noise = 1e-4 * rng.standard_normal()
            pair = [noise, 1.0] if place in chosen else [1.0, noise]
            core = np.moveaxis(np.moveaxis(core, site, -1) * pair, -1, site)
        cores.append(core)
    assert count_entries((2,) * d, 8) > 3e9
    entries = EntrySearch(TensorNetwork(tree, tuple(cores)), 8, threshold=0.5).run()
    assert set(entries.indices[8][0][:, 0].tolist()) == chosen
    assert sum(len(values) for j, values in entries.values.items() if j) == 1
