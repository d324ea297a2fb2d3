"""Indicators of categories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ._base import FeatureMap, FittedMap, unit_covectors


class OneHotMap(FeatureMap):
    r"""A constant and one indicator per category of a column.

    .. math:: f(x) = (1, \; [x = c_1], \dots, [x = c_K])

    The categories are the distinct values of positive weight in training; any
    other value at predict has no indicator set, which leaves the constant: the
    column then says nothing. Mode sizes differ from site to site.

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

    def fit(self, X, columns, sample_weight, random_state) -> FittedMap:
        if columns.shape[1] != 1:
            raise ValueError(
                f"feature_map={self!r} needs sites of one column, but patches make sites of "
                f"{columns.shape[1]}; use patches=None or another feature map."
            )
        rows = slice(None) if sample_weight is None else np.flatnonzero(sample_weight > 0)
        categories = tuple(np.unique(X[rows, column]) for column in columns[:, 0])
        sizes = tuple(len(values) + 1 for values in categories)
        return FittedOneHotMap(
            mode_sizes=sizes,
            constants=unit_covectors(sizes, X.dtype),
            has_constant=True,
            categories=categories,
        )


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class FittedOneHotMap(FittedMap):
    """Fitted `OneHotMap`; ``categories`` are the values of each site."""

    categories: tuple[np.ndarray, ...]

    def forward(self, parameters, sites):
        features = []
        for values, categories in zip(sites[..., 0], self.categories, strict=True):
            code = np.searchsorted(categories, values)
            known = categories[np.minimum(code, len(categories) - 1)] == values
            hot = np.zeros((len(values), len(categories) + 1), dtype=sites.dtype)
            hot[:, 0] = 1
            rows = np.flatnonzero(known)
            hot[rows, code[rows] + 1] = 1
            features.append(hot)
        return features, None
