"""Steps of a pass that are calls of our own."""

from __future__ import annotations

from .._typing import FloatArray
from ._products import rescale


class OutOfRangeError(Exception):
    """A message has to be rescaled, which a recorded pass cannot do."""


def check_range(message: FloatArray, out: None) -> None:
    """Raise if a message of shape (b, n, r) has to be rescaled."""
    if rescale(message)[1] is not None:
        raise OutOfRangeError


def sum_batch(gradient: FloatArray, out: FloatArray) -> None:
    """Sum over the tensors."""
    gradient.sum(axis=0, out=out)
