"""Exact Shapley interaction indices of the scores."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._arrays._immutable import ReadOnlyArrays
from .._arrays._parallel import chunks
from .._arrays._typing import FloatArray, IntArray
from ._fitted import column_index, data_frame
from ._shapley import ShapleyValues, explained, explanation, values_of


@dataclass(frozen=True, eq=False, repr=False)
class ShapleyInteractions(ReadOnlyArrays):
    """Shapley interaction indices of the scores of some samples.

    Parameters
    ----------
    pairs : ndarray of int, shape (n_pairs, 2)
        The columns of each pair.
    indices : ndarray of shape (n_samples, n_pairs, n_outputs)
        Their interaction indices, whole.
    shapley : ShapleyValues
        The values of the columns.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet import TTRegressor
    >>> from sktensornet.inspection import shapley_interactions
    >>> X = np.random.default_rng(0).standard_normal((200, 3))
    >>> reg = TTRegressor(rank=3, feature_map="polynomial", alpha=1e-6, random_state=0)
    >>> found = shapley_interactions(reg.fit(X, X[:, 0] * X[:, 2]), X[:5])
    >>> found.pairs.tolist(), found.indices.shape, found.matrix().shape
    ([[0, 1], [0, 2], [1, 2]], (5, 3, 1), (5, 3, 3, 1))
    """

    pairs: IntArray
    indices: FloatArray
    shapley: ShapleyValues

    def __repr__(self) -> str:
        n_samples, n_pairs, n_outputs = self.indices.shape
        return (
            f"ShapleyInteractions(n_samples={n_samples}, n_pairs={n_pairs}, n_outputs={n_outputs})"
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self.shapley.columns

    @property
    def outputs(self) -> np.ndarray:
        """Classes of a classifier, indices of the outputs of a regressor."""
        return self.shapley.outputs

    def matrix(self) -> FloatArray:
        """The indices as a matrix whose rows sum to the Shapley values, as shap has it.

        Returns
        -------
        ndarray of shape (n_samples, n_columns, n_columns, n_outputs)
            Half of the index of each pair at either place, and on the diagonal what
            is left of the value of the column.

        Raises
        ------
        ValueError
            If there are indices of some pairs only.
        """
        values = self.shapley.values
        d = values.shape[1]
        if len(self.pairs) < d * (d - 1) // 2:
            raise ValueError("a matrix needs all pairs: shapley_interactions(..., pairs=None).")
        result = np.zeros((len(values), d, d, values.shape[2]))
        first, second = self.pairs.T
        result[:, first, second] = result[:, second, first] = self.indices / 2
        diagonal = np.arange(d)
        result[:, diagonal, diagonal] = values - result.sum(axis=2)
        return result

    def to_frame(self) -> Any:
        """Tidy table, one row for each sample, pair and output.

        Returns
        -------
        pandas.DataFrame
            With the columns ``sample``, ``columns`` (a tuple of two names),
            ``output`` and ``index``.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        n_samples, n_pairs, n_outputs = self.indices.shape
        names = [tuple(self.columns[k] for k in pair) for pair in self.pairs]
        return data_frame(
            {
                "sample": np.repeat(np.arange(n_samples), n_pairs * n_outputs),
                "columns": [name for name in names for _ in range(n_outputs)] * n_samples,
                "output": np.tile(self.outputs, n_samples * n_pairs),
                "index": self.indices.ravel(),
            }
        )

    def to_shap(self) -> Any:
        """The `matrix` as shap's plots take it.

        Returns
        -------
        shap.Explanation
            Of shape (n_samples, n_columns, n_columns), with a last axis of the
            outputs where there are several.

        Raises
        ------
        ImportError
            If shap is not installed.
        """
        return explanation(self.matrix(), self.shapley)


