"""The choice of the penalty and of the scale of the features, before the fit."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .._arrays._parallel import ChunkPool, effective_threads
from .._problems._model import Model
from ..networks import TensorNetwork
from ..networks._cores import with_dtype
from ._make_model import at_rank
from ._plan import Plan
from ._problem import working_type
from ._search import Trial
from ._selection import Selection
from ._short_fits import ShortFits


@dataclass(frozen=True, eq=False, repr=False)
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
    rank : int or None
        The cap of its ranks, where that was chosen.
    folds : tuple of TensorNetwork
        Those that were fitted to the first folds of all samples.
    """

    model: Model
    alpha: float
    scale: float | None = None
    trials: list[Trial] | None = None
    network: TensorNetwork | None = None
    rank: int | None = None
    folds: tuple[TensorNetwork, ...] = ()


def choose(plan: Plan) -> Choice:
    """Choose alpha and the scale as the plan says, or take what it has."""
    search, model = plan.search, plan.model
    if search is None:
        return Choice(model, plan.alpha)
    loss, n_scores = plan.targets.loss, plan.targets.n_scores
    selection = Selection(
        model,
        plan.train,
        targets=lambda y: loss.linear_targets(y, n_scores),
        default_alpha=plan.alpha,
        alpha=search.alpha,
        ranks=search.ranks,
        of_patches=search.of_patches,
        others=search.others,
    )
    n_threads = effective_threads(plan.n_jobs)
    # Entered in this order, so that what is still running in one has the other.
    with ChunkPool(max(1, n_threads // 2)) as half, ChunkPool(n_threads) as pool:
        chosen = selection.by_kernel(loss.typical_curvature, pool.map)
        if search.has_trials:
            seed = plan.random_state.randint(np.iinfo(np.int32).max)
            fits = ShortFits(plan, search, seed, pool)
            # A linear start keeps warnings back, which is for one thread at a time.
            submit = None if n_threads == 1 or plan.init == "linear" else pool.submit
            chosen = selection.walk(fits, replace(fits, pool=half), submit)
    model = (model, *search.others)[selection.place]
    feature_map = model.feature_map
    if selection.rank is not None:
        model = at_rank(model, selection.rank)
    if chosen.scale is not None:
        feature_map = feature_map.with_scale(chosen.scale)
    dtype = working_type(plan, model)
    networks = [with_dtype(network, dtype) for network in selection.networks]
    return Choice(
        model.with_map(feature_map),
        float(chosen.alpha) if search.alpha is None else search.alpha,
        chosen.scale,
        selection.trials,
        networks[0] if networks else None,
        selection.rank,
        tuple(networks) if selection.uses_all else (),
    )
