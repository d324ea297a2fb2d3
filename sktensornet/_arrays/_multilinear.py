"""Mode products, unfoldings and outer products: batches of tensors in and out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np

from ._namespace import namespace
from ._typing import FloatArray


def move_axis(tensor: FloatArray, source: int, to: int) -> FloatArray:
    """What `numpy.moveaxis` gives, whose checks take as long as a product of short legs."""
    axes = _order(tensor.ndim, source % tensor.ndim, to % tensor.ndim)
    if isinstance(tensor, np.ndarray):
        return tensor.transpose(axes)
    return namespace(tensor).permute_dims(tensor, axes)


def _reshape(tensor: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """The same without what `numpy.reshape` does before, for a like reason."""
    if isinstance(tensor, np.ndarray):
        return tensor.reshape(shape)
    return namespace(tensor).reshape(tensor, shape)


@cache
def _order(ndim: int, source: int, to: int) -> tuple[int, ...]:
    axes = [axis for axis in range(ndim) if axis != source]
    return (*axes[:to], source, *axes[to:])


def unfold(tensors: FloatArray, axis: int, n_batch: int = 1) -> FloatArray:
    """The matricizations (b, i_k, rest) along one axis of (b, i_1, ..., i_d)."""
    moved = move_axis(tensors, axis, n_batch)
    return _reshape(moved, (*moved.shape[: n_batch + 1], -1))


def mode_product(
    tensors: FloatArray,
    matrices: FloatArray,
    axis: int,
    n_batch: int = 1,
    out: FloatArray | None = None,
) -> FloatArray:
    r"""Multiply one axis of each tensor by a matrix.

    .. math:: Y_{\dots j \dots} = \sum_i M_{ji} \, T_{\dots i \dots}

    Parameters
    ----------
    tensors : ndarray of shape (b or 1, i_1, ..., i_d)
    matrices : ndarray of shape (b or 1, j, i_axis)
    axis : int
        Of the tensors, the batch being axis 0.
    n_batch : int, default=1
        Number of axes of the batch, with which those of the matrices are broadcast.
    out : ndarray of shape (b, i_1, ..., j, ..., i_d), or None
        Where the result goes, in NumPy and C order.

    Returns
    -------
    ndarray of shape (b, i_1, ..., j, ..., i_d)

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet._arrays._multilinear import mode_product
    >>> mode_product(np.ones((1, 2, 3)), np.ones((1, 5, 3)), axis=2).shape
    (1, 2, 5)
    """
    axis %= tensors.ndim
    before, after = tensors.shape[n_batch:axis], tensors.shape[axis + 1 :]
    sizes = math.prod(before), tensors.shape[axis], math.prod(after)
    flat = _reshape(tensors, (*tensors.shape[:n_batch], *sizes))
    left, right = matrices[..., None, :, :], flat
    if flat.shape[-1] == 1:
        left, right = flat[..., 0], matrices.mT
    if out is None:
        product = left @ right
    else:
        into = (*out.shape[:n_batch], sizes[0], matrices.shape[-2], sizes[2])
        product = np.matmul(left, right, out=out.reshape(into[: left.ndim]))
    return _reshape(product, (*product.shape[:n_batch], *before, matrices.shape[-2], *after))


def mode_gram(x: FloatArray, y: FloatArray, axis: int, n_batch: int = 1) -> FloatArray:
    """The product over all axes but one and the batch: X_(k) Y_(k)^T of the unfoldings."""
    if axis % x.ndim == x.ndim - 1:
        # The unfoldings along the last axis as they lie in memory, turned without a copy.
        x, y = (_reshape(own, (*own.shape[:n_batch], -1, own.shape[-1])) for own in (x, y))
        return x.mT @ y
    return unfold(x, axis, n_batch) @ unfold(y, axis, n_batch).mT


def outer(vectors: Sequence[FloatArray]) -> FloatArray:
    """The tensor of all products of the entries of some vectors; of none, the number 1."""
    product = np.ones(())
    for vector in vectors:
        product = np.multiply.outer(product, vector)
    return product
