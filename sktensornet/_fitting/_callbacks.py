"""What callbacks are told of a fit; beside `_reports`, the only importer of `sklearn.callback`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sklearn.callback import CallbackSupportMixin, with_callbacks

from ._reports import LossLog

__all__ = ["CallbackSupportMixin", "Callbacks", "with_callbacks"]

Snapshot = Callable[[], Any]
"""Gives what is fitted at a point; called when a callback asks."""


class NoCallbacks:
    """Tells nobody."""

    def begin(self, max_iter: int, iteration_name: str) -> None:
        """Tell that the fit begins."""

    def begin_iteration(self, snapshot: Snapshot) -> None:
        """Tell that an iteration begins at a point."""

    def end_iteration(self, snapshot: Snapshot) -> bool:
        """Tell that it has ended at a point; nobody asks to stop."""
        return False


class Callbacks(NoCallbacks):
    """Passes a fit and its iterations on to the callbacks of an estimator.

    Parameters
    ----------
    estimator : estimator with `CallbackSupportMixin`
    data : dict
        X, y and metadata for the callbacks; a callable is called when one asks.
    attributes : callable
        From what is fitted at a point to the fitted attributes of the estimator.
    verbose : int
        A `LossLog` is told as well, of every so many iterations; 0 is none.
    """

    def __init__(
        self,
        estimator: Any,
        data: dict[str, Any],
        attributes: Callable[[Any], dict[str, Any]],
        verbose: int = 0,
    ) -> None:
        self._estimator = estimator
        self._data = data
        self._attributes = attributes
        self._logs = [LossLog(int(verbose))] if verbose else []
        self._iteration: Any = None

    def begin(self, max_iter: int, iteration_name: str) -> None:
        """Tell that the fit begins."""
        self._name = iteration_name
        with self._logging():
            self._root = self._estimator._init_callback_context(max_subtasks=max_iter)
        self._root.call_on_fit_task_begin(estimator=self._estimator, **self._data)

    @contextmanager
    def _logging(self) -> Iterator[None]:
        """Give the estimator the log as a callback for this fit only."""
        given = getattr(self._estimator, "_skl_callbacks", [])
        self._estimator.set_callbacks(*given, *self._logs)
        try:
            yield
        finally:
            self._estimator.set_callbacks(*given)

    def begin_iteration(self, snapshot: Snapshot) -> None:
        """Tell that an iteration begins at a point."""
        self._iteration = self._root.subcontext(task_name=self._name).call_on_fit_task_begin(
            **self._told(snapshot)
        )

    def end_iteration(self, snapshot: Snapshot) -> bool:
        """Tell that it has ended at a point; whether a callback asks to stop."""
        iteration, self._iteration = self._iteration, None
        return iteration is not None and iteration.call_on_fit_task_end(**self._told(snapshot))

    def _told(self, snapshot: Snapshot) -> dict[str, Any]:
        return {
            "estimator": self._estimator,
            **self._data,
            "reconstruction_attributes": lambda: self._attributes(snapshot()),
        }

    def end(self) -> None:
        """Tell that the estimator is fitted."""
        if self._iteration is not None:
            self._iteration.call_on_fit_task_end(estimator=self._estimator)
        self._root.call_on_fit_task_end(
            estimator=self._estimator, **self._data, reconstruction_attributes={}
        )
