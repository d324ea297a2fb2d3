"""A trainable vector for each token."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from .._arrays._samples import sum_rows
from .._arrays._typing import FloatArray, IntArray
from .._support._checks import check_integer
from ._base import FeatureMap, FittedMap, unit_covectors
from ._single import check_single

_SPREAD = 0.1
"""Entries start small: a token that is rare moves little in training."""
_MOST_TOKENS = 2**20
"""A table of 16 components then takes 128 MiB; vocabularies in use have up to 250,000 tokens."""


class EmbeddingMap(FeatureMap):
    r"""A trainable vector for each token, shared by all sites.

    .. math:: f(x) = (1, \; E_{x, 1}, \dots, E_{x, m - 1}), \qquad
              x \in \{0, \dots, n_{tokens} - 1\}

    X is a matrix of token ids, one sequence a row and one site a column. A
    negative id, such as -1, or NaN is padding: a missing site, whose features are
    those of the constant, (1, 0, ..., 0). With ``shared_cores=True`` padding at
    the end is skipped, at the cost of one contraction for each length among the
    samples of a chunk. The vectors are looked up, so that neither time nor memory
    of a pass over the data grow with the number of tokens, but that of its gradient;
    they are trained with the network, so this map needs a gradient solver.

    Parameters
    ----------
    n_tokens : int or None, default=None
        Size of the vocabulary. None is the largest id in training plus one, which
        may be no more than 2**20 or, where that is more, the number of entries of X.
    n_components : int or "one_hot", default=16
        Number m of local features, the constant included. "one_hot" is a constant and
        one indicator for each token, which are not trained; the string "embedding"
        means it for solvers that need a fixed map.

    Raises
    ------
    ValueError
        In ``fit`` and ``predict`` of the estimator, if an id is no integer or is
        not in the vocabulary, or beyond what ``n_tokens=None`` takes.

    References
    ----------
    Khrulkov, Hrinchuk, Oseledets, "Generalized Tensor Models for Recurrent
    Neural Networks", ICLR 2019, section 6 (reviews as sequences of words).

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.feature_maps import EmbeddingMap
    >>> X = np.array([[4.0, 0.0, 2.0], [1.0, -1.0, -1.0]])
    >>> fitted = EmbeddingMap(n_components=3).fit(
    ...     X, np.arange(3)[:, None], None, np.random.RandomState(0)
    ... )
    >>> fitted.n_tokens, fitted.transform(X.T[:, :, None]).shape
    (5, (3, 2, 3))
    """

    allow_nan = True
    sees_sites_alike = True

    def __init__(self, n_tokens: int | None = None, n_components: int | str = 16) -> None:
        self.n_tokens = n_tokens
        self.n_components = n_components

    @property
    def trainable(self) -> bool:  # type: ignore[override]
        """Whether the table is trained, and not of indicators."""
        return self.n_components != "one_hot"

    def fit(self, X, columns, sample_weight, random_state) -> FittedMap:
        check_single(self, columns)
        size = 2
        if self.trainable:
            size = check_integer(
                "n_components",
                self.n_components,
                2,
                " or 'one_hot'; the constant counts as one",
            )
        if self.n_tokens is None:
            n_tokens = _vocabulary(X, columns[:, 0])
        else:
            n_tokens = check_integer("n_tokens", self.n_tokens, 1)
        sum_rows(lambda block: token_ids(block[:, columns[:, 0]], n_tokens)[:0], X)
        tables: tuple[FloatArray, ...] = ()
        if self.trainable:
            table = _SPREAD * random_state.standard_normal((n_tokens, size - 1))
            tables = (table.astype(X.dtype),)
        else:
            size = 1 + n_tokens
        sizes = (size,) * len(columns)
        return FittedEmbeddingMap(
            mode_sizes=sizes,
            constants=unit_covectors(sizes, X.dtype),
            has_constant=True,
            parameters=tables,
            n_tokens=n_tokens,
        )


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class FittedEmbeddingMap(FittedMap):
    """Fitted `EmbeddingMap`; the parameter is the table E (n_tokens, m - 1), if it is trained."""

    n_tokens: int

    def missing(self, sites):
        return ~(sites[..., 0] >= 0)

    def forward(self, parameters, sites):
        ids, missing = token_ids(sites[..., 0], self.n_tokens)
        table = parameters[0] if parameters else np.eye(self.n_tokens, dtype=sites.dtype)
        features = np.empty((*ids.shape, table.shape[1] + 1), dtype=table.dtype)
        features[..., 0] = 1
        features[..., 1:] = table[ids]
        features[missing, 1:] = 0
        return features, (ids, missing)

    def backward(self, parameters, saved, gradient):
        if not parameters:
            return []
        ids, missing = saved
        known = ~missing
        rows = np.stack([part[:, 1:] for part in gradient])[known]
        # Scatter-add as a sparse product: the sum of the rows of each token.
        chosen = sparse.csr_array(
            (np.ones(len(rows), rows.dtype), ids[known], np.arange(len(rows) + 1)),
            shape=(len(rows), self.n_tokens),
        )
        return [chosen.T @ rows]


def _vocabulary(X: Any, columns: IntArray) -> int:
    """The largest id plus one, or an error where no such vocabulary could be learnt."""

    def largest(block: FloatArray) -> FloatArray:
        values = block[:, columns]
        return np.max(values, axis=0, initial=0, where=values >= 0)

    ids = sum_rows(largest, X, add=np.maximum)
    most = max(_MOST_TOKENS, X.shape[0] * len(columns))
    if ids.max() >= most:
        site = int(np.argmax(ids))
        raise ValueError(
            f"X contains the token id {int(ids[site])} in column {columns[site]}, and "
            f"n_tokens=None takes ids below {most}: 2**20, or the number of entries of X where "
            "that is more. Mend the id, number the tokens that occur from 0 on, or pass n_tokens."
        )
    return 1 + int(ids.max())


def token_ids(values: FloatArray, n_tokens: int) -> tuple[IntArray, np.ndarray]:
    """Ids, 0 where missing, and where they are missing; raises for what is no token."""
    missing = ~(values >= 0)
    known = np.where(missing, 0, values)
    wrong = (known >= n_tokens) | (known != np.floor(known))
    if wrong.any():
        raise ValueError(
            f"X contains {known[wrong][0]:g}, which is no token id: with n_tokens={n_tokens}, ids "
            f"are the integers 0..{n_tokens - 1}, and negative ones or NaN are missing."
        )
    return known.astype(np.intp), missing
