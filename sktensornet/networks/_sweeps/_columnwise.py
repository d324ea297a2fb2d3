"""The kernels of sweeps: arrays (b, n, r) with the samples innermost in memory.

Legs are short and samples are many, so that element-wise products run along the
samples. Arrays in another order are as right, only slower.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np

from ..._arrays._typing import FloatArray


def columnwise(x: FloatArray) -> FloatArray:
    """The array with its samples, the last axis but one, innermost in memory."""
    return np.ascontiguousarray(x.mT).mT


def pairs(x: FloatArray, y: FloatArray) -> FloatArray:
    """Row-wise Kronecker product, (b, n, i) and (b, n, j) to (b, n, i * j)."""
    z = x.mT[..., :, None, :] * y.mT[..., None, :, :]
    return z.reshape(*z.shape[:-3], -1, z.shape[-1]).mT


def linear(x: FloatArray, matrix: FloatArray) -> FloatArray:
    """The product of (b, n, i) and (b, i, j)."""
    return np.matmul(matrix.mT, x.mT).mT


def over_samples(x: FloatArray, y: FloatArray) -> FloatArray:
    """The product of (b, n, i) transposed and (b, n, j), with fewer rows than columns."""
    if y.shape[-1] < x.shape[-1]:
        return np.matmul(y.mT, x).mT
    return np.matmul(x.mT, y)


def contract(core: FloatArray, design: FloatArray, messages: Sequence[FloatArray]) -> FloatArray:
    """Contract a core with a design of its first legs and a message at each other.

    Parameters
    ----------
    core : ndarray of shape (b, i_1, ..., i_k, o)
    design : ndarray of shape (b, n, p)
        Row-wise Kronecker product of the messages at the first legs.
    messages : sequence of ndarray of shape (b, n, i_j)
        At the other legs.

    Returns
    -------
    ndarray of shape (b, n, o)
    """
    result = linear(design, core.reshape(len(core), design.shape[-1], -1)).mT
    for message in messages:
        each = result.reshape(len(result), message.shape[-1], -1, result.shape[-1])
        result = np.einsum("bron,brn->bon", each, message.mT)
    return result.mT


def moved(x: np.ndarray, source: int, to: int) -> np.ndarray:
    """What `numpy.moveaxis` gives, whose checks take as long as a product of short legs."""
    return x.transpose(_order(x.ndim, source % x.ndim, to % x.ndim))


@cache
def _order(ndim: int, source: int, to: int) -> tuple[int, ...]:
    axes = [axis for axis in range(ndim) if axis != source]
    return (*axes[:to], source, *axes[to:])


def first_legs(messages: Sequence[FloatArray]) -> FloatArray:
    """The design of the first two messages, or of the only one."""
    return messages[0] if len(messages) == 1 else pairs(*messages[:2])
