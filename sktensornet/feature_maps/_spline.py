"""Splines of a column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.interpolate import BSpline

from .._support._checks import check_boolean, check_integer
from ._base import FeatureMap, FittedMap, check_scale, standardise, unit_covectors
from ._quantiles import apart, distribution, fences, quantiles, robust_moments
from ._single import check_single


class SplineMap(FeatureMap):
    r"""B-splines of a column, with knots at its quantiles.

    .. math:: f(x) = (1, \; s z, \; s (B_1(x) - \bar B_1), \dots, s (B_K(x) - \bar B_K)),
              \qquad z = (x - \mu) / \sigma_x

    The B_j are the B-splines of a degree on knots at equally spaced weighted
    quantiles, and their weighted means over the training data are taken off,
    so that the constant stays apart. Inputs outside the training range, less
    its outliers, are limited to it. All K = n_knots + degree - 1 of them are kept: they sum to
    one, so one of them is redundant, and the penalty shares among equals. z,
    as in `PolynomialMap`, makes a linear effect cheaper than a bent one.

    Parameters
    ----------
    n_knots : int, default=5
        Number of knots, those at the ends included; ties may leave fewer.
    degree : int, default=2
        Degree of the pieces.
    linear : bool, default=True
        Whether z is among the features. A column of no more than two values
        then needs no splines.
    scale : float or "auto", default="auto"
        The factor s. In a penalty on ||W||^2 an interaction of order k costs
        s^(-2 k), so a small scale is a prior for low orders. "auto" leaves it
        to an estimator with ``alpha="auto"``, and is 1 for others.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.feature_maps import SplineMap
    >>> X = np.array([[0.0], [1.0], [2.0]])
    >>> fitted = SplineMap(n_knots=3, degree=1, linear=False).fit(X, np.array([[0]]), None, None)
    >>> fitted.transform(X.T[:, :, None])[0].round(2)
    array([[ 1.  ,  0.67, -0.33, -0.33],
           [ 1.  , -0.33,  0.67, -0.33],
           [ 1.  , -0.33, -0.33,  0.67]])
    """

    allow_nan = True

    def __init__(
        self,
        n_knots: int = 5,
        degree: int = 2,
        linear: bool = True,
        scale: float | str = "auto",
    ) -> None:
        self.n_knots = n_knots
        self.degree = degree
        self.linear = linear
        self.scale = scale

    def fit(self, X, columns, sample_weight, random_state) -> FittedMap:
        check_single(self, columns)
        n_knots = check_integer("n_knots", self.n_knots, 2)
        degree = check_integer("degree", self.degree, 1)
        linear = check_boolean("linear", self.linear)
        scale = check_scale(self.scale)
        centre, deviation = robust_moments(X, sample_weight)
        knots, means = [], []
        for column in columns[:, 0]:
            values, mass, below = distribution(X[:, column], sample_weight)
            if linear and len(values) <= 2:
                knots.append(np.zeros(0))
                means.append(np.zeros(0))
                continue
            inner = quantiles(values, below, np.linspace(0, 1, n_knots))
            inner = apart(np.unique(np.clip(inner, *fences(values, below))))
            if len(inner) == 1:
                inner = inner + np.array([-0.5, 0.5]) * max(1.0, abs(inner[0]))
            knots.append(np.pad(inner, degree, mode="edge"))
            means.append(mass @ _basis(values, knots[-1], degree))
        sizes = tuple(1 + linear + len(mean) for mean in means)
        return FittedSplineMap(
            mode_sizes=sizes,
            constants=unit_covectors(sizes, X.dtype),
            has_constant=True,
            knots=tuple(knots),
            means=tuple(means),
            centre=centre[columns[:, 0]],
            deviation=deviation[columns[:, 0]],
            linear=linear,
            degree=degree,
            scale=scale,
            has_free_scale=self.has_free_scale,
        )


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class FittedSplineMap(FittedMap):
    """Fitted `SplineMap`; ``knots`` with repeated ends, ``means`` of the splines."""

    by_site: ClassVar = ("knots", "means", "centre", "deviation")

    knots: tuple[np.ndarray, ...]
    means: tuple[np.ndarray, ...]
    centre: np.ndarray
    deviation: np.ndarray
    linear: bool
    degree: int
    scale: float

    def forward(self, parameters, sites):
        first = 1 + self.linear
        features = []
        for k, (x, knots, mean) in enumerate(
            zip(sites[..., 0], self.knots, self.means, strict=True)
        ):
            own = np.zeros((len(x), first + len(mean)), dtype=sites.dtype)
            own[:, 0] = 1
            if self.linear:
                own[:, 1] = self.scale * standardise(x, self.centre[k], self.deviation[k])
            if len(mean):
                own[:, first:] = self.scale * (_basis(x, knots, self.degree) - mean)
                own[np.isnan(x), first:] = 0
            features.append(own)
        return features, None


def _basis(values, knots, degree):
    """All B-splines at values limited to the range of the knots."""
    inside = np.clip(values.astype(np.float64), knots[0], knots[-1])
    return BSpline.construct_fast(knots, np.eye(len(knots) - degree - 1), degree)(inside)
