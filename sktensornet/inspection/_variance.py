"""Functional analysis of variance of the scores."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import _check_sample_weight

from .._arrays._immutable import ReadOnlyArrays
from .._arrays._parallel import chunks
from .._arrays._typing import FloatArray
from .._fitting._feature_moments import inverse_variances, orthonormal
from .._support._checks import check_boolean, check_integer, check_option
from ..networks import TensorNetwork, change_modes
from ..networks._tensors._entry_search import EntrySearch
from ..networks._tensors._grams_by_order import GradedGrams
from ._fitted import FittedScores, data_frame

_ROWS = 1024
"""Rows whose features are there at a time."""


@dataclass(frozen=True, eq=False, repr=False)
class VarianceShares(ReadOnlyArrays):
    """Shares of the variance of the scores.

    Parameters
    ----------
    mean, variance : ndarray of shape (n_outputs,)
        Of the scores, were the columns independent.
    by_order : ndarray of shape (n_outputs, max_order + 1)
        Shares of the interactions of order 1, 2, ..., max_order, and of all above.
    main : ndarray of shape (n_outputs, n_columns)
        Share of each column alone: first-order Sobol indices.
    total : ndarray of shape (n_outputs, n_columns)
        Share of all interactions that a column has part in: total Sobol indices.
    pairs : ndarray of shape (n_outputs, n_columns, n_columns) or None
        Share of each pair beyond its two columns alone.
    columns : tuple of str
        Names of the columns, or of the patches.
    outputs : ndarray of shape (n_outputs,)
        Classes of a classifier, indices of the outputs of a regressor.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet import TTRegressor
    >>> from sktensornet.inspection import variance_shares
    >>> X = np.random.default_rng(0).standard_normal((200, 3))
    >>> reg = TTRegressor(rank=3, feature_map="polynomial", alpha=1e-6, random_state=0)
    >>> shares = variance_shares(reg.fit(X, X[:, 0] * X[:, 2]), X)
    >>> shares.total.round(1) + 0.0, shares.max_order
    (array([[1., 0., 1.]]), 3)
    """

    mean: FloatArray
    variance: FloatArray
    by_order: FloatArray
    main: FloatArray
    total: FloatArray
    pairs: FloatArray | None
    columns: tuple[str, ...]
    outputs: np.ndarray

    def __repr__(self) -> str:
        return (
            f"VarianceShares(n_columns={len(self.columns)}, n_outputs={len(self.outputs)}, "
            f"max_order={self.max_order})"
        )

    @property
    def max_order(self) -> int:
        """The largest order that has a share of its own."""
        return self.by_order.shape[1] - 1

    def pooled(self) -> VarianceShares:
        """The shares of the variance of all outputs together.

        Returns
        -------
        VarianceShares
            With one output.
        """
        weight = self.variance
        whole = weight.sum()
        weight = weight / whole if whole > 0 else np.zeros_like(weight)

        def together(shares: FloatArray) -> FloatArray:
            return np.tensordot(weight, shares, axes=1)[None]

        return replace(
            self,
            mean=self.mean.sum(keepdims=True),
            variance=self.variance.sum(keepdims=True),
            by_order=together(self.by_order),
            main=together(self.main),
            total=together(self.total),
            pairs=None if self.pairs is None else together(self.pairs),
            outputs=np.array(["all"]),
        )

    def to_frame(self, by: str = "column") -> Any:
        """Tidy table of the shares.

        Parameters
        ----------
        by : {"column", "order"}, default="column"
            What has a row for each output.

        Returns
        -------
        pandas.DataFrame
            With the columns ``column``, ``output``, ``main`` and ``total``, or
            ``order`` (1, 2, ..., and "more"), ``output`` and ``share``.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        n_outputs = len(self.outputs)
        if check_option("by", by, ("column", "order")) == "order":
            orders = np.array([*range(1, self.max_order + 1), "more"], object)
            return data_frame(
                {
                    "order": np.repeat(orders, n_outputs),
                    "output": np.tile(self.outputs, len(orders)),
                    "share": self.by_order.T.ravel(),
                }
            )
        return data_frame(
            {
                "column": np.repeat(np.array(self.columns, object), n_outputs),
                "output": np.tile(self.outputs, len(self.columns)),
                "main": self.main.T.ravel(),
                "total": self.total.T.ravel(),
            }
        )


