"""What a feature map is: a specification, and the fitted map made from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator

from .._arrays._immutable import ReadOnlyArrays
from .._arrays._namespace import Place, namespace
from .._arrays._typing import Features, FloatArray, IntArray
from .._support._checks import check_real
from .._support._documentation_links import DocumentationLinkMixin

LIMIT = 4.0
"""Standardised inputs are limited to this many standard deviations either side."""


class FeatureMap(DocumentationLinkMixin, BaseEstimator, ABC):
    """Base class of the specifications of local feature maps.

    Attributes
    ----------
    allow_nan : bool
        Whether the map knows what to do with missing values. All maps of the
        package do: a missing column of a site of one column says nothing (the
        features are the constant's, or their weighted mean over the training
        data where there is no constant), and a missing column of a larger patch
        takes its weighted mean. Estimators add a feature of their own to single
        columns that have missing values in training.

    See Also
    --------
    FittedMap : What ``fit`` returns.

    Examples
    --------
    >>> from sktensornet.feature_maps import FeatureMap, PolynomialMap, SplineMap
    >>> isinstance(PolynomialMap(), FeatureMap)
    True
    >>> SplineMap(n_knots=3).get_params()["n_knots"], SplineMap.trainable
    (3, False)
    """

    allow_nan: bool = False

    trainable: bool = False
    """Whether the map has parameters that are trained together with the network."""

    array_api_support: bool = False
    """Whether the fitted map takes arrays of other libraries, as all but `EmbeddingMap` do."""

    sees_sites_alike: bool = False
    """Whether the fit makes no difference between sites."""

    @property
    def has_free_scale(self) -> bool:
        """Whether ``scale="auto"`` leaves the scale of the features to the estimator."""
        return getattr(self, "scale", None) == "auto"

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
            The training data, in which NaN is missing.
        columns : ndarray of int, shape (n_sites, n_columns_per_site)
            Columns of X that make up each site.
        sample_weight : ndarray of shape (n_samples,) or None
            Weights of the samples; None weighs all the same.
        random_state : RandomState
            Draws the start of trainable parameters.

        Returns
        -------
        FittedMap
            The immutable map that turns sites into features.
        """

    def alternatives(self, X: FloatArray, columns: IntArray, sample_weight: Any) -> list[FittedMap]:
        """Other maps that parameters leave to an estimator.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)
            The training data, in which NaN is missing.
        columns : ndarray of int, shape (n_sites, n_columns_per_site)
            Columns of X that make up each site.
        sample_weight : ndarray of shape (n_samples,) or None
            Weights of the samples.

        Returns
        -------
        list of FittedMap
            None, where no parameter does.
        """
        return []


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class FittedMap(ReadOnlyArrays, ABC):
    """A feature map that knows its scaling.

    Parameters
    ----------
    mode_sizes : tuple of int
        Number of local features of each site.
    constants : tuple of ndarray of shape (m_k,)
        For each site a covector u with <u, f(x)> ~ 1.
    has_constant : bool
        Whether the first local feature is the constant 1.
    parameters : tuple of ndarray
        What is trained; empty for a fixed map.
    has_free_scale : bool
        Whether the estimator chooses the scale of the features.

    See Also
    --------
    FeatureMap : The specification that it is made from.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.feature_maps import PolynomialMap
    >>> X = np.array([[0.0, 1.0], [2.0, 5.0]])
    >>> fitted = PolynomialMap().fit(X, np.array([[0], [1]]), None, None)
    >>> fitted
    FittedPolynomialMap(n_sites=2, mode_size=2, n_parameters=0)
    >>> [features.shape for features in fitted.transform(X.T[:, :, None])]
    [(2, 2), (2, 2)]
    """

    mode_sizes: tuple[int, ...]
    constants: tuple[FloatArray, ...]
    has_constant: bool
    parameters: tuple[FloatArray, ...] = ()
    has_free_scale: bool = False

    by_site: ClassVar[tuple[str, ...]] = ()
    """The own fields, arrays or tuples, that have an entry for each site."""

    def __repr__(self) -> str:
        sizes = sorted(set(self.mode_sizes))
        shown = f"{sizes[0]}..{sizes[-1]}" if len(sizes) > 1 else str(sizes[0])
        return (
            f"{type(self).__name__}(n_sites={len(self.mode_sizes)}, mode_size={shown}, "
            f"n_parameters={self.n_parameters})"
        )

    @property
    def indexed_sites(self) -> frozenset[int]:
        """Sites whose features `forward` gives as `Indicators`."""
        return frozenset()

    @property
    def n_parameters(self) -> int:
        """Number of trainable parameters."""
        return sum(array.size for array in self.parameters)

    def with_parameters(self, parameters: Sequence[FloatArray]) -> FittedMap:
        """Return a copy with other trainable parameters.

        Parameters
        ----------
        parameters : sequence of ndarray
            The new ones, in the shapes of ``parameters``.

        Returns
        -------
        FittedMap
            The copy.
        """
        return replace(self, parameters=tuple(parameters))

    def moved(self, place: Place) -> FittedMap:
        """Return a copy whose floats are arrays of another library.

        Parameters
        ----------
        place : Place
            Where they are to be.

        Returns
        -------
        FittedMap
            The copy.
        """
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: _moved(value, place) for name, value in own.items()})

    def with_scale(self, scale: float) -> FittedMap:
        """Return a copy with another scale of the features, or itself if that is fixed.

        Parameters
        ----------
        scale : float
            The new scale.

        Returns
        -------
        FittedMap
            The copy, or the map itself.
        """
        chosen: dict[str, Any] = {"scale": scale}
        return replace(self, **chosen) if self.has_free_scale else self

    def repeated(self, n_sites: int) -> FittedMap:
        """Return the map of the first site at each of so many sites.

        Parameters
        ----------
        n_sites : int
            The number of sites.

        Returns
        -------
        FittedMap
            A map that treats all sites alike.
        """
        changed: dict[str, Any] = {}
        for name in ("mode_sizes", "constants", *self.by_site):
            value = getattr(self, name)
            whole = np.repeat(value[:1], n_sites, axis=0) if isinstance(value, np.ndarray) else None
            changed[name] = value[:1] * n_sites if whole is None else whole
        return replace(self, **changed)

    def scale_at(self, site: int) -> float:
        """The parameter ``scale`` of the map of a site; 1 where there is none.

        Parameters
        ----------
        site : int
            The site.

        Returns
        -------
        float
            Its scale.
        """
        scale = getattr(self, "scale", 1.0)
        # Some maps call the deviations of their columns so.
        return scale if isinstance(scale, float) else 1.0

    def same_kind(self, other: FittedMap) -> bool:
        """Whether two maps come from the same specification; scaling may differ.

        Parameters
        ----------
        other : FittedMap
            The map to compare with.

        Returns
        -------
        bool
            True if they do.
        """
        return type(self) is type(other) and all(
            getattr(self, field.name) == getattr(other, field.name)
            for field in fields(self)
            if isinstance(getattr(self, field.name), (str, int, float))
            and not (self.has_free_scale and field.name == "scale")
        )

    def missing(self, sites: FloatArray) -> np.ndarray:
        """Which sites have no known column.

        Parameters
        ----------
        sites : ndarray of shape (n_sites, n_samples, n_columns_per_site)
            The columns of each site.

        Returns
        -------
        ndarray of bool, shape (n_sites, n_samples)
            Whether all columns are missing.
        """
        return np.all(np.isnan(sites), axis=2)

    def transform(self, sites: FloatArray) -> Features:
        """Local features of every site.

        Parameters
        ----------
        sites : ndarray of shape (n_sites, n_samples, n_columns_per_site)
            The columns of each site.

        Returns
        -------
        sequence of ndarray of shape (n_samples, m_k)
            The features of each site.
        """
        found = self.forward(self.parameters, sites)[0]
        return found if isinstance(found, np.ndarray) else [np.asarray(own) for own in found]

    @abstractmethod
    def forward(self, parameters: Sequence[FloatArray], sites: FloatArray) -> tuple[Features, Any]:
        """Local features for given parameters, and what `backward` needs.

        Parameters
        ----------
        parameters : sequence of ndarray
            What is trained, in the shapes of ``parameters``.
        sites : ndarray of shape (n_sites, n_samples, n_columns_per_site)
            The columns of each site.

        Returns
        -------
        features : sequence of ndarray of shape (n_samples, m_k)
            The features of each site; of `indexed_sites` they are `Indicators`.
        saved : object
            What `backward` needs; None for a fixed map.
        """

    def backward(
        self, parameters: Sequence[FloatArray], saved: Any, gradient: Features
    ) -> list[FloatArray]:
        """Derivative of each parameter, given that of the features of each site.

        Parameters
        ----------
        parameters : sequence of ndarray
            As for `forward`.
        saved : object
            What `forward` returned.
        gradient : sequence of ndarray of shape (n_samples, m_k)
            Derivative of a number by the features of each site; None for those of
            `indexed_sites`, which have no parameters.

        Returns
        -------
        list of ndarray
            Its derivative by each parameter; empty for a fixed map.
        """
        return []


