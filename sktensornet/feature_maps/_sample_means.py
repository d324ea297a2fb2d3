"""Moments of features: covectors of the constant, and what a missing value stands for."""

from __future__ import annotations

import numpy as np

from .._arrays._samples import add_each, sum_rows
from .._arrays._typing import FloatArray, IntArray
from ._base import FittedMap


def least_squares_covectors(
    fitted: FittedMap,
    X: FloatArray,
    columns: IntArray,
    weight: FloatArray | None,
) -> tuple[FloatArray, ...]:
    """For each site the u of least norm that minimises the mean of (<u, f(x)> - 1)^2."""
    weight = np.ones(len(X)) if weight is None else weight.astype(np.float64)

    def moments(block: FloatArray, weight: FloatArray) -> list[FloatArray]:
        """Second moments of the features of each site, with the means as the last row."""
        found = []
        for features in fitted.transform(block[:, columns].swapaxes(0, 1)):
            features = features.astype(np.float64)
            weighted = features * weight[:, None]
            found.append(np.vstack([weighted.T @ features, weighted.sum(axis=0)]))
        return found

    return tuple(
        np.linalg.lstsq(found[:-1], found[-1], rcond=1e-10)[0].astype(X.dtype)
        for found in sum_rows(moments, X, weight / weight.sum(), add=add_each)
    )


def mean_features(
    fitted: FittedMap, X: FloatArray, columns: IntArray, weight: FloatArray | None
) -> tuple[FloatArray, ...]:
    """Weighted mean of the features of each site of one column, over known values.

    A column without any takes the features of a missing value.
    """
    weight = np.ones(len(X)) if weight is None else weight.astype(np.float64)

    def means(block: FloatArray, weight: FloatArray) -> list[FloatArray]:
        values = block[:, columns[:, 0]].T
        share = weight * ~np.isnan(values)
        features = fitted.transform(values[:, :, None])
        return [share.sum(axis=1), *(a @ b for a, b in zip(share, features, strict=True))]

    totals, *sums = sum_rows(means, X, weight, add=add_each)
    unknown = fitted.transform(np.full((len(columns), 1, 1), np.nan, X.dtype))
    return tuple(
        (total / known if known > 0 else own[0]).astype(X.dtype)
        for total, known, own in zip(sums, totals, unknown, strict=True)
    )
