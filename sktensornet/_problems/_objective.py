"""The one objective of every solver."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .._arrays._parallel import ChunkPool, chunks, even_size
from .._arrays._typing import FloatArray, IntArray
from .._arrays._workspace import Scratch
from ..feature_maps import FittedMap
from ..losses import Loss
from ..networks import TensorNetwork
from ..networks._tensors._frobenius import squared_norm_and_gradient
from ..networks._tensors._upward_downward import in_turn
from ._model import Model
from ._orthogonality import Orthogonality

PENALTIES = ("frobenius", "start", "orthogonal")
_CHUNKS_PER_BATCH = 2
"""So that a mini-batch has work for two threads."""
_SMALLEST_CHUNK = 32
"""Below, a call of a matrix product takes longer than its arithmetic."""
_SUMMED = 16_384
"""Entries of the derivatives of chunks that are added at a time: they and the sum stay in the
second-level cache, and few enough for one thread are not handed over."""
_LONG_PENALTY = 50_000
"""Parameters of the cores above which two threads share the penalty: its products then take about
a millisecond, ten times as long as handing them over."""
_AUGMENTS = 1
"""Makes what augmentations draw independent of dropout, whose seed has two numbers."""


class Objective:
    r"""Weighted mean loss plus penalty, as a function of the parameter vector.

    .. math:: F(\theta) = \frac{\sum_i w_i \, \ell(s(X_i), y_i)}{\sum_i w_i}
              + \frac{\alpha}{2} R(\theta)

    R is the squared Frobenius norm of the weight tensor, by contraction
    (``penalty="frobenius"``), the squared distance of all parameters to the
    noise-free start (``penalty="start"``), or that of `Orthogonality` (``penalty="orthogonal"``).

    Parameters
    ----------
    model : Model
    loss : Loss
    X : ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples, ...)
        Classes as integers, or real targets: what the loss takes.
    sample_weight : ndarray of shape (n_samples,)
    alpha : float
    penalty : {"frobenius", "start", "orthogonal"}
    origin : ndarray of shape (model.size,)
        The noise-free start.
    pool : ChunkPool
    augment : callable or None, default=None
        ``augment(X, rng)`` changes the rows of a mini-batch at random; all samples stay as
        they are.
    """

    def __init__(
        self,
        model: Model,
        loss: Loss,
        X: FloatArray,
        y: np.ndarray,
        sample_weight: FloatArray,
        *,
        alpha: float,
        penalty: str,
        origin: FloatArray,
        pool: ChunkPool,
        augment: Callable[[FloatArray, np.random.Generator], FloatArray] | None = None,
    ) -> None:
        self.model = model
        self.loss = loss
        self.X: Any = X
        self.y = y
        self.weight = sample_weight.astype(np.float64)
        self.weight *= 1.0 / self.weight.mean()
        self.alpha = alpha
        self.penalty = penalty
        self.origin = origin
        self.pool = pool
        self.augment = augment
        self._cores: Any = None
        self._norms = Orthogonality(model, X) if penalty == "orthogonal" and alpha else None
        self._scratch = Scratch()
        self._by_chunk: list[FloatArray] = []

    def start(self, theta: FloatArray) -> FloatArray:
        """The point of a parameter vector of the model: itself."""
        return theta

    def minimize(self, solver: Any, start: Any, **options: Any) -> Any:
        """What ``solver.minimize`` gives."""
        return solver.minimize(self, start, **options)

    def fitted(self, point: FloatArray) -> tuple[TensorNetwork, FittedMap]:
        """The network and the feature map at a point."""
        return self.model.network(point), self.model.fitted_map(point)

    def scores(self, point: FloatArray, X: FloatArray) -> FloatArray:
        """Scores of other samples at a point."""
        return self.model.scores(point, X, 1)

    @property
    def n_samples(self) -> int:
        return self.X.shape[0]

    @property
    def dtype(self) -> np.dtype:
        return self.model.dtype

    def value_and_gradient(
        self,
        theta: FloatArray,
        rows: IntArray | None = None,
        dropout: float = 0.0,
        seed: int = 0,
    ) -> tuple[float, FloatArray]:
        """Objective and derivative, over all rows or a batch of them.

        Parameters
        ----------
        theta : ndarray of shape (model.size,)
        rows : ndarray of int, or None
            The batch. Its loss is the mean over the batch of weights times
            losses, an unbiased estimate of the whole.
        dropout : float, default=0
            Rate at which local features are dropped.
        seed : int
            Seed of the dropout masks, and of what `augment` draws.

        Returns
        -------
        value : float
        gradient : ndarray of shape (model.size,)
            Summed in float64 over all rows, in the model's dtype over a batch.
        """
        value, total = self.mean_loss(theta, rows, dropout, seed)
        if self.alpha:
            value += self._add_penalty(theta, total)
        return value, total

    def mean_loss(
        self,
        theta: FloatArray,
        rows: IntArray | None = None,
        dropout: float = 0.0,
        seed: int = 0,
    ) -> tuple[float, FloatArray]:
        """The objective without the penalty: a sum over chunks of samples."""
        n = self.n_samples if rows is None else len(rows)
        cores, parameters = self.model.prepared(theta, self._cores)
        self._cores = cores

        parts = self._chunks(n, rows is None)
        memory = self._memory(min(len(parts), self.pool.most_waiting))

        def chunk(index: int) -> tuple[float, FloatArray]:
            part, flat = parts[index], memory[index % len(memory)]
            where = part if rows is None else rows[part]
            weight = self.weight[where]
            noise = None
            if dropout:
                noise = (dropout, np.random.default_rng((seed, part.start)))
            X = self.X[where] if rows is None else self.X.take(where, axis=0)
            X = X.astype(self.model.dtype, copy=False)
            work = self.pool.workspace
            work.clear()
            if self.augment is not None and rows is not None:
                X = self.augment(X, np.random.default_rng((seed, part.start, _AUGMENTS)))
            scores, tape = self.model.forward(cores, parameters, X, noise, work)
            values, gradient = self.loss.value_and_gradient(scores, self.y[where])
            gradient = gradient * (weight / n)[:, None]
            self.model.backward(parameters, tape, gradient, flat)
            return float(weight @ values) / n, flat

        found = self.pool.map(chunk, range(len(parts)))
        if rows is not None and len(parts) == len(memory) > 1:
            value = sum([own for own, _ in found])
            total = self._sum(memory)
        else:
            value, dtype = 0.0, self.model.dtype if rows is not None else np.float64
            total = np.zeros(self.model.gradient_size, dtype)
            for own, gradient in found:
                value += own
                total += gradient
        return value, self.model.gradient(cores, total)

    def _memory(self, n: int) -> list[FloatArray]:
        """Memory for the derivatives of some chunks, the same at each call."""
        for _ in range(len(self._by_chunk), n):
            self._by_chunk.append(np.empty(self.model.gradient_size, self.model.dtype))
        return self._by_chunk[:n]

    def _sum(self, vectors: list[FloatArray]) -> FloatArray:
        """The sum of two vectors or more, in a new one."""
        total = np.empty_like(vectors[0])

        def add(part: slice) -> None:
            own = np.add(vectors[0][part], vectors[1][part], out=total[part])
            for vector in vectors[2:]:
                own += vector[part]

        self.pool.runs(add, chunks(len(total), _SUMMED))
        return total

    def _chunks(self, n: int, are_all: bool) -> list[slice]:
        """The chunks of all samples, or of a batch."""
        size = self.model.chunk_size
        if not are_all:
            size = min(size, max(_SMALLEST_CHUNK, -(-n // _CHUNKS_PER_BATCH)))
        return chunks(n, even_size(n, size))

    def _add_penalty(self, theta: FloatArray, total: FloatArray) -> float:
        if self.penalty == "start":
            difference = theta - self.origin
            total += self.alpha * difference
            return 0.5 * self.alpha * float(difference @ difference)
        cores, parameters = self.model.unpack(theta)
        if self._norms is not None:
            norm, flat = self._norms.value_and_gradient(cores, parameters)
            total += 0.5 * self.alpha * flat
            return 0.5 * self.alpha * norm
        # Threads must not add to the same core.
        is_shared = sum(core.size for core in cores) > _LONG_PENALTY and not self.model.tree.labels
        norm, _ = squared_norm_and_gradient(
            self.model.contraction,
            cores,
            self.model.feature_map.constants,
            0.5 * self.alpha,
            into=self.model.unpack(total)[0],
            each=self.pool.runs if is_shared else in_turn,
            work=self._scratch,
        )
        return 0.5 * self.alpha * norm
