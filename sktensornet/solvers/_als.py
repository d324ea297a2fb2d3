"""Sweeps of local solves: alternating least squares and its kin."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from .._arrays._typing import FloatArray
from .._support._checks import check_integer, check_option, check_real
from ._base import LocalProblem, Outcome, Solver, offer

_ASTRAY = 0.1
"""By how much, of max(1, F), a settled objective may be above the best: truncations of fits of iris
at rank 3 raise it by 0.0002 to 0.003, and sweeps that fail by factors."""


@dataclass(eq=False, repr=False)
class _Sweeps:
    """The sweeps so far: the best point, the objectives, and what the problem recorded.

    `problem` is the state of the problem, where a fit goes on from here.
    """

    best: Any
    best_value: float = np.inf
    values: list[float] = field(default_factory=list)
    records: list = field(default_factory=list)
    problem: Any = None

    def settled(self, tol: float) -> bool:
        """Whether the last sweep gained too little, and did not go astray."""
        *_, before, last = np.nan, np.nan, *self.values
        astray = last - self.best_value > _ASTRAY * max(1.0, abs(self.best_value))
        return before - last <= tol * max(1.0, abs(last)) and not astray


class ALS(Solver):
    r"""Alternating sweeps: each core in turn is optimised with all others fixed.

    .. math::

        T \leftarrow \arg\min_T \; \frac{1}{n} \sum_i w_i \, \ell(A_i T, y_i)
            + \frac{\alpha}{2} \|W\|_F^2

    Scores are linear in one core T, with a design A of the messages that arrive
    at it, so for the squared error a local solve is a linear system; for other
    losses a few Newton-like steps, whose matrix is that system with the bound
    of Boehning on the curvature, descend along conjugate directions with a line
    search. A local solve never raises the objective. There is no step size, and
    a handful of sweeps is enough. The feature map must be fixed.

    In a tree (TT, HT) the cores are kept in canonical gauge, all orthonormal
    towards the one that is optimised, whose plain norm then is that of the
    weight tensor. One sweep walks from the class leg over every bond in both
    directions and back. In a CP, one sweep goes over all factors and back, with
    a solve for the readout after each factor.

    A local system of p unknowns with C right-hand sides is factored, at a cost
    of n p^2 / 2 + p^3 / 3, if p <= max(128, 24 C), for the squared error
    p <= max(128, 80 C), and p <= 4,000; otherwise it is solved by conjugate
    gradients at 4 n p C a step without being formed, preconditioned by the
    Kronecker product of the Gram matrices of the messages.

    The solver stops when a sweep has lowered the objective F by no more than
    tol * max(1, F), with ``tol`` of the estimator. A truncation may raise it a little;
    where F is above the least so far by a tenth, sweeps go on. The best point is
    kept. Default ``max_iter``: 20 sweeps.

    Parameters
    ----------
    sweep : {"one_site", "two_site"}, default="one_site"
        Optimise one core at a time, or two neighbours merged, which costs more
        and lets every bond find its rank. CP has "one_site" only.
    rank_tol : float, default=0.0
        Relative truncation threshold: as the centre leaves a core, singular
        values are dropped as long as the root of their sum of squares stays
        within this share of all. The ``rank`` of the estimator is the cap. Not
        for CP.
    truncation : {"function", "frobenius"}, default="function"
        The norm of the truncation: the change of the scores on the training
        data, as if the two sides of the bond were independent, or the change of
        the weight tensor.
    class_leg : {"moving", "fixed"}, default="moving"
        Whether the class leg of a joint tensor travels with the core that is
        optimised (a block tensor train or block tree), which shares one system
        among all classes but truncates, or stays at the root, where nothing is
        truncated but each system is as dear as for separate tensors. Nothing
        changes for CP, whose leg is fixed, and for separate tensors.
    local_iter : int, default=4
        Most steps of a local solve; one is exact where a squared error's system
        is factored.
    local_tol : float, default=1e-8
        A local solve ends before a step that is expected to lower the objective
        by less than about this share of it.
    memory : float, default=2.0
        Gigabytes of messages, about n_samples times the sum of all ranks, above
        which checkpoints at about the root of the number of cores are kept
        instead, and each message is computed at most twice.

    References
    ----------
    Holtz, Rohwedder, Schneider, "The alternating linear scheme for tensor
    optimization in the tensor train format", SIAM J. Sci. Comput. 34 (2012);
    Stoudenmire, Schwab, "Supervised Learning with Tensor Networks", NIPS 2016;
    Boehning, "Multinomial logistic regression algorithm", Ann. Inst. Statist.
    Math. 44 (1992).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktensornet import TTClassifier
    >>> from sktensornet.solvers import ALS
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = TTClassifier(rank=4, solver=ALS(), loss="squared_error", random_state=0)
    >>> clf.fit(X, y).score(X, y) > 0.95
    True
    >>> clf.sweeps_[-1].ranks
    (4, 4, 4)
    """

    default_max_iter = 20
    iteration_name = "sweep"
    resumes = True
    sweeps = True

    def __init__(
        self,
        sweep: str = "one_site",
        rank_tol: float = 0.0,
        truncation: str = "function",
        class_leg: str = "moving",
        local_iter: int = 4,
        local_tol: float = 1e-8,
        memory: float = 2.0,
    ) -> None:
        self.sweep = sweep
        self.rank_tol = rank_tol
        self.truncation = truncation
        self.class_leg = class_leg
        self.local_iter = local_iter
        self.local_tol = local_tol
        self.memory = memory

    def check(self) -> None:
        check_option("sweep", self.sweep, ("one_site", "two_site"))
        check_real("rank_tol", self.rank_tol, 0, 1, low_allowed=True)
        check_option("truncation", self.truncation, ("function", "frobenius"))
        check_option("class_leg", self.class_leg, ("moving", "fixed"))
        check_integer("local_iter", self.local_iter, 1)
        check_real("local_tol", self.local_tol, 0, 1, low_allowed=True)
        check_real("memory", self.memory, 0)

    def minimize(
        self, problem, start, *, max_iter, tol, patience, random_state, monitor, state=None
    ):
        problem.open(
            start,
            two_site=self.sweep == "two_site",
            rank_tol=self.rank_tol,
            leg_moves=self.class_leg == "moving",
            function_space=self.truncation == "function",
            budget=1e9 * self.memory,
        )
        if state is None:
            value = np.inf
            for local in problem.begin():
                value = self.solve(local)
            done = _Sweeps(problem.point(), value) if value < np.inf else _Sweeps(start)
        else:
            done = replace(state, values=list(state.values), records=list(state.records))
            problem.go_on(done.problem)

        def reached() -> Outcome:
            now = replace(
                done,
                values=list(done.values),
                records=list(done.records),
                problem=problem.state(),
            )
            return Outcome(now.best, now.settled(tol), now, now.records)

        offer(monitor, reached)
        while len(done.values) < max_iter and not done.settled(tol):
            value = np.inf
            for local in problem.sweep():
                value = self.solve(local)
            done.values.append(value)
            point = problem.point()
            done.records.append(problem.record(value, point))
            if value < done.best_value:
                done.best, done.best_value = point, value
            if monitor(point, value):
                break
        return Outcome(done.best, done.settled(tol), records=done.records)

    def solve(self, local: LocalProblem) -> float:
        """Optimise one block, by conjugate directions.

        They are those of Polak and Ribiere, restarted where they would not
        descend.

        Parameters
        ----------
        local : LocalProblem
            The objective as a function of the block.

        Returns
        -------
        float
            The objective at the end.
        """
        state = local.start()
        precondition, is_exact = local.preconditioner()
        before: FloatArray | None = None
        direction: FloatArray | float = 0.0
        decrease_before = 1.0
        for _ in range(1 if is_exact else self.local_iter):
            gradient = local.gradient(state)
            step = precondition(gradient)
            decrease = float(np.vdot(gradient, step))
            if not decrease > self.local_tol * abs(state.objective):
                break
            beta = 0.0
            if before is not None:
                beta = max(0.0, (decrease - float(np.vdot(before, step))) / decrease_before)
            towards = beta * direction - step
            direction = towards if np.vdot(towards, gradient) < 0 else -step
            before, decrease_before = gradient, decrease
            found = local.search(state, direction)
            if found is state:
                break
            state = found
        local.finish(state)
        return state.objective
