"""Exact partial dependence of the scores on one or two columns."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils import Bunch
from sklearn.utils.validation import _check_sample_weight

from .._arrays._typing import FloatArray
from .._fitting._feature_moments import feature_moments
from .._support._checks import check_integer
from ._fitted import FittedScores, column_index
from ._paths import Paths


def partial_dependence(
    estimator: Any,
    X: ArrayLike,
    columns: Any,
    sample_weight: ArrayLike | None = None,
    *,
    grid: Sequence[ArrayLike] | None = None,
    grid_resolution: int = 100,
    percentiles: tuple[float, float] = (0.05, 0.95),
    output: Any = None,
    feature_names: Any = None,
) -> Bunch:
    r"""Mean of the scores given one or two columns, were the columns independent, exactly.

    .. math:: \bar s(x_k) = \mathbb E_{\otimes_{l \ne k} P_l} \, s(X)
              = s \Big( f_k(x_k), \; (\mathbb E f_l)_{l \ne k} \Big)

    with the weighted marginals P_l of the columns in X: since the score is multilinear
    in the features, it takes one pass over the network for each point of the grid,
    whatever the number of samples. Where the columns of X are independent, as in a
    full factorial design, it is what `sklearn.inspection.partial_dependence` finds by
    averaging predictions over the samples; on other data that averages over the joint
    distribution of the other columns.

    Parameters
    ----------
    estimator : object
        A fitted classifier or regressor of the package without patches, or a pipeline
        or search that ends in one. Columns are then those after the steps before it.
    X : array-like of shape (n_samples, n_features)
        Samples whose columns have the marginals, such as the training data.
    columns : int, str or sequence of one or two of these
        The columns, by index or name.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Weights of the samples.
    grid : sequence of array-like or None, default=None
        For each column its values, of categories their names. None takes all values
        of X if there are fewer than `grid_resolution`, and else as many equidistant
        ones between the `percentiles`.
    grid_resolution : int, default=100
        Number of values of a column.
    percentiles : tuple of two floats, default=(0.05, 0.95)
        The ends of the grid of a column with many values.
    output : object or None, default=None
        The class, or the index of the output, to take; None is all.
    feature_names : sequence of str or None, default=None
        Names of the columns; None takes those seen in training.

    Returns
    -------
    Bunch
        ``average``, ndarray of shape (n_outputs, n_values) or (n_outputs, n_values,
        n_values of the second column); ``grid_values``, the values of each column;
        ``columns``, their names; ``outputs``, classes or indices. It is as the
        function of scikit-learn returns it, for its `PartialDependenceDisplay`.

    Raises
    ------
    ValueError
        If a parameter is not usable, with patches, or if the product is another than
        "multiply".

    See Also
    --------
    variance_shares : The variance of these functions, and of all interactions.

    References
    ----------
    Friedman, "Greedy function approximation: a gradient boosting machine", Annals of
    Statistics 29 (2001) 1189-1232.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet import TTRegressor
    >>> from sktensornet.inspection import partial_dependence
    >>> X = np.array([[a, b] for a in (0, 1, 2) for b in (0, 1)], float)
    >>> reg = TTRegressor(feature_map="polynomial", alpha=1e-9).fit(X, X[:, 0] * X[:, 1])
    >>> partial_dependence(reg, X, 0).average.round(2) + 0.0
    array([[0. , 0.5, 1. ]])
    >>> partial_dependence(reg, X, [0, 1], grid=[[2, 4], [0, 1]]).average.shape
    (1, 2, 2)
    """
    scores = FittedScores(estimator, output, feature_names)
    fitted = scores.estimator
    if fitted.patches_.site_size > 1:
        raise ValueError(
            f"partial dependence is of columns, but patches={fitted.patches!r} makes sites of "
            f"{fitted.patches_.site_size}; use sklearn.inspection.partial_dependence."
        )
    single = isinstance(columns, (str, Integral))
    chosen = [
        column_index(column, scores.names, "columns")
        for column in ([columns] if single else columns)
    ]
    if len(chosen) not in (1, 2) or len(set(chosen)) < len(chosen):
        raise ValueError(f"columns={columns!r} must be one column, or two different ones.")
    check_integer("grid_resolution", grid_resolution, 2)
    data = scores.read(X)
    scores.check_no_ends(data, "X")
    weight = _check_sample_weight(sample_weight, data, dtype=np.float64, ensure_non_negative=True)
    if grid is not None and len(grid) != len(chosen):
        raise ValueError(f"grid has values of {len(grid)} columns; columns has {len(chosen)}.")
    values, shown = [], []
    for place, column in enumerate(chosen):
        levels = _levels(scores, column)
        if grid is not None:
            own = _codes(np.asarray(grid[place]), levels, scores.names[column])
        else:
            own = _grid(data[weight > 0, column], grid_resolution, percentiles, bool(len(levels)))
        values.append(own)
        shown.append(levels[own.astype(int)] if len(levels) else own)
    points = np.array(list(product(*values)), data.dtype)
    rows = np.repeat(data[:1], len(points), axis=0)
    rows[:, chosen] = points
    moments = feature_moments(fitted.patches_, fitted.feature_map_, data, weight)
    mean = np.concatenate(moments.means)[:, None]
    features = np.repeat(mean, len(points), axis=1)
    own_rows = scores.rows(rows)
    ends = np.cumsum(fitted.feature_map_.mode_sizes)
    sites = fitted.patches_.columns[:, 0].tolist()
    for column in chosen:
        site = sites.index(column)
        part = slice(ends[site] - fitted.feature_map_.mode_sizes[site], ends[site])
        features[part] = own_rows[part]
    found = Paths(scores.network, mean, 1).scores(features) + scores.offset
    return Bunch(
        average=found.T.reshape(-1, *map(len, values)),
        grid_values=shown,
        columns=tuple(scores.names[column] for column in chosen),
        outputs=scores.outputs,
    )


def _levels(scores: FittedScores, column: int) -> np.ndarray:
    """The categories of a column; none of one of numbers."""
    known = scores.estimator.columns_
    if column not in known.categorical:
        return np.empty(0)
    return np.asarray(known.encoder.categories_[known.categorical.index(column)])


def _codes(given: np.ndarray, levels: np.ndarray, name: str) -> FloatArray:
    """Values of a grid as numbers."""
    if not len(levels):
        return given.astype(np.float64)
    codes = {level: code for code, level in enumerate(levels.tolist())}
    unknown = [value for value in given.tolist() if value not in codes]
    if unknown:
        raise ValueError(
            f"grid has {unknown[0]!r} for {name!r}; it must be one of {levels.tolist()!r}."
        )
    return np.array([codes[value] for value in given.tolist()], np.float64)


def _grid(
    values: FloatArray, resolution: int, percentiles: tuple[float, float], is_category: bool
) -> FloatArray:
    """Values of a column of a table to look at."""
    known = values[~np.isnan(values)]
    distinct = np.unique(known)
    if is_category or len(distinct) < resolution:
        return distinct
    low, high = np.quantile(known, percentiles)
    return np.linspace(low, high, resolution)
