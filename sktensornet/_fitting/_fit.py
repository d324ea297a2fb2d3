"""The driver: it carries out the plan of a fit, and asks no estimator."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .._arrays._parallel import ChunkPool, effective_threads
from .._arrays._typing import FloatArray
from .._problems._model import Model
from .._problems._sweep_problem import SweepRecord
from .._support._warn import warn_user
from ..feature_maps import FittedMap
from ..networks import TensorNetwork
from ..patches import Sites
from ._callbacks import Callbacks
from ._choose_alpha import Choice, choose
from ._feature_moments import FeatureMoments, moments_of_fit
from ._plan import Plan
from ._problem import objective, sweep_problem
from ._selection import Trial
from ._start import Start, make_start
from ._training import EarlyStopping, Training


@dataclass(frozen=True)
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
    sweeps : list of SweepRecord or None
    validation_scores : list of float or None
    solver_state : object
        What `Solver.advance` goes on from.
    random_state : RandomState or None
        What it draws from.
    origin : ndarray or None
        The start without noise, to which its penalty pulls.
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
    sweeps: list[SweepRecord] | None = None
    validation_scores: list[float] | None = None
    solver_state: Any = None
    random_state: np.random.RandomState | None = None
    origin: FloatArray | None = None
    moments: FeatureMoments | None = None

    @property
    def model(self) -> Model:
        """Sites, features and network as one function."""
        return Model.from_fitted(self.sites, self.feature_map, self.network)

    @property
    def theta(self) -> FloatArray:
        """The parameter vector of `model`."""
        return self.model.theta_of(self.network, self.feature_map)


def fit(plan: Plan, before: Fitted | None, callbacks: Callbacks) -> Fitted:
    """Choose what is to be chosen, start, and minimise.

    Parameters
    ----------
    plan : Plan
    before : Fitted or None
        What a warm start goes on from.
    callbacks : Callbacks
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
    model, solver = choice.model, plan.solver
    make = make_start(plan.init, model, plan.targets, plan.train, choice.alpha, plan.random_state)
    start: FloatArray | None = None
    if before is not None:
        start = before.theta
    elif choice.network is None:
        start = make(plan.random_state)
    max_iter = plan.max_iter
    if start is None and plan.is_short and plan.search is not None:
        max_iter -= plan.search.sweeps
    with ChunkPool(effective_threads(plan.n_jobs)) as pool:
        problem: Any
        if solver.sweeps:
            problem = sweep_problem(plan, model, plan.train, choice.alpha, pool)
        else:
            origin = _origin(plan, before, make)
            problem = objective(plan, model, plan.train, choice.alpha, origin, pool)
        point = choice.network if start is None else problem.start(start)

        def fitted(point: Any, **known: Any) -> Fitted:
            network, feature_map = problem.fitted(point)
            return Fitted(
                network,
                feature_map,
                model.sites,
                choice.alpha,
                choice.scale,
                choice.trials,
                list(training.loss_curve),
                validation_scores=training.validation_scores,
                **known,
            )

        training = Training(
            callbacks,
            max_iter=max_iter,
            snapshot=fitted,
            early_stopping=_early_stopping(plan, problem),
            least_share=plan.least_share,
            opening=lambda: problem.first_objectives,
        )
        callbacks.begin(max_iter, solver.iteration_name)
        training.begin(point)
        outcome = problem.minimize(
            solver,
            point,
            max_iter=max_iter,
            tol=plan.tol,
            patience=plan.patience,
            random_state=plan.random_state,
            monitor=training,
        )
        found = fitted(
            training.best(outcome.point), sweeps=outcome.records if solver.sweeps else None
        )
        found = replace(found, moments=moments_of_fit(found.model, plan.train))
    if not (outcome.converged or training.stopped or plan.is_short):
        warn_user(
            f"{type(solver).__name__} stopped after max_iter={max_iter} iterations before it "
            "converged. Increase max_iter, or raise tol or alpha.",
            ConvergenceWarning,
        )
    return found


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
    make = make_start(plan.init, model, plan.targets, plan.train, plan.alpha, plan.random_state)
    theta = make(plan.random_state) if before is None else before.theta
    origin = None if before is None else before.origin
    if origin is None:
        origin = _origin(plan, before, make)
    # A call that fails half-way must leave those before as they were.
    state = None if before is None else deepcopy(before.solver_state)
    with ChunkPool(effective_threads(plan.n_jobs)) as pool:
        problem = objective(plan, model, plan.train, plan.alpha, origin, pool)
        outcome, value = solver.advance(problem, theta, state, plan.random_state)
        network, feature_map = problem.fitted(outcome.point)
    return Fitted(
        network,
        feature_map,
        model.sites,
        plan.alpha,
        None if before is None else before.scale,
        None if before is None else before.trials,
        [*([] if before is None else before.loss_curve), value],
        solver_state=outcome.state,
        random_state=plan.random_state,
        origin=origin,
    )


def _origin(plan: Plan, before: Fitted | None, make: Start) -> FloatArray:
    """The start without noise, to which some penalties pull."""
    if before is not None and isinstance(plan.init, TensorNetwork):
        return before.theta
    return make(None)


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
