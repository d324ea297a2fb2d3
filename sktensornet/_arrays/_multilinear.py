"""Axes of arrays."""

from __future__ import annotations

from functools import cache

from ._typing import FloatArray


def move_axis(tensor: FloatArray, source: int, to: int) -> FloatArray:
    """What `numpy.moveaxis` gives, whose checks take as long as a product of short legs."""
    return tensor.transpose(_order(tensor.ndim, source % tensor.ndim, to % tensor.ndim))


@cache
def _order(ndim: int, source: int, to: int) -> tuple[int, ...]:
    axes = [axis for axis in range(ndim) if axis != source]
    return (*axes[:to], source, *axes[to:])
