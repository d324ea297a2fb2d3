"""The driver: it carries out the plan of a fit, and asks no estimator."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache, wraps
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .._arrays._parallel import ChunkPool, effective_threads
from .._arrays._typing import FloatArray
from .._data._targets import Targets
from .._problems._model import Model
from .._problems._sweep_problem import SweepRecord
from .._support._warn import warn_user
from ..feature_maps import FittedMap
from ..networks import TensorNetwork
from ..networks._cores import with_dtype
from ..patches import Sites
from ..solvers import Outcome, Solver
from ._calibration import with_temperature
from ._callbacks import NoCallbacks
from ._choose_alpha import Choice, choose
from ._feature_moments import FeatureMoments, moments_of_fit
from ._plan import Plan
from ._problem import objective, sequence_problem, sweep_problem, working_type
from ._search import Trial
from ._start import Start, make_start
from ._training import EarlyStopping, Reached, Training
from ._unfinished import Unfinished, key_of


@dataclass(frozen=True, eq=False, repr=False)
class Fitted:
    """What a fit leaves behind.

    Parameters
    ----------
    network : TensorNetwork
    feature_map : FittedMap
    sites : Sites
    alpha : float
    scale : float or None
    trials : list of Trial or None
    loss_curve : list of float
    targets : Targets
        With the loss to predict with.
    sweeps : list of SweepRecord or None
    validation_scores : list of float or None
    solver_state : object
        What `Solver.advance` goes on from.
    random_state : RandomState or None
        What it draws from.
    origin : ndarray or None
        The start without noise, to which its penalty pulls.
    split : RandomState or None
        Draws again the rows that early stopping held out.
    unfinished : Unfinished or None
        For a snapshot, what the fit goes on from.
    moments : FeatureMoments or None
        Of the local features over the training samples.
    """

    network: TensorNetwork
    feature_map: FittedMap
    sites: Sites
    alpha: float
    scale: float | None
    trials: list[Trial] | None
    loss_curve: list[float]
    targets: Targets
    sweeps: list[SweepRecord] | None = None
    validation_scores: list[float] | None = None
    solver_state: Any = None
    random_state: np.random.RandomState | None = None
    origin: FloatArray | None = None
    split: np.random.RandomState | None = None
    unfinished: Unfinished | None = None
    moments: FeatureMoments | None = None

    @property
    def model(self) -> Model:
        """Sites, features and network as one function."""
        return Model.from_fitted(self.sites, self.feature_map, self.network)

    @property
    def theta(self) -> FloatArray:
        """The parameter vector of `model`."""
        return self.model.theta_of(self.network, self.feature_map)


_ADVICE = (
    "use a larger alpha, a feature map of smaller scale, or solver='adam' with a smaller "
    "learning_rate, or bring X and y to moderate numbers first."
)


def _explained(function: Callable) -> Callable:
    """Say what to change where a linear system broke down."""

    @wraps(function)
    def explained(*args: Any) -> Any:
        try:
            return function(*args)
        except np.linalg.LinAlgError as error:
            raise ValueError(
                f"the numbers of the fit left the range of floats ({error}); {_ADVICE}"
            ) from error

    return explained


@_explained
def fit(plan: Plan, before: Fitted | None, callbacks: NoCallbacks) -> Fitted:
    """Choose what is to be chosen, start, and minimise.

    Parameters
    ----------
    plan : Plan
    before : Fitted or None
        What a warm start goes on from.
    callbacks : NoCallbacks
        Told of the iterations; the caller tells them of the end.

    Warns
    -----
    ConvergenceWarning
        If the solver wanted more iterations, unless a search went before.
    """
    if before is None:
        choice = choose(plan)
    else:
        choice = Choice(plan.model, plan.alpha, before.scale, before.trials)
    if plan.targets.loss.is_calibrated:
        known = None if before is None else before.targets
        plan, choice = with_temperature(plan, choice, known, _carry_out)
    return _carry_out(plan, choice, before, callbacks)


def _carry_out(
    plan: Plan,
    choice: Choice,
    before: Fitted | None = None,
    callbacks: NoCallbacks | None = None,
) -> Fitted:
    """Start and minimise, with what was chosen."""
    if callbacks is None:
        callbacks = NoCallbacks()
    model, solver = choice.model.as_type(working_type(plan, choice.model)), plan.solver
    left = None if before is None else before.unfinished
    if left is not None:
        left = left.checked(plan, choice.alpha)
    asked, rank = plan, choice.rank if left is None else left.rank
    if rank is not None:
        plan = replace(plan, rank=rank)
    starts = _starts(plan, model, choice.alpha)
    start: FloatArray | None = None
    if before is not None:
        start = before.theta
    elif choice.network is None:
        start = starts()(plan.random_state)
    max_iter = plan.max_iter
    if start is None and plan.is_short and plan.search is not None:
        max_iter -= plan.search.sweeps
    done: list[float] = []
    random_state, state = plan.random_state, None
    if before is not None and left is not None:
        done, max_iter = before.loss_curve, left.max_iter
        random_state, state = deepcopy(left.random_state), left.state
    key: str | None = None
    with ChunkPool(effective_threads(plan.n_jobs)) as pool:
        problem: Any
        origin: FloatArray | None = None
        if solver.sweeps:
            problem = sweep_problem(plan, model, plan.train, choice.alpha, pool)
        elif solver.reads_sequences:
            problem = sequence_problem(plan, model, plan.train)
        else:
            known = before.origin if before is not None and left is not None else None
            origin = _origin(plan, before, starts) if known is None else known
            problem = objective(plan, model, plan.train, choice.alpha, origin, pool)
        point = choice.network if start is None else problem.start(start)

        def fitted(point: Any, **known: Any) -> Fitted:
            network, feature_map = problem.fitted(point)
            return Fitted(
                with_dtype(network, plan.model.dtype),
                feature_map,
                model.sites,
                choice.alpha,
                choice.scale,
                choice.trials,
                list(training.loss_curve),
                plan.targets,
                validation_scores=training.validation_scores,
                split=plan.split,
                **known,
            )

        def snapshot(point: Any, reached: Reached) -> Fitted:
            nonlocal key
            outcome = Outcome(point, False) if reached is None else reached()
            unfinished = None
            if training.loss_curve:
                key = key or key_of(asked, choice.alpha)
                unfinished = Unfinished(
                    key,
                    plan.rank,
                    max_iter,
                    training.stopped,
                    outcome.state,
                    deepcopy(random_state),
                    training.state(),
                )
            sweeps = outcome.records if solver.sweeps else None
            return fitted(point, sweeps=sweeps, origin=origin, unfinished=unfinished)

        early_stopping = _early_stopping(plan, problem)
        training = Training(
            callbacks,
            max_iter=max_iter,
            snapshot=snapshot,
            early_stopping=early_stopping,
            least_share=plan.least_share,
            opening=lambda: problem.first_objectives,
            loss_curve=done,
        )
        if early_stopping is not None and left is not None:
            early_stopping.go_on(left.early_stopping)
        ends = len(done) if left is not None and left.stopped else max_iter
        options: dict[str, Any] = {"max_iter": ends}
        if state is not None:
            options["state"] = state
        elif left is not None:
            options["max_iter"] = ends - len(done)
        callbacks.begin(max_iter - len(done), solver.iteration_name)
        if ends > len(done):
            training.begin(point)
            if left is not None and state is None:
                _warn_of_new_memory(solver, len(done))
        if options["max_iter"] > 0:
            outcome = problem.minimize(
                solver,
                point,
                tol=plan.tol,
                patience=plan.patience,
                random_state=random_state,
                monitor=training,
                **options,
            )
        else:
            outcome = Outcome(point, False, records=(before and before.sweeps) or [])
        found = fitted(
            training.best(outcome.point), sweeps=outcome.records if solver.sweeps else None
        )
    _check_finite(found)
    found = replace(found, moments=moments_of_fit(found.model, plan.train))
    stopped = training.stopped or (left is not None and left.stopped)
    if not (outcome.converged or stopped or plan.is_short):
        warn_user(
            f"{type(solver).__name__} stopped after max_iter={max_iter} iterations before it "
            "converged. Increase max_iter, or raise tol or alpha.",
            ConvergenceWarning,
        )
    return found


@_explained
def advance(plan: Plan, before: Fitted | None) -> Fitted:
    """One pass over a batch of samples.

    Parameters
    ----------
    plan : Plan
        Whose training samples are the batch.
    before : Fitted or None
        What it goes on from.
    """
    model, solver = plan.model, plan.solver
    starts = _starts(plan, model, plan.alpha)
    theta = starts()(plan.random_state) if before is None else before.theta
    origin = None if before is None else before.origin
    if origin is None:
        origin = _origin(plan, before, starts)
    # A call that fails half-way must leave those before as they were.
    state = None if before is None else deepcopy(before.solver_state)
    with ChunkPool(effective_threads(plan.n_jobs)) as pool:
        problem = objective(plan, model, plan.train, plan.alpha, origin, pool)
        outcome, value = solver.advance(problem, theta, state, plan.random_state)
        network, feature_map = problem.fitted(outcome.point)
    found = Fitted(
        network,
        feature_map,
        model.sites,
        plan.alpha,
        None if before is None else before.scale,
        None if before is None else before.trials,
        [*([] if before is None else before.loss_curve), value],
        plan.targets,
        solver_state=outcome.state,
        # Not the parameter itself, from which others may draw.
        random_state=deepcopy(plan.random_state),
        origin=origin,
        split=None if before is None else before.split,
    )
    _check_finite(found)
    return found


def _warn_of_new_memory(solver: Solver, done: int) -> None:
    warn_user(
        f"{type(solver).__name__} goes on after {done} iterations but does not remember them, so "
        "that the fit is not the same in every digit as one that was not cut off.",
        UserWarning,
    )


def _check_finite(fitted: Fitted) -> None:
    """Raise if what is fitted could predict NaN."""
    arrays = *fitted.network.cores, *fitted.feature_map.parameters
    if np.isfinite(fitted.loss_curve[-1:]).all() and all(np.isfinite(one).all() for one in arrays):
        return
    raise ValueError(
        f"the fit ended with an objective of {fitted.loss_curve[-1]:.3g} or weights that are not "
        f"finite numbers; {_ADVICE}"
    )


def _starts(plan: Plan, model: Model, alpha: float) -> Callable[[], Start]:
    """Gives the start of the plan, which is found once, when it is first asked for."""
    common = plan.init, model, plan.targets, plan.train, alpha, plan.random_state
    return cache(lambda: make_start(*common))


def _origin(plan: Plan, before: Fitted | None, starts: Callable[[], Start]) -> FloatArray:
    """The start without noise, to which some penalties pull."""
    if before is not None and isinstance(plan.init, TensorNetwork):
        return before.theta
    return starts()(None)


def _early_stopping(plan: Plan, problem: Any) -> EarlyStopping | None:
    """What judges points by the samples that were held out, where some were."""
    if plan.held is None:
        return None
    X, y, weight = plan.held
    return EarlyStopping(
        lambda point: plan.targets.score(problem.scores(point, X), y, weight),
        plan.tol,
        plan.patience,
    )
