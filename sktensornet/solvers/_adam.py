"""Adam over mini-batches."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from .._arrays._namespace import namespace, to_numpy
from .._arrays._parallel import ChunkPool, chunks
from .._arrays._typing import FloatArray
from .._support._checks import check_integer, check_option, check_real
from .._support._optional import compiled_module
from .._support._warn import warn_user
from ._base import Outcome, Solver, offer

SCHEDULES = ("one_cycle", "constant")
_WARM_UP = 0.2
"""Share of the steps in which the step size grows to its full size; not tuned."""
_UPDATED = 16_384
"""Parameters that an update takes at a time: they, their derivative, both moments and what lies
between are 320 KiB in float32 and stay in the second-level cache over the dozen passes."""
_LONG_UPDATE = 200_000
"""Parameters above which compiled code updates them in one pass: NumPy takes one or two
milliseconds for so many, and a fit of some hundred steps gains what loading that code takes."""


@dataclass(eq=False, repr=False)
class _Moments:
    """Running moments of the gradient, and the number of steps so far."""

    first: FloatArray
    second: FloatArray
    step: int = 0

    def moved(self, move: Callable[[Any], Any]) -> _Moments:
        """Of arrays elsewhere."""
        return _Moments(move(self.first), move(self.second), self.step)


class Adam(Solver):
    r"""Adam over mini-batches, with a schedule that needs no tuning.

    .. math:: m \leftarrow \beta_1 m + (1 - \beta_1) g, \quad
              v \leftarrow \beta_2 v + (1 - \beta_2) g^2, \quad
              \theta \leftarrow \theta - \eta_t \left( \frac{\hat m}{\sqrt{\hat v} + \epsilon}
              + \omega (\theta - \theta_0) \right)

    Default ``max_iter``: 30 passes over the data.

    Parameters
    ----------
    learning_rate : float, default=3e-3
        Largest step size. Under the one-cycle schedule it is reached from below
        during the first fifth of all steps and then falls to zero as a cosine.
    batch_size : int or "auto", default="auto"
        Samples per step; "auto" is ``min(128, ceil(n_samples / 8))``.
    dropout : float, default=0.0
        Probability that a local feature is zeroed in a step, the constant never;
        the others are scaled up to keep the mean. It is taken to 16 bits.
    weight_decay : float, default=0.0
        Decoupled pull omega of all parameters towards the noise-free start
        theta_0. Unlike the estimator's ``alpha`` it is no part of the objective.
    schedule : {"one_cycle", "constant"}, default="one_cycle"
        How the step size evolves. ``partial_fit`` always keeps it constant.
    beta_1, beta_2 : float, default=0.9, 0.99
        Decay rates of the running moments.
    epsilon : float, default=1e-8
        Keeps the division finite.

    References
    ----------
    Kingma, Ba, "Adam: a method for stochastic optimization", ICLR 2015;
    Loshchilov, Hutter, "Decoupled weight decay regularization", ICLR 2019;
    Smith, Topin, "Super-convergence", arXiv 1708.07120 (one-cycle schedule).

    Examples
    --------
    >>> from sktensornet import CPClassifier
    >>> from sktensornet.solvers import Adam
    >>> CPClassifier(solver=Adam(dropout=0.1))
    CPClassifier(solver=Adam(dropout=0.1))
    """

    default_max_iter = 30
    iteration_name = "epoch"
    takes_batches = True
    resumes = True

    def __init__(
        self,
        learning_rate: float = 3e-3,
        batch_size: int | str = "auto",
        dropout: float = 0.0,
        weight_decay: float = 0.0,
        schedule: str = "one_cycle",
        beta_1: float = 0.9,
        beta_2: float = 0.99,
        epsilon: float = 1e-8,
    ) -> None:
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.dropout = dropout
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon

    def check(self) -> None:
        if self.batch_size != "auto":
            check_integer("batch_size", self.batch_size, 1, " or 'auto'")
        check_option("schedule", self.schedule, SCHEDULES)
        check_real("learning_rate", self.learning_rate, 0)
        check_real("dropout", self.dropout, 0, 1, low_allowed=True)
        check_real("weight_decay", self.weight_decay, 0, low_allowed=True)
        check_real("beta_1", self.beta_1, 0, 1, low_allowed=True)
        check_real("beta_2", self.beta_2, 0, 1, low_allowed=True)
        check_real("epsilon", self.epsilon, 0)

    def minimize(
        self, problem, start, *, max_iter, tol, patience, random_state, monitor, state=None
    ):
        theta, moments = _begin(problem, start, deepcopy(state))
        n_batches = len(self._batches(problem.n_samples))

        def reached() -> Outcome:
            state = deepcopy(moments).moved(to_numpy)
            return Outcome(_point(theta), converged=True, state=state)

        offer(monitor, reached)
        for _ in range(moments.step // n_batches, max_iter):
            value = self._epoch(problem, theta, moments, random_state, max_iter * n_batches)
            if monitor(to_numpy(theta), value):
                break
        return Outcome(_point(theta), converged=True)

    def advance(self, problem, start, state, random_state) -> tuple[Outcome, float]:
        theta, moments = _begin(problem, start, state)
        value = self._epoch(problem, theta, moments, random_state, None)
        return Outcome(_point(theta), converged=True, state=moments.moved(to_numpy)), value

    def _batches(self, n: int) -> list[slice]:
        size = min(128, -(-n // 8)) if self.batch_size == "auto" else int(self.batch_size)
        return [slice(first, first + size) for first in range(0, n, size)]

    def _rate(self, step: int, n_steps: int | None) -> float:
        if n_steps is None or self.schedule == "constant":
            return float(self.learning_rate)
        progress = (step + 0.5) / n_steps
        if progress < _WARM_UP:
            return float(self.learning_rate) * progress / _WARM_UP
        rest = (progress - _WARM_UP) / (1 - _WARM_UP)
        return float(self.learning_rate) * 0.5 * (1.0 + float(np.cos(np.pi * rest)))

    def _epoch(self, problem, theta, moments, random_state, n_steps) -> float:
        order = random_state.permutation(problem.n_samples)
        seed = int(random_state.randint(2**31))
        origin = _vector(problem, problem.origin) if self.weight_decay else None
        pool = getattr(problem, "pool", None) or ChunkPool(1)
        total, taken = 0.0, 0
        with np.errstate(over="ignore", invalid="ignore"):
            for part in self._batches(problem.n_samples):
                rows = order[part]
                value, gradient = problem.value_and_gradient(
                    theta, rows, self.dropout, seed + part.start
                )
                rate = self._rate(moments.step, n_steps)
                moments.step += 1
                if np.isfinite(value) and np.isfinite(float(gradient @ gradient)):
                    self._step(theta, gradient, moments, rate, origin, pool)
                    total += value * len(rows)
                    taken += len(rows)
        if taken < problem.n_samples:
            skipped = f"{problem.n_samples - taken} of {problem.n_samples} samples"
            advice = (
                f"the objective was not finite in batches with {skipped} of a pass; use a smaller "
                f"learning_rate than {self.learning_rate!r}, a smaller alpha, or a feature map "
                "of smaller scale."
            )
            if taken == 0:
                raise ValueError(advice)
            warn_user(advice, ConvergenceWarning)
        return total / taken

    def _step(self, theta, gradient, moments, rate, origin, pool) -> None:
        if not isinstance(theta, np.ndarray):
            self._step_there(theta, gradient, moments, rate, origin)
            return
        pulled = rate * self.weight_decay
        correction = (1.0 - self.beta_2**moments.step) ** 0.5
        corrected = rate * correction / (1.0 - self.beta_1**moments.step)
        alike = gradient.dtype == theta.dtype and gradient.flags.c_contiguous
        module: Any = None
        if len(theta) >= _LONG_UPDATE and alike:
            module = compiled_module("sktensornet._compiled._adam")
        if module is not None:
            betas = self.beta_1, 1.0 - self.beta_1, self.beta_2, 1.0 - self.beta_2
            numbers = pulled, *betas, self.epsilon * correction, corrected
            towards = gradient if origin is None else origin
            arrays = theta, towards, gradient, moments.first, moments.second
            # One part for each thread: there is nothing between that would leave the cache.
            parts = chunks(len(theta), -(-len(theta) // pool.n_threads))
            pool.runs(lambda part: module.update(*(own[part] for own in arrays), numbers), parts)
            return

        def update(part: slice) -> None:
            own, by_own, first, second = (
                array[part] for array in (theta, gradient, moments.first, moments.second)
            )
            scratch = np.empty_like(own)
            # The state of errors is that of a thread.
            with np.errstate(over="ignore", invalid="ignore"):
                if origin is not None:
                    np.subtract(own, origin[part], out=scratch)
                    scratch *= pulled
                    own -= scratch
                first *= self.beta_1
                np.multiply(by_own, 1.0 - self.beta_1, out=scratch)
                first += scratch
                second *= self.beta_2
                np.multiply(by_own, by_own, out=scratch)
                scratch *= 1.0 - self.beta_2
                second += scratch
                np.sqrt(second, out=scratch)
                scratch += self.epsilon * correction
                np.divide(first, scratch, out=scratch)
                scratch *= corrected
                own -= scratch

        pool.runs(update, chunks(len(theta), _UPDATED))

    def _step_there(self, theta, gradient, moments, rate, origin) -> None:
        """The same for arrays of other libraries, without what only NumPy's functions can."""
        if origin is not None:
            theta -= (theta - origin) * (rate * self.weight_decay)
        moments.first *= self.beta_1
        moments.first += (1.0 - self.beta_1) * gradient
        moments.second *= self.beta_2
        moments.second += (1.0 - self.beta_2) * (gradient * gradient)
        correction = (1.0 - self.beta_2**moments.step) ** 0.5
        size = namespace(theta).sqrt(moments.second) + self.epsilon * correction
        theta -= moments.first / size * (rate * correction / (1.0 - self.beta_1**moments.step))


def _vector(problem: Any, point: FloatArray) -> Any:
    """A point where, and in the type in which, the objective is computed."""
    put = getattr(problem, "put", None)
    return point.astype(problem.dtype) if put is None else put(point)


def _point(theta: Any) -> FloatArray:
    """The inverse."""
    return to_numpy(theta).astype(np.float64)


def _begin(problem: Any, start: FloatArray, state: _Moments | None) -> tuple[Any, _Moments]:
    theta = _vector(problem, start)
    if state is None:
        zeros_like = namespace(theta).zeros_like
        return theta, _Moments(zeros_like(theta), zeros_like(theta))
    put = getattr(problem, "put", None)
    return theta, state if put is None else state.moved(put)
