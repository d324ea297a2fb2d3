"""Steps of a pass that are calls of our own."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._arrays._typing import FloatArray, IntArray
from ..._arrays._workspace import Workspace

_SAFE_EXPONENT = 16


def rescale(message: FloatArray) -> tuple[FloatArray, IntArray | None]:
    """Bring each row near one by a power of two, if any has left a safe range."""
    exponent = np.frexp(np.abs(message).max(axis=-1, keepdims=True))[1]
    if np.abs(exponent).max(initial=0) <= _SAFE_EXPONENT:
        return message, None
    return np.ldexp(message, -exponent), exponent


def add_exponents(a: IntArray | None, b: IntArray | None) -> IntArray | None:
    """Sum of two exponents, where None is zero."""
    return b if a is None else a if b is None else a + b


class OutOfRangeError(Exception):
    """A message has to be rescaled, which a recorded pass cannot do."""


def check_range(message: FloatArray, out: None) -> None:
    """Raise if a message of shape (b, n, r) has to be rescaled."""
    if rescale(message)[1] is not None:
        raise OutOfRangeError


def in_range(message: FloatArray, work: Workspace) -> tuple[FloatArray, IntArray | None]:
    """A message (b, r, n), rescaled if need be; a pass that is recorded checks that none is."""
    if work.records:
        work.note(check_range, message.mT)
        return message, None
    scaled, exponent = rescale(message.mT)
    return scaled.mT, exponent


def sum_batch(gradient: FloatArray, out: FloatArray) -> None:
    """Sum over the tensors."""
    gradient.sum(axis=0, out=out)


def sum_products(
    matrix: FloatArray,
    x: FloatArray,
    y: FloatArray,
    between: FloatArray,
    split: Any,
    out: FloatArray,
) -> None:
    """A core applied to x in a matrix product, and to y sample by sample.

    Parameters
    ----------
    matrix : ndarray of shape (b, rows, i)
        The core, with rows for y and the result in the order of `split`; compiled
        code wants the result first, so that a row of it is one sum.
    x, y : ndarray of shape (b, i, n) and (b, j, n)
    between : ndarray of shape (b, rows, n)
        Memory.
    split : object
        Has a method `by_message`, which sorts rows as (b, j, o).
    out : ndarray of shape (b, o, n)
    """
    np.matmul(matrix, x, out=between)
    np.einsum("bron,brn->bon", split.by_message(between, y.shape[1]), y, out=out)


def by_core(
    gradient: FloatArray, x: FloatArray, y: FloatArray, design: FloatArray, out: FloatArray
) -> None:
    """The adjoint of `sum_products` by the core.

    Parameters
    ----------
    gradient : ndarray of shape (b, o, n)
    x, y : ndarray of shape (b, i, n) and (b, j, n)
    design : ndarray of shape (b, i * j, n)
        Memory.
    out : ndarray of shape (b, i * j, o)
    """
    each = design.reshape(len(design), x.shape[1], y.shape[1], -1)
    np.multiply(x[:, :, None], y[:, None], out=each)
    np.matmul(design, gradient.mT, out=out)


def by_messages(
    matrix: FloatArray,
    gradient: FloatArray,
    x: FloatArray,
    y: FloatArray,
    to_x: FloatArray | None,
    to_y: FloatArray | None,
    out: FloatArray,
) -> None:
    """The adjoint of `sum_products` by x and y.

    Parameters
    ----------
    matrix : ndarray of shape (b, i * j, o)
        The core.
    gradient : ndarray of shape (b, o, n)
    x, y : ndarray of shape (b, i, n) and (b, j, n)
    to_x, to_y : ndarray in the shape of x and y but for b, or None
        Where to write the derivatives that are wanted.
    out : ndarray of shape (b, i * j, n)
        Memory.
    """
    np.matmul(matrix, gradient, out=out)
    each = out.reshape(len(out), x.shape[1], y.shape[1], -1)
    if to_x is not None:
        np.einsum("bijn,bjn->bin", each, y, out=to_x)
    if to_y is not None:
        np.einsum("bijn,bin->bjn", each, x, out=to_y)
