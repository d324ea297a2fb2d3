"""Short fits of the estimator itself, judged by samples that were held out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .._arrays._parallel import ChunkPool
from .._data._samples import Samples
from .._problems._model import Model
from ..networks import TensorNetwork
from ._make_model import at_rank
from ._plan import Plan
from ._problem import sweep_problem
from ._search import Search
from ._start import make_start

PRODUCT_SWEEPS, GLANCE_SWEEPS = 10, 2
"""A product of two columns of 50 levels and 500 rows is told from noise in four to ten. After two,
held-out losses were .13 to .84 of those without products on made sets that have them, and .99 to 6
times as large on ten tables that have none."""


@dataclass(frozen=True, eq=False)
class ShortFits:
    """Fits a plan with other settings; each fit draws the same numbers.

    Parameters
    ----------
    plan : Plan
    search : Search
    seed : int
    pool : ChunkPool
    """

    plan: Plan
    search: Search
    seed: int
    pool: ChunkPool

    def __call__(
        self,
        model: Model,
        alpha: float,
        train: Samples,
        held: Samples,
        rank: int | None,
        is_glance: bool,
        start: TensorNetwork | None,
    ) -> tuple[TensorNetwork, float]:
        """A network, and the sum of its weighted losses of held-out samples.

        A rank asks for products of features: with one rank more products are found
        from most starts, and without it what is left of noise goes. For products of
        two columns of 50 levels and 500 rows R2 is .2 to .8 before, .8 to 1 after;
        from a start of the last rank it is negative in half of the draws.
        """
        plan = self.plan
        if rank is None:
            problem = sweep_problem(plan, model, train, alpha, self.pool)
            if start is None:
                start = self._begin(problem, plan.init, model, alpha, train)
            point = self._sweep(problem, start, self.search.sweeps)
        else:
            wide = at_rank(model, rank + 1)
            problem = sweep_problem(replace(plan, rank=rank + 1), wide, train, alpha, self.pool)
            if start is None:
                start = self._begin(problem, "interactions", wide, alpha, train)
                start = self._sweep(problem, start, GLANCE_SWEEPS)
            if is_glance:
                point = start
            else:
                point = self._sweep(problem, start, PRODUCT_SWEEPS - GLANCE_SWEEPS)
                narrow = at_rank(model, rank)
                problem = sweep_problem(replace(plan, rank=rank), narrow, train, alpha, self.pool)
                point = self._sweep(problem, problem.reduce(point, 0.0), PRODUCT_SWEEPS)
        scores = problem.scores(point, held.X).astype(np.float64)
        values, _ = plan.targets.loss.value_and_gradient(scores, held.y)
        return point, float(held.weight @ values)

    def _begin(
        self, problem: Any, init: Any, model: Model, alpha: float, train: Samples
    ) -> TensorNetwork:
        noise = np.random.RandomState(self.seed)
        return problem.start(make_start(init, model, self.plan.targets, train, alpha, noise)(noise))

    def _sweep(self, problem: Any, start: TensorNetwork, max_iter: int) -> TensorNetwork:
        return self.plan.solver.minimize(
            problem,
            start,
            max_iter=max_iter,
            tol=self.plan.tol,
            patience=self.plan.patience,
            random_state=np.random.RandomState(self.seed),
            monitor=lambda point, value: False,
        ).point
