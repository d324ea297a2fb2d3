"""Normal equations of a core at a site of many categories, solved category by category."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..._arrays._indicators import Indicators
from ..._arrays._typing import FloatArray, IntArray

_LEAST_SHARE = 1e-12
"""Of the mean of the diagonal, which is what is added at least: a category without samples has
nothing else, and the solution by its samples divides by it."""
_ENTRIES = 4_000_000
"""Numbers of the categories that are taken at a time, 32 MB; a bound, not tuned."""


class _Some(NamedTuple):
    """Categories with about as many samples, each with what it adds to the normal equations.

    Parameters
    ----------
    codes : ndarray of int, shape (l,)
    inverse : ndarray of shape (l, k, k)
        Of their own blocks M_kk, or of B B^T + rho I.
    link : ndarray of shape (l, p, p) or (l, k, p)
        M_k0, or A.
    rows : ndarray of shape (l, k, p) or None
        B; None where the inverse is that of the block.
    """

    codes: IntArray
    inverse: FloatArray
    link: FloatArray
    rows: FloatArray | None


class CategorySystem:
    r"""The matrix of a least squares problem over a constant and many indicators.

    .. math:: M = \sum_n (f_n \otimes a_n) (f_n \otimes a_n)^\top + \rho I, \qquad
              f_n = e_0 + v_n e_{k_n}

    No sample has two categories, so that the blocks of these are not coupled but by
    the constant's, whose Schur complement is one small matrix. With A the rows a_n of
    a category and B = diag(v) A, its block is

    .. math:: M_{kk} = B^\top B + \rho I, \qquad M_{k0} = B^\top A,

    and where it has fewer rows than unknowns the inverse of the block is
    (I - B^T (B B^T + rho I)^-1 B) / rho. The cost is linear in the samples and in the
    categories.

    Parameters
    ----------
    features : Indicators
    rows : ndarray of float64, shape (n_samples, q, p)
        Rows a_n, q for each sample, times the roots of the weights.
    rho : float

    References
    ----------
    Golub, Van Loan, "Matrix Computations", 4th edition, sections 2.1.4 (Woodbury)
    and 3.2.11 (Schur complement).
    """

    def __init__(self, features: Indicators, rows: FloatArray, rho: float) -> None:
        q, p = rows.shape[1:]
        values = features.values.astype(np.float64)
        energy = float(np.einsum("nqp,nqp,n->", rows, rows, 1.0 + values**2))
        self._rho = rho + _LEAST_SHARE * energy / (features.size * p) + np.finfo(np.float64).tiny
        self._parts: list[_Some] = []
        order = np.argsort(features.codes, kind="stable")
        counts = np.bincount(features.codes, minlength=features.size)
        starts = np.cumsum(counts) - counts
        first = rows[order[: counts[0]]].reshape(-1, p)
        schur = first.T @ first + self._rho * np.eye(p)
        # In powers of two, so that at most half of what is taken together is padding.
        class_of = np.frexp(np.maximum(counts, 1) - 0.5)[1]
        class_of[counts == 0] = -1
        class_of[0] = -1
        for exponent in np.unique(class_of[class_of >= 0]):
            codes, most = np.flatnonzero(class_of == exponent), 1 << int(exponent)
            size = max(1, _ENTRIES // (most * q * p))
            for k in range(0, len(codes), size):
                part = codes[k : k + size]
                place = np.arange(most)
                real = place < counts[part, None]
                which = order[np.where(real, starts[part, None] + place, 0)]
                a = rows[which] * real[..., None, None]
                b = a * values[which][..., None, None]
                shape = len(part), most * q, p
                schur += self._add(part, a.reshape(shape), b.reshape(shape))
        self._schur = np.linalg.inv(schur)

    def _add(self, codes: IntArray, a: FloatArray, b: FloatArray) -> FloatArray:
        """Keep some categories; what they add to the Schur complement of the constant."""
        n_rows, p = a.shape[1:]
        if n_rows < p:
            inverse = np.linalg.inv(b @ b.mT + self._rho * np.eye(n_rows))
            self._parts.append(_Some(codes, inverse, a, b))
            # A^T A - A^T B (B^T B + rho)^-1 B^T A = rho A^T (B B^T + rho)^-1 A
            return self._rho * _product(a, inverse @ a)
        inverse = np.linalg.inv(b.mT @ b + self._rho * np.eye(p))
        link = b.mT @ a
        self._parts.append(_Some(codes, inverse, link, None))
        return _product(a, a) - _product(link, inverse @ link)

    def solve(self, right: FloatArray) -> FloatArray:
        """The solution (n_features, p, c) for a right side of that shape."""
        found = right / self._rho
        constant = right[0].copy()
        for part in self._parts:
            own = right[part.codes]
            if part.rows is None:
                found[part.codes] = solved = part.inverse @ own
                constant -= _product(part.link, solved)
            else:
                b, dual = part.rows, part.inverse @ (part.rows @ own)
                found[part.codes] = (own - b.mT @ dual) / self._rho
                # B M_kk^-1 = (B B^T + rho)^-1 B
                constant -= _product(part.link, dual)
        found[0] = constant = self._schur @ constant
        for part in self._parts:
            step = part.inverse @ (part.link @ constant)
            found[part.codes] -= step if part.rows is None else part.rows.mT @ step
        return found


def _product(x: FloatArray, y: FloatArray) -> FloatArray:
    """The matrix (p, q) of (l, k, p) and (l, k, q)."""
    return x.reshape(-1, x.shape[-1]).T @ y.reshape(-1, y.shape[-1])
