"""The problem of a solver that makes equal cores of what samples say as sequences."""

from __future__ import annotations

import numpy as np

from .._arrays._parallel import chunks
from .._arrays._typing import FloatArray, IntArray
from ..losses import ClassificationLoss, Loss
from ..networks import TensorNetwork
from ..networks._cores import network_of
from ._any_length import known_steps
from ._model import Model
from ._network_problem import NetworkProblem

_MOST_SYMBOLS = 2_000
_SEEN = 5
"""Values of steps are symbols if each is seen so often on average."""
_FACTORS = 2.0 ** np.linspace(-3, 7, 41)
"""Of scores that fit labels of 0 and 1: those of the log loss go up to the log of the odds."""


class SequenceProblem(NetworkProblem):
    r"""Samples as sequences of features, and networks of equal cores made of matrices.

    .. math:: f(x) = \alpha^T A(x_1) \cdots A(x_T) \, B, \qquad A(x) = \sum_i f_i(x) A_i

    Parameters
    ----------
    model : Model
        Of a recurrent train of equal cores, with a fixed feature map.
    loss : Loss
    X : ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples, ...)
        Classes as integers, or real targets: what the loss takes.
    sample_weight : ndarray of shape (n_samples,)
    rank : int
        The cap of the rank.
    alpha : float
        Penalty of the entries of the linear automaton.

    Attributes
    ----------
    lengths : ndarray of int, shape (n_samples,)
        Steps before an end that is missing.
    is_labels : bool
    targets : ndarray of shape (n_samples, n)
        Indicators of the classes, or real targets.
    weight : ndarray of shape (n_samples,)
    """

    first_objectives: tuple[float, ...] = ()

    def __init__(
        self,
        model: Model,
        loss: Loss,
        X: FloatArray,
        y: np.ndarray,
        sample_weight: FloatArray,
        *,
        rank: int,
        alpha: float,
    ) -> None:
        kept = sample_weight > 0
        self.model, self.loss, self.rank, self.alpha = model, loss, rank, alpha
        self.X, self.y = X[kept].astype(model.dtype, copy=False), y[kept]
        self.weight = sample_weight[kept].astype(np.float64)
        self.is_labels = isinstance(loss, ClassificationLoss) and y.ndim == 1
        self.n_scores = model.message_sizes[-1]
        if self.is_labels:
            self.targets = np.eye(max(2, self.n_scores))[self.y]
        else:
            self.targets = np.asarray(self.y, np.float64).reshape(len(self.y), -1)
        self.lengths = known_steps(model.sites, model.feature_map, self.X)

    def features(self) -> FloatArray:
        """The features (n_samples, n_steps, m) of all steps."""
        return self._features(slice(None))

    def _features(self, rows: slice) -> FloatArray:
        sites = self.model.sites.extract(self.X[rows])
        steps = self.model.feature_map.transform(sites)
        return np.stack(list(steps), axis=1).astype(np.float64)

    def symbols(self) -> tuple[IntArray, FloatArray] | None:
        """Steps as symbols (n_samples, n_steps) and the features (K, m) of each.

        None unless the features of the values that occur are independent, and these are
        few. What comes after the end of a sample is none.
        """
        codes: list[FloatArray] = []
        known = np.arange(self.model.tree.n_sites) < self.lengths[:, None]
        if not known.any():
            return None
        direction = np.random.default_rng(0).standard_normal(self.model.feature_map.mode_sizes[0])
        for rows in chunks(len(self.X), self.model.chunk_size):
            codes.append(self._features(rows) @ direction)
        values, first, ids = np.unique(
            np.round(np.concatenate(codes)[known], 10), return_index=True, return_inverse=True
        )
        if len(values) > min(_MOST_SYMBOLS, known.sum() / _SEEN):
            return None
        places = np.argwhere(known)[first]
        table = np.stack([self._features(slice(i, i + 1))[0, t] for i, t in places.tolist()])
        if np.linalg.matrix_rank(table) < len(table):
            return None
        steps = np.zeros(known.shape, np.int64)
        steps[known] = ids.ravel()
        return steps, table

    def constants(self, counts: FloatArray) -> FloatArray:
        """The best scores (n, n_scores) where classes have these weights, (n, n_classes).

        An observation like all samples is added, so that none is certain.
        """
        overall = counts.sum(axis=0) / max(counts.sum(), 1e-300)
        smoothed = counts + np.maximum(overall, 1e-3)
        shares = smoothed / smoothed.sum(axis=1, keepdims=True)
        return np.stack([self.loss.baseline(share) for share in shares])

    def readout(self, final: FloatArray) -> FloatArray:
        """From readouts of the indicators of classes to those of scores, +1 and -1."""
        if self.n_scores == 1:
            return final[:, 1:] - final[:, :1]
        return 2.0 * final - final.sum(axis=1, keepdims=True)

    def best_factor(self, scores: FloatArray, rows: IntArray) -> float:
        """The factor of scores at which their loss is least."""
        losses = [self.mean_loss(factor * scores, rows) for factor in _FACTORS]
        return float(_FACTORS[int(np.argmin(np.nan_to_num(losses, nan=np.inf)))])

    def mean_loss(self, scores: FloatArray, rows: IntArray) -> float:
        """The objective at scores of some rows of the samples."""
        weight = self.weight[rows]
        with np.errstate(over="ignore", invalid="ignore"):
            values, _ = self.loss.value_and_gradient(scores, self.y[rows])
            return float(weight @ values / weight.sum())

    def point(
        self,
        initial: FloatArray,
        transitions: FloatArray,
        final: FloatArray,
        table: FloatArray | None = None,
    ) -> TensorNetwork:
        """The network of a linear automaton.

        Parameters
        ----------
        initial : ndarray of shape (r,)
        transitions : ndarray of shape (m, r, r) or (K, r, r)
            For each feature, or with `table` for each symbol.
        final : ndarray of shape (r, n_scores)
        table : ndarray of shape (K, m) or None
            The features of the symbols. A missing step leaves the state alone where its
            features say nothing of theirs.
        """
        A = transitions
        r = len(initial)
        if table is not None:
            lost = np.full((1, 1, self.model.sites.site_size), np.nan, self.model.dtype)
            missing = self.model.feature_map.repeated(1).transform(lost)[0].astype(np.float64)
            both = np.vstack([table, missing])
            if np.linalg.matrix_rank(both) > len(table):
                table, A = both, np.concatenate([A, np.eye(r)[None]])
            A = np.linalg.lstsq(table, A.reshape(len(A), -1), rcond=None)[0].reshape(-1, r, r)
        core = A.swapaxes(0, 1)
        inner = core[None]
        n_sites = self.model.tree.n_sites
        cores = [inner] * n_sites
        cores[-1] = inner @ final
        cores[0] = np.tensordot(initial, cores[0][0], 1)[None]
        return network_of(self.model.tree, cores, dtype=self.model.dtype)
