"""Cosines and sines of a column."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .._arrays._namespace import filled, namespace
from .._support._checks import check_integer, check_real
from ._base import FeatureMap, FittedMap, check_scale, unit_covectors
from ._quantiles import distribution, fences
from ._single import check_single

_MARGIN = 0.25
"""Of the range, in widths from the quantile at 2 % to that at 98 %."""


class FourierMap(FeatureMap):
    r"""A constant and the first waves of a column.

    .. math:: f(x) = (1, \; s \sqrt 2 \cos \pi u, \dots, s \sqrt 2 \cos p \pi u),
              \qquad u = \frac{x - a}{b - a}

    Without a period the waves are cosines over the training range [a, b], less
    its outliers, to which inputs are limited; they are orthonormal for a
    uniform column. With a period they are cosines and sines, for columns such
    as the hour of a day:

    .. math:: f(x) = (1, \; s \sqrt 2 \cos 2 \pi x / T, \; s \sqrt 2 \sin 2 \pi x / T, \dots)

    Parameters
    ----------
    n_frequencies : int, default=4
        The highest frequency p.
    period : float or None, default=None
        The period T, in units of the column.
    scale : float or "auto", default="auto"
        The factor s. In a penalty on ||W||^2 an interaction of order k costs
        s^(-2 k), so a small scale is a prior for low orders. "auto" leaves it
        to an estimator with ``alpha="auto"``, and is 1 for others.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.feature_maps import FourierMap
    >>> X = np.array([[0.0], [6.0], [12.0]])
    >>> fitted = FourierMap(1, period=24, scale=1.0).fit(X, np.array([[0]]), None, None)
    >>> fitted.transform(X.T[:, :, None])[0].round(2) + 0.0
    array([[ 1.  ,  1.41,  0.  ],
           [ 1.  ,  0.  ,  1.41],
           [ 1.  , -1.41,  0.  ]])
    """

    allow_nan = True
    array_api_support = True

    def __init__(
        self,
        n_frequencies: int = 4,
        period: float | None = None,
        scale: float | str = "auto",
    ) -> None:
        self.n_frequencies = n_frequencies
        self.period = period
        self.scale = scale

    def fit(self, X, columns, sample_weight, random_state) -> FittedMap:
        check_single(self, columns)
        count = check_integer("n_frequencies", self.n_frequencies, 1)
        scale = check_scale(self.scale)
        low, width = np.zeros(len(columns)), np.ones(len(columns))
        if self.period is not None:
            width *= check_real("period", self.period, 0)
        else:
            for k, column in enumerate(columns[:, 0]):
                values, _, below = distribution(X[:, column], sample_weight)
                ends = np.clip(values[[0, -1]], *fences(values, below, _MARGIN))
                low[k], width[k] = ends[0], max(ends[1] - ends[0], np.finfo(X.dtype).tiny)
        sizes = (1 + (1 if self.period is None else 2) * count,) * len(columns)
        return FittedFourierMap(
            mode_sizes=sizes,
            constants=unit_covectors(sizes, X.dtype),
            has_constant=True,
            low=low,
            width=width,
            periodic=self.period is not None,
            n_frequencies=count,
            scale=scale,
            has_free_scale=self.has_free_scale,
        )


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class FittedFourierMap(FittedMap):
    """Fitted `FourierMap`; ``low`` and ``width`` are the range, or the period."""

    by_site: ClassVar = ("low", "width")

    low: np.ndarray
    width: np.ndarray
    periodic: bool
    n_frequencies: int
    scale: float

    def forward(self, parameters, sites):
        xp = namespace(sites)
        with np.errstate(over="ignore"):
            u = (sites - self.low[:, None, None]) / self.width[:, None, None]
        u = xp.remainder(u, filled(1.0, (), u)) if self.periodic else xp.clip(u, 0.0, 1.0)
        turn = (2 if self.periodic else 1) * np.pi
        angles = xp.concat([turn * order * u for order in range(1, self.n_frequencies + 1)], axis=2)
        waves = xp.cos(angles)
        if self.periodic:
            pairs = xp.stack([waves, xp.sin(angles)], axis=-1)
            waves = xp.reshape(pairs, (*u.shape[:2], -1))
        waves = xp.where(xp.isnan(sites), xp.zeros_like(waves), self.scale * 2**0.5 * waves)
        features = filled(1.0, (*u.shape[:2], self.mode_sizes[0]), sites)
        features[..., 1:] = xp.astype(waves, sites.dtype, copy=False)
        return features, None
