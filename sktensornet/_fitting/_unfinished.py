"""What a fit that was cut off goes on from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import joblib
import numpy as np

from .._support._warn import warn_user
from ._plan import Plan


@dataclass(frozen=True, eq=False, repr=False)
class Unfinished:
    """What a snapshot of a fit has beside what is fitted so far.

    Parameters
    ----------
    key : str
        Of the data and the parameters of the fit, as `key_of` gives it.
    rank : int
        The cap of the ranks, which the choice of alpha may have made smaller.
    max_iter : int
        Iterations after which it ends, those so far included.
    stopped : bool
        Whether the monitor ended it here: for early stopping, a callback, or since the
        next iteration was expected to gain too little.
    state : object
        Of a solver that ``resumes``, or None.
    random_state : RandomState
        What the solver draws from next.
    early_stopping : dict
        The state of `EarlyStopping`; empty without it.
    """

    key: str
    rank: int
    max_iter: int
    stopped: bool
    state: Any
    random_state: np.random.RandomState
    early_stopping: dict[str, Any]

    def checked(self, plan: Plan, alpha: float) -> Unfinished | None:
        """The object itself, or None with a warning if a plan is for another fit."""
        if self.key == key_of(plan, alpha):
            return self
        warn_user(
            "the estimator is that of a fit which was cut off, but the data or the parameters are "
            "others: this fit takes its network as a warm start and does not go on with it. Pass "
            "the same X, y and sample_weight to go on.",
            UserWarning,
        )
        return None


def key_of(plan: Plan, alpha: float) -> str:
    """A hash of what decides how a fit goes on: its data and its parameters."""
    X, y, weight = plan.train
    # Rows in blocks would have to be read for it.
    X = X if plan.train.are_at_hand else X.shape
    parts = [plan.solver, plan.targets.loss]
    names: list[Any] = [(type(part).__name__, vars(part)) for part in parts]
    if plan.augment is not None:
        names.append(plan.augment.key)
    numbers = plan.max_iter, plan.tol, plan.patience, plan.rank, plan.penalty, alpha
    return joblib.hash([X, y, weight, names, numbers])
