"""Exact Shapley values of the scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from .._arrays._immutable import ReadOnlyArrays
from .._arrays._parallel import chunks, effective_threads
from .._arrays._typing import FloatArray
from ._fitted import FittedScores, data_frame
from ._paths import Paths


@dataclass(frozen=True, eq=False, repr=False)
class ShapleyValues(ReadOnlyArrays):
    r"""Shapley values of the scores of some samples.

    .. math:: s_c(x_i) = \text{base}_c + \sum_k \phi_{ikc}

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_columns, n_outputs)
        The values phi.
    base_values : ndarray of shape (n_outputs,)
        The scores of nobody present: of the mean features, or the mean score of the
        background rows.
    data : ndarray of shape (n_samples, n_columns) or None
        The columns of the samples, as numbers; None with patches.
    columns : tuple of str
        Names of the columns, or of the patches.
    levels : tuple of tuple of str
        For each column the names of its categories; empty for numbers.
    outputs : ndarray of shape (n_outputs,)
        Classes of a classifier, indices of the outputs of a regressor.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet import TTRegressor
    >>> from sktensornet.inspection import shapley_values
    >>> X = np.random.default_rng(0).standard_normal((200, 3))
    >>> reg = TTRegressor(rank=3, feature_map="polynomial", alpha=1e-6, random_state=0)
    >>> found = shapley_values(reg.fit(X, X[:, 0] * X[:, 2]), X[:5])
    >>> found
    ShapleyValues(n_samples=5, n_columns=3, n_outputs=1)
    >>> total = found.base_values + found.values.sum(axis=1)
    >>> bool(np.allclose(total[:, 0], reg.predict(X[:5])))
    True
    """

    values: FloatArray
    base_values: FloatArray
    data: np.ndarray | None
    columns: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    outputs: np.ndarray

    def __repr__(self) -> str:
        n_samples, n_columns, n_outputs = self.values.shape
        return f"ShapleyValues(n_samples={n_samples}, n_columns={n_columns}, n_outputs={n_outputs})"

    def __len__(self) -> int:
        return len(self.values)

    def to_frame(self) -> Any:
        """Tidy table, one row for each sample, column and output.

        Returns
        -------
        pandas.DataFrame
            With the columns ``sample``, ``column``, ``output`` and ``value``.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        n_samples, n_columns, n_outputs = self.values.shape
        names = np.repeat(np.array(self.columns, object), n_outputs)
        return data_frame(
            {
                "sample": np.repeat(np.arange(n_samples), n_columns * n_outputs),
                "column": np.tile(names, n_samples),
                "output": np.tile(self.outputs, n_samples * n_columns),
                "value": self.values.ravel(),
            }
        )

    def to_shap(self) -> Any:
        """The values as shap's plots take them.

        Returns
        -------
        shap.Explanation
            Of shape (n_samples, n_columns), with a last axis of the outputs where
            there are several.

        Raises
        ------
        ImportError
            If shap is not installed.
        """
        return explanation(self.values, self)


def explanation(values: FloatArray, shapley: ShapleyValues) -> Any:
    """An object of shap with some values (n_samples, ..., n_outputs)."""
    try:
        from shap import Explanation
    except ImportError as error:
        raise ImportError("to_shap needs shap: python -m pip install shap.") from error
    several = len(shapley.outputs) > 1
    base = np.tile(shapley.base_values, (len(values), 1))
    return Explanation(
        np.array(values if several else values[..., 0]),
        base_values=base if several else base[:, 0],
        data=None if shapley.data is None else np.array(shapley.data),
        feature_names=list(shapley.columns),
        output_names=[str(name) for name in shapley.outputs] if several else None,
    )


