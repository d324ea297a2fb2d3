"""Powers of each column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .._arrays._namespace import filled
from .._support._checks import check_integer
from ._base import LIMIT, FeatureMap, FittedMap, check_scale, standardise, unit_covectors
from ._quantiles import robust_moments

_LARGEST = 1e4
"""Beside larger features the constant 1 keeps less than three digits of single precision."""


class PolynomialMap(FeatureMap):
    r"""Powers of the standardised columns of a site.

    .. math:: f(x) = (1, \; s z, \; (s z)^2, \dots, (s z)^p), \qquad z = (x - \mu) / \sigma_x

    With several columns in a site, the powers of each follow one another and
    share the constant. Columns are standardised one by one and limited to 4
    standard deviations; outliers, values beyond three times the range from the
    quantile at 2 % to that at 98 %, do not count in full for mean and deviation.

    Parameters
    ----------
    degree : int, default=1
        Highest power p.
    scale : float or "auto", default="auto"
        The factor s. In a penalty on ||W||^2 an interaction of order k costs
        s^(-2 k), so a small scale is a prior for low orders. "auto" leaves it
        to an estimator with ``alpha="auto"``, and is 1 for others. Features
        must stay small enough to be multiplied: (4 s)^p is at most 10,000.

    References
    ----------
    Novikov, Trofimov, Oseledets, "Exponential Machines", arXiv 1605.03795.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.feature_maps import PolynomialMap
    >>> X = np.array([[0.0], [2.0]])
    >>> fitted = PolynomialMap(degree=2).fit(X, np.array([[0]]), None, None)
    >>> fitted.transform(X.T[:, :, None])[0]
    array([[ 1., -1.,  1.],
           [ 1.,  1.,  1.]])
    """

    allow_nan = True
    array_api_support = True

    def __init__(self, degree: int = 1, scale: float | str = "auto") -> None:
        self.degree = degree
        self.scale = scale

    def fit(self, X, columns, sample_weight, random_state) -> FittedMap:
        degree = check_integer("degree", self.degree, 1)
        scale = check_scale(self.scale)
        largest = (LIMIT * scale) ** degree
        if not largest <= _LARGEST:
            raise ValueError(
                f"degree={degree} with scale={scale:g} gives features up to {largest:.3g}; "
                f"(4 * scale)**degree must be at most {_LARGEST:g}, so use a smaller one."
            )
        n_sites, site_size = columns.shape
        mean, deviation = robust_moments(X, sample_weight)
        size = 1 + degree * site_size
        return FittedPolynomialMap(
            mode_sizes=(size,) * n_sites,
            constants=unit_covectors((size,) * n_sites, X.dtype),
            has_constant=True,
            mean=mean[columns][:, None, :],
            deviation=deviation[columns][:, None, :],
            degree=degree,
            scale=scale,
            has_free_scale=self.has_free_scale,
        )


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class FittedPolynomialMap(FittedMap):
    """Fitted `PolynomialMap`."""

    by_site: ClassVar = ("mean", "deviation")

    mean: np.ndarray
    deviation: np.ndarray
    degree: int
    scale: float

    def forward(self, parameters, sites):
        z = standardise(sites, self.mean, self.deviation)
        z *= self.scale
        n_sites, n_samples, site_size = z.shape
        features = filled(1.0, (n_sites, n_samples, 1 + self.degree * site_size), z)
        power = z
        for k in range(self.degree):
            features[..., 1 + k : 1 + self.degree * site_size : self.degree] = power
            power = power * z
        return features, None
