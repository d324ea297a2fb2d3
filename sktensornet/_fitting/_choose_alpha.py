"""What ``alpha="auto"`` means for an estimator."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._arrays._parallel import ChunkPool, effective_threads
from .._arrays._typing import FloatArray
from .._problems._model import Model
from ..networks import TensorNetwork
from ..solvers import Solver
from ._selection import DEFAULT_ALPHA, TRIAL_SWEEPS, Samples, Selection, Trial


class TuningMixin:
    """Choose the penalty and the scale of the features before the fit."""

    alpha_: float
    scale_: float | None
    trials_: list[Trial] | None

    def _fix_alpha(self: Any) -> None:
        """Take ``alpha`` as it is, or the default where nothing can be chosen."""
        has_penalty = self.penalty != "frobenius" or self.product == "multiply"
        default = DEFAULT_ALPHA if has_penalty else 0.0
        self.alpha_ = default if self.alpha == "auto" else float(self.alpha)
        self.scale_ = self.trials_ = None

    def _searches(self: Any, solver: Solver, X: Any) -> bool:
        """Whether the fit is one with a penalty that short fits have chosen."""
        chooses = self.alpha == "auto" and self.patches is None and not self.early_stopping
        return solver.sweeps and chooses and isinstance(X, np.ndarray)

    def _tune(
        self: Any, model: Model, X: FloatArray, y: Any, weight, random_state
    ) -> tuple[Model, TensorNetwork | None]:
        """The model with features of the chosen scale, and the network of the best trial."""
        self._fix_alpha()
        if (
            self.alpha != "auto"
            or self.patches is not None
            or self.product != "multiply"
            or self.penalty != "frobenius"
            or model.feature_map.parameters
            or isinstance(self.init, TensorNetwork)
        ):
            return model, None
        loss = self._loss()
        n_scores = model.contraction.n_batch * model.message_sizes[-1]
        selection = Selection(model, X, y, weight, lambda y: loss.linear_targets(y, n_scores))
        solver = self._solver_for(model, X)
        with ChunkPool(effective_threads(self.n_jobs)) as pool:
            chosen = selection.by_kernel(loss.typical_curvature, pool.map)
            if solver.sweeps and isinstance(X, np.ndarray):
                seed = random_state.randint(np.iinfo(np.int32).max)

                def judge(
                    model: Model, alpha: float, train: Samples, held: Samples
                ) -> tuple[TensorNetwork, float]:
                    noise = np.random.RandomState(seed)
                    start = self._make_start(model, *train, noise, alpha)(noise)
                    problem = self._sweep_problem(model, *train, alpha, pool)
                    outcome = solver.minimize(
                        problem,
                        problem.start(start),
                        max_iter=TRIAL_SWEEPS,
                        tol=self.tol,
                        patience=self.n_iter_no_change,
                        random_state=noise,
                        monitor=lambda point, value: False,
                    )
                    X, y, weight = held
                    scores = problem.scores(outcome.point, X)
                    values, _ = loss.value_and_gradient(scores.astype(np.float64), y)
                    return outcome.point, float(weight @ values)

                chosen = selection.walk(judge)
        self.alpha_, self.scale_, self.trials_ = float(chosen.alpha), chosen.scale, selection.trials
        scaled = model.feature_map
        if chosen.scale is not None:
            scaled = scaled.with_scale(chosen.scale)
        return model.with_map(scaled), selection.network
