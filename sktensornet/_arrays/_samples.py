"""Weighted rows: merged, summed, their moments and ranges."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any

import numpy as np

from ._parallel import chunks
from ._typing import FloatArray, IntArray

_HASHED_ROWS = 16_384
"""Many, since a column of them is short work."""
_FEWEST_ROWS, _MOST_ROWS, _ENTRIES = 64, 1024, 2**15
"""Rows of a chunk, by its numbers: 256 KiB of them stay in the second-level cache."""


def _hashes(array: np.ndarray) -> np.ndarray:
    """Hashes of 64 bits for each row, (2, n_rows), where 0.0 and -0.0 are one.

    The last is that of the values in float32, so that rows in its order are the
    same whichever of the two types they come in; the first tells all rows apart.
    """
    return np.concatenate(sum_rows(_hash, array, size=_HASHED_ROWS), axis=1)


def _hash(block: np.ndarray) -> list[np.ndarray]:
    columns = block.reshape(len(block), -1).T
    with np.errstate(over="ignore"):
        rounded = columns.astype(np.float32)
    exact = None if block.dtype == np.float32 else _combined(columns)
    last = _combined(rounded)
    return [np.stack([last if exact is None else exact, last])]


def _combined(columns: np.ndarray) -> np.ndarray:
    keys = np.zeros(columns.shape[1], np.uint64)
    for column in columns:
        keys ^= (column.astype(np.float64) + 0.0).view(np.uint64)
        # The multiplier is that of a 64-bit linear congruential generator.
        keys *= np.uint64(6364136223846793005)
        keys ^= keys >> np.uint64(29)
    return keys


def merged_rows(X: FloatArray, y: np.ndarray, weight: FloatArray) -> tuple[IntArray, FloatArray]:
    """One row of each group of equal samples, and the weight of the group.

    Both depend on the set of samples only, so that a weight is the same as
    repetitions, to the last bit; and the order on their values in float32.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
    weight : ndarray of shape (n_samples,)
        Samples of weight zero are left out.

    Returns
    -------
    rows : ndarray of int, shape (n_groups,)
        In the order of a hash of X, and of y where X is the same.
    weights : ndarray of shape (n_groups,)
    """
    used = np.flatnonzero(weight)
    keys = np.concatenate([_hashes(y), _hashes(X)])
    if len(used) < len(weight):
        keys, weight = keys[:, used], weight[used]
    order = np.lexsort(keys)
    first = np.append(True, (np.diff(keys[:, order]) != 0).any(axis=0))
    weights = np.add.reduceat(weight[order], np.flatnonzero(first))
    return used[order[first]], weights


_WHOLE = 1e-6
"""How far from a whole number a weight may be and still be a count."""
_MOST_COPIES = 2.0**32
"""The largest count: floats much above are whole numbers whatever they mean."""


def in_observations(weight: FloatArray) -> FloatArray:
    """Weights with one observation as their unit.

    They are counts where all that are positive are whole numbers; and else their
    mean is an observation, so that their own unit means nothing.
    """
    positive = weight[weight > 0]
    copies = np.rint(positive)
    are_counts = (
        copies.min(initial=1.0) >= 1
        and copies.max(initial=0.0) <= _MOST_COPIES
        and np.abs(positive - copies).max(initial=0.0) <= _WHOLE
    )
    if are_counts:
        return weight
    shares = weight / positive.max()
    return shares / shares[shares > 0].mean()


def weighted_moments(
    X: FloatArray,
    weight: FloatArray | None = None,
    low: FloatArray | float = -np.inf,
    high: FloatArray | float = np.inf,
) -> tuple[FloatArray, FloatArray]:
    """Weighted mean and variance of each column, in float64 and two passes.

    Missing values are left out; a column without any other has mean and
    variance 0.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_columns)
    weight : ndarray of shape (n_samples,) or None
        Non-negative, not all zero.
    low, high : float or ndarray of shape (n_columns,)
        Values beyond count as these.

    Returns
    -------
    mean, variance : ndarray of shape (n_columns,)
    """
    weight = np.ones(X.shape[0]) if weight is None else weight.astype(np.float64)
    weight = weight / weight.sum()

    def first(block: FloatArray, weight: FloatArray) -> FloatArray:
        seen = weight > 0
        block = np.clip(block[seen].astype(np.float64), low, high)
        missing = np.isnan(block)
        block[missing] = 0.0
        return np.stack([weight[seen] @ block, weight[seen] @ ~missing])

    mean, total = sum_rows(first, X, weight)
    total[total == 0] = 1.0
    mean /= total

    def second(block: FloatArray, weight: FloatArray) -> FloatArray:
        seen = weight > 0
        centred = np.clip(block[seen].astype(np.float64), low, high) - mean
        centred[np.isnan(centred)] = 0.0
        with np.errstate(over="ignore", under="ignore"):
            return weight[seen] @ (centred * centred)

    return mean, sum_rows(second, X, weight) / total


def positive_scale(variance: FloatArray, mean: FloatArray, dtype: np.dtype) -> FloatArray:
    """Standard deviation in a dtype, with 1 for columns constant up to rounding."""
    limits = np.finfo(dtype)
    deviation = np.sqrt(np.minimum(variance, np.finfo(np.float64).max))
    rounding = 10 * np.finfo(np.float64).eps * np.abs(mean)
    constant = deviation <= np.maximum(rounding, limits.tiny)
    return np.where(constant, 1.0, np.minimum(deviation, limits.max)).astype(dtype)


def weighted_range(X: FloatArray, weight: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    """Smallest and largest value of each column over rows of positive weight.

    Missing values are left out; a column without any other ranges from 0 to 0.
    """

    def extremes(block: FloatArray, weight: FloatArray) -> FloatArray:
        seen = block[weight > 0]
        low = np.fmin.reduce(seen, axis=0, initial=np.inf)
        return np.stack([-low, np.fmax.reduce(seen, axis=0, initial=-np.inf)])

    weight = np.ones(X.shape[0]) if weight is None else weight
    low, high = sum_rows(extremes, X, weight, add=np.maximum) * np.array([[-1], [1]])
    empty = low > high
    return np.where(empty, 0.0, low), np.where(empty, 0.0, high)


def sum_rows(
    function: Callable[..., Any],
    X: Any,
    *others: np.ndarray,
    add: Callable[[Any, Any], Any] = operator.add,
    size: int | None = None,
) -> Any:
    """Sum of a function over parts of the rows, in order, computed where these are.

    Parameters
    ----------
    function : callable
        ``function(X[rows], *(other[rows] for other in others))``.
    X : ndarray of shape (n_samples, n_features), or what has a method `sum_rows`
    *others : ndarray of shape (n_samples,)
    add : callable
        What adds two results.
    size : int or None
        Most rows of a part; None is as many as stay in the cache.
    """
    if not isinstance(X, np.ndarray):
        return X.sum_rows(function, *others, add=add, size=size)
    if size is None:
        size = max(_FEWEST_ROWS, min(_MOST_ROWS, _ENTRIES * len(X) // max(X.size, 1)))
    parts = chunks(len(X), size)
    return reduce(add, (function(X[rows], *(other[rows] for other in others)) for rows in parts))


def add_each(first: Iterable, second: Iterable) -> list:
    """Sums of the items of two lists."""
    return [a + b for a, b in zip(first, second, strict=True)]
