"""What a solver is: it minimises an objective and knows no format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from sklearn.base import BaseEstimator

from .._typing import FloatArray, IntArray

Monitor = Callable[[FloatArray, float], bool]
"""Called after each iteration with the parameters and the objective; True stops."""


class Problem(Protocol):
    """What a gradient solver may ask of an objective."""

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


@dataclass
class Outcome:
    """Where a solver ended.

    Parameters
    ----------
    theta : ndarray
        The parameters.
    converged : bool
        False if the solver wanted more iterations than it was given.
    state : object
        What `Solver.advance` needs to go on from here, or None.
    """

    theta: FloatArray
    converged: bool
    state: Any = None


class Solver(BaseEstimator, ABC):
    """Base class of the solvers.

    A subclass sets `default_max_iter` and writes `check` and `minimize`; it may
    ask the problem for no more than `Problem` names. One with ``takes_batches``
    also has `advance`, which serves ``partial_fit``.
    """

    default_max_iter: int
    iteration_name = "iteration"
    takes_batches = False

    @abstractmethod
    def check(self) -> None:
        """Raise if a parameter is out of range."""

    @abstractmethod
    def minimize(
        self,
        problem: Problem,
        start: FloatArray,
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
        problem : Problem
        start : ndarray of shape (n_parameters,), float64
        max_iter : int
            Iterations: steps of a full-batch solver, passes over the data of a
            mini-batch solver.
        tol : float
        patience : int
            Iterations without progress of more than `tol` after which a solver
            that judges its own progress stops.
        random_state : RandomState
        monitor : callable
            ``monitor(theta, value)`` after each iteration; True stops.

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
