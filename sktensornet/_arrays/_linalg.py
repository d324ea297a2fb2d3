"""Small numerical helpers: arrays in, arrays out."""

from __future__ import annotations

import numpy as np
from scipy.linalg import lapack

from ._typing import FloatArray

_LAPACK_BLOCK = 32
"""Columns that LAPACK takes together, its own default: more work memory is not used."""

_NULL = 1e-12
"""Share of the largest below which a diagonal entry of R is rounding."""


def thin_qr(matrices: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Q (b, m, k) and R (b, k, n) of matrices (b, m, n), k = min(m, n), in double precision.

    The diagonal of R is not negative. Where columns depend on those before, what is left
    of them is rounding: Q is completed by fixed directions made orthogonal to the others, and
    their rows of R are zero. So neither depends on the last bit.

    For few and small matrices, with less overhead than NumPy's.
    """
    qs, rs = [], []
    for matrix in matrices:
        size = min(matrix.shape)
        packed, tau, *_ = lapack.dgeqrf(matrix, lwork=_LAPACK_BLOCK * matrix.shape[1])
        diagonal = np.diagonal(packed)
        lengths = np.abs(diagonal)
        if lengths.min() > _NULL * lengths.max():
            signs = np.where(diagonal < 0, -1.0, 1.0)
            q = lapack.dorgqr(packed[:, :size], tau, lwork=_LAPACK_BLOCK * size)[0] * signs
            r = np.triu(packed[:size]) * signs[:, None]
        else:
            q, r = _completed(matrix, size)
        qs.append(q)
        rs.append(r)
    if len(qs) == 1:
        return qs[0][None], rs[0][None]
    return np.stack(qs), np.stack(rs)


def _completed(matrix: FloatArray, size: int) -> tuple[FloatArray, FloatArray]:
    """Q and R where columns depend on others, which add no direction of their own."""
    least = _NULL * float(np.linalg.norm(matrix, axis=0).max())
    fixed = np.random.RandomState(0).standard_normal((len(matrix), size))
    q = np.zeros((len(matrix), size))
    rank = known = 0
    for k, column in enumerate([*matrix.T, *fixed.T]):
        if rank == size:
            break
        before = q[:, :rank]
        # Twice, for what rounding leaves.
        rest = column - before @ (before.T @ column)
        rest = rest - before @ (before.T @ rest)
        length = float(np.linalg.norm(rest))
        if length > (least if k < matrix.shape[1] else 0.0):
            q[:, rank] = rest / length
            rank += 1
            known += k < matrix.shape[1]
    r = np.zeros((size, matrix.shape[1]))
    r[:known] = q[:, :known].T @ matrix
    return q, r


def with_signs(vectors: FloatArray) -> FloatArray:
    """Columns or their negatives, whichever agree with fixed numbers.

    Singular vectors have no sign of their own.
    """
    agree = np.random.RandomState(0).standard_normal(len(vectors)) @ vectors
    return vectors * np.where(agree < 0, -1.0, 1.0)


def tail_norms(values: FloatArray) -> FloatArray:
    """Norms of the singular values (b, k) from each one on, the largest first."""
    return np.sqrt(np.cumsum(values[:, ::-1] ** 2, axis=1))[:, ::-1]


def kept_rank(values: FloatArray, threshold: FloatArray | float, cap: int | None) -> int:
    """How many singular values stay, in the worst tensor of the batch.

    Parameters
    ----------
    values : ndarray of shape (b, k)
        The largest first.
    threshold : float or ndarray of shape (b, 1)
        Values are dropped as long as the root of their sum of squares is within this.
    cap : int or None
        Largest rank; None is no cap.

    Returns
    -------
    int
        At least 1.
    """
    # Rounding leaves singular values of about the machine epsilon.
    floor = np.finfo(np.float64).eps * values[:, :1] * values.shape[1]
    needed = int((tail_norms(values) > np.maximum(threshold, floor)).sum(axis=1).max())
    return max(1, needed if cap is None else min(needed, cap))
