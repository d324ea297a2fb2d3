"""Small numerical helpers: arrays in, arrays out."""

from __future__ import annotations

import numpy as np
from scipy.linalg import lapack

from ._typing import FloatArray

_LAPACK_BLOCK = 32
"""Columns that LAPACK takes together, its own default: more work memory is not used."""


def thin_qr(matrices: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Q (b, m, k) and R (b, k, n) of matrices (b, m, n), k = min(m, n), in double precision.

    For few and small ones, with less overhead than NumPy's.
    """
    qs, rs = [], []
    for matrix in matrices:
        size = min(matrix.shape)
        packed, tau, *_ = lapack.dgeqrf(matrix, lwork=_LAPACK_BLOCK * matrix.shape[1])
        rs.append(np.triu(packed[:size]))
        qs.append(lapack.dorgqr(packed[:, :size], tau, lwork=_LAPACK_BLOCK * size)[0])
    return np.stack(qs), np.stack(rs)


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
