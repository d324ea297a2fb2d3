"""Means and second moments of the local features, kept at the end of a fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._arrays._immutable import ReadOnlyArrays
from .._arrays._indicators import Indicators
from .._arrays._parallel import single_threaded_blas
from .._arrays._samples import add_each, sum_rows
from .._arrays._typing import FloatArray
from .._data._samples import Samples
from .._problems._model import Model
from ..feature_maps import FittedMap
from ..networks import TensorNetwork, change_modes
from ..networks._tensors._grams_by_order import GradedGrams
from ..patches import Sites

_WIDE = 64
"""Of wider sites the diagonal is kept: Gram matrices of 64 features take 32 KiB a site."""
_WIDEST = 1024
"""Square roots of wider covariances would take more than 8 MiB a site."""
_ROUNDING = 1e-12
"""Directions of less variance, relative to the second moment, are those of constants."""
_OVERLAP = 1e-9
"""Of indicators, which are never together, products are 0 but for the rounding of their sums."""
_LEAST_SHARE, _LEAST_VARIANCE = 1e-10, 1e-16
"""Scores of less variance, relative to the largest second moment of one and by itself, are those
of constants: where terms of a sum cancel, scores of constant targets have 1e-12 beside others in
single precision, and 1e-17 by the Gram matrices in double."""


@dataclass(frozen=True, eq=False, repr=False)
class FeatureMoments(ReadOnlyArrays):
    """Weighted moments of the local features over training samples.

    Parameters
    ----------
    means : tuple of ndarray of shape (m_k,)
        For each site the mean of f.
    squares : tuple of ndarray of shape (m_k, m_k) or (m_k,)
        The mean of f f^T, or its diagonal for sites of more than 64 features.
    overlaps : ndarray of shape (n_sites,)
        For each site of which the diagonal is kept, the largest mean of the product of
        two features other than the first, up to rounding: 0 for indicators.
    """

    means: tuple[FloatArray, ...]
    squares: tuple[FloatArray, ...]
    overlaps: FloatArray

    def __repr__(self) -> str:
        return f"FeatureMoments(n_sites={len(self.means)})"

    def roots(self) -> list[FloatArray]:
        """For each site T with f = T g: g is 1 and functions of mean 0 and covariance I."""
        return [
            orthonormal(mean, square - np.outer(mean, mean))
            if square.ndim == 2
            else _of_indicators(mean, square)
            for mean, square in zip(self.means, self.squares, strict=True)
        ]


def moments_of_fit(model: Model, samples: Samples) -> FeatureMoments | None:
    """Moments over the samples of a fit; None where means of features are no features.

    That is so with other products than "multiply", and where samples end early, so
    that they are of shorter networks.
    """
    sites, feature_map, tree = model.sites, model.feature_map, model.tree

    def ends_early(block: FloatArray) -> int:
        return int(feature_map.missing(sites.extract(block))[-1].sum())

    if not tree.is_multilinear or (tree.labels and sum_rows(ends_early, samples.X) > 0):
        return None
    return feature_moments(sites, feature_map, samples.X, samples.weight)


def feature_moments(
    sites: Sites, feature_map: FittedMap, X: Any, weight: FloatArray
) -> FeatureMoments:
    """Moments of the features of a fitted map over samples, in float64."""
    wide = [size > _WIDE for size in feature_map.mode_sizes]

    def sums(block: FloatArray, weight: FloatArray) -> list[FloatArray]:
        found: list[FloatArray] = []
        overlaps = np.zeros(len(wide))
        columns = sites.extract(block)
        for k, features in enumerate(feature_map.forward(feature_map.parameters, columns)[0]):
            if isinstance(features, Indicators):
                # Of indicators no two are set at a time: no products but of each with itself.
                n, first = features.size, np.eye(1, features.size)[0] * weight.sum()
                for power in (1, 2):
                    share = weight * features.values.astype(np.float64) ** power
                    found.append(first + np.bincount(features.codes, share, minlength=n))
                continue
            own = np.asarray(features, np.float64)
            found.append(weight @ own)
            if wide[k]:
                squares = own * own
                found.append(weight @ squares)
                all_pairs = np.abs(own[:, 1:]).sum(axis=1) ** 2 - squares[:, 1:].sum(axis=1)
                overlaps[k] = weight @ np.abs(all_pairs)
            else:
                found.append(own.T @ (weight[:, None] * own))
        return [*found, overlaps]

    with single_threaded_blas():
        *found, overlaps = sum_rows(sums, X, weight / weight.sum(), add=add_each)
    return FeatureMoments(tuple(found[::2]), tuple(found[1::2]), overlaps)


def orthonormal(mean: FloatArray, covariance: FloatArray) -> FloatArray:
    """The matrix T with f = T g, where g is 1 and functions of mean 0 and covariance I."""
    values, vectors = np.linalg.eigh(covariance)
    kept = values > _ROUNDING * (mean @ mean + values.sum())
    return np.column_stack([mean, vectors[:, kept] * np.sqrt(values[kept])])


def _of_indicators(mean: FloatArray, square: FloatArray) -> FloatArray:
    """As `orthonormal`, for a constant and indicators: with D the diagonal of their squares.

    D - m m^T = R R^T with R = D^(1/2) (I - a u u^T), u = D^(-1/2) m and
    a = (1 - (1 - |u|^2)^(1/2)) / |u|^2.
    """
    root = np.sqrt(square[1:])
    u = np.divide(mean[1:], root, out=np.zeros_like(root), where=root > 0)
    factor = 1 / (1 + max(1 - float(u @ u), 0.0) ** 0.5)
    matrix = np.zeros((len(mean), len(mean)))
    matrix[:, 0] = mean
    matrix[1:, 1:] = np.diag(root) - factor * np.outer(root * u, u)
    return matrix


def why_no_importances(
    network: TensorNetwork, sites: Sites, moments: FeatureMoments | None
) -> str | None:
    """Why columns have no shares of the variance of the scores, or None."""
    tree = network.tree
    if not tree.is_multilinear:
        return f"with product={tree.product!r}, which is not multilinear; use product='multiply'."
    if tree.labels:
        return "with shared_cores=True; use sktensornet.inspection.variance_shares."
    if not np.array_equal(sites.columns, np.arange(sites.n_sites)[:, None]):
        return "with patches, which share columns; use sktensornet.inspection.variance_shares."
    if moments is None:
        why = "after partial_fit, or before a fit has ended"
        return f"{why}; use sktensornet.inspection.variance_shares."
    for k, square in enumerate(moments.squares):
        if square.ndim == 1 and (
            moments.overlaps[k] > _OVERLAP * square.sum() or len(square) > _WIDEST
        ):
            return (
                f"with the {len(square)} local features of column {sites.columns[k, 0]}, of which "
                "no Gram matrix is kept; use sktensornet.inspection.variance_shares."
            )
    return None


def inverse_variances(norms: FloatArray) -> FloatArray:
    """One over the variances of the scores, 0 for those that vary by rounding only.

    Parameters
    ----------
    norms : ndarray of shape (n_outputs, 1 + n_orders)
        Squares of the means, and parts of the variances; in units of order one, as scores of
        standardised targets and logarithms of odds are.
    """
    variance = norms[:, 1:].sum(axis=1)
    varies = variance > max(_LEAST_SHARE * norms.sum(axis=1).max(), _LEAST_VARIANCE)
    return np.divide(1.0, variance, out=np.zeros_like(variance), where=varies)


def importances(network: TensorNetwork, moments: FeatureMoments) -> FloatArray:
    """Total shares of the columns in the variance of the scores, of sum one.

    Parameters
    ----------
    network : TensorNetwork
        Whose sites are the columns, in order.
    moments : FeatureMoments

    Returns
    -------
    ndarray of shape (n_features,)
        The mean over the outputs that vary; zeros where none does.
    """
    with single_threaded_blas():
        grams = GradedGrams(change_modes(network, moments.roots()), 0, per_output=True)
        inverse = inverse_variances(grams.squared_norms())
        by_site = np.stack([grams.site_norms(k)[1] for k in range(network.n_sites)])
    shares = (by_site * inverse).mean(axis=1)
    return shares / max(shares.sum(), np.finfo(float).tiny)
