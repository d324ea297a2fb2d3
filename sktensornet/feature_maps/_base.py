"""What a feature map is: a specification, and the fitted map made from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from .._linalg import ReadOnlyArrays
from .._parallel import chunks
from .._typing import Features, FloatArray, IntArray

_ROWS = 1024
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


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
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

    def __repr__(self) -> str:
        sizes = sorted(set(self.mode_sizes))
        shown = f"{sizes[0]}..{sizes[-1]}" if len(sizes) > 1 else str(sizes[0])
        return (
            f"{type(self).__name__}(n_sites={len(self.mode_sizes)}, mode_size={shown}, "
            f"n_parameters={self.n_parameters})"
        )

    @property
    def n_parameters(self) -> int:
        """Number of trainable parameters."""
        return sum(array.size for array in self.parameters)

    def with_parameters(self, parameters: Sequence[FloatArray]) -> FittedMap:
        """Return a copy with other trainable parameters."""
        return replace(self, parameters=tuple(parameters))

    def same_kind(self, other: FittedMap) -> bool:
        """Whether two maps come from the same specification; scaling may differ."""
        return type(self) is type(other) and all(
            getattr(self, field.name) == getattr(other, field.name)
            for field in fields(self)
            if isinstance(getattr(self, field.name), (str, int, float))
        )

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


def least_squares_covectors(
    fitted: FittedMap,
    X: FloatArray,
    columns: IntArray,
    weight: FloatArray | None,
) -> tuple[FloatArray, ...]:
    """For each site the u of least norm that minimises the mean of (<u, f(x)> - 1)^2."""
    moments = [np.zeros((size, size)) for size in fitted.mode_sizes]
    means = [np.zeros(size) for size in fitted.mode_sizes]
    weight = np.ones(len(X)) if weight is None else weight.astype(np.float64)
    weight = weight / weight.sum()
    for rows in chunks(len(X), _ROWS):
        sites = X[rows][:, columns].swapaxes(0, 1)
        for k, features in enumerate(fitted.transform(sites)):
            features = features.astype(np.float64)
            weighted = features * weight[rows, None]
            moments[k] += weighted.T @ features
            means[k] += weighted.sum(axis=0)
    return tuple(
        np.linalg.lstsq(moment, mean, rcond=1e-10)[0].astype(X.dtype)
        for moment, mean in zip(moments, means, strict=True)
    )
