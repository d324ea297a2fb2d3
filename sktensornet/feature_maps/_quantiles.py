"""Weighted quantiles of columns."""

from __future__ import annotations

import numpy as np

from .._arrays._samples import positive_scale, weighted_moments
from .._arrays._typing import FloatArray

_TAIL = 0.02
"""Share of the weight beyond which, on either side, a column's tails begin."""
_ROUNDING = 1e-9
"""Sums of shares of the weight are known to so much."""


_LARGEST = float(np.finfo(np.float64).max) / 16
"""Values beyond are taken as this one, so that no difference of two overflows."""


def distribution(
    values: FloatArray, weight: FloatArray | None
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Distinct known values of a column, the share of the weight at and below each.

    Half of the weight at a value counts as below it, so that ties are in the
    middle of their range. A column without known values has one value, 0.
    """
    weight = np.ones(len(values)) if weight is None else weight
    known = (weight > 0) & ~np.isnan(values)
    if not known.any():
        return np.zeros(1), np.ones(1), np.full(1, 0.5)
    limited = np.clip(values[known].astype(np.float64), -_LARGEST, _LARGEST)
    distinct, codes = np.unique(limited, return_inverse=True)
    mass = np.bincount(codes, weight[known])
    below = np.cumsum(mass) - 0.5 * mass
    return distinct, mass / mass.sum(), below / mass.sum()


def quantiles(values: FloatArray, below: FloatArray, levels: FloatArray) -> FloatArray:
    """Distinct values at given shares of a distribution."""
    return np.unique(
        values[np.minimum(np.searchsorted(below, levels - _ROUNDING), len(values) - 1)]
    )


def apart(values: FloatArray) -> FloatArray:
    """Increasing values without those that no slope can tell from the one before.

    Slopes divide by a difference, whose inverse overflows where it is subnormal.
    """
    return values[np.append(True, np.diff(values) > np.finfo(np.float64).tiny)]


def fences(values: FloatArray, below: FloatArray, margin: float = 1.0) -> tuple[float, float]:
    """Limits beyond which values say nothing about the scale of a column.

    They are `margin` widths outside the quantiles at 2 % and 98 %, for 1 about 6
    standard deviations from the mean of normal data, or nowhere if these two
    coincide.
    """
    low = values[np.searchsorted(below, _TAIL - _ROUNDING)]
    high = values[np.searchsorted(below, 1 - _TAIL + _ROUNDING, side="right") - 1]
    with np.errstate(over="ignore"):
        width = margin * (high - low)
        return (low - width, high + width) if width > 0 else (-np.inf, np.inf)


def robust_moments(
    X: FloatArray, weight: FloatArray | None = None
) -> tuple[FloatArray, FloatArray]:
    """Weighted mean and standard deviation of each column, limited to its `fences`.

    Returns
    -------
    mean, deviation : ndarray of shape (n_columns,)
        In the dtype of X; the deviation of a constant column is 1.
    """
    low, high = np.empty(X.shape[1]), np.empty(X.shape[1])
    for k in range(X.shape[1]):
        values, _, below = distribution(X[:, k], weight)
        low[k], high[k] = fences(values, below)
    mean, variance = weighted_moments(X, weight, low, high)
    return mean.astype(X.dtype), positive_scale(variance, mean, X.dtype)
