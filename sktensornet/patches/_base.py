"""Which columns of X form a site."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from .._arrays._immutable import ReadOnlyArrays
from .._arrays._namespace import namespace
from .._arrays._typing import FloatArray, IntArray
from .._support._documentation_links import DocumentationLinkMixin


@dataclass(frozen=True, eq=False, repr=False)
class Sites(ReadOnlyArrays):
    """The columns of each site, once the number of columns is known.

    Parameters
    ----------
    columns : ndarray of int, shape (n_sites, n_columns_per_site)
        Columns of X that make up each site, counted from 0.
    grid : ndarray of int, shape (rows, columns), or None
        The site at each place of an image, None where sites form a chain.
    patches : Patches or None
        What made them, for samples of another number of columns, and for those in their
        natural shape; None where nothing did.

    Raises
    ------
    ValueError
        If `columns` is no such array, or has negative indices.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.patches import Sites
    >>> sites = Sites(np.array([[0, 1], [2, 3], [4, 5]]))
    >>> sites
    Sites(n_sites=3, site_size=2)
    >>> sites.extract(np.arange(12.0).reshape(2, 6)).shape
    (3, 2, 2)
    """

    columns: IntArray
    grid: IntArray | None = None
    patches: Patches | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        columns = self.columns
        is_table = isinstance(columns, np.ndarray) and columns.ndim == 2 and columns.size > 0
        if not is_table or columns.dtype.kind not in "iu" or columns.min() < 0:
            raise ValueError(
                "Sites must have as columns an array of integers >= 0 of shape (n_sites, "
                f"n_columns_per_site), not {columns!r}."
            )

    def __setstate__(self, state: dict) -> None:
        super().__setstate__(state)
        self.__post_init__()

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

    def at(self, n_features: int) -> Sites:
        """The sites of rows with another number of columns.

        Parameters
        ----------
        n_features : int
            Number of columns of X.

        Returns
        -------
        Sites
            As many as the columns fill.

        Raises
        ------
        ValueError
            If the columns are no whole number of sites, or nothing says what the sites
            of other numbers are.
        """
        if self.patches is None or self.grid is not None:
            raise ValueError(f"{self!r} are the sites of one number of columns only.")
        return self.patches.fit(n_features)

    def check(self, n_features: int) -> None:
        """Raise if the sites name columns that X has not.

        Parameters
        ----------
        n_features : int
            Number of columns of X.

        Raises
        ------
        ValueError
            If X has fewer columns than the sites name.
        """
        if self.columns.max() >= n_features:
            raise ValueError(
                f"the sites name column {self.columns.max()}, counted from 0, but X has "
                f"{n_features} columns."
            )

    def extract(self, X: FloatArray) -> FloatArray:
        """Cut rows of X into sites.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            The samples.

        Returns
        -------
        ndarray of shape (n_sites, n_samples, n_columns_per_site)
            The columns of each site, with the samples innermost in memory.

        Raises
        ------
        ValueError
            If X has fewer columns than the sites name.
        """
        self.check(X.shape[1])
        by_column = np.take(np.ascontiguousarray(X.T), self.columns, axis=0, mode="clip")
        return by_column.mT


def covering_strides(length: int, window: int) -> list[int]:
    """Steps from one window to the next at which windows cover a length from end to end."""
    return [step for step in range(1, window + 1) if (length - window) % step == 0]


def automatic_window(length: int) -> tuple[int, int]:
    """The shortest window, of at least four, that at most seven steps move over a length.

    Neighbours overlap by about half or more, and cover it from end to end. It is the whole length
    where no shorter one does. So an axis of 8 has windows of 4 in steps of 2, one of 28 or 32 of 8
    in steps of 4.
    """
    for window in range(4, length):
        stride = max(s for s in covering_strides(length, window) if s <= (window + 1) // 2)
        if (length - window) // stride + 1 <= _MOST_WINDOWS:
            return window, stride
    return length, length


_MOST_WINDOWS = 7
"""On one axis: 49 patches of an image, and the 9 to 50 that do well."""


class Patches(DocumentationLinkMixin, BaseEstimator, ABC):
    """Base class of the descriptions of sites.

    Examples
    --------
    >>> from sktensornet.patches import ImagePatches, Patches
    >>> isinstance(ImagePatches((8, 8), (4, 4)), Patches)
    True
    """

    @abstractmethod
    def fit(self, n_features: int) -> Sites:
        """Find the columns of each site.

        Parameters
        ----------
        n_features : int
            Number of columns of X.

        Returns
        -------
        Sites
            The columns of each site.
        """

    def flatten(self, X: Any) -> Any:
        """Rows of X from samples in a shape of their own.

        Parameters
        ----------
        X : array of shape (n_samples, ...)
            Images or series, with three axes or more.

        Returns
        -------
        array of shape (n_samples, n_features)
            The samples as rows, as `fit` counts their columns.

        Raises
        ------
        ValueError
            If the samples have not the shape that the parameters state.
        """
        raise ValueError(
            f"X has shape {tuple(X.shape)}, but patches={self!r} says nothing of the shape of a "
            "sample; pass rows, as X.reshape(len(X), -1)."
        )

    def unflatten(self, rows: Any) -> Any:
        """Samples with axes for all that they are made of, from rows.

        Parameters
        ----------
        rows : array of shape (n_samples, n_features)
            The samples, as `fit` counts their columns.

        Returns
        -------
        array of shape (n_samples, H, W, C) or (n_samples, n_channels, length)
            Images, with one channel where they are grey, or series.

        Raises
        ------
        ValueError
            If the parameters state no shape.
        """
        raise ValueError(
            f"patches={self!r} says nothing of the shape of a sample; use ImagePatches or "
            "SequencePatches, or give your patches a method unflatten."
        )


def flat_rows(X: Any, channels: int | None = None, to: int = -1) -> Any:
    """The samples as rows in C order, after one axis has moved."""
    xp = namespace(X)
    if channels is not None:
        X = xp.moveaxis(X, channels, to)
    return xp.reshape(X, (X.shape[0], math.prod(X.shape[1:])))


class SingleColumns(Patches):
    """Every column is a site, as ``patches=None`` means.

    Examples
    --------
    >>> from sktensornet.patches import SingleColumns
    >>> SingleColumns().fit(n_features=5)
    Sites(n_sites=5, site_size=1)
    """

    def fit(self, n_features: int) -> Sites:
        return Sites(np.arange(n_features)[:, None], patches=SingleColumns())
