"""What a feature map is: a specification, and the fitted map made from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from .._linalg import ReadOnlyArrays
from .._typing import Features, FloatArray, IntArray

LIMIT = 4.0
"""Standardised inputs are limited to this many standard deviations either side."""


class FeatureMap(BaseEstimator, ABC):
    """Base class of the specifications of local feature maps."""

    @abstractmethod
    def fit(
        self,
        X: FloatArray,
        columns: IntArray,
        sample_weight: FloatArray | None,
        random_state: np.random.RandomState,
    ) -> FittedMap:
        """Learn the scaling of the inputs and draw trainable parameters.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
        columns : ndarray of int, shape (n_sites, n_columns_per_site)
            Columns of X that make up each site.
        sample_weight : ndarray of shape (n_samples,) or None
        random_state : RandomState

        Returns
        -------
        FittedMap
        """


@dataclass(frozen=True, eq=False, kw_only=True)
class FittedMap(ReadOnlyArrays, ABC):
    """A feature map that knows its scaling.

    Attributes
    ----------
    mode_sizes : tuple of int
        Number of local features of each site.
    constants : tuple of ndarray of shape (m_k,)
        For each site a covector u with <u, f(x)> ~ 1.
    has_constant : bool
        Whether the first local feature is the constant 1.
    parameters : tuple of ndarray
        What is trained; empty for a fixed map.
    """

    mode_sizes: tuple[int, ...]
    constants: tuple[FloatArray, ...]
    has_constant: bool
    parameters: tuple[FloatArray, ...] = ()

    @property
    def n_parameters(self) -> int:
        """Number of trainable parameters."""
        return sum(array.size for array in self.parameters)

    def with_parameters(self, parameters: Sequence[FloatArray]) -> FittedMap:
        """Return a copy with other trainable parameters."""
        return replace(self, parameters=tuple(parameters))

    def transform(self, sites: FloatArray) -> Features:
        """Local features of every site.

        Parameters
        ----------
        sites : ndarray of shape (n_sites, n_samples, n_columns_per_site)

        Returns
        -------
        sequence of ndarray of shape (n_samples, m_k)
        """
        return self.forward(self.parameters, sites)[0]

    @abstractmethod
    def forward(self, parameters: Sequence[FloatArray], sites: FloatArray) -> tuple[Features, Any]:
        """Local features for given parameters, and what `backward` needs."""

    def backward(
        self, parameters: Sequence[FloatArray], saved: Any, gradient: Sequence[FloatArray]
    ) -> list[FloatArray]:
        """Derivative of each parameter, given that of the features of each site."""
        return []


def standardise(sites: FloatArray, mean: FloatArray, scale: FloatArray) -> FloatArray:
    """Centre and scale, limited to `LIMIT` standard deviations, in a new array."""
    with np.errstate(over="ignore"):
        z = sites - mean
        z /= scale
    return np.clip(z, -LIMIT, LIMIT, out=z)


def unit_covectors(sizes: Sequence[int], dtype: np.dtype) -> tuple[FloatArray, ...]:
    """The covectors of a map whose first feature is the constant."""
    return tuple(np.eye(1, size, dtype=dtype)[0] for size in sizes)


def least_squares_covector(features: FloatArray, weight: FloatArray | None) -> FloatArray:
    """Minimise the weighted mean of (<u, f> - 1)^2 over u, of least norm.

    Parameters
    ----------
    features : ndarray of shape (n_samples, m)
    weight : ndarray of shape (n_samples,) or None
    """
    features = features.astype(np.float64)
    weight = np.ones(len(features)) if weight is None else weight.astype(np.float64)
    weight = weight / weight.sum()
    moment = (features * weight[:, None]).T @ features
    mean = weight @ features
    return np.linalg.lstsq(moment, mean, rcond=1e-10)[0]
