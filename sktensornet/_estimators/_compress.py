"""A smaller network from a fitted one."""

from __future__ import annotations

from .._arrays._parallel import ChunkPool
from .._data._samples import Samples
from .._fitting._fit import Fitted
from .._problems._sweep_problem import SweepProblem
from .._support._checks import check_integer, check_real
from ..losses import Loss
from ..networks import TensorNetwork, round_network
from ..solvers import ALS


def compressed(
    fitted: Fitted,
    rank: int | None,
    rank_tol: float | None,
    data: Samples | None,
    loss: Loss,
    n_threads: int,
) -> TensorNetwork:
    """A smaller network; `data` is None, or samples to truncate and polish with."""
    network = fitted.network
    network.tree.require_multilinear("compress")
    if network.shares_cores:
        raise ValueError(
            "compress makes every core another one, which shared_cores=True rules out; fit "
            "with a smaller rank."
        )
    if rank is None and rank_tol is None:
        raise ValueError("compress needs rank, rank_tol or both; pass a cap or a tolerance.")
    cap = None if rank is None else check_integer("rank", rank, 1)
    tolerance = 0.0
    if rank_tol is not None:
        tolerance = check_real("rank_tol", rank_tol, 0, 1, low_allowed=True)
    if data is None:
        return round_network(network, cap, tolerance)
    with ChunkPool(n_threads) as pool:
        problem = SweepProblem(
            fitted.model,
            loss,
            *data,
            alpha=fitted.alpha,
            rank=max(network.ranks, default=1) if cap is None else cap,
            pool=pool,
        )
        outcome = ALS(class_leg="fixed", local_iter=1).minimize(
            problem,
            problem.reduce(network, tolerance),
            max_iter=1,
            tol=0.0,
            patience=1,
            random_state=None,
            monitor=lambda point, value: True,
        )
    return outcome.point
