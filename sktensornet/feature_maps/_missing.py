"""Indicators of missing values beside the features of any map."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .._arrays._indicators import Indicators
from .._arrays._namespace import each, namespace
from .._arrays._samples import sum_rows
from .._arrays._typing import FloatArray, IntArray
from ._base import FittedMap


def sites_with_missing(X: FloatArray, columns: IntArray, sample_weight: FloatArray) -> IntArray:
    """The sites of which some values of positive weight are missing, and others are not.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), or Blocks
    columns : ndarray of int, shape (n_sites, 1)
    sample_weight : ndarray of shape (n_samples,)
    """

    def which(block: FloatArray, weight: FloatArray) -> np.ndarray:
        unknown = np.isnan(block[weight > 0])
        return np.stack([unknown.any(axis=0), (~unknown).any(axis=0)])

    # The indicator of a column without any value would be another constant.
    missing = sum_rows(which, X, sample_weight, add=np.logical_or).all(axis=0)
    return np.flatnonzero(missing[columns[:, 0]])


def with_missing(fitted: FittedMap, sites: IntArray) -> FittedMap:
    """A map with one more feature at some sites, if any."""
    if not len(sites):
        return fitted
    more = np.bincount(sites, minlength=len(fitted.mode_sizes)).tolist()
    return FittedMissingMap(
        mode_sizes=tuple(n + own for n, own in zip(fitted.mode_sizes, more, strict=True)),
        constants=tuple(
            np.append(u, np.zeros(own, u.dtype))
            for u, own in zip(fitted.constants, more, strict=True)
        ),
        has_constant=fitted.has_constant,
        parameters=fitted.parameters,
        has_free_scale=fitted.has_free_scale,
        known=fitted,
        missing_sites=sites,
    )


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class FittedMissingMap(FittedMap):
    r"""A map with an indicator of missing values at some sites.

    .. math:: f_k(x) = (f^{(0)}_k(x), \; s [x \text{ is missing}])

    ``known`` is the map without it, of which a missing value says nothing, and s its
    scale at this site.
    """

    known: FittedMap
    missing_sites: IntArray

    @property
    def indexed_sites(self) -> frozenset[int]:
        return self.known.indexed_sites

    def with_scale(self, scale: float) -> FittedMap:
        if not self.has_free_scale:
            return self
        return replace(self, known=self.known.with_scale(scale))

    def same_kind(self, other: FittedMap) -> bool:
        return (
            isinstance(other, FittedMissingMap)
            and self.known.same_kind(other.known)
            and np.array_equal(self.missing_sites, other.missing_sites)
        )

    def forward(self, parameters, sites):
        found, saved = self.known.forward(parameters, sites)
        xp, features = namespace(sites), each(found)
        for k in self.missing_sites.tolist():
            own, unknown = features[k], xp.isnan(sites[k, ...])
            scale = float(self.known.scale_at(k))
            if isinstance(own, Indicators):
                features[k] = own.with_feature(unknown[:, 0], scale)
            else:
                indicator = xp.astype(unknown, sites.dtype) * scale
                features[k] = xp.concat([own, indicator], axis=1)
        return features, saved

    def backward(self, parameters, saved, gradient):
        gradient = each(gradient)
        for k in self.missing_sites.tolist():
            if gradient[k] is not None:
                gradient[k] = gradient[k][:, :-1]
        return self.known.backward(parameters, saved, gradient)
