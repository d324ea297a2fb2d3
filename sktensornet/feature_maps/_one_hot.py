"""Indicators of categories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from .._arrays._indicators import Indicators
from .._arrays._namespace import each, filled, namespace
from ._base import FeatureMap, FittedMap, check_scale, unit_covectors
from ._single import check_single

WIDEST_DENSE = 64
"""Of more features a site has `Indicators`."""


class OneHotMap(FeatureMap):
    r"""A constant and one indicator per category of a column.

    .. math:: f(x) = (1, \; s [x = c_1], \dots, s [x = c_K])

    The categories are the distinct values of positive weight in training; any
    other value at predict, and a missing one, has no indicator set, which
    leaves the constant: the column then says nothing. Mode sizes differ from
    site to site.

    Parameters
    ----------
    scale : float or "auto", default="auto"
        The factor s. In a penalty on ||W||^2 an interaction of order k costs
        s^(-2 k), so a small scale is a prior for low orders. "auto" leaves it
        to an estimator with ``alpha="auto"``, and is 1 for others.
    categories : array-like of shape (n_categories,) or None, default=None
        Numbers that are categories even where no sample of the training data has
        them, for batches that come later. For columns that an estimator encodes,
        ``partial_fit`` takes the levels that the dtype declares by itself.

    References
    ----------
    Novikov, Trofimov, Oseledets, "Exponential Machines", arXiv 1605.03795: a
    categorical feature is one core with K + 1 slices.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.feature_maps import OneHotMap
    >>> X = np.array([[3.0], [7.0]])
    >>> fitted = OneHotMap().fit(X, np.array([[0]]), None, None)
    >>> fitted.transform(np.array([[[7.0], [5.0]]]))[0]
    array([[1., 0., 1.],
           [1., 0., 0.]])
    """

    allow_nan = True
    array_api_support = True

    def __init__(self, scale: float | str = "auto", categories: ArrayLike | None = None) -> None:
        self.scale = scale
        self.categories = categories

    def fit(self, X, columns, sample_weight, random_state) -> FittedMap:
        check_single(self, columns)
        scale = check_scale(self.scale)
        weight = np.ones(len(X)) if sample_weight is None else sample_weight
        more = np.asarray([] if self.categories is None else self.categories)
        if more.ndim != 1 or more.dtype.kind not in "iuf" or not np.isfinite(more).all():
            raise ValueError(
                f"categories={self.categories!r} must be a list of finite numbers, or None."
            )
        categories = []
        for column in columns[:, 0]:
            values = X[:, column]
            seen = values[(weight > 0) & ~np.isnan(values)]
            categories.append(np.unique([*seen, *more.astype(X.dtype)]).astype(X.dtype))
        sizes = tuple(len(values) + 1 for values in categories)
        return FittedOneHotMap(
            mode_sizes=sizes,
            constants=unit_covectors(sizes, X.dtype),
            has_constant=True,
            categories=tuple(categories),
            scale=scale,
            has_free_scale=self.has_free_scale,
        )


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class FittedOneHotMap(FittedMap):
    """Fitted `OneHotMap`; ``categories`` are the values of each site."""

    by_site: ClassVar = ("categories",)

    categories: tuple[np.ndarray, ...]
    scale: float

    @property
    def indexed_sites(self) -> frozenset[int]:
        return frozenset(k for k, size in enumerate(self.mode_sizes) if size > WIDEST_DENSE)

    def forward(self, parameters, sites):
        if not isinstance(sites, np.ndarray):
            return self._forward_there(sites), None
        indexed = self.indexed_sites
        features = []
        for k, (values, categories) in enumerate(zip(sites[..., 0], self.categories, strict=True)):
            codes = np.searchsorted(categories, values)
            known = np.zeros(len(values), bool)
            if len(categories):
                known = categories[np.minimum(codes, len(categories) - 1)] == values
            codes = np.where(known, codes + 1, 0)
            hot = Indicators(codes, known * sites.dtype.type(self.scale), len(categories) + 1)
            features.append(hot if k in indexed else np.asarray(hot))
        return features, None

    def _forward_there(self, sites):
        """All features of arrays of other libraries."""
        xp, features = namespace(sites), []
        constant = filled(1.0, (sites.shape[1], 1), sites)
        for values, categories in zip(each(sites), self.categories, strict=True):
            hot = xp.astype(values == categories[None, :], sites.dtype) * self.scale
            features.append(xp.concat([constant, hot], axis=1))
        return features
