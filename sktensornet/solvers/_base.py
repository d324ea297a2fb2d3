"""What a solver is: it minimises an objective and knows no format."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from sklearn.base import BaseEstimator

from .._arrays._typing import FloatArray, IntArray
from .._support._documentation_links import DocumentationLinkMixin

Monitor = Callable[[Any, float], bool]
"""Called after each iteration with the point and the objective; True stops."""


def offer(monitor: Monitor, reached: Callable[[], Outcome]) -> None:
    """Give a monitor that has a method ``offer`` what gives the `Outcome` of a stop at any time."""
    take = getattr(monitor, "offer", None)
    if take is not None:
        take(reached)


class Problem(Protocol):
    """What a gradient solver may ask of an objective; points are flat vectors.

    Attributes
    ----------
    origin : ndarray of shape (n_parameters,)
        The start without noise, to which weight decay pulls.

    Examples
    --------
    A problem that is no network, which any gradient solver takes:

    >>> import numpy as np
    >>> from sktensornet.solvers import LBFGS, Problem
    >>> class Parabola:
    ...     origin, n_samples, dtype = np.zeros(2), 1, np.dtype(float)
    ...
    ...     def value_and_gradient(self, theta, rows=None, dropout=0.0, seed=0):
    ...         return 0.5 * np.sum((theta - 3) ** 2), theta - 3
    >>> problem: Problem = Parabola()
    >>> outcome = LBFGS().minimize(
    ...     problem, np.zeros(2), max_iter=20, tol=1e-8, patience=5, random_state=None,
    ...     monitor=lambda point, value: False,
    ... )
    >>> outcome.point.round(6), outcome.converged
    (array([3., 3.]), True)
    """

    origin: FloatArray

    @property
    def n_samples(self) -> int:
        """Number of samples."""
        ...

    @property
    def dtype(self) -> np.dtype:
        """Type in which the objective is computed."""
        ...

    def value_and_gradient(
        self,
        theta: FloatArray,
        rows: IntArray | None = None,
        dropout: float = 0.0,
        seed: int = 0,
    ) -> tuple[float, FloatArray]:
        """Objective and its derivative at a point.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
            The point.
        rows : ndarray of int or None, default=None
            The samples of a mini-batch; None takes all.
        dropout : float, default=0.0
            Probability that a local feature is zeroed.
        seed : int, default=0
            Draws the features that are, and how the samples of a mini-batch are changed;
            each mini-batch needs another one.

        Returns
        -------
        value : float
            The objective.
        gradient : ndarray of shape (n_parameters,)
            Its derivative.
        """
        ...


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

    def state(self) -> Any: ...

    def go_on(self, state: Any) -> None: ...

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
        What `Solver.advance`, or `Solver.minimize`, needs to go on from here, or None.
    records : list
        What the problem records of every iteration, if it does.

    Examples
    --------
    >>> from sktensornet.solvers import Outcome
    >>> Outcome(point=[1.0, 2.0], converged=True)
    Outcome(point=[1.0, 2.0], converged=True, state=None, records=[])
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
    serves ``partial_fit``; one with ``full_batch`` never passes `rows`, so that
    it takes dask arrays.

    Examples
    --------
    >>> from sktensornet.solvers import ALS, LBFGS, Adam, Solver
    >>> [(cls.takes_batches, cls.sweeps) for cls in (LBFGS, Adam, ALS)]
    [(False, False), (True, False), (False, True)]
    >>> isinstance(Adam(), Solver), Adam().get_params()["batch_size"]
    (True, 'auto')
    """

    default_max_iter: int
    iteration_name = "iteration"
    takes_batches = False
    full_batch = False
    """Whether it asks for the objective of all samples only, which may lie in blocks."""
    resumes = False
    """Whether `minimize` takes a ``state``, that of an `Outcome` it offered the monitor, and
    does after `start` what it would have done then, up to the same ``max_iter``."""
    sweeps = False
    """Whether it visits one block after the other, with a fixed feature map."""
    reads_sequences = False
    """Whether it makes equal cores of the samples as sequences, with a fixed feature map."""

    @property
    def free_rank(self) -> bool:
        """Whether the ranks of what it gives may be others than those that it starts with."""
        return self.sweeps or self.reads_sequences

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

        One with ``resumes`` takes a keyword more, ``state=None``, the ``Outcome.state`` of
        a stop at `start`, from which it goes on to the same `max_iter`. Before the first
        iteration it calls ``monitor.offer(reached)``, if the monitor has that method:
        ``reached()`` is the `Outcome` of a stop now, whenever the monitor asks.

        Parameters
        ----------
        problem : Problem or SweepingProblem
            What is to be minimised.
        start : object
            A point of the problem: a float64 vector, or a network.
        max_iter : int
            Iterations: steps of a full-batch solver, passes over the data of a
            mini-batch solver.
        tol : float
            What counts as progress, as the solver documents.
        patience : int
            Iterations without progress of more than `tol` after which a solver
            that judges its own progress stops.
        random_state : RandomState
            Draws mini-batches.
        monitor : callable
            ``monitor(point, value)`` after each iteration; True stops.

        Returns
        -------
        Outcome
            Where it ended.
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
        problem : Problem
            What is to be minimised.
        start : ndarray of shape (n_parameters,)
            A point of the problem.
        state : object or None
            ``Outcome.state`` of the pass before.
        random_state : RandomState
            Draws mini-batches.

        Returns
        -------
        outcome : Outcome
            Where the pass ended.
        value : float
            Mean objective over the batches.
        """
        raise NotImplementedError(f"{type(self).__name__} does not take mini-batches.")
