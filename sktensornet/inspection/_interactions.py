"""Exact coefficients of the polynomial that a fitted model is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._arrays._immutable import ReadOnlyArrays
from .._arrays._typing import FloatArray, IntArray
from .._support._checks import check_integer, check_option, check_real
from .._support._warn import warn_user
from ..networks import TensorNetwork, change_modes
from ..networks._tensors._entry_search import Entries, EntrySearch, count_entries
from ._bases import UNITS, local_bases, spell
from ._column_terms import MOST_TERMS, column_terms
from ._fitted import FittedScores, data_frame

_FIRST_BEAM = 2_000
_BEAM = 20_000
"""Terms that a search keeps at each node: the first one is quick, and the second, made where it
dropped terms that may count, is bounded by what it found. Not tuned."""


@dataclass(frozen=True, eq=False, repr=False)
class Interactions(ReadOnlyArrays):
    r"""Terms of a polynomial, or sets of columns, the largest first.

    .. math:: s_c(x) = b_c + \sum_t \beta_{tc} \prod_{k \in S_t} g_{t,k}(x_k)

    Parameters
    ----------
    intercept : ndarray of shape (n_outputs,)
        The constant b, for columns the mean of the scores.
    coefficients : ndarray of shape (n_terms, n_outputs)
        The coefficients, for columns the standard deviations of what they add to the
        scores. Terms come in the order of their Euclidean norms over the outputs.
    orders : ndarray of int, shape (n_terms,)
        Number of factors of each term.
    sites : ndarray of int, shape (n_terms, order)
        The site of each factor; -1 where there are fewer.
    functions : ndarray of int, shape (n_terms, order)
        Which local feature of the site it is; 0, the constant, where there are
        fewer.
    outputs : ndarray of shape (n_outputs,)
        Classes of a classifier, indices of the outputs of a regressor.
    column_names, function_names : tuple of tuple of str
        For each site and local feature, the column and the name of the function.
    units : str
        "standardized" or "original"; "deviations" for columns.
    complete : bool
        Whether no term that belongs here can be missing.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet import TTRegressor
    >>> from sktensornet.inspection import interactions
    >>> X = np.random.default_rng(0).standard_normal((200, 3))
    >>> reg = TTRegressor(rank=3, feature_map="polynomial", alpha=1e-6, random_state=0)
    >>> reg = reg.fit(X, X[:, 0] * X[:, 2])
    >>> found = interactions(reg, by="functions", units="original")
    >>> found.name(0), found.orders[0], found.coefficients[0].round(2)
    ('x0 × x2', np.int64(2), array([1.]))
    """

    intercept: FloatArray
    coefficients: FloatArray
    orders: IntArray
    sites: IntArray
    functions: IntArray
    outputs: np.ndarray
    column_names: tuple[tuple[str, ...], ...]
    function_names: tuple[tuple[str, ...], ...]
    units: str
    complete: bool

    def __len__(self) -> int:
        return len(self.orders)

    def __repr__(self) -> str:
        return (
            f"Interactions(n_terms={len(self)}, order<={max(self.orders, default=0)}, "
            f"n_outputs={len(self.outputs)}, units={self.units!r}, complete={self.complete})"
        )

    def _names(self, names: tuple[tuple[str, ...], ...], term: int) -> tuple[str, ...]:
        factors = zip(self.sites[term].tolist(), self.functions[term].tolist(), strict=True)
        return tuple(names[site][function] for site, function in factors if site >= 0)

    def columns(self, term: int) -> tuple[str, ...]:
        """Names of the columns of a term.

        Parameters
        ----------
        term : int
            Which term; 0 is the largest.

        Returns
        -------
        tuple of str
            The names, in the order of the sites.
        """
        return self._names(self.column_names, term)

    def name(self, term: int) -> str:
        """Spell a term, as in "age × sex = male".

        Parameters
        ----------
        term : int
            Which term; 0 is the largest.

        Returns
        -------
        str
            The factors, in the order of the sites.
        """
        return " × ".join(self._names(self.function_names, term))

    def to_frame(self) -> Any:
        """Tidy table, one row for each term and output.

        Returns
        -------
        pandas.DataFrame
            With the columns ``order``, ``columns`` (a tuple of names), ``term``
            (the product in words), ``output`` and ``coefficient``.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        n_outputs = len(self.outputs)
        terms = range(len(self))
        return data_frame(
            {
                "order": np.repeat(self.orders, n_outputs),
                "columns": [self.columns(term) for term in terms for _ in range(n_outputs)],
                "term": np.repeat(np.array([self.name(t) for t in terms], object), n_outputs),
                "output": np.tile(self.outputs, len(self)),
                "coefficient": self.coefficients.ravel(),
            }
        )


