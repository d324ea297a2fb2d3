"""The iterations of a fit, whichever solver makes them: curve, best state, stopping."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from ..solvers import Outcome
from ._callbacks import NoCallbacks

Reached = Callable[[], Outcome] | None
"""What a solver tells beside a point: the outcome of a stop there."""


@dataclass(eq=False, repr=False)
class EarlyStopping:
    """Stop when a validation score no longer improves; remember the best state.

    Parameters
    ----------
    score : callable
        Validation score of a point.
    tol : float
        An improvement counts if it is larger than this.
    patience : int
        Iterations without improvement after which training stops.
    """

    score: Callable[[Any], float]
    tol: float
    patience: int
    scores: list[float] = field(default_factory=list)
    best: Any = None
    _best_score: float = -np.inf
    _reference: float = -np.inf
    _waited: int = 0

    def state(self) -> dict[str, Any]:
        """What another one of the same samples goes on from, as its attributes."""
        own = {"scores", "best", "_best_score", "_reference", "_waited"}
        return {name: copy(value) for name, value in vars(self).items() if name in own}

    def go_on(self, state: dict[str, Any]) -> None:
        """Be where another one was."""
        vars(self).update({name: copy(value) for name, value in state.items()})

    def update(self, point: Any) -> bool:
        """Score the state; True if training should stop."""
        score = self.score(point)
        self.scores.append(score)
        if score > self._best_score:
            self._best_score, self.best = score, copy(point)
        if score > self._reference + self.tol:
            self._reference, self._waited = score, 0
        else:
            self._waited += 1
        return self._waited >= self.patience


class Training:
    """The monitor of a solver: records its iterations and says when to stop.

    Parameters
    ----------
    callbacks : Callbacks
    max_iter : int
    snapshot : callable
        What is fitted at a point, from it and what the solver gives beside; called
        when a callback asks.
    early_stopping : EarlyStopping or None
    least_share : float
        Stop once the next iteration is expected to lower the objective by no
        more than this share of it; 0 goes on.
    opening : callable
        Objectives before the first iteration, as far as they are known.
    loss_curve : sequence of float
        That of the iterations before those that this monitor is told of.
    """

    def __init__(
        self,
        callbacks: NoCallbacks,
        *,
        max_iter: int,
        snapshot: Callable[[Any, Reached], Any],
        early_stopping: EarlyStopping | None = None,
        least_share: float = 0.0,
        opening: Callable[[], Sequence[float]] = tuple,
        loss_curve: Sequence[float] = (),
    ) -> None:
        self._callbacks = callbacks
        self._max_iter = max_iter
        self._snapshot = snapshot
        self._early_stopping = early_stopping
        self._least_share = least_share
        self._opening = opening
        self.loss_curve = list(loss_curve)
        self.stopped = False
        self._reached: Reached = None

    def begin(self, start: Any) -> None:
        """The first iteration begins at a point."""
        self._callbacks.begin_iteration(lambda: self._snapshot(start, None))

    def offer(self, reached: Callable[[], Outcome]) -> None:
        """Take what gives the outcome of a stop now, of a solver that can go on from it."""
        self._reached = reached

    def __call__(self, point: Any, value: float) -> bool:
        """Record an iteration; True asks the solver to stop."""
        self.loss_curve.append(value)
        stop = self._early_stopping is not None and self._early_stopping.update(point)
        if self._least_share > 0 and len(self.loss_curve) > 1:
            decrease = expected_decrease([*self._opening(), *self.loss_curve])
            stop |= decrease <= self._least_share * abs(value)
        self.stopped = bool(stop)
        stop |= self._callbacks.end_iteration(lambda: self._snapshot(point, self._reached))
        self.stopped = stop
        if not stop and len(self.loss_curve) < self._max_iter:
            self._callbacks.begin_iteration(lambda: self._snapshot(point, self._reached))
        return stop

    def best(self, last: Any) -> Any:
        """The point to keep of those seen; `last` is where the solver ended."""
        best = None if self._early_stopping is None else self._early_stopping.best
        return last if best is None else best

    def state(self) -> dict[str, Any]:
        """That of early stopping, to go on from."""
        return {} if self._early_stopping is None else self._early_stopping.state()

    @property
    def validation_scores(self) -> list[float] | None:
        return None if self._early_stopping is None else list(self._early_stopping.scores)


def expected_decrease(values: Sequence[float]) -> float:
    r"""By how much the next value will be less than the last one.

    .. math:: \frac{\delta_t^2}{\delta_{t-1}}, \qquad \delta_t = F_{t-1} - F_t

    if decreases go on as a geometric series; as much as the last one where there
    is no other before, or where they do not become less.
    """
    *earlier, last = [before - after for before, after in pairwise(values[-3:])]
    if earlier and 0 < last < earlier[0]:
        return last * last / earlier[0]
    return last
