"""The choice of the penalty and of the scale of the features, before the fit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._arrays._parallel import ChunkPool, effective_threads
from .._data._samples import Samples
from .._problems._model import Model
from ..networks import TensorNetwork
from ._plan import Plan
from ._problem import sweep_problem
from ._selection import Selection, Trial
from ._start import make_start


@dataclass(frozen=True)
class Choice:
    """What the fit goes on with.

    Parameters
    ----------
    model : Model
        With features of the chosen scale.
    alpha : float
    scale : float or None
        None where no scale is free, or none was chosen.
    trials : list of Trial or None
    network : TensorNetwork or None
        That of the best trial, to go on from.
    """

    model: Model
    alpha: float
    scale: float | None = None
    trials: list[Trial] | None = None
    network: TensorNetwork | None = None


def choose(plan: Plan) -> Choice:
    """Choose alpha and the scale as the plan says, or take what it has."""
    search, model, solver = plan.search, plan.model, plan.solver
    if search is None:
        return Choice(model, plan.alpha)
    loss, n_scores = plan.targets.loss, plan.targets.n_scores
    selection = Selection(
        model,
        plan.train.X,
        plan.train.y,
        plan.train.weight,
        targets=lambda y: loss.linear_targets(y, n_scores),
        default_alpha=plan.alpha,
    )
    with ChunkPool(effective_threads(plan.n_jobs)) as pool:
        chosen = selection.by_kernel(loss.typical_curvature, pool.map)
        if search.has_trials:
            seed = plan.random_state.randint(np.iinfo(np.int32).max)

            def judge(
                model: Model, alpha: float, train: Samples, held: Samples
            ) -> tuple[TensorNetwork, float]:
                noise = np.random.RandomState(seed)
                start = make_start(plan.init, model, plan.targets, train, alpha, noise)(noise)
                problem = sweep_problem(plan, model, train, alpha, pool)
                outcome = solver.minimize(
                    problem,
                    problem.start(start),
                    max_iter=search.sweeps,
                    tol=plan.tol,
                    patience=plan.patience,
                    random_state=noise,
                    monitor=lambda *found: False,
                )
                scores = problem.scores(outcome.point, held.X)
                values, _ = loss.value_and_gradient(scores.astype(np.float64), held.y)
                return outcome.point, float(held.weight @ values)

            chosen = selection.walk(judge)
    feature_map = model.feature_map
    if chosen.scale is not None:
        feature_map = feature_map.with_scale(chosen.scale)
    return Choice(
        model.with_map(feature_map),
        float(chosen.alpha),
        chosen.scale,
        selection.trials,
        selection.network,
    )