def interactions(
    estimator: Any,
    order: int = 2,
    *,
    by: str = "columns",
    units: str = "standardized",
    top: int | None = None,
    threshold: float = 0.0,
    output: Any = None,
    feature_names: Any = None,
) -> Interactions:
    r"""Sizes of all interactions up to an order, exactly.

    .. math:: s_c(x) = \sum_{S} s_{c,S}(x_S) = \sum_{S} \sum_{i_k, \, k \in S} \beta_c^{S,i}
              \prod_{k \in S} g_{k,i_k}(x_k), \qquad |S| \le K

    ``by="columns"`` is one line for each set S of columns, with the standard deviation
    of all that they add to the score together beyond what fewer of them do, in the
    units of the score: the root of the set's term of `variance_shares`, under the
    product of the weighted marginals of the training data. ``by="functions"`` lists
    the coefficients beta of single products of functions.

    A model whose local features are a constant and functions g of single columns
    is a polynomial in these functions, and its coefficients are entries of the
    weight tensor, those with the constant at all sites outside S. They are read
    off the network by contraction; the tensor is never formed.

    Parameters
    ----------
    estimator : object
        A fitted classifier or regressor of the package whose feature map is
        polynomial, one-hot, spline, quantile or Fourier, or a mix of these; any for
        columns, and patches then stand for columns. Or a pipeline or search that ends
        in one.
    order : int, default=2
        The largest number K of factors of a term.
    by : {"columns", "functions"}, default="columns"
        Whether a term is a set of columns or a product of functions of them.
    units : {"standardized", "original"}, default="standardized"
        What the functions g are, for ``by="functions"``. "standardized": powers of the standardised
        columns z = (x - mean) / deviation, of the ranks scaled to mean 0 and
        variance 1, splines less their means, waves of variance 1.
        "original": powers of the columns x as they are, of ranks in [0, 1],
        splines and waves of height 1; every coefficient then takes in a part of
        all interactions above it, of orders beyond K too. Categories are indicators, 0
        or 1, in both.
    top : int or None, default=None
        How many terms to return, the largest; None is all.
    threshold : float, default=0
        The least Euclidean norm over the outputs of a term to return.
    output : object or None, default=None
        The class, or the index of the output, to take; None is all.
    feature_names : sequence of str or None, default=None
        Names of the columns; None takes those seen in training.

    Returns
    -------
    Interactions
        The terms, the largest first, with a method ``to_frame``. Not a Bunch,
        since it is read-only and knows how to become a table.

    Raises
    ------
    ValueError
        If a parameter is not usable, the feature map has no such functions, the fit
        kept no moments of the features, or there are more than 2,000,000 terms and,
        for functions, neither `top` nor `threshold` leaves few enough.

    Warns
    -----
    UserWarning
        If there are more than 2,000,000 terms and the search for the `top` ones
        cannot rule out that it missed some; ``complete`` is then False.

    Notes
    -----
    Scores are those of `decision_function`, and for regressors the targets, or
    their logarithms for "poisson" and "gamma", in the units of y. Inputs beyond the
    limits of the map, for `PolynomialMap` 4 standard deviations, are limited to
    them, so the polynomial is that of the limited inputs. Indicators of all
    categories of a column are there beside the constant, as the penalty shares
    among equals. With overlapping patches a column belongs to several sites.

    Choices are pruned by Gram matrices that bound exactly what they lead to, so
    with a `threshold` nothing is missed however high the order is.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet import TTRegressor
    >>> from sktensornet.inspection import interactions
    >>> X = np.array([[a, b, c] for a in (0, 1) for b in (0, 1) for c in (0, 1)], float)
    >>> y = 3 * X[:, 0] * X[:, 1] + X[:, 0] + 2 * X[:, 1] - 8 * X[:, 2]
    >>> reg = TTRegressor(feature_map="polynomial", alpha=1e-9).fit(X, y)
    >>> found = interactions(reg, by="functions", units="original", threshold=0.01)
    >>> [(found.name(k), float(found.coefficients[k, 0].round(2))) for k in range(len(found))]
    [('x2', -8.0), ('x0 × x1', 3.0), ('x1', 2.0), ('x0', 1.0)]
    >>> found = interactions(reg, threshold=0.01)
    >>> [(found.name(k), float(found.coefficients[k, 0].round(2))) for k in range(len(found))]
    [('x2', 4.0), ('x1', 1.75), ('x0', 1.25), ('x0 × x1', 0.75)]
    """
    order = check_integer("order", order, 1)
    check_option("by", by, ("columns", "functions"))
    check_option("units", units, UNITS)
    if by == "columns" and units != "standardized":
        raise ValueError(f"units={units!r} is of single functions; pass by='functions' too.")
    threshold = check_real("threshold", threshold, 0, low_allowed=True)
    top = None if top is None else check_integer("top", top, 1)
    scores = FittedScores(estimator, output, feature_names)
    fitted = scores.estimator
    if by == "columns":
        return _of_columns(scores, order, threshold, top)
    bases = local_bases(fitted.feature_map_, fitted.patches_.columns, units == "original")
    network = change_modes(scores.network, [basis.matrix for basis in bases])
    order = min(order, network.n_sites)
    entries, complete = find_entries(network, order, threshold, top)
    constant = entries.values[0][0]
    orders, sites, functions, coefficients = _sorted(entries, order, threshold, top)
    return Interactions(
        intercept=constant + scores.offset,
        coefficients=coefficients,
        orders=orders,
        sites=sites,
        functions=functions,
        outputs=scores.outputs,
        column_names=tuple(
            ("", *(scores.names[one.column] for one in basis.functions)) for basis in bases
        ),
        function_names=tuple(
            ("1", *(spell(one, scores.names, scores.category) for one in basis.functions))
            for basis in bases
        ),
        units=units,
        complete=complete,
    )


