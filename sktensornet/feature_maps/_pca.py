"""Principal components of patches."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any, ClassVar

import numpy as np

from .._arrays._namespace import filled, namespace
from .._arrays._samples import positive_scale, sum_rows, weighted_moments
from .._arrays._typing import FloatArray, IntArray
from .._support._checks import check_boolean, check_integer
from ._base import FeatureMap, FittedMap, check_scale, standardise, unit_covectors

SCALE = 0.5
"""That where nothing chooses it; not tuned."""
SIZES = (10, 40)
"""Of series of 6 to 24 channels 9 components hold too little of a window: validation accuracy of
NATOPS .70, of 39 components .87; of single channels the rest is noise."""


class PCAMap(FeatureMap):
    r"""Leading principal components of a patch: a fixed map learned from the data.

    .. math:: f(x) = (1, \; s \, c), \qquad c = V^\top z / \sqrt{\lambda_1}, \qquad
              z = (x - \mu) / \sigma_x, \qquad \operatorname{Cov}(z) = V \Lambda V^\top

    The columns are centred one by one and scaled by one number per place in the
    patch; V holds the leading eigenvectors of the weighted covariance of all
    patches together. Components keep their relative variances, and are divided
    by the standard deviation of the first.

    With ``moduli=True`` each component comes a second time without its sign,

    .. math:: f(x) = (1, \; s \, c, \; s \, (|c| - \bar a) / \sigma_a)

    where :math:`\bar a` are the means of :math:`|c|`, and :math:`\sigma_a` is the largest
    of their standard deviations: how much of a pattern there is, whichever its phase, as for
    what may begin at any step of a series.

    Parameters
    ----------
    n_components : int or "auto", default=10
        Number of components, the constant included; at most one more than a
        patch has columns. Without moduli it is the number m of local features. "auto"
        leaves the choice of 10 or 40 to an estimator with ``alpha="auto"`` that sweeps,
        and is 10 for others.
    scale : float or "auto", default=0.5
        The factor s, the standard deviation of the first component. In a
        penalty on ||W||^2 an interaction of order k costs s^(-2 k). "auto" leaves it
        to an estimator with ``alpha="auto"``, and is 0.5 for others.
    moduli : bool or "auto", default=False
        Whether the features hold the moduli of the components too. "auto" leaves it to
        an estimator as above, and is False for others.

    References
    ----------
    Bruna, Mallat, "Invariant scattering convolution networks", IEEE TPAMI 2013,
    section 2 (moduli of filters).

    Examples
    --------
    >>> from sktensornet import TTClassifier
    >>> from sktensornet.feature_maps import PCAMap
    >>> TTClassifier(solver="als", feature_map=PCAMap(n_components=6))
    TTClassifier(feature_map=PCAMap(n_components=6), solver='als')
    """

    allow_nan = True
    array_api_support = True

    def __init__(
        self,
        n_components: int | str = 10,
        scale: float | str = SCALE,
        moduli: bool | str = False,
    ) -> None:
        self.n_components = n_components
        self.scale = scale
        self.moduli = moduli

    def fit(self, X, columns, sample_weight, random_state) -> FittedMap:
        sizes, moduli = self._choices()
        return self._fits(X, columns, sample_weight, [(sizes[0], moduli[0])])[0]

    def alternatives(self, X, columns, sample_weight) -> list[FittedMap]:
        sizes, moduli = self._choices()
        most = columns.shape[1] + 1
        distinct = dict.fromkeys(product((min(size, most) for size in sizes), moduli))
        return self._fits(X, columns, sample_weight, list(distinct)[1:])

    def _choices(self) -> tuple[tuple[int, ...], tuple[bool, ...]]:
        sizes: tuple[int, ...] = SIZES
        moduli: tuple[bool, ...] = (False, True)
        if self.n_components != "auto":
            least = ", since the constant counts as one, or 'auto'"
            sizes = (check_integer("n_components", self.n_components, 2, least),)
        if not (isinstance(self.moduli, str) and self.moduli == "auto"):
            moduli = (check_boolean("moduli", self.moduli),)
        return sizes, moduli

    def _fits(
        self, X: Any, columns: IntArray, sample_weight: Any, choices: list[tuple[int, bool]]
    ) -> list[FittedMap]:
        """Maps of so many components, with moduli or not."""
        if not choices:
            return []
        scale = SCALE if self.has_free_scale else check_scale(self.scale)
        n_sites, site_size = columns.shape
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
        vectors = vectors[:, ::-1]
        # An eigenvector has no sign: its largest entry is made positive.
        largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=0)[None], axis=0)
        vectors = vectors * np.where(largest < 0, -1.0, 1.0)
        first = np.sqrt(values[-1]) if values[-1] > 0 else 1.0
        found: list[FittedMap] = []
        for size, moduli in choices:
            components = (vectors[:, : size - 1] / first).astype(X.dtype)
            m = components.shape[1] + 1
            own: dict[str, Any] = {}
            if moduli:
                own = _moments_of_moduli(X, columns, weight, centre, place_scale, components)
                m = 2 * m - 1
            fitted = FittedPCAMap(
                mode_sizes=(m,) * n_sites,
                constants=unit_covectors((m,) * n_sites, X.dtype),
                has_constant=True,
                mean=centre,
                deviation=place_scale,
                components=components,
                scale=scale,
                has_free_scale=self.has_free_scale,
                **own,
            )
            found.append(fitted)
        return found


def _moments_of_moduli(
    X: Any,
    columns: IntArray,
    weight: FloatArray,
    centre: FloatArray,
    place_scale: FloatArray,
    components: FloatArray,
) -> dict[str, FloatArray]:
    """Means of the moduli of all patches together, and the largest of their deviations."""

    def sums(block: FloatArray, weight: FloatArray) -> FloatArray:
        z = standardise(block[:, columns].swapaxes(0, 1), centre, place_scale)
        moduli = np.abs(z @ components).astype(np.float64)
        return np.einsum("n,pknm->pm", weight, np.stack([moduli, moduli**2]))

    first, second = sum_rows(sums, X, weight / weight.sum()) / len(columns)
    variance = np.maximum(second - first**2, 0).max()
    deviation = np.sqrt(variance) if variance > 0 else 1.0
    return {
        "modulus": first.astype(X.dtype),
        "modulus_deviation": np.asarray(deviation, X.dtype),
    }


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class FittedPCAMap(FittedMap):
    """Fitted `PCAMap`; ``components`` has shape (p, n_components - 1), ``modulus`` is of moduli."""

    by_site: ClassVar = ("mean",)

    mean: np.ndarray
    deviation: np.ndarray
    components: np.ndarray
    scale: float
    modulus: np.ndarray | None = None
    modulus_deviation: np.ndarray | None = None

    def same_kind(self, other: FittedMap) -> bool:
        return (
            super().same_kind(other)
            and isinstance(other, FittedPCAMap)
            and self.components.shape == other.components.shape
            and (self.modulus is None) == (other.modulus is None)
        )

    def forward(self, parameters, sites):
        z = standardise(sites, self.mean, self.deviation)
        n_sites, n_samples, site_size = z.shape
        xp, size = namespace(z), self.components.shape[1]
        features = filled(1.0, (n_sites, n_samples, self.mode_sizes[0]), z)
        found = xp.reshape(z, (-1, site_size)) @ (self.scale * self.components)
        found = xp.reshape(found, (n_sites, n_samples, size))
        features[..., 1 : size + 1] = found
        if self.modulus is not None:
            features[..., size + 1 :] = (
                xp.abs(found) - self.scale * self.modulus
            ) / self.modulus_deviation
        return features, None
