"""The objective of samples in blocks."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._arrays._parallel import ChunkPool, effective_threads
from .._arrays._typing import FloatArray
from .._problems._objective import Objective
from ._blocks import LostWorkerError, _shared, read, recovered

_SUMMED_AT_ONCE = 8
"""Blocks whose gradients are added in one task, so that a worker holds no more of them."""


class BlockObjective(Objective):
    r"""The objective of samples in blocks, which are not moved.

    .. math:: F(\theta) = \sum_b \frac{W_b}{W} F_b(\theta) + \frac{\alpha}{2} R(\theta),
              \qquad W_b = \sum_{i \in b} w_i

    F_b is the mean loss of a block, by `Objective` on the worker where the block
    is. Blocks are summed in a fixed order.

    Parameters
    ----------
    n_jobs : int or None
        Threads for a block.
    **others
        Those of `Objective`; X is `Blocks`.
    """

    def __init__(self, *args: Any, n_jobs: int | None, **others: Any) -> None:
        super().__init__(*args, **others)
        self.X.release()
        self._n_jobs = n_jobs
        self._sent: tuple[Any, Any] | None = None

    def mean_loss(self, theta, rows=None, dropout=0.0, seed=0):
        if rows is not None:
            raise ValueError(
                "samples of a dask array cannot be taken one by one: rows must be None."
            )
        total = recovered(lambda: self._sums(theta))
        return float(total[0]), total[1:]

    def _sums(self, theta: FloatArray) -> FloatArray:
        """The mean loss, and its derivative after it."""
        import dask.array as da

        if self._sent is None:
            targets = self.X.place(np.column_stack([self.weight, self.y]))
            shape = self.y.dtype, self.y.shape
            problem = _shared((self.model, self.loss, *shape, self.penalty, self._n_jobs))
            self._sent = targets, problem
        targets, problem = self._sent
        parts = da.map_blocks(
            _block_share,
            self.X.array,
            targets,
            theta=_shared(theta, everywhere=False),
            problem=problem,
            chunks=((1,) * self.X.array.numblocks[0], (1 + self.model.size,)),
            meta=np.empty((0, 0)),
        )
        try:
            return read(parts.sum(axis=0, split_every=_SUMMED_AT_ONCE))
        except LostWorkerError:
            # The lost worker may have been the only one that had a part of them.
            self._sent = None
            raise


def _block_share(
    X: FloatArray, targets: FloatArray, *, theta: FloatArray, problem: tuple
) -> FloatArray:
    """Share of a block in the mean loss, and in its derivative, as one row."""
    model, loss, dtype, shape, penalty, n_jobs = problem
    weight = targets[:, 0]
    share = weight.sum() / shape[0]
    if share == 0:
        return np.zeros((1, 1 + model.size))
    y = targets[:, 1:].astype(dtype).reshape(-1, *shape[1:])
    with ChunkPool(effective_threads(n_jobs)) as pool:
        objective = Objective(
            model, loss, X, y, weight, alpha=0.0, penalty=penalty, origin=theta, pool=pool
        )
        value, gradient = objective.mean_loss(theta)
    return share * np.concatenate([[value], gradient])[None]
