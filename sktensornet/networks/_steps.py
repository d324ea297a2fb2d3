"""Steps of a pass that are calls of our own."""

from __future__ import annotations

import numpy as np

from .._typing import FloatArray, IntArray

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


def sum_batch(gradient: FloatArray, out: FloatArray) -> None:
    """Sum over the tensors."""
    gradient.sum(axis=0, out=out)
