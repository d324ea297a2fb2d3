"""What a solver is: it minimises an objective and knows no format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from sklearn.base import BaseEstimator

from .._links import DocumentationLinkMixin
from .._typing import FloatArray, IntArray

Monitor = Callable[[Any, float], bool]
"""Called after each iteration with the point and the objective; True stops."""


class Problem(Protocol):
    """What a gradient solver may ask of an objective; points are flat vectors."""

    origin: FloatArray

    @property
    def n_samples(self) -> int: ...

    @property
    def dtype(self) -> np.dtype: ...

    def value_and_gradient(
        self,
        theta: FloatArray,
        rows: IntArray | None = None,
        dropout: float = 0.0,
        seed: int = 0,
    ) -> tuple[float, FloatArray]: ...


class LocalProblem(Protocol):
    """The objective as a function of one block, all else being fixed."""

    def start(self) -> Any: ...

    def gradient(self, state: Any) -> FloatArray: ...

    def preconditioner(self) -> tuple[Callable[[FloatArray], FloatArray], bool]: ...

    def search(self, state: Any, direction: FloatArray) -> Any: ...

    def finish(self, state: Any) -> None: ...


class SweepingProblem(Protocol):
    """What a sweeping solver may ask of an objective; points are networks."""

    def open(self, start: Any, **options: Any) -> None: ...

    def begin(self) -> Iterator[LocalProblem]: ...

    def sweep(self) -> Iterator[LocalProblem]: ...

    def point(self) -> Any: ...

    def record(self, objective: float) -> Any: ...


@dataclass
class Outcome:
    """Where a solver ended.

    Parameters
    ----------
    point : object
        The parameters, as the problem represents them.
    converged : bool
        False if the solver wanted more iterations than it was given.
    state : object
        What `Solver.advance` needs to go on from here, or None.
    records : list
        What the problem records of every iteration, if it does.
    """

    point: Any
    converged: bool
    state: Any = None
    records: list = field(default_factory=list)


class Solver(DocumentationLinkMixin, BaseEstimator, ABC):
    """Base class of the solvers.

    A subclass sets `default_max_iter` and writes `check` and `minimize`; it may
    ask the problem for no more than `Problem` names, or, with ``sweeps``, than
    `SweepingProblem` does. One with ``takes_batches`` also has `advance`, which
    serves ``partial_fit``.
    """

    default_max_iter: int
    iteration_name = "iteration"
    takes_batches = False
    sweeps = False
    """Whether it visits one block after the other, with a fixed feature map."""

    @abstractmethod
    def check(self) -> None:
        """Raise if a parameter is out of range."""

    @abstractmethod
    def minimize(
        self,
        problem: Any,
        start: Any,
        *,
        max_iter: int,
        tol: float,
        patience: int,
        random_state: np.random.RandomState,
        monitor: Monitor,
    ) -> Outcome:
        """Minimise `problem` from `start`.

        Parameters
        ----------
        problem : Problem or SweepingProblem
        start : object
            A point of the problem: a float64 vector, or a network.
        max_iter : int
            Iterations: steps of a full-batch solver, passes over the data of a
            mini-batch solver.
        tol : float
        patience : int
            Iterations without progress of more than `tol` after which a solver
            that judges its own progress stops.
        random_state : RandomState
        monitor : callable
            ``monitor(point, value)`` after each iteration; True stops.

        Returns
        -------
        Outcome
        """

    def advance(
        self,
        problem: Problem,
        start: FloatArray,
        state: Any,
        random_state: np.random.RandomState,
    ) -> tuple[Outcome, float]:
        """One pass over the samples of `problem`, at a constant step size.

        Parameters
        ----------
        problem, start, random_state
            As for `minimize`.
        state : object or None
            ``Outcome.state`` of the pass before.

        Returns
        -------
        Outcome
        value : float
            Mean objective over the batches.
        """
        raise NotImplementedError(f"{type(self).__name__} does not take mini-batches.")