def _moved(value: Any, place: Place) -> Any:
    if isinstance(value, FittedMap):
        return value.moved(place)
    if isinstance(value, tuple):
        return tuple(_moved(one, place) for one in value)
    is_float = isinstance(value, np.ndarray) and value.dtype.kind == "f"
    return place.put(value) if is_float else value


def check_scale(scale: float | str) -> float:
    """The factor of the features; "auto" is 1 where the estimator has not chosen."""
    if isinstance(scale, str) and scale == "auto":
        return 1.0
    return check_real("scale", scale, 0)


def standardise(
    sites: FloatArray,
    mean: FloatArray,
    scale: FloatArray,
    out: FloatArray | None = None,
    is_complete: bool = False,
) -> FloatArray:
    """Centre and scale, limited to `LIMIT` standard deviations, in a new array or `out`.

    A missing value becomes 0, the mean, unless it is known that there is none.
    """
    if not isinstance(sites, np.ndarray):
        xp = namespace(sites)
        z = xp.clip((sites - mean) / scale, -LIMIT, LIMIT)
        return xp.astype(xp.where(xp.isnan(z), xp.zeros_like(z), z), sites.dtype, copy=False)
    with np.errstate(over="ignore"):
        z = np.subtract(sites, mean, out=out)
        z /= scale
    np.clip(z, -LIMIT, LIMIT, out=z)
    if not is_complete and np.isnan(z.min(initial=0)):
        z[np.isnan(z)] = 0
    return z


def empty_features(shape: tuple[int, ...], size: int, dtype: np.dtype) -> FloatArray:
    """An array (n_sites, n_samples, size) with the samples innermost in memory."""
    n_sites, n_samples = shape[:2]
    return np.empty((n_sites, size, n_samples), dtype).mT


def unit_covectors(sizes: Sequence[int], dtype: np.dtype) -> tuple[FloatArray, ...]:
    """The covectors of a map whose first feature is the constant."""
    return tuple(np.eye(1, size, dtype=dtype)[0] for size in sizes)
