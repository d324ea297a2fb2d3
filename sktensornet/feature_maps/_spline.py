"""Splines of a column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from scipy.interpolate import BSpline

from .._arrays._namespace import each, filled, namespace
from .._arrays._typing import FloatArray
from .._support._checks import check_boolean, check_integer, check_real
from ._base import FeatureMap, FittedMap, check_scale, standardise, unit_covectors
from ._quantiles import apart, distribution, fences, quantiles, robust_moments
from ._single import check_single


class SplineMap(FeatureMap):
    r"""B-splines of a column, with knots at its quantiles.

    .. math:: f(x) = (1, \; s z, \; s \, c \, (I + \lambda D^T D)^{-1/2} (B(x) - \bar B)),
              \qquad z = (x - \mu) / \sigma_x

    The K = n_knots + degree - 1 entries of B are the B-splines of a degree on knots at
    equally spaced weighted quantiles, and their weighted means over the training data
    are taken off, so that the constant stays apart. Inputs outside the training range, less
    its outliers, are limited to it. D takes second differences of neighbours: to the penalty of
    an estimator an effect with coefficients a of the splines costs
    a^T (I + lambda D^T D) a / (s c)^2, as for a P-spline, so that many knots make it no rougher
    than the data ask. 1 / c^2 is the mean eigenvalue of (I + lambda D^T D)^-1: smooth effects cost
    less and rough ones more than with plain splines. Splines sum to one, so one of them is
    redundant, and the penalty shares among equals. z, as in `PolynomialMap`, makes a linear
    effect cheaper than a bent one.

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
    smoothing : float, default=0.0
        The weight lambda of squared second differences; 0 gives plain B-splines.

    References
    ----------
    Eilers, Marx, "Flexible smoothing with B-splines and penalties", Statistical
    Science 11 (1996), section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.feature_maps import SplineMap
    >>> X = np.array([[0.0], [1.0], [2.0]])
    >>> splines = SplineMap(n_knots=3, degree=1, linear=False)
    >>> fitted = splines.fit(X, np.array([[0]]), None, None)
    >>> fitted.transform(X.T[:, :, None])[0].round(2)
    array([[ 1.  ,  0.67, -0.33, -0.33],
           [ 1.  , -0.33,  0.67, -0.33],
           [ 1.  , -0.33, -0.33,  0.67]])
    """

    allow_nan = True
    array_api_support = True

    def __init__(
        self,
        n_knots: int = 5,
        degree: int = 2,
        linear: bool = True,
        scale: float | str = "auto",
        smoothing: float = 0.0,
    ) -> None:
        self.n_knots = n_knots
        self.degree = degree
        self.linear = linear
        self.scale = scale
        self.smoothing = smoothing

    def fit(self, X, columns, sample_weight, random_state) -> FittedMap:
        check_single(self, columns)
        n_knots = check_integer("n_knots", self.n_knots, 2)
        degree = check_integer("degree", self.degree, 1)
        linear = check_boolean("linear", self.linear)
        scale = check_scale(self.scale)
        smoothing = check_real("smoothing", self.smoothing, 0, low_allowed=True)
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
            mixings=tuple(_smooth(len(mean), smoothing) for mean in means),
            centre=centre[columns[:, 0]],
            deviation=deviation[columns[:, 0]],
            linear=linear,
            degree=degree,
            smoothing=smoothing,
            scale=scale,
            has_free_scale=self.has_free_scale,
        )


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class FittedSplineMap(FittedMap):
    """Fitted `SplineMap`; ``knots`` with repeated ends, ``means`` of the splines.

    ``mixings``, each (n_splines, n_splines) and symmetric, make smooth functions of them.
    """

    by_site: ClassVar = ("knots", "means", "mixings", "centre", "deviation")

    knots: tuple[np.ndarray, ...]
    means: tuple[np.ndarray, ...]
    mixings: tuple[np.ndarray, ...]
    centre: np.ndarray
    deviation: np.ndarray
    linear: bool
    degree: int
    smoothing: float
    scale: float

    def forward(self, parameters, sites):
        xp, first = namespace(sites), 1 + self.linear
        features = []
        for k, (x, knots, mean, mixing) in enumerate(
            zip(each(sites), self.knots, self.means, self.mixings, strict=True)
        ):
            own = filled(1.0, (x.shape[0], first + mean.shape[0]), sites)
            if self.linear:
                own[:, 1:2] = self.scale * standardise(x, self.centre[k], self.deviation[k])
            if mean.shape[0]:
                splines = (_basis(x[:, 0], knots, self.degree) - mean) @ (self.scale * mixing)
                splines = xp.where(xp.isnan(x), xp.zeros_like(splines), splines)
                own[:, first:] = xp.astype(splines, sites.dtype, copy=False)
            features.append(own)
        return features, None


def _smooth(n_splines: int, smoothing: float) -> FloatArray:
    """The matrix c (I + lambda D^T D)^(-1/2), whose squared entries add up to its size."""
    if not (n_splines and smoothing):
        return np.eye(n_splines)
    second = np.diff(np.eye(n_splines), 2, axis=0)
    roughness, vectors = np.linalg.eigh(second.T @ second)
    # Of constants and lines, which a large smoothing would make of rounding.
    roughness[:2] = 0.0
    shares = 1.0 / (1.0 + smoothing * roughness)
    return (vectors * np.sqrt(shares / shares.mean())) @ vectors.T


def _basis(values, knots, degree):
    """All B-splines at values limited to the range of the knots."""
    xp = namespace(values)
    inside = xp.clip(xp.astype(values, knots.dtype), knots[0], knots[-1])
    if isinstance(values, np.ndarray):
        return BSpline.construct_fast(knots, np.eye(len(knots) - degree - 1), degree)(inside)
    return _recursion(xp, inside[:, None], knots, degree)


def _recursion(xp, x, t, degree):
    """The same by the recursion of Cox and de Boor, for values (n, 1) and knots with equal ends.

    Splines over no interval are zero. The last interval has both its ends.
    """
    found = (t[:-1] <= x) & (x < t[1:])
    last = t.shape[0] - degree - 2
    found[:, last] = found[:, last] | (x[:, 0] >= t[-1])
    splines = xp.astype(found, t.dtype)
    for k in range(1, degree + 1):
        width = t[k:] - t[:-k]
        share = xp.where(width > 0, 1 / xp.where(width > 0, width, xp.ones_like(width)), 0 * width)
        rising = (x - t[: -k - 1]) * share[:-1] * splines[:, :-1]
        splines = rising + (t[k + 1 :] - x) * share[1:] * splines[:, 1:]
    return splines
