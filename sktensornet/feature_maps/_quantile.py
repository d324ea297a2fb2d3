"""Ranks of a column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .._arrays._namespace import filled, namespace
from .._support._checks import check_integer
from ._base import FeatureMap, FittedMap, check_scale, unit_covectors
from ._quantiles import apart, distribution, quantiles
from ._single import check_single


class QuantileMap(FeatureMap):
    r"""Powers of the rank of a column among the training data.

    .. math:: f(x) = (1, \; s z, \dots, (s z)^p), \qquad z = \sqrt{12} \, (F(x) - 1/2)

    F is the weighted distribution function, with ties in the middle of their
    range, interpolated linearly between at most ``n_quantiles`` of its values;
    z then has mean 0 and, without ties, variance 1. Outliers and heavy tails
    cannot do anything, and any increasing transform of the column gives the
    same features at the training data.

    Parameters
    ----------
    n_quantiles : int, default=100
        Most knots of the distribution function.
    degree : int, default=1
        Highest power p.
    scale : float or "auto", default="auto"
        The factor s. In a penalty on ||W||^2 an interaction of order k costs
        s^(-2 k), so a small scale is a prior for low orders. "auto" leaves it
        to an estimator with ``alpha="auto"``, and is 1 for others.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.feature_maps import QuantileMap
    >>> X = np.array([[1.0], [10.0], [100.0]])
    >>> fitted = QuantileMap().fit(X, np.array([[0]]), None, None)
    >>> fitted.transform(X.T[:, :, None])[0].round(2)
    array([[ 1.  , -1.15],
           [ 1.  ,  0.  ],
           [ 1.  ,  1.15]])
    """

    allow_nan = True
    array_api_support = True

    def __init__(
        self, n_quantiles: int = 100, degree: int = 1, scale: float | str = "auto"
    ) -> None:
        self.n_quantiles = n_quantiles
        self.degree = degree
        self.scale = scale

    def fit(self, X, columns, sample_weight, random_state) -> FittedMap:
        check_single(self, columns)
        most = check_integer("n_quantiles", self.n_quantiles, 2)
        degree = check_integer("degree", self.degree, 1)
        scale = check_scale(self.scale)
        knots, heights = [], []
        for column in columns[:, 0]:
            values, _, below = distribution(X[:, column], sample_weight)
            chosen = values
            if len(values) > most:
                chosen = quantiles(values, below, np.linspace(0, 1, most))
            chosen = apart(chosen)
            knots.append(chosen)
            heights.append(12**0.5 * (np.interp(chosen, values, below) - 0.5))
        sizes = (1 + degree,) * len(columns)
        return FittedQuantileMap(
            mode_sizes=sizes,
            constants=unit_covectors(sizes, X.dtype),
            has_constant=True,
            knots=tuple(knots),
            heights=tuple(heights),
            degree=degree,
            scale=scale,
            has_free_scale=self.has_free_scale,
        )


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class FittedQuantileMap(FittedMap):
    """Fitted `QuantileMap`; ``heights`` are the values of z at the ``knots`` of each site."""

    by_site: ClassVar = ("knots", "heights")

    knots: tuple[np.ndarray, ...]
    heights: tuple[np.ndarray, ...]
    degree: int
    scale: float

    def forward(self, parameters, sites):
        xp, values = namespace(sites), sites[..., 0]
        features = filled(1.0, (*values.shape, 1 + self.degree), sites)
        for k, (knots, heights) in enumerate(zip(self.knots, self.heights, strict=True)):
            z = self.scale * _interpolated(values[k, :], knots, heights)
            z = power = xp.where(xp.isnan(z), xp.zeros_like(z), z)
            for degree in range(1, 1 + self.degree):
                features[k, :, degree] = xp.astype(power, sites.dtype, copy=False)
                power = power * z
        return features, None


def _interpolated(x, knots, heights):
    """As `numpy.interp`."""
    if isinstance(x, np.ndarray):
        return np.interp(x, knots, heights)
    xp = namespace(x)
    x = xp.clip(xp.astype(x, knots.dtype, copy=False), knots[0], knots[-1])
    if knots.shape[0] == 1:
        return heights[0] + 0 * x
    right = xp.clip(xp.searchsorted(knots, x), 1, knots.shape[0] - 1)
    x0, x1, y0, y1 = (
        xp.take(array, place, axis=0) for array in (knots, heights) for place in (right - 1, right)
    )
    return y0 + (y1 - y0) * (x - x0) / (x1 - x0)
