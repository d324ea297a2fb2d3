"""Cosine and sine of each column."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from .._arrays._namespace import namespace
from .._arrays._samples import weighted_moments, weighted_range
from .._support._checks import check_real
from ._base import FeatureMap, FittedMap
from ._sample_means import least_squares_covectors, mean_features


class TrigonometricMap(FeatureMap):
    r"""Cosine and sine of the columns of a site, scaled to [0, 1].

    .. math:: f(x) = (\cos(s \pi z), \; \sin(s \pi z)), \qquad
              z = (x - \min x) / (\max x - \min x)

    With several columns in a site, their pairs follow one another. Inputs
    outside the range seen in training are limited to it.

    Parameters
    ----------
    scale : float, default=0.5
        The factor s; 0.5 is the quarter turn of Stoudenmire and Schwab, smaller
        values start closer to a linear model.

    References
    ----------
    Stoudenmire, Schwab, "Supervised Learning with Tensor Networks", NIPS 2016,
    equation 3.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.feature_maps import TrigonometricMap
    >>> X = np.array([[0.0], [255.0]])
    >>> fitted = TrigonometricMap().fit(X, np.array([[0]]), None, None)
    >>> fitted.transform(X.T[:, :, None])[0].round(6)
    array([[1., 0.],
           [0., 1.]])
    """

    allow_nan = True
    array_api_support = True

    def __init__(self, scale: float = 0.5) -> None:
        self.scale = scale

    def fit(self, X, columns, sample_weight, random_state) -> FittedMap:
        scale = check_real("scale", self.scale, 0)
        low, high = weighted_range(X, sample_weight)
        mean, _ = weighted_moments(X, sample_weight)
        with np.errstate(over="ignore"):
            width = high - low
        width = np.where(width > 0, np.minimum(width, np.finfo(X.dtype).max), 1.0)
        n_sites, site_size = columns.shape
        fitted = FittedTrigonometricMap(
            mode_sizes=(2 * site_size,) * n_sites,
            constants=(),
            has_constant=False,
            low=low[columns][:, None, :].astype(X.dtype),
            width=width[columns][:, None, :].astype(X.dtype),
            fill=mean[columns][:, None, :].astype(X.dtype),
            means=(),
            scale=scale,
        )
        if site_size == 1:
            fitted = replace(fitted, means=mean_features(fitted, X, columns, sample_weight))
        covectors = least_squares_covectors(fitted, X, columns, sample_weight)
        return replace(fitted, constants=covectors)


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class FittedTrigonometricMap(FittedMap):
    """Fitted `TrigonometricMap`."""

    by_site: ClassVar = ("low", "width", "fill", "means")

    low: np.ndarray
    width: np.ndarray
    fill: np.ndarray
    means: tuple[np.ndarray, ...]
    scale: float

    def forward(self, parameters, sites):
        xp = namespace(sites)
        missing = xp.isnan(sites)
        sites = xp.where(missing, self.fill, sites)
        with np.errstate(over="ignore"):
            z = (sites - self.low) / self.width
        angle = xp.clip(z, 0.0, 1.0) * (self.scale * float(np.pi))
        pairs = xp.stack([xp.cos(angle), xp.sin(angle)], axis=-1)
        features = xp.reshape(pairs, (*angle.shape[:2], -1))
        if self.means:
            features = xp.where(missing, xp.stack(self.means)[:, None, :], features)
        return features, None
