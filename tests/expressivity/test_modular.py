"""Linear algebra modulo a prime against plain integers."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sktensornet.expressivity import LARGEST_PRIME, independent_rows
from sktensornet.expressivity._modular import product, remainder, residues

quick = settings(max_examples=60, deadline=None, derandomize=True)
primes = st.sampled_from([2, 3, 7, 101, 32_749, LARGEST_PRIME])
seeds = st.integers(0, 2**32 - 1)


def plain_rank(matrix, p):
    """Rank modulo p by elimination in Python integers."""
    rows = [[int(x) % p for x in row] for row in matrix]
    rank = 0
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((k for k in range(rank, len(rows)) if rows[k][column]), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        inverse = pow(rows[rank][column], -1, p)
        for k in range(rank + 1, len(rows)):
            factor = rows[k][column] * inverse
            rows[k] = [(x - factor * y) % p for x, y in zip(rows[k], rows[rank], strict=True)]
        rank += 1
    return rank


@given(primes, seeds)
@quick
def test_remainders(p, seed):
    x = np.random.default_rng(seed).integers(-(2**52), 2**52, 200)
    x[:4] = [0, p, -p, p - 1]
    np.testing.assert_array_equal(remainder(x.astype(np.float64), p), x % p)


@given(st.sampled_from([3, 101, LARGEST_PRIME]), seeds)
@quick
def test_residues_of_floats(p, seed):
    """X = a / b with b a power of two, so that b * residue is a."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((3, 5)) * 10.0 ** rng.integers(-20, 20, (3, 5))
    for value, residue in zip(x.ravel(), residues(x, p).ravel(), strict=True):
        a, b = value.as_integer_ratio()
        assert (b * int(residue) - a) % p == 0
        assert 0 <= residue < p


@pytest.mark.parametrize(("x", "p"), [(0.5, 2), (np.inf, 7), (np.nan, 7)])
def test_no_residues_raise(x, p):
    with pytest.raises(ValueError, match=f"prime={p} does not go with"):
        residues(np.array([x]), p)


def test_products_of_the_largest_entries():
    """Sums that would leave the exact range are cut in time."""
    p = LARGEST_PRIME
    a, b = np.full((3, 20_000), p - 1.0), np.full((20_000, 2), p - 1.0)
    np.testing.assert_array_equal(product(a, b, p), np.full((3, 2), 20_000 % p))
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, p, (2, 4, 9000)), rng.integers(0, p, (2, 9000, 3))
    expected = (a.astype(object) @ b.astype(object)) % p
    np.testing.assert_array_equal(
        product(a.astype(np.float64), b.astype(np.float64), p), expected.astype(np.float64)
    )


@given(primes, seeds, st.integers(1, 12), st.integers(1, 12), st.integers(0, 12))
@quick
def test_rank_is_that_of_plain_elimination(p, seed, n, m, k):
    rng = np.random.default_rng(seed)
    matrix = rng.integers(0, p, (n, k)).astype(object) @ rng.integers(0, p, (k, m)).astype(object)
    matrix = (matrix % p).astype(np.int64).reshape(n, m) - p * (seed % 2)
    rows = independent_rows(matrix, p)
    assert len(rows) == plain_rank(matrix, p) <= min(n, m, k)
    assert plain_rank(matrix[rows], p) == len(rows) == len(set(rows.tolist()))


@pytest.mark.parametrize(("n", "m", "k"), [(150, 150, 150), (150, 90, 90), (70, 200, 41)])
def test_large_matrices_of_known_rank(n, m, k):
    """Several panels; columns without pivots; the rank is k up to chances of 1 in a million."""
    p = LARGEST_PRIME
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, p, (n, k)), rng.integers(0, p, (k, m))
    b[:, : m // 3] = b[:, [0]] if k < m else b[:, : m // 3]
    matrix = product(a.astype(np.float64), b.astype(np.float64), p).astype(np.int64)
    rows = independent_rows(matrix, p)
    assert len(rows) == plain_rank(matrix, p) == k
    assert len(independent_rows(matrix[rows], p)) == k


def test_zeros_and_no_columns():
    assert len(independent_rows(np.zeros((4, 40), int), 7)) == 0
    assert len(independent_rows(np.zeros((4, 0), int), 7)) == 0
    assert len(independent_rows(np.zeros((0, 4), int), 7)) == 0


@pytest.mark.parametrize("prime", [0, 1, 4, 2.0, True, 1_048_583, 1_048_575])
def test_no_primes_raise(prime):
    with pytest.raises(ValueError, match=f"prime={prime!r}"):
        independent_rows([[1]], prime)


@pytest.mark.parametrize(
    ("matrix", "said"), [([1, 2], "shape"), ([[0.5]], "whole numbers"), ([["a"]], "dtype")]
)
def test_no_integer_matrices_raise(matrix, said):
    with pytest.raises(ValueError, match=said):
        independent_rows(matrix, 7)