def variance_shares(
    estimator: Any,
    X: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    max_order: int = 3,
    pairs: bool = False,
    output: Any = None,
    feature_names: Any = None,
) -> VarianceShares:
    r"""Share of the variance of the scores by order of interaction and by column.

    .. math:: s = \sum_S s_S, \qquad \operatorname{Var} s = \sum_{S \ne \emptyset}
              \operatorname{Var} s_S, \qquad
              s_S = \sum_{T \subseteq S} (-1)^{|S| - |T|} \; \mathbb E[s \mid x_T]

    This is the functional ANOVA of a fitted model under the product of the
    weighted marginals of its sites in X: as if the columns were independent. What a
    column does through its correlation with others is not in it, and where
    columns depend on each other the variance is not that of the scores on X. It
    is exact, by contraction of the network with itself, for every feature map,
    and costs O(d max_order) for a chain of d sites.

    Parameters
    ----------
    estimator : object
        A fitted classifier or regressor of the package.
    X : array-like of shape (n_samples, n_features)
        Samples whose columns have the marginals, such as the training data.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Their weights.
    max_order : int, default=3
        Orders above it share one number.
    pairs : bool, default=False
        Whether to find the share of each pair too, at the cost of all terms of
        order 2.
    output : object or None, default=None
        The class, or the index of the output, to take; None is all.
    feature_names : sequence of str or None, default=None
        Names of the columns; None takes those seen in training.

    Returns
    -------
    VarianceShares
        Shares for each output; those of a score that varies by no more than rounding
        are 0. With patches, a column stands for a patch.

    Raises
    ------
    ValueError
        If X or a parameter are not usable.

    Notes
    -----
    With M_k = mu_k mu_k^T + t C_k, the first and centred second moments of the
    local features, in the place of every site, the contraction of W with itself is
    a polynomial in t whose coefficient of t^j is the variance of order j.

    References
    ----------
    Sobol, "Sensitivity estimates for nonlinear mathematical models", Math.
    Modelling Comput. Exp. 1 (1993) 407-414; Ballester-Ripoll, Paredes, Pajarola,
    "Sobol tensor trains for global sensitivity analysis", Reliability Eng. Syst.
    Safety 183 (2019) 311-322.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet import TTRegressor
    >>> from sktensornet.inspection import variance_shares
    >>> X = np.array([[a, b, c] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)], float)
    >>> y = X[:, 0] * X[:, 1] + 3**0.5 * X[:, 2]
    >>> shares = variance_shares(TTRegressor(alpha=1e-9).fit(X, y), X)
    >>> shares.by_order.round(2) + 0.0
    array([[0.75, 0.25, 0.  , 0.  ]])
    >>> shares.total.round(2)
    array([[0.25, 0.25, 0.75]])
    """
    max_order = check_integer("max_order", max_order, 1)
    check_boolean("pairs", pairs)
    scores = FittedScores(estimator, output, feature_names)
    data = scores.read(X)
    weight = _check_sample_weight(sample_weight, data, dtype=np.float64, ensure_non_negative=True)
    network = change_modes(scores.network, _orthonormal_features(scores, data, weight))
    grams = GradedGrams(network, max_order, per_output=True)
    norms = grams.squared_norms()
    square = np.square(scores.scale)[:, None]
    inverse = inverse_variances(norms / square)[:, None] / square
    by_site = [grams.site_norms(site) for site in range(network.n_sites)]
    return VarianceShares(
        mean=EntrySearch(network, 0).run().values[0][0] + scores.offset,
        variance=norms[:, 1:].sum(axis=1),
        by_order=norms[:, 1:] * inverse,
        main=np.stack([alone for alone, _ in by_site], axis=1) * inverse,
        total=np.stack([together for _, together in by_site], axis=1) * inverse,
        pairs=_pairs(network) * inverse[:, :, None] if pairs else None,
        columns=tuple(scores.site_names),
        outputs=scores.outputs,
    )


def _orthonormal_features(scores: FittedScores, X, weight: FloatArray) -> list[FloatArray]:
    """For each site T with f = T g: g is 1 and functions of mean 0 and covariance I.

    The first column of T is the mean of f, the others T' of T' T'^T = Cov f.
    """
    weight = weight / weight.sum()
    sizes = scores.network.mode_sizes
    means = [np.zeros(size) for size in sizes]
    covariances = [np.zeros((size, size)) for size in sizes]
    parts = [rows for rows in chunks(len(X), _ROWS) if weight[rows].any()]
    for rows in parts:
        for mean, features in zip(means, scores.features(X, rows), strict=True):
            mean += weight[rows] @ features
    for rows in parts:
        found = scores.features(X, rows)
        for covariance, mean, own in zip(covariances, means, found, strict=True):
            centred = own - mean
            covariance += (centred * weight[rows, None]).T @ centred
    return [orthonormal(mean, own) for mean, own in zip(means, covariances, strict=True)]


def _pairs(network: TensorNetwork) -> FloatArray:
    """Sum of squares of the entries of order 2 by pair, (n_outputs, d, d)."""
    d = network.n_sites
    result = np.zeros((d, d, network.n_outputs))
    if d > 1:
        entries = EntrySearch(network, 2).run()
        a, b = entries.indices[2][:, :, 0].T
        np.add.at(result, (a, b), entries.values[2] ** 2)
    return np.moveaxis(result + result.swapaxes(0, 1), -1, 0)
