"""Callbacks that show the iterations of a fit with their loss: lines, or a bar."""

from __future__ import annotations

from typing import Any

from sklearn.callback import ProgressBar, _progressbar

from .._support._checks import check_integer
from .._support._optional import require


class Quiet:
    """A callback that scikit-learn calls in vain, but for what a subclass does."""

    def setup(self, estimator: Any, context: Any) -> None:
        """Do nothing, at the begin.

        Parameters
        ----------
        estimator : object
            Of which this is a callback.
        context : CallbackContext
            The task of its fit.
        """

    def teardown(self, estimator: Any, context: Any) -> None:
        """Do nothing, at the end, also of a fit that fails.

        Parameters
        ----------
        estimator : object
            Of which this is a callback.
        context : CallbackContext
            The task of its fit.
        """

    def on_fit_task_begin(self, estimator: Any, context: Any) -> None:
        """Do nothing, at the begin of a task.

        Parameters
        ----------
        estimator : object
            Of which this is a callback.
        context : CallbackContext
            The task of its fit.
        """


class LossLog(Quiet):
    """Prints the loss after every so many iterations, a line each.

    The lines say the estimator, the iteration (sweep, epoch or step), the objective
    with its penalty, and with ``early_stopping`` the validation score. Lines suit
    terminals, notebooks and log files alike. ``verbose=every`` of an estimator adds
    this callback for its fits.

    Parameters
    ----------
    every : int, default=1
        Iterations between lines; the last one always has its line.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktensornet import TTClassifier
    >>> from sktensornet.callbacks import LossLog
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = TTClassifier(solver="adam", max_iter=20).set_callbacks(LossLog(every=10))
    >>> clf = clf.fit(X, y)
    TTClassifier, epoch 10 of 20: loss ...
    TTClassifier, epoch 20 of 20: loss ...
    """

    def __init__(self, every: int = 1) -> None:
        self.every = check_integer("every", every, 1)
        self._pending: str | None = None

    def setup(self, estimator: Any, context: Any) -> None:
        """Begin; called by scikit-learn.

        Parameters
        ----------
        estimator : object
            Of which this is a callback.
        context : CallbackContext
            The task of its fit.
        """
        self._pending = None

    def teardown(self, estimator: Any, context: Any) -> None:
        """Print the last line, if it was not due, also where a fit fails.

        Parameters
        ----------
        estimator : object
            Of which this is a callback.
        context : CallbackContext
            The task of its fit.
        """
        if self._pending is not None:
            print(self._pending, flush=True)
            self._pending = None

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, fitted_estimator: Any = None
    ) -> None:
        """Print a line; called by scikit-learn after each iteration and at the end.

        Parameters
        ----------
        estimator : object
            Of which this is a callback.
        context : CallbackContext
            The task of its fit.
        fitted_estimator : object or None, default=None
            The estimator as if the fit had ended here.
        """
        said = _loss_of(fitted_estimator, context)
        if said is None:
            return
        n = fitted_estimator.n_iter_
        last = n - context.task_id - 1 + context.parent.max_subtasks
        line = f"{context.estimator_name}, {context.task_name} {n} of {last}: {said}"
        if n % self.every:
            self._pending = line
        else:
            print(line, flush=True)
            self._pending = None


class LossProgressBar(ProgressBar):
    """The progress bar of scikit-learn, which also shows the loss.

    The bar of each fit says after each iteration what the objective is, and with
    ``early_stopping`` the validation score. Like scikit-learn's it is one for an
    estimator, a pipeline or a whole search; it needs the extra ``progress``.

    Parameters
    ----------
    max_propagation_depth : int or None, default=1
        For how many levels of nested estimators there are bars; None is all.

    Raises
    ------
    ImportError
        If rich is not installed.

    See Also
    --------
    sklearn.callback.ProgressBar : The same without the loss.
    LossLog : Lines instead of bars.

    Examples
    --------
    >>> from sktensornet import TTClassifier
    >>> from sktensornet.callbacks import LossProgressBar
    >>> clf = TTClassifier().set_callbacks(LossProgressBar())
    """

    def __init__(self, max_propagation_depth: int | None = 1) -> None:
        require("rich", "progress", "LossProgressBar")
        super().__init__(max_propagation_depth)

    def setup(self, estimator: Any, context: Any) -> None:
        """Begin to show; called by scikit-learn.

        Parameters
        ----------
        estimator : object
            Of which this is a callback.
        context : CallbackContext
            The task of its fit.
        """
        super().setup(estimator, context)
        monitor = _progressbar._run_monitors[context.root_uuid]
        end = monitor._on_task_end

        def end_or_say(told: dict[str, Any]) -> None:
            if "said" in told:
                _say(monitor, **told)
            else:
                end(told)

        monitor._on_task_end = end_or_say

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, fitted_estimator: Any = None
    ) -> None:
        """Show the loss; called by scikit-learn after each iteration and at the end.

        Parameters
        ----------
        estimator : object
            Of which this is a callback.
        context : CallbackContext
            The task of its fit.
        fitted_estimator : object or None, default=None
            The estimator as if the fit had ended here.
        """
        said = _loss_of(fitted_estimator, context)
        if said is not None:
            path = [one.task_id for one in _progressbar.get_context_path(context.parent)]
            message = {"event": "say", "path": path, "said": said}
            _progressbar.send(self._listener_handles[context.root_uuid], message)
        super().on_fit_task_end(estimator, context)


def _say(monitor: Any, path: list, said: str) -> None:
    """Put the loss behind the description of a bar, in place of the one before."""
    task = monitor.root_rich_task.get_descendants(path)[-1]
    if task is not None and hasattr(task, "id"):
        description = monitor.progress_ctx.tasks[task.id].description.partition(", loss ")[0]
        monitor.progress_ctx.update(task.id, description=f"{description}, {said}")


def _loss_of(fitted: Any, context: Any) -> str | None:
    """The last loss and validation score, where the task is an iteration of ours."""
    is_iteration = context.parent is not None and context.max_subtasks == 0
    if not is_iteration or not getattr(fitted, "loss_curve_", None):
        return None
    text = f"loss {fitted.loss_curve_[-1]:.6g}"
    scores = fitted.validation_scores_
    return f"{text}, validation score {scores[-1]:.4f}" if scores else text
