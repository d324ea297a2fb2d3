"""Limited-memory BFGS over all samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize

from .._support._checks import check_integer
from ._base import Outcome, Solver

_STEEPEST = 50.0
"""How far a trial value may lie above the start of a line search, in falls by its slope.

The search interpolates, and a value of 1e50 would end it at a step of nothing; so bounded,
one trial shortens a step by no more than about 300.
"""


class LBFGS(Solver):
    r"""Limited-memory BFGS on the whole training set, by SciPy.

    .. math:: \theta_{t+1} = \theta_t - \eta_t H_t \nabla F(\theta_t)

    with H_t the inverse Hessian that the last ``memory`` steps suggest. It is
    deterministic and needs no step size. With ``tol`` and ``n_iter_no_change``
    of the estimator, it stops when no component of the gradient exceeds tol, or
    when the last n_iter_no_change steps have lowered the objective F by no more
    than tol * max(1, F). Default ``max_iter``: 500.

    Parameters
    ----------
    memory : int, default=10
        Number of past steps that are kept.

    References
    ----------
    Liu, Nocedal, "On the limited memory BFGS method for large scale
    optimization", Mathematical Programming 45 (1989) 503-528.

    Examples
    --------
    >>> from sktensornet import TTClassifier
    >>> from sktensornet.solvers import LBFGS
    >>> TTClassifier(solver=LBFGS(memory=20))
    TTClassifier(solver=LBFGS(memory=20))
    """

    default_max_iter = 500
    full_batch = True

    def __init__(self, memory: int = 10) -> None:
        self.memory = memory

    def check(self) -> None:
        check_integer("memory", self.memory, 1)

    def minimize(self, problem, start, *, max_iter, tol, patience, random_state, monitor):
        first: Any = None  # the objective at the start
        origin: Any = None  # the point, value and gradient from which a line search sets out
        last: Any = None  # and those that it saw last

        def function(theta):
            nonlocal first, origin, last
            value, gradient = problem.value_and_gradient(theta)
            finite = np.isfinite(value) and np.isfinite(gradient).all()
            if origin is None:
                if not finite:
                    raise ValueError(
                        f"the objective is {value} at the start; use a smaller scale of the "
                        "feature map, or a smaller alpha."
                    )
                first, origin = value, (theta.copy(), value, gradient)
            point, lowest, slope = origin
            bound = lowest + _STEEPEST * abs(float(slope @ (theta - point)))
            if not finite or value > bound:
                value, gradient = bound, np.zeros_like(theta)
            last = theta.copy(), value, gradient
            return value, gradient.astype(np.float64, copy=False)

        values: list[float] = []
        settled = False

        def callback(intermediate_result):
            nonlocal settled, origin
            origin = last
            value = float(intermediate_result.fun)
            values.append(value)
            stop = monitor(intermediate_result.x, value)
            if len(values) > patience:
                gained = values[-1 - patience] - value
                settled = gained <= tol * max(1.0, abs(value))
            if stop or settled:
                raise StopIteration

        precision = 16 * float(np.finfo(problem.dtype).eps)
        result = minimize(
            function,
            start,
            jac=True,
            method="L-BFGS-B",
            callback=callback,
            options={
                "maxcor": self.memory,
                "maxiter": max_iter,
                "maxfun": 20 * max_iter,
                "maxls": 40,
                "gtol": tol,
                "ftol": precision,
            },
        )
        moved = first - result.fun > precision * max(1.0, abs(first))
        level = np.abs(result.jac).max() <= max(tol, precision**0.5)
        converged = settled or (result.status == 0 and bool(moved or level))
        return Outcome(result.x, converged=converged)
