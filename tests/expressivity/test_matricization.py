"""Ranks of matricizations against dense tensors, min-cuts and the paper's theorem."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sktensornet.expressivity import (
    LARGEST_PRIME,
    cp_rank_lower_bound,
    independent_rows,
    matricization_rank,
    matricization_singular_values,
    min_cut,
    random_network,
)
from sktensornet.expressivity import _matricization as module
from sktensornet.networks import (
    TensorNetwork,
    balanced,
    canonical_polyadic,
    hierarchical_tucker,
    tensor_train,
)

seeds = st.integers(0, 2**32 - 1)
quick = settings(max_examples=50, deadline=None, derandomize=True)
P = LARGEST_PRIME


def matricize(dense, rows, class_in_rows):
    first = [*rows, *([dense.ndim - 1] if class_in_rows else [])]
    shape = math.prod(dense.shape[k] for k in first)
    return np.moveaxis(dense, first, range(len(first))).reshape(shape, -1)


def draw(random_tree, seed, prime=None):
    rng = np.random.default_rng(seed)
    d, n_outputs, batched = int(rng.integers(1, 6)), int(rng.integers(1, 4)), rng.random() < 0.3
    network = random_network(
        random_tree(rng, d),
        rng.integers(1, 4, d).tolist(),
        int(rng.integers(1, 4)),
        n_outputs,
        batched=batched,
        prime=prime,
        random_state=int(rng.integers(1000)),
    )
    rows = [k for k in range(d) if rng.random() < 0.5]
    return network, rows, bool(rng.random() < 0.5) and not batched


@given(seeds)
@quick
def test_singular_values_are_those_of_the_dense_matrix(random_tree, seed):
    network, rows, class_in_rows = draw(random_tree, seed)
    values = matricization_singular_values(network, rows, class_in_rows)
    dense = network.to_dense()
    parts = [dense[..., [c]] for c in range(network.n_outputs)] if network.batched else [dense]
    for own, part in zip(np.atleast_2d(values), parts, strict=True):
        expected = np.linalg.svd(matricize(part, rows, class_in_rows), compute_uv=False)
        short = min(len(own), len(expected))
        scale = expected[0]
        np.testing.assert_allclose(own[:short], expected[:short], atol=1e-12 * scale)
        assert (own[short:] < 1e-12 * scale).all()
        assert (expected[short:] < 1e-12 * scale).all()


@given(seeds)
@quick
def test_rank_modulo_a_prime_is_that_of_the_dense_matrix(random_tree, seed):
    small = 7
    network, rows, class_in_rows = draw(random_tree, seed, prime=small)
    # A copy of objects, so that whole numbers of any size are exact.
    exact = TensorNetwork(
        network.tree, tuple(core.astype(np.float64) for core in network.cores), network.batched
    ).to_dense()
    assert np.abs(exact).max() < 2**53
    parts = [exact[..., [c]] for c in range(network.n_outputs)] if network.batched else [exact]
    ranks = [len(independent_rows(matricize(part, rows, class_in_rows), small)) for part in parts]
    found = matricization_rank(network, rows, class_in_rows, prime=small)
    np.testing.assert_array_equal(found, ranks if network.batched else ranks[0])


@given(seeds)
@quick
def test_random_networks_attain_the_min_cut(random_tree, seed):
    """Exactly, with a chance of failure of about one in a million for each draw."""
    network, rows, class_in_rows = draw(random_tree, seed, prime=P)
    cut = min_cut(network, rows, class_in_rows)
    exact = matricization_rank(network, rows, class_in_rows, prime=P)
    np.testing.assert_array_equal(exact, np.full(np.shape(exact), cut))
    single = TensorNetwork(
        network.tree, tuple(core / P - 0.5 for core in network.cores), network.batched
    )
    assert np.max(matricization_rank(single, rows, class_in_rows)) == cut


@pytest.mark.parametrize("equal_cores", [False, True])
@pytest.mark.parametrize(("d", "n", "r"), [(4, 3, 2), (6, 2, 5), (6, 4, 3), (6, 3, 9), (8, 2, 2)])
def test_theorem_1(d, n, r, equal_cores):
    network = random_network(
        tensor_train(d), n, r, equal_cores=equal_cores, prime=P, random_state=0
    )
    rank = cp_rank_lower_bound(network, prime=P)
    assert rank == min_cut(network, range(0, d, 2)) >= min(n, r) ** (d // 2)


@pytest.mark.parametrize(("d", "n", "r"), [(2, 3, 3), (4, 3, 2), (6, 2, 4), (6, 4, 3)])
def test_the_example_of_the_proof(d, n, r):
    """Cores of deltas, a train of ranks (r, 1, r, ..., r): pairs of equal features."""
    cores = []
    for k in range(d):
        delta = np.eye(n, r)
        cores.append(delta[None] if k % 2 == 0 else delta.T[:, :, None])
    centre = d // 2
    cores[centre] = cores[centre][..., None]
    network = TensorNetwork(tensor_train(d), tuple(core.astype(int) for core in cores))
    q = min(n, r)
    assert max(network.ranks) == r
    values = matricization_singular_values(network, range(0, d, 2))
    assert matricization_rank(network, range(0, d, 2), prime=P) == q ** (d // 2)
    assert matricization_rank(network, range(0, d, 2)) == q ** (d // 2)
    # The matricization is an identity, up to rows and columns of zeros.
    np.testing.assert_allclose(values[: q ** (d // 2)], 1, atol=1e-12)


def test_a_sum_has_at_most_its_terms():
    network = random_network(canonical_polyadic(6), 3, 11, prime=P, random_state=0)
    assert cp_rank_lower_bound(network, prime=P) == 11


def test_the_class_leg_counts_on_both_sides():
    network = random_network(canonical_polyadic(3), 2, 9, n_outputs=9, random_state=0)
    by_side = [matricization_rank(network, [0, 2], side) for side in (False, True)]
    assert by_side == [4, 2]
    assert cp_rank_lower_bound(network) == 4
    assert cp_rank_lower_bound(network, []) == 8 == matricization_rank(network, [], True)


def test_bonds_of_long_chains_need_no_tensor():
    network = random_network(tensor_train(200), 3, 4, 2, prime=P, random_state=0)
    assert matricization_rank(network, range(100), prime=P) == 4
    floats = random_network(tensor_train(200), 3, 4, 2, random_state=0)
    assert matricization_rank(floats, range(100)) == 4
    tree = random_network(hierarchical_tucker(balanced(64)), 2, 3, random_state=0)
    assert matricization_rank(tree, range(32)) == 3


def test_too_large_ones_raise(monkeypatch):
    monkeypatch.setattr(module, "LARGEST", 1000)
    network = random_network(tensor_train(12), 3, 9, random_state=0)
    with pytest.raises(ValueError, match="needs an array of"):
        matricization_rank(network, range(0, 12, 2))


def test_floating_point_cores_have_an_exact_rank():
    """A small singular value is there, whatever a threshold says of it."""
    tiny = TensorNetwork(
        tensor_train(2), (np.diag([1.5, 1e-9])[None], np.diag([0.75, 1e-9])[..., None, None])
    )
    assert matricization_rank(tiny, [0], tol=1e-15) == 1
    assert matricization_rank(tiny, [0], prime=P) == 2
    network = random_network(tensor_train(6), 3, 2, random_state=0)
    assert matricization_rank(network, [0, 2, 4], prime=P) == 18
    halves = TensorNetwork(network.tree, tuple(np.ones_like(c) / 2 for c in network.cores))
    assert matricization_rank(halves, [0, 2, 4], prime=P) == 1


def test_the_tolerance_decides():
    core = np.array([[1, 0], [0, 1]])[None]
    nearly = TensorNetwork(tensor_train(2), (core * 1.0, np.diag([1.0, 1e-6])[..., None, None]))
    assert matricization_rank(nearly, [0]) == 2
    assert matricization_rank(nearly, [0], tol=1e-3) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"rows": [4]}, "rows"),
        ({"rows": [0], "class_in_rows": 1}, "class_in_rows=1"),
        ({"rows": [0], "tol": -1.0}, r"tol=-1\.0"),
        ({"rows": [0], "prime": 9}, "prime=9"),
        ({"rows": [0], "prime": 2}, "prime=2 does not go with"),
    ],
)
def test_bad_parameters_are_named(options, said):
    network = random_network(tensor_train(4), 2, 2, random_state=0)
    with pytest.raises(ValueError, match=said):
        matricization_rank(network, **options)
