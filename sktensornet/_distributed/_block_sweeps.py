"""Sweeps over a dask array: each block keeps its messages where it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from copy import deepcopy
from itertools import pairwise
from typing import Any

import numpy as np

from .._arrays._parallel import ChunkPool, effective_threads
from .._arrays._typing import FloatArray
from .._problems._model import Model
from .._problems._sweep_problem import SweepProblem
from ..feature_maps import FittedMap
from ..losses import Loss
from ..networks import TensorNetwork
from ..solvers import Solver
from ._blocks import Blocks, LostWorkerError, client_of_dask, read, recovered, telling_losses
from ._lockstep import ERROR, MONITOR, LocalParts, Part, Request, SharedPool, run

_ROUNDING = 1e-6
"""Largest difference of cores between parts, in units of the largest entry."""


class BlockSweeps:
    r"""The objective of a sweeping solver, for samples in blocks, which are not moved.

    .. math:: F = \sum_b \frac{W_b}{W} F_b + \frac{\alpha}{2} \frac{\|W\|_F^2}{\prod_k \|u_k\|^2}

    On every block the same solver sweeps over the same cores, by `SweepProblem`,
    and all wait for one another at each sum over the samples: of losses, of
    derivatives, of Gram matrices. So they decide alike, and only sums travel.
    The local features and messages of a block stay in its worker's memory.

    Parameters
    ----------
    model, loss, X, y, sample_weight, alpha, rank, pool
        Those of `SweepProblem`; X is `Blocks`.
    n_jobs : int or None
        Threads for a block.
    """

    def __init__(
        self,
        model: Model,
        loss: Loss,
        X: Blocks,
        y: np.ndarray,
        sample_weight: FloatArray,
        *,
        alpha: float,
        rank: int,
        pool: ChunkPool,
        n_jobs: int | None,
    ) -> None:
        X.release()
        self._X, self._y, self._weight = X, y, sample_weight
        self._model = model
        self._setting = (model, loss, alpha, rank, n_jobs)

    def start(self, theta: FloatArray) -> TensorNetwork:
        """The point of a parameter vector of the model."""
        return self._model.network(theta)

    def fitted(self, point: TensorNetwork) -> tuple[TensorNetwork, FittedMap]:
        """The network and the feature map at a point."""
        return point, self._model.feature_map

    def minimize(self, solver: Solver, start: TensorNetwork, *, monitor, **options) -> Any:
        """What ``solver.minimize`` gives, on all blocks at a time."""
        bounds = np.cumsum([0, *self._X.array.chunks[0]])
        own = [
            (block, self._y[a:b], self._weight[a:b])
            for block, (a, b) in zip(self._X.array.blocks, pairwise(bounds), strict=True)
            if b > a
        ]
        begin = {"start": start} | options

        def told(point: Any, value: float, state: Any) -> bool:
            # Where a worker is lost, all parts go on from here.
            if state is None:
                begin.update(start=point, max_iter=begin["max_iter"] - 1)
            else:
                begin["state"] = state
            return monitor(point, value)

        def work() -> Any:
            problem = (*self._setting, solver, begin)
            client = client_of_dask()
            parts: Any
            if client is None:
                parts = LocalParts([BlockPart(read(X), y, weight, problem) for X, y, weight in own])
            else:
                parts = ActorParts(client, own, problem)
            return run(parts, told, _agree)

        return recovered(work)


class _Asking:
    """The monitor of a part: it asks with the point, and with what the solver goes on from."""

    def __init__(self, ask: Callable[[str, Any], Any]) -> None:
        self._ask = ask
        self._reached: Callable[[], Any] | None = None

    def offer(self, reached: Callable[[], Any]) -> None:
        self._reached = reached

    def __call__(self, point: TensorNetwork, value: float) -> bool:
        state = None if self._reached is None else self._reached().state
        return self._ask(MONITOR, (point, value, state))


class BlockPart(Part):
    """A solver that sweeps over one block.

    Parameters
    ----------
    X, y, weight : ndarray
        Of the block.
    problem : tuple
        What is the same for all blocks.
    """

    def __init__(self, X: FloatArray, y: np.ndarray, weight: FloatArray, problem: tuple) -> None:
        # Parts of one process must not draw from one random state.
        model, loss, alpha, rank, n_jobs, solver, options = deepcopy(problem)

        def work(ask):
            with SharedPool(effective_threads(n_jobs), ask) as pool:
                sweeps = SweepProblem(model, loss, X, y, weight, alpha=alpha, rank=rank, pool=pool)
                return solver.minimize(sweeps, monitor=_Asking(ask), **options)

        super().__init__(work)


class ActorParts:
    """Parts on the workers of a cluster, each where its block is.

    Parameters
    ----------
    client : distributed.Client
    own : sequence of tuple
        Block, y and weight of each part.
    problem : tuple
        Sent to all workers.
    """

    def __init__(self, client: Any, own: Sequence[tuple], problem: tuple) -> None:
        with telling_losses(OSError):
            (everywhere,) = client.scatter([problem], hash=False, broadcast=True)
            blocks = client.compute([block for block, *_ in own])
            made = [
                client.submit(BlockPart, block, *rest, everywhere, actor=True, pure=False)
                for block, (_, *rest) in zip(blocks, own, strict=True)
            ]
            self._actors = [future.result() for future in made]

    def step(self, answer: Any) -> list[Request]:
        asked = [actor.step(answer) for actor in self._actors]
        found: list[Request] = []
        for future in asked:
            try:
                found.append(future.result())
            except Exception as error:
                # Errors of the work come as an answer: this is one of the connection.
                found.append((ERROR, LostWorkerError(error)))
        return found

    def close(self) -> None:
        for actor in self._actors:
            # A worker may be lost; the others still have to end.
            with suppress(Exception):
                actor.close().result()


def _agree(found: Sequence[tuple[TensorNetwork, float, Any]]) -> bool:
    """Whether networks are the same up to rounding, in their gauge too."""
    (first, *_), *others = found
    scales = [np.abs(core).max() for core in first.cores]
    return all(
        core.shape == like.shape and np.allclose(core, like, rtol=0, atol=_ROUNDING * scale)
        for network, *_ in others
        for core, like, scale in zip(network.cores, first.cores, scales, strict=True)
    )