def shapley_values(
    estimator: Any,
    X: ArrayLike,
    background: ArrayLike | None = None,
    *,
    output: Any = None,
    feature_names: Any = None,
) -> ShapleyValues:
    r"""Shapley values of the scores of samples, exactly.

    .. math:: \phi_k = \sum_{S \not\ni k} \frac{|S|! \, (d - |S| - 1)!}{d!}
              \big( v(S \cup k) - v(S) \big)
              = \int_0^1 \Big\langle \frac{\partial s}{\partial f_k} (g(t)), \,
              f_k - b_k \Big\rangle \, dt, \qquad g(t) = t f + (1 - t) b

    where v(S) is the score with the features f of the columns in S and those of the
    background, b, of the others. The score is multilinear in the features, so it is
    its own multilinear extension, the integrand is a polynomial of degree d - 1, and
    ceil(d / 2) nodes of Gauss and Legendre are exact: nothing is sampled. Each node
    is one pass forward and one backward for all columns.

    Parameters
    ----------
    estimator : object
        A fitted classifier or regressor of the package, or a pipeline or search that
        ends in one. Columns are then those after the steps before it.
    X : array-like of shape (n_samples, n_features)
        The samples to explain.
    background : array-like of shape (n_background, n_features) or None, default=None
        Rows from which absent columns are taken, all from one row at a time; values
        are means over the rows, and cost is proportional to their number. None:
        absent columns are independent of each other and of those present, with the
        weighted marginals of the training data, for which their mean features stand.
    output : object or None, default=None
        The class, or the index of the output, to take; None is all.
    feature_names : sequence of str or None, default=None
        Names of the columns; None takes those seen in training.

    Returns
    -------
    ShapleyValues
        With values of shape (n_samples, n_columns, n_outputs); with patches, a column
        stands for a patch.

    Raises
    ------
    ValueError
        If data or a parameter are not usable, the product is another than
        "multiply", missing sites at the end of a sample are skipped
        (``shared_cores=True``), scores saturate, or the fit left no mean features.

    See Also
    --------
    shapley_interactions : The same for pairs of columns.
    variance_shares : How much columns matter over all samples.

    Notes
    -----
    Scores are those of `decision_function`, and for regressors the targets, or
    their logarithms for "poisson" and "gamma", in the units of y. Probabilities are no
    multilinear function of the features, and have no such values.

    Absent columns are independent of present ones: where columns depend on each
    other, v(S) is a score at combinations of values that may never occur.

    References
    ----------
    Shapley, "A value for n-person games", Contributions to the Theory of Games II
    (1953) 307-317; Owen, "Multilinear extensions of games", Management Science 18
    (1972) P64-P79; Lundberg, Lee, "A unified approach to interpreting model
    predictions", NeurIPS 2017; "SHAP meets tensor networks: provably tractable
    explanations with parallelism", NeurIPS 2025.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet import TTRegressor
    >>> from sktensornet.inspection import shapley_values
    >>> X = np.array([[a, b, c] for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)], float)
    >>> y = 6 * X[:, 0] * X[:, 1] + X[:, 2]
    >>> reg = TTRegressor(feature_map="polynomial", alpha=1e-9).fit(X, y)
    >>> shapley_values(reg, [[1.0, 1.0, 1.0]]).values[0, :, 0].round(2)
    array([3., 3., 1.])
    """
    return values_of(*explained(estimator, X, background, output, feature_names))


Explained = tuple[FittedScores, FloatArray, FloatArray, Paths]
"""Scores, the samples as their model takes them, features of the background, paths between."""


def explained(
    estimator: Any, X: ArrayLike, background: ArrayLike | None, output: Any, names: Any
) -> Explained:
    """What is explained, checked."""
    scores = FittedScores(estimator, output, names)
    data = scores.read(X)
    scores.check_no_ends(data, "X")
    start = scores.background(background)
    paths = Paths(scores.network, start, effective_threads(scores.estimator.n_jobs))
    return scores, data, start, paths


def values_of(
    scores: FittedScores, data: FloatArray, start: FloatArray, paths: Paths
) -> ShapleyValues:
    """The values of all columns."""
    values = [paths.integrals(scores.rows(data, rows)) for rows in chunks(len(data), paths.block)]
    return ShapleyValues(
        values=np.concatenate(values),
        base_values=paths.scores(start).mean(axis=0) + scores.offset,
        data=scores.shown(data),
        columns=tuple(scores.site_names),
        levels=scores.levels,
        outputs=scores.outputs,
    )