def _of_columns(
    scores: FittedScores, order: int, threshold: float, top: int | None
) -> Interactions:
    """One term for each set of columns."""
    moments = scores.moments("by='columns'", "by='functions'")
    order = min(order, scores.network.n_sites)
    mean, entries = column_terms(scores.network, moments, order)
    orders, sites, functions, deviations = _sorted(entries, order, threshold, top)
    return Interactions(
        intercept=mean + scores.offset,
        coefficients=deviations,
        orders=orders,
        sites=sites,
        functions=functions,
        outputs=scores.outputs,
        column_names=tuple(("", name) for name in scores.site_names),
        function_names=tuple(("1", name) for name in scores.site_names),
        units="deviations",
        complete=True,
    )


def find_entries(
    network: TensorNetwork, order: int, threshold: float, top: int | None
) -> tuple[Entries, bool]:
    """Entries up to an order, and whether none that is asked for can be missing."""
    total = count_entries(network.mode_sizes, order)
    if total <= MOST_TERMS:
        return EntrySearch(network, order, threshold).run(), True
    if top is None:
        if threshold == 0:
            raise ValueError(
                f"order={order} has {total:,} terms, more than {MOST_TERMS:,}; pass top, a "
                "threshold or a smaller order."
            )
        entries = EntrySearch(network, order, threshold, _BEAM).run()
        if entries.dropped >= threshold:
            raise ValueError(
                f"threshold={threshold:g} leaves too many of the {total:,} terms of "
                f"order={order} to rule out; pass a larger threshold, top or a smaller order."
            )
        return entries, True
    entries = EntrySearch(network, order, threshold, max(_FIRST_BEAM, 2 * top)).run()
    least = max(threshold, _least_of(entries, top))
    if entries.dropped > least:
        # What the first pass found prunes the second one.
        closer = least * (1 - 1e-9)
        again = EntrySearch(network, order, closer, max(_BEAM, 2 * top)).run()
        if _least_of(again, top) >= _least_of(entries, top):
            entries = again
        least = max(threshold, _least_of(entries, top))
    complete = entries.dropped <= least
    if not complete:
        warn_user(
            f"the search for the top={top} of {total:,} terms cannot rule out terms of size up "
            f"to {entries.dropped:.3g} beside those found, which go down to {least:.3g}; pass a "
            "smaller top or order to be sure.",
            UserWarning,
        )
    return entries, complete


def _least_of(entries: Entries, top: int) -> float:
    """Size of the last of the largest entries, 0 if there are fewer."""
    sizes = np.concatenate(
        [np.linalg.norm(values, axis=1) for j, values in entries.values.items() if j]
        or [np.zeros(0)]
    )
    return (
        float(np.partition(sizes, len(sizes) - top)[len(sizes) - top]) if len(sizes) >= top else 0.0
    )


def _sorted(entries: Entries, order: int, threshold: float, top: int | None):
    """Orders, sites, functions and coefficients of the terms, the largest first."""
    orders, sites, functions, values = [], [], [], []
    for j in filter(None, entries.indices):
        chosen, found = entries.indices[j], entries.values[j]
        places = np.argsort(chosen[:, :, 0], axis=1)
        chosen = np.take_along_axis(chosen, places[:, :, None], axis=1)
        padded = np.pad(chosen, ((0, 0), (0, order - j), (0, 0)))
        padded[:, j:, 0] = -1
        orders.append(np.full(len(found), j))
        sites.append(padded[:, :, 0])
        functions.append(padded[:, :, 1])
        values.append(found)
    if not orders:
        n_outputs = entries.values[0].shape[1]
        empty = np.zeros((0, order), int)
        return empty[:, 0], empty, empty, np.zeros((0, n_outputs))
    coefficients, where = np.concatenate(values), np.concatenate(sites)
    sizes = np.linalg.norm(coefficients, axis=1)
    ranked = np.lexsort((*where.T[::-1], np.concatenate(orders), -sizes))
    ranked = ranked[: int(np.sum(sizes >= threshold))][:top]
    return (
        np.concatenate(orders)[ranked],
        where[ranked],
        np.concatenate(functions)[ranked],
        coefficients[ranked],
    )
