"""Exact linear algebra over a prime field, with the speed of float64 products.

Integers up to 2^53 are exact in float64, so products of matrices with entries
below p are, as long as no more than 2^53 / p^2 of them are summed before the
remainder is taken.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._arrays._typing import FloatArray, IntArray
from .._support._checks import check_integer

LARGEST_PRIME = 1_048_573
"""The largest prime below 2^20, the largest that ``prime`` may be in `matricization_rank`, in
`random_network` and wherever else it is a parameter."""
_EXACT = 2**53
"""Whole numbers up to here are exact in double precision."""
_PANEL = 32
"""Columns that are eliminated before the rest is updated by one matrix product; not tuned."""


def check_prime(prime: Any) -> int:
    """Return a prime of at most `LARGEST_PRIME`, or raise."""
    p = check_integer("prime", prime, 2, f", prime and <= {LARGEST_PRIME}")
    if p > LARGEST_PRIME or any(p % k == 0 for k in range(2, int(p**0.5) + 1)):
        raise ValueError(f"prime={prime!r} must be a prime number <= {LARGEST_PRIME}.")
    return p


def remainder(x: FloatArray, p: int) -> FloatArray:
    """Remainders in [0, p) of whole numbers within 2^53, in place."""
    quotient = x * (1.0 / p)
    np.floor(quotient, out=quotient)
    quotient *= p
    x -= quotient
    # The rounded quotient may be off by one.
    x += p * (x < 0)
    x -= p * (x >= p)
    return x


def residues(x: FloatArray, p: int) -> FloatArray:
    """Finite floating-point numbers modulo p, exactly: each is a whole number over a power of 2."""
    finite = bool(np.isfinite(x).all())
    if finite and (x == np.floor(x)).all():
        return np.remainder(x, p)
    if p == 2 or not finite:
        raise ValueError(
            f"prime={p} does not go with cores that are not whole numbers; they must be finite and "
            "the prime larger than 2."
        )
    mantissa, exponent = np.frexp(x)
    exponents, place = np.unique(exponent, return_inverse=True)
    powers = np.array([pow(2, int(e) - 53, p) for e in exponents])
    whole = np.ldexp(mantissa, 53).astype(np.int64) % p
    return (whole * powers[place].reshape(x.shape) % p).astype(np.float64)


def product(a: FloatArray, b: FloatArray, p: int) -> FloatArray:
    """Product of (stacks of) matrices with entries in [0, p), modulo p."""
    terms = _EXACT // p**2 - 1
    total = remainder(a[..., :terms] @ b[..., :terms, :], p)
    for first in range(terms, a.shape[-1], terms):
        total += a[..., first : first + terms] @ b[..., first : first + terms, :]
        remainder(total, p)
    return total


def independent_rows(matrix: Any, prime: int) -> IntArray:
    r"""Rows that are a basis of the row space of an integer matrix modulo a prime.

    .. math:: P A = L U \pmod p

    Gaussian elimination with a search for pivots in each column, by panels of
    columns whose effect on the rest is one matrix product.

    Parameters
    ----------
    matrix : array-like of int, shape (n, m)
        Taken modulo the prime.
    prime : int
        At most `LARGEST_PRIME`.

    Returns
    -------
    ndarray of int, shape (rank,)
        Their number is the rank over the field of p elements, which is at most
        that over the rational numbers.

    Raises
    ------
    ValueError
        If `prime` is no prime or too large, or `matrix` is not two-dimensional
        or has entries that are not whole numbers.

    Examples
    --------
    >>> from sktensornet.expressivity import independent_rows
    >>> independent_rows([[1, 2], [2, 4], [0, 3]], prime=7)
    array([0, 2])
    >>> len(independent_rows([[1, 2], [3, 13]], prime=7))
    1
    """
    p = check_prime(prime)
    given = np.asarray(matrix)
    if given.ndim != 2 or given.dtype.kind not in "iuf":
        raise ValueError(
            f"matrix has shape {given.shape} and dtype {given.dtype}; it must be a matrix of "
            "whole numbers."
        )
    work = np.remainder(given, p).astype(np.float64)
    if given.dtype.kind == "f" and (work != np.floor(work)).any():
        raise ValueError("matrix has entries that are not whole numbers; modulo a prime it must.")
    return pivot_rows(work, p)


def pivot_rows(work: FloatArray, p: int) -> IntArray:
    """`independent_rows` of a matrix with entries in [0, p), which is overwritten."""
    n_rows, n_columns = work.shape
    order = np.arange(n_rows)
    rank = 0
    for first in range(0, n_columns, _PANEL):
        if rank == n_rows:
            break
        panel = work[rank:, first : first + _PANEL]
        lower, swaps = _eliminate(panel, p)
        found = lower.shape[1]
        rest = work[rank:, first + _PANEL :]
        for k, other in swaps:
            rest[[k, other]] = rest[[other, k]]
            order[[rank + k, rank + other]] = order[[rank + other, rank + k]]
        for k in range(1, found):
            rest[k] = remainder(rest[k] - lower[k, :k] @ rest[:k], p)
        if found and rest.shape[1]:
            rest[found:] = remainder(rest[found:] - lower[found:] @ rest[:found], p)
        rank += found
    return np.sort(order[:rank])


def _eliminate(panel: FloatArray, p: int) -> tuple[FloatArray, list[tuple[int, int]]]:
    """Bring a panel to echelon form; the multipliers, and the rows that were swapped."""
    n_rows, width = panel.shape
    lower = np.zeros((n_rows, width))
    swaps = []
    k = 0
    for j in range(width):
        below = panel[k:, j]
        pivot = int((below != 0).argmax()) if len(below) else 0
        if not len(below) or below[pivot] == 0:
            continue
        if pivot:
            swaps.append((k, k + pivot))
            panel[[k, k + pivot]] = panel[[k + pivot, k]]
            lower[[k, k + pivot]] = lower[[k + pivot, k]]
        factors = remainder(panel[k + 1 :, j] * pow(int(panel[k, j]), -1, p), p)
        lower[k + 1 :, k] = factors
        lower[k, k] = 1
        panel[k + 1 :, j:] = remainder(panel[k + 1 :, j:] - np.outer(factors, panel[k, j:]), p)
        k += 1
    return lower[:, :k], swaps
