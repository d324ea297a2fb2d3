"""Splitting an optimised core along one bond."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.linalg import lapack

from ..._arrays._linalg import kept_rank, tail_norms, thin_qr, with_signs
from ..._arrays._typing import FloatArray

_FLOOR = 1e-10
"""Added to Gram matrices as a share of their trace: it bounds the condition of a half by 1e5."""
_LEAST_SHARE = 1e-9
"""Of the norm: directions below are rounding, and their channels would be arbitrary."""

_LARGE = 64
"""Rows and columns from which on a Gram matrix takes the place of singular values: .9 ms instead of
2 for 128 by 176 with 16 wanted."""
_CLEAR = 1e-8
"""Share of the largest eigenvalue of a Gram matrix above which those that are kept must be. What is
lost of a tensor of that rank is then about 1e-12 of it."""

SecondMoment = Callable[[FloatArray], FloatArray]
"""From A of shape (b, rows, k) to A^T G A, for a Gram matrix G that is too large."""


def truncated_split(
    tensors: FloatArray,
    cap: int,
    tolerance: float,
    row_gram: FloatArray | SecondMoment | None = None,
    column_gram: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray, FloatArray, float]:
    r"""Factor T = Q F with orthonormal Q and as few columns as a tolerance allows.

    .. math:: \min_{\operatorname{rank}(QF) \le r}
              \| G_{\text{rows}}^{1/2} (T - Q F) G_{\text{columns}}^{1/2} \|_F

    With the Gram matrices of the functions on either side this is the truncation
    that changes the scores least if the two sides were independent; without,
    the one that changes the weight tensor least.

    Parameters
    ----------
    tensors : ndarray of shape (b, rows, columns, c)
        The class leg, if it is here, goes with the columns.
    cap : int
        Largest rank.
    tolerance : float
        Singular values are dropped as long as the root of their sum of squares
        stays within this share of that of all.
    row_gram, column_gram : ndarray of shape (b or 1, size, size), or None
        The first may also be a function that applies it.

    Returns
    -------
    q : ndarray of shape (b, rows, rank)
    f : ndarray of shape (b, rank, columns, c)
    spectrum : ndarray of shape (b, min(rows, columns * c))
    loss : float
        The share of the norm that was dropped, in the worst tensor.
    """
    batch, rows, columns, c = tensors.shape
    scaled = tensors
    if column_gram is not None:
        right, right_inverse = _half(column_gram)
        scaled = right[:, None] @ scaled
    matrix = scaled.reshape(batch, rows, columns * c)
    if callable(row_gram):
        values, vt = _by_moment(row_gram(matrix), min(matrix.shape[1:]))
    else:
        if row_gram is not None:
            left, left_inverse = _half(row_gram)
            matrix = left @ matrix
        found = None if tolerance > 0 else _by_gram(matrix, cap)
        u, values, f = _by_values(matrix) if found is None else found
    tails = tail_norms(values)
    norms = tails[:, :1]
    rank = kept_rank(values, max(tolerance, _LEAST_SHARE) * norms, cap)
    loss = 0.0
    if rank < values.shape[1]:
        loss = float((tails[:, [rank]] / np.where(norms > 0, norms, 1.0)).max())
    if callable(row_gram):
        u, r = thin_qr(matrix @ vt[:, :rank].mT)
        f = r @ vt[:, :rank]
    else:
        u, f = u[..., :rank], f[:, :rank]
        if row_gram is not None:
            u, r = thin_qr(left_inverse @ u)
            f = r @ f
    f = f.reshape(batch, rank, columns, c)
    if column_gram is not None:
        f = right_inverse[:, None] @ f
    return u, f, values, loss


def _by_values(matrix: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Orthonormal U and F with A = U F by the singular values, which are the second."""
    u, values, vt = np.linalg.svd(matrix, full_matrices=False)
    return u, values, values[..., None] * vt


def _by_gram(matrix: FloatArray, rank: int) -> tuple[FloatArray, FloatArray, FloatArray] | None:
    """The same for the largest `rank` of them, with all values.

    Values below 1e-8 of the largest are rounding. None for small matrices, and where what is
    kept may be rounding, too.
    """
    rows, columns = matrix.shape[1:]
    if min(rows, columns) < max(_LARGE, rank + 1) or matrix.dtype != np.float64:
        return None
    is_wide = rows <= columns
    squares, vectors = np.linalg.eigh(matrix @ matrix.mT if is_wide else matrix.mT @ matrix)
    squares, leading = squares[:, ::-1], vectors[..., : -rank - 1 : -1]
    if not (squares[:, rank - 1] > _CLEAR * squares[:, 0]).all():
        return None
    values = np.sqrt(np.maximum(squares, 0.0))
    if is_wide:
        return leading, values, leading.mT @ matrix
    u, r = thin_qr(matrix @ leading)
    return u, values, r @ leading.mT


def _by_moment(moment: FloatArray, size: int) -> tuple[FloatArray, FloatArray]:
    """Singular values of A and its right singular vectors as rows, the largest first, by A^T A."""
    squares, vectors = np.linalg.eigh(moment)
    vectors = np.stack([with_signs(own) for own in vectors[..., ::-1]])
    return np.sqrt(np.maximum(squares[:, ::-1], 0.0))[:, :size], vectors.mT[:, :size]


def _half(gram: FloatArray) -> tuple[FloatArray, FloatArray]:
    """A with A^T A equal to the Gram matrix, slightly damped, and its inverse."""
    level = np.einsum("bii->b", gram) * _FLOOR + np.finfo(np.float64).tiny
    halves = np.empty(gram.shape)
    inverses = np.empty(gram.shape)
    for matrix, floor, half, inverse in zip(gram, level, halves, inverses):
        damped = matrix.copy()
        damped.flat[:: len(damped) + 1] += floor
        factor, info = lapack.dpotrf(damped)
        if info != 0:
            return _half_by_spectrum(gram)
        half[...] = factor
        inverse[...] = lapack.dtrtri(factor)[0]
    return halves, inverses


def _half_by_spectrum(gram: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The same where rounding has made eigenvalues negative."""
    values, vectors = np.linalg.eigh(gram)
    floor = np.maximum(_FLOOR * values[:, -1:], np.finfo(np.float64).tiny)
    roots = np.sqrt(np.maximum(values, 0.0) + floor)
    return roots[..., None] * vectors.mT, vectors / roots[:, None]
