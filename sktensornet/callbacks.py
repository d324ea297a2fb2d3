"""Callbacks for ``estimator.set_callbacks(...)``, beside those of `sklearn.callback`.

Examples
--------
>>> from sktensornet import TTClassifier
>>> from sktensornet.callbacks import Checkpoint
>>> clf = TTClassifier(solver="adam").set_callbacks(Checkpoint("fit.joblib", every=10))
"""

from __future__ import annotations

import os
from copy import copy
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import joblib

from ._estimators._base import BaseTensorNetwork
from ._fitting._reports import LossLog, LossProgressBar, Quiet
from ._support._checks import check_integer

__all__ = ["Checkpoint", "LossLog", "LossProgressBar"]

_OF_THE_RUN = (
    "_skl_callbacks",
    "_skl_callbacks_to_teardown",
    "_callback_fit_ctx",
    "_parent_callback_ctx",
)
"""Attributes that scikit-learn gives an estimator for its callbacks."""


class Checkpoint(Quiet):
    r"""Saves a fit to a file, so that one that is cut off can go on.

    After every so many iterations the file has the estimator as it is then: it
    predicts, and with ``warm_start=True`` its ``fit`` on the same data goes on
    from there and ends at the same ``max_iter``. With ``solver="als"`` and
    ``"adam"`` the result is that of a fit that was not cut off, bit for bit on the
    same machine: the moments, the random state and the place in the schedule are
    in the file. ``"lbfgs"`` goes on from the same parameters, but begins to
    remember steps anew, and warns of it. After the fit the file has the fitted
    estimator.

    The file is replaced as a whole or not at all: whenever the process ends, it
    is that of the last checkpoint.

    Parameters
    ----------
    path : str or path-like
        The file, written by `joblib`, or by `skops.io` if it ends with ".skops".
        Each fit needs one of its own.
    every : int, default=1
        Iterations between checkpoints: sweeps, epochs, or steps of L-BFGS.

    Notes
    -----
    The choice of ``alpha`` goes before the first iteration, and nothing of it is
    saved. With a dask array, whose solvers' state stays with the blocks, all
    solvers go on as ``"lbfgs"`` does. The callback is for an estimator of this
    package itself, ``pipeline[-1].set_callbacks(...)`` in a pipeline.

    Examples
    --------
    >>> import joblib, tempfile
    >>> from pathlib import Path
    >>> from sklearn.datasets import load_iris
    >>> from sktensornet import TTClassifier
    >>> from sktensornet.callbacks import Checkpoint
    >>> X, y = load_iris(return_X_y=True)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "fit.joblib")
    ...     clf = TTClassifier(solver="adam", random_state=0).set_callbacks(Checkpoint(path))
    ...     fitted = clf.fit(X, y)  # if this is killed, the file goes on:
    ...     again = joblib.load(path).set_params(warm_start=True)
    >>> again.n_iter_, bool((again.predict_proba(X) == clf.predict_proba(X)).all())
    (30, True)
    """

    def __init__(self, path: str | os.PathLike, every: int = 1) -> None:
        self.path = Path(path)
        self.every = check_integer("every", every, 1)
        if self.path.suffix == ".skops":
            # Rather now than after the first iterations.
            import_module("skops.io")

    def setup(self, estimator: Any, context: Any) -> None:
        """Refuse what is no estimator of this package; called by scikit-learn.

        Parameters
        ----------
        estimator : object
            Of which this is a callback.
        context : CallbackContext
            The task of its fit.
        """
        if not isinstance(estimator, BaseTensorNetwork):
            raise ValueError(
                f"Checkpoint saves fits of estimators of sktensornet, but it is a callback of "
                f"{type(estimator).__name__}; give it to the estimator itself, such as "
                "pipeline[-1].set_callbacks(Checkpoint(...))."
            )

    def on_fit_task_end(
        self, estimator: Any, context: Any, *, fitted_estimator: Any = None
    ) -> None:
        """Save; called by scikit-learn after each iteration and at the end.

        Parameters
        ----------
        estimator : object
            Of which this is a callback.
        context : CallbackContext
            The task of its fit.
        fitted_estimator : object or None, default=None
            The estimator as if the fit had ended here.
        """
        is_whole = context.task_name == "fit"
        if fitted_estimator is None or not (is_whole or fitted_estimator.n_iter_ % self.every == 0):
            return
        saved = copy(fitted_estimator)
        for name in _OF_THE_RUN:
            vars(saved).pop(name, None)
        _replace(self.path, saved)


def _replace(path: Path, estimator: Any) -> None:
    """Write a file beside another one, and then put it in its place."""
    beside = path.with_name(f".{path.name}-{uuid4().hex}")
    try:
        with beside.open("xb") as file:
            if path.suffix == ".skops":
                file.write(import_module("skops.io").dumps(estimator))
            else:
                joblib.dump(estimator, file)
            file.flush()
            os.fsync(file.fileno())
        # Some systems replace closed files only.
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
