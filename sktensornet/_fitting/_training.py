"""The training loop as users see it: callbacks, curves, early stopping, warnings."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.exceptions import ConvergenceWarning

_USER_FRAME = 7
"""Frames from `Training.warn_if_unfinished` up to the line that called fit."""

__all__ = ["CallbackSupportMixin", "EarlyStopping", "Training", "with_callbacks"]


@dataclass
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
    """Records one fit and passes its iterations on to the callbacks.

    It is the solver's monitor; `begin` and `finish` go around the solver.

    Parameters
    ----------
    estimator : estimator with `CallbackSupportMixin`
    data : dict
        X, y and metadata for the callbacks; a callable is called when one asks.
    max_iter : int
    iteration_name : str
        What an iteration of the solver is called.
    snapshot : callable
        Fitted attributes for a point; called when a callback asks.
    start : object
        The point before the first iteration.
    early_stopping : EarlyStopping or None
    least_share : float
        Stop once the next iteration is expected to lower the objective by no
        more than this share of it; 0 goes on.
    opening : callable
        Objectives before the first iteration, as far as they are known.
    """

    def __init__(
        self,
        estimator: Any,
        data: dict[str, Any],
        *,
        max_iter: int,
        iteration_name: str,
        snapshot: Callable[[Any], dict[str, Any]],
        start: Any,
        early_stopping: EarlyStopping | None,
        least_share: float = 0.0,
        opening: Callable[[], Sequence[float]] = tuple,
    ) -> None:
        self._estimator = estimator
        self._data = data
        self._max_iter = max_iter
        self._iteration_name = iteration_name
        self._snapshot = snapshot
        self._start = start
        self.early_stopping = early_stopping
        self._least_share = least_share
        self._opening = opening
        self.loss_curve: list[float] = []
        self.stopped = False

    def begin(self) -> None:
        """Tell the callbacks that the fit begins."""
        self._root = self._estimator._init_callback_context(max_subtasks=self._max_iter)
        self._root.call_on_fit_task_begin(estimator=self._estimator, **self._data)
        self._iteration = self._begin(self._start)

    def finish(self) -> None:
        """Tell the callbacks that the estimator is fitted."""
        if self._iteration is not None:
            self._iteration.call_on_fit_task_end(estimator=self._estimator)
        self._root.call_on_fit_task_end(
            estimator=self._estimator, **self._data, reconstruction_attributes={}
        )

    def __call__(self, point: Any, value: float) -> bool:
        """Record an iteration; True asks the solver to stop."""
        self.loss_curve.append(value)
        stop = self.early_stopping is not None and self.early_stopping.update(point)
        if self._least_share > 0 and len(self.loss_curve) > 1:
            decrease = expected_decrease([*self._opening(), *self.loss_curve])
            stop |= decrease <= self._least_share * abs(value)
        if self._iteration is not None:
            stop |= self._iteration.call_on_fit_task_end(
                estimator=self._estimator,
                **self._data,
                reconstruction_attributes=lambda: self._snapshot(point),
            )
            self._iteration = None
        self.stopped = stop
        if not stop and len(self.loss_curve) < self._max_iter:
            self._iteration = self._begin(point)
        return stop

    def _begin(self, point: Any):
        iteration = self._root.subcontext(task_name=self._iteration_name)
        return iteration.call_on_fit_task_begin(
            estimator=self._estimator,
            **self._data,
            reconstruction_attributes=lambda: self._snapshot(point),
        )

    def warn_if_unfinished(self, converged: bool, solver: str) -> None:
        """Warn as scikit-learn does if the solver wanted to go on."""
        if not converged and not self.stopped:
            warnings.warn(
                f"{solver} stopped after max_iter={self._max_iter} iterations before it "
                "converged. Increase max_iter, or raise tol or alpha.",
                ConvergenceWarning,
                stacklevel=_USER_FRAME,
            )


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
