"""Fewer terms in a sum, against least squares over dense terms."""

from itertools import combinations

import numpy as np
import pytest

from sktensornet.networks import TensorNetwork, add, canonical_polyadic, norm, round_network
from sktensornet.networks._tensors._fewer_terms import keep_terms


def random_sum(rank, n_outputs=3, batched=False, n_sites=3, m=3, seed=0, dtype=np.float64):
    rng = np.random.default_rng(seed)
    lead = (n_outputs,) if batched else ()
    factors = [rng.standard_normal((*lead, m, rank)).astype(dtype) for _ in range(n_sites)]
    readout = rng.standard_normal((*lead, rank) if batched else (rank, n_outputs)).astype(dtype)
    return TensorNetwork(canonical_polyadic(n_sites), (*factors, readout), batched)


def terms(network):
    """Dense rank-one terms as columns."""
    *factors, _ = network.cores
    columns = []
    for a in range(factors[0].shape[1]):
        term = np.ones(())
        for factor in factors:
            term = np.multiply.outer(term, factor[:, a])
        columns.append(term.ravel())
    return np.stack(columns, axis=1)


def distance(a, b):
    return np.linalg.norm(a.to_dense() - b.to_dense())


@pytest.mark.parametrize("batched", [False, True])
def test_keeping_all_terms_changes_nothing(batched):
    network = random_sum(5, batched=batched)
    same = round_network(network, rank=5)
    np.testing.assert_allclose(same.to_dense(), network.to_dense(), atol=1e-10)
    assert same.batched == batched


@pytest.mark.parametrize("rank", [1, 2, 4])
def test_readout_is_the_least_squares_fit_of_the_kept_terms(rank):
    network = random_sum(6)
    smaller = round_network(network, rank=rank)
    assert smaller.ranks == (rank,)
    dense = network.to_dense().reshape(-1, network.n_outputs)
    best = np.linalg.lstsq(terms(smaller), dense)[0]
    np.testing.assert_allclose(smaller.cores[-1], best, atol=1e-10)


def test_the_first_term_is_the_best_single_one():
    network = random_sum(6, seed=3)
    dense = network.to_dense().reshape(-1, network.n_outputs)
    columns = terms(network)
    errors = [
        np.linalg.norm(dense - column @ np.linalg.lstsq(column, dense)[0])
        for (a,) in combinations(range(6), 1)
        for column in [columns[:, [a]]]
    ]
    assert distance(network, round_network(network, rank=1)) == pytest.approx(min(errors))


@pytest.mark.parametrize("seed", range(4))
def test_tolerance_bounds_the_error(seed):
    network = random_sum(8, seed=seed)
    ranks = []
    for tolerance in (0.9, 0.5, 0.1):
        smaller = round_network(network, rank_tol=tolerance)
        assert distance(network, smaller) <= tolerance * norm(network) * (1 + 1e-10)
        ranks.append(smaller.ranks[0])
    assert ranks == sorted(ranks)
    assert ranks[0] < 8


@pytest.mark.parametrize("batched", [False, True])
def test_repeated_terms_are_found(batched):
    network = random_sum(3, batched=batched)
    doubled = add(network, network)
    found = round_network(doubled, rank_tol=1e-9)
    assert found.ranks == (3,)
    np.testing.assert_allclose(found.to_dense(), doubled.to_dense(), atol=1e-9)


def test_another_gram_matrix_is_another_norm():
    network = random_sum(4, n_outputs=1)
    weight = np.linspace(0.01, 5, 27)
    columns = terms(network)
    gram = columns.T @ (weight[:, None] * columns)
    smaller = keep_terms(network, 2, 0.0, gram[None])
    root = np.sqrt(weight)[:, None]
    target = root * network.to_dense().reshape(-1, 1)
    best = np.linalg.lstsq(root * terms(smaller), target)[0]
    np.testing.assert_allclose(smaller.cores[-1], best, atol=1e-10)


def test_zero_sums_and_types_survive():
    network = random_sum(3, dtype=np.float32)
    assert round_network(network, rank=2).dtype == np.float32
    zero = TensorNetwork(network.tree, tuple(0 * core for core in network.cores))
    assert round_network(zero, rank_tol=0.1).to_dense().any() == np.False_