def shapley_interactions(
    estimator: Any,
    X: ArrayLike,
    background: ArrayLike | None = None,
    *,
    pairs: Sequence[tuple[Any, Any]] | None = None,
    output: Any = None,
    feature_names: Any = None,
) -> ShapleyInteractions:
    r"""Shapley interaction indices of pairs of columns, exactly.

    .. math:: I_{kl} = \int_0^1 \Big\langle \frac{\partial^2 s}{\partial f_k \,
              \partial f_l} (g(t)), \, (f_k - b_k) \otimes (f_l - b_l) \Big\rangle \, dt,
              \qquad g(t) = t f + (1 - t) b

    which is the mean over coalitions S of the others of what k and l add to the
    score together beyond what each adds alone,
    v(S + k + l) - v(S + k) - v(S + l) + v(S), with the weights
    n! (d - n - 2)! / (d - 1)! of Shapley for n others. The integrand is a polynomial of
    degree d - 2, for which ceil((d - 1) / 2) nodes are exact. With all others, a
    column costs as much as the `shapley_values` of all columns.

    Parameters
    ----------
    estimator : object
        A fitted classifier or regressor of the package, or a pipeline or search that
        ends in one. Columns are then those after the steps before it.
    X : array-like of shape (n_samples, n_features)
        The samples to explain.
    background : array-like of shape (n_background, n_features) or None, default=None
        As for `shapley_values`.
    pairs : sequence of (column, column) or None, default=None
        The pairs, by name or index; None is all.
    output : object or None, default=None
        The class, or the index of the output, to take; None is all.
    feature_names : sequence of str or None, default=None
        Names of the columns; None takes those seen in training.

    Returns
    -------
    ShapleyInteractions
        With ``indices`` of shape (n_samples, n_pairs, n_outputs), and a method
        ``matrix`` that arranges them as shap does.

    Raises
    ------
    ValueError
        As for `shapley_values`, or if `pairs` are not usable.

    See Also
    --------
    shapley_values : The values of the columns, which are found beside.
    interactions : The coefficients of products of any order, over all samples.

    References
    ----------
    Grabisch, Roubens, "An axiomatic approach to the concept of interaction among
    players in cooperative games", Int. J. Game Theory 28 (1999) 547-565; Owen,
    "Multilinear extensions of games", Management Science 18 (1972) P64-P79;
    Lundberg et al., "From local explanations to global understanding with
    explainable AI for trees", Nature Machine Intelligence 2 (2020) 56-67.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet import TTRegressor
    >>> from sktensornet.inspection import shapley_interactions
    >>> X = np.array([[a, b, c] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)], float)
    >>> y = 6 * X[:, 0] * X[:, 1] + X[:, 2]
    >>> reg = TTRegressor(feature_map="polynomial", alpha=1e-9).fit(X, y)
    >>> found = shapley_interactions(reg, [[1.0, 1.0, 1.0]])
    >>> found.matrix()[0, :, :, 0].round(2) + 0.0
    array([[0., 3., 0.],
           [3., 0., 0.],
           [0., 0., 1.]])
    """
    scores, data, start, paths = explained(estimator, X, background, output, feature_names)
    chosen = _pairs(pairs, tuple(scores.site_names))
    values = values_of(scores, data, start, paths)
    indices = np.zeros((len(data), len(chosen), len(values.outputs)))
    for site, places, others in _by_site(chosen):
        for rows in chunks(len(data), paths.block):
            found = paths.integrals(scores.rows(data, rows), site)
            indices[rows, places] = found[:, others]
    return ShapleyInteractions(chosen, indices, values)


def _pairs(pairs: Sequence[tuple[Any, Any]] | None, columns: tuple[str, ...]) -> IntArray:
    """Indices of the columns of each pair."""
    if pairs is None:
        return np.stack(np.triu_indices(len(columns), 1), axis=1)
    found = []
    for pair in pairs:
        if isinstance(pair, str) or not hasattr(pair, "__len__") or len(pair) != 2:
            raise ValueError(f"pairs has {pair!r}; it must have two columns, by name or index.")
        places = [column_index(column, columns, "pairs") for column in pair]
        if places[0] == places[1]:
            raise ValueError(f"pairs has {pair!r}; it must have two different columns.")
        found.append(places)
    return np.array(found, int).reshape(-1, 2)


def _by_site(pairs: IntArray) -> list[tuple[int, IntArray, IntArray]]:
    """Sites that are in all pairs between them, with the places of pairs and the others."""
    found: list[tuple[int, IntArray, IntArray]] = []
    left = np.ones(len(pairs), bool)
    while left.any():
        ((site, _),) = Counter(pairs[left].ravel().tolist()).most_common(1)
        places = np.flatnonzero(left & (pairs == site).any(axis=1))
        found.append((site, places, pairs[places].sum(axis=1) - site))
        left[places] = False
    return found
