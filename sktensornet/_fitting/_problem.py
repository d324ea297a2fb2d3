"""What a solver minimises: an objective or a sweep problem, over rows or over blocks."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._arrays._parallel import ChunkPool
from .._arrays._typing import FloatArray
from .._data._samples import Samples
from .._problems._model import Model
from .._problems._objective import Objective
from .._problems._sequence_problem import SequenceProblem
from .._problems._sweep_problem import SweepProblem
from ..losses import ClassificationLoss
from ._plan import Plan

_FEW_FEATURES = 1_000_000
"""Up to so many features of all samples and sites, 8 MB, sweeps work in float64 for any data: the
normal equations of a small penalty lose half of the digits, so that predictions of CP from float32
were up to 0.02 from those of float64 on twelve tables."""


def working_type(plan: Plan, model: Model) -> np.dtype:
    """The type of the work on samples; what is fitted has that of the data."""
    train = plan.train
    is_small = len(train) * sum(model.feature_map.mode_sizes) <= _FEW_FEATURES
    is_doubled = plan.solver.sweeps and train.are_at_hand and is_small
    return np.dtype(np.float64) if is_doubled else model.dtype


def sweep_problem(plan: Plan, model: Model, samples: Samples, alpha: float, pool: ChunkPool) -> Any:
    """The objective of a solver that visits one block after the other."""
    options: dict[str, Any] = {"alpha": alpha, "rank": plan.rank, "pool": pool}
    if samples.are_at_hand:
        return SweepProblem(model, plan.targets.loss, *samples, **options)
    from .._distributed._block_sweeps import BlockSweeps

    return BlockSweeps(model, plan.targets.loss, *samples, **options, n_jobs=plan.n_jobs)


def sequence_problem(plan: Plan, model: Model, samples: Samples) -> Any:
    """What a solver of equal cores asks of samples as sequences."""
    if isinstance(plan.targets.loss, ClassificationLoss) and samples.y.ndim > 1:
        raise ValueError(
            f"solver='spectral' finds one label of a sample, but y has {samples.y.shape[1]} "
            "columns; use solver='lbfgs' or 'adam'."
        )
    return SequenceProblem(model, plan.targets.loss, *samples, rank=plan.rank, alpha=plan.alpha)


def objective(
    plan: Plan, model: Model, samples: Samples, alpha: float, origin: FloatArray, pool: ChunkPool
) -> Objective:
    """The objective of a solver by gradients; `origin` is the start without noise."""
    options: dict[str, Any] = {"alpha": alpha, "penalty": plan.penalty}
    options |= {"origin": origin, "pool": pool}
    if samples.place is not None:
        from .._problems._array_objective import ArrayObjective

        return ArrayObjective(model, plan.targets.loss, *samples, **options, place=samples.place)
    if samples.are_at_hand:
        return Objective(model, plan.targets.loss, *samples, **options, augment=plan.augment)
    from .._distributed._block_objective import BlockObjective

    return BlockObjective(model, plan.targets.loss, *samples, **options, n_jobs=plan.n_jobs)
