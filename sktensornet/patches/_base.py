"""Which columns of X form a site."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator

from .._linalg import ReadOnlyArrays
from .._typing import FloatArray, IntArray


@dataclass(frozen=True, eq=False, repr=False)
class Sites(ReadOnlyArrays):
    """The columns of each site, once the number of columns is known.

    Parameters
    ----------
    columns : ndarray of int, shape (n_sites, n_columns_per_site)
        Columns of X that make up each site.
    grid : ndarray of int, shape (rows, columns), or None
        The site at each place of an image, None where sites form a chain.
    """

    columns: IntArray
    grid: IntArray | None = None

    def __repr__(self) -> str:
        return f"Sites(n_sites={self.n_sites}, site_size={self.site_size})"

    @property
    def n_sites(self) -> int:
        """Number of sites d."""
        return self.columns.shape[0]

    @property
    def site_size(self) -> int:
        """Number of columns p of a site."""
        return self.columns.shape[1]

    def extract(self, X: FloatArray) -> FloatArray:
        """Cut rows of X into sites.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_sites, n_samples, n_columns_per_site)
            With the samples innermost in memory.
        """
        by_column = np.take(np.ascontiguousarray(X.T), self.columns, axis=0, mode="clip")
        return by_column.mT


class Patches(BaseEstimator, ABC):
    """Base class of the descriptions of sites."""

    @abstractmethod
    def fit(self, n_features: int) -> Sites:
        """Return the columns of each site for X with `n_features` columns."""


class SingleColumns(Patches):
    """Every column is a site."""

    def fit(self, n_features: int) -> Sites:
        return Sites(np.arange(n_features)[:, None])
