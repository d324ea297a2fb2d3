"""Principal components of patches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .._arrays._namespace import filled, namespace
from .._arrays._samples import positive_scale, sum_rows, weighted_moments
from .._arrays._typing import FloatArray
from .._support._checks import check_integer, check_real
from ._base import FeatureMap, FittedMap, standardise, unit_covectors


class PCAMap(FeatureMap):
    r"""Leading principal components of a patch: a fixed map learned from the data.

    .. math:: f(x) = (1, \; s \, V^\top z), \qquad z = (x - \mu) / \sigma_x, \qquad
              \operatorname{Cov}(z) = \tfrac{1}{c} V \Lambda V^\top

    The columns are centred one by one and scaled by one number per place in the
    patch; V holds the leading eigenvectors of the weighted covariance of all
    patches together. Components keep their relative variances, and are divided
    by the standard deviation of the first.

    Parameters
    ----------
    n_components : int, default=10
        Number m of local features, the constant included; at most one more
        than a patch has columns.
    scale : float, default=0.5
        The factor s, the standard deviation of the first component. In a
        penalty on ||W||^2 an interaction of order k costs s^(-2 k).

    Examples
    --------
    >>> from sktensornet import TTClassifier
    >>> from sktensornet.feature_maps import PCAMap
    >>> TTClassifier(solver="als", feature_map=PCAMap(n_components=6))
    TTClassifier(feature_map=PCAMap(n_components=6), solver='als')
    """

    allow_nan = True
    array_api_support = True

    def __init__(self, n_components: int = 10, scale: float = 0.5) -> None:
        self.n_components = n_components
        self.scale = scale

    def fit(self, X, columns, sample_weight, random_state) -> FittedMap:
        size = check_integer(
            "n_components", self.n_components, 2, ", since the constant counts as one"
        )
        scale = check_real("scale", self.scale, 0)
        n_sites, site_size = columns.shape
        size = min(size, site_size + 1)
        mean, variance = weighted_moments(X, sample_weight)
        with np.errstate(over="ignore"):
            place_variance = variance[columns].mean(axis=0)
        level = np.abs(mean[columns]).max(axis=0)
        place_scale = positive_scale(place_variance, level, X.dtype)
        centre = mean[columns][:, None, :].astype(X.dtype)
        weight = np.ones(len(X)) if sample_weight is None else sample_weight.astype(np.float64)

        def products(block: FloatArray, weight: FloatArray) -> FloatArray:
            z = standardise(block[:, columns].swapaxes(0, 1), centre, place_scale)
            z = z.astype(np.float64)
            weighted = (z * weight[:, None]).reshape(-1, site_size)
            return weighted.T @ z.reshape(-1, site_size)

        covariance = sum_rows(products, X, weight / weight.sum())
        values, vectors = np.linalg.eigh(covariance / n_sites)
        vectors = vectors[:, ::-1][:, : size - 1]
        # An eigenvector has no sign: its largest entry is made positive.
        largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=0)[None], axis=0)
        vectors = vectors * np.where(largest < 0, -1.0, 1.0)
        first = np.sqrt(values[-1]) if values[-1] > 0 else 1.0
        return FittedPCAMap(
            mode_sizes=(size,) * n_sites,
            constants=unit_covectors((size,) * n_sites, X.dtype),
            has_constant=True,
            mean=centre,
            deviation=place_scale,
            components=(scale / first * vectors).astype(X.dtype),
        )


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class FittedPCAMap(FittedMap):
    """Fitted `PCAMap`; ``components`` is s V with shape (p, m - 1)."""

    by_site: ClassVar = ("mean",)

    mean: np.ndarray
    deviation: np.ndarray
    components: np.ndarray

    def forward(self, parameters, sites):
        z = standardise(sites, self.mean, self.deviation)
        n_sites, n_samples, site_size = z.shape
        features = filled(1.0, (n_sites, n_samples, self.components.shape[1] + 1), z)
        xp, shape = namespace(z), (n_sites, n_samples, -1)
        features[..., 1:] = xp.reshape(xp.reshape(z, (-1, site_size)) @ self.components, shape)
        return features, None
