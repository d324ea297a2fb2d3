"""How far predictions of real targets may be off: posterior, noise, and honest residuals."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._arrays._parallel import single_threaded_blas
from .._arrays._samples import merged_rows
from .._arrays._typing import FloatArray
from .._data._samples import Samples
from .._problems._model import Model
from .._problems._posterior import Posterior
from ..networks import TensorNetwork
from ._noise import WIDEST, Log, log_variance
from ._plan import Plan

_MOST_ROWS, _MOST_NUMBERS = 5_000, 1_000_000
"""Rows of the training data that are kept, and their numbers: 8 MB of doubles."""
_LARGEST_LEVERAGE = 1 - 1e-6
_POWERS = (1.0, 0.5, 0.0)
"""Of the deviation, to which the width of intervals may be proportional. Where few rows have most
of the noise wide intervals for them cost more width than they save elsewhere: on bike the shortest
that hold .90 of the test targets have mean widths of .071, .037 and .045."""


@dataclass(frozen=True, eq=False)
class Remembered:
    """The rows that residuals are taken of.

    Parameters
    ----------
    train : Samples or None
        The first by a hash of their values, equal ones merged, their weights those of all.
    held : Samples or None
        What early stopping judged by.
    why_not : str
        Why no residual of a left-out row can be had from `train`, and what to do.
    known : dict
        What was last made of them, and for which network, which files leave out.
    """

    train: Samples | None
    held: Samples | None
    why_not: str = ""
    known: dict[str, Any] = field(default_factory=dict)

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"known": {}}

    def learnt(self, kind: Any, model: Model, network: TensorNetwork, *others: Any) -> Any:
        """An `Uncertainty` or `Moderation` of a fitted network, which is computed once."""
        last = self.known.get("last")
        if last is None or last[0] is not network:
            # Many small products, for which threads would only wait for each other.
            with single_threaded_blas():
                last = network, kind(self, model, network, *others)
            self.known["last"] = last
        return last[1]


def remember(plan: Plan, alpha: float, model: Model) -> Remembered:
    """The rows of a plan that was carried out with an alpha."""
    held = plan.held
    if held is not None:
        held = _first(held, keeps_total=False)
    why = _why_not(plan, alpha, model)
    if why:
        return Remembered(None, held, why)
    return Remembered(_first(plan.train, keeps_total=True), held)


def _why_not(plan: Plan, alpha: float, model: Model) -> str:
    """Why the fit is no ridge regression in the tangent space of its network."""
    if not plan.train.are_at_hand:
        return "a dask array X, whose rows are not kept; fit an array"
    tree = model.tree
    if not tree.is_multilinear:
        return f"product={tree.product!r}, of which no tangent space is known"
    if tree.labels:
        return "shared_cores=True, of which no tangent space is known"
    if model.feature_map.parameters:
        return "a trained feature map, which a row that is left out would change"
    if plan.penalty != "frobenius" and not plan.solver.sweeps:
        return f"penalty={plan.penalty!r}, which is not that of the weight tensor"
    if alpha <= 0:
        return "alpha=0, with which rows that are left out are not told from others"
    return ""


def _first(samples: Samples, keeps_total: bool) -> Samples:
    X, y, weight = samples
    rows, weights = merged_rows(X, y, weight)
    most = max(min(_MOST_ROWS, _MOST_NUMBERS // max(X.shape[1], 1)), 2)
    total = weights.sum()
    rows, weights = rows[:most], weights[:most]
    if keeps_total:
        weights = weights * (total / weights.sum())
    return Samples(X[rows], y[rows], weights, samples.unit[rows])


class Uncertainty:
    r"""Variance of targets about their predictions, and the residuals that it is learnt from.

    .. math:: \operatorname{var}(y \mid x) = \sigma^2(x) \, (1 + v(x)), \qquad
              y_i - s_{-i}(x_i) \approx \frac{r_i}{1 - v_i}

    v is the variance of the `Posterior` in units of the noise, and the residual
    of a row that is left out is to first order that with it, r_i, by one less its leverage, as
    in ridge regression. Rows that early stopping held out have plain residuals. The noise is
    `log_variance` of the local features of all columns and of v, if that predicts the residuals
    better than one variance.

    Parameters
    ----------
    remembered : Remembered
    model : Model
    network : TensorNetwork
    alpha : float
    loss : RegressionLoss
    """

    def __init__(
        self, remembered: Remembered, model: Model, network: TensorNetwork, alpha: float, loss: Any
    ) -> None:
        self._model, self._loss = model, loss
        theta = model.theta_of(network, model.feature_map)
        self._posteriors: list[Posterior | None] = [None] * network.n_outputs
        self._logs: list[Log] = []
        self._scales: list[float] = []
        self._scores: list[tuple[FloatArray, FloatArray, FloatArray]] = []
        train, held = remembered.train, remembered.held
        own = None if train is None else self._moved(train, theta)
        judged: Any = train if held is None else held
        moved: Any = own if held is None else self._moved(held, theta)
        for c in range(network.n_outputs):
            variance: FloatArray = np.zeros(len(judged))
            if train is not None and own is not None:
                bend = self._bend(own, train, c)
                rows = Posterior(model, network, c, train.X, train.weight, bend, alpha)
                self._posteriors[c] = rows
                variance = rows.of_rows if held is None else rows.variance(held.X)
            self._learn(judged, moved, variance, c, held is None)

    def _moved(self, samples: Samples, theta: FloatArray) -> FloatArray:
        return self._model.scores(theta, samples.X, 1).astype(np.float64)

    def _bend(self, scores: FloatArray, samples: Samples, output: int) -> FloatArray:
        direction = np.zeros_like(scores)
        direction[:, output] = 1.0
        return self._loss.curvature(scores, samples.y, direction)

    def _learn(
        self, samples: Samples, scores: FloatArray, variance: FloatArray, c: int, leaves_out: bool
    ) -> None:
        """The noise of one output."""
        residual = samples.y[:, c] - scores[:, c]
        if leaves_out:
            _, gradient = self._loss.value_and_gradient(scores, samples.y)
            unit = np.minimum(samples.unit, samples.weight)
            leverage = unit * self._bend(scores, samples, c) * variance
            known = 1.0 / (1.0 - np.minimum(leverage, _LARGEST_LEVERAGE))
            residual = residual - unit * gradient[:, c] * variance * known
            variance = variance * known
        squares = residual**2 / (1 + variance)
        log, held_out = log_variance(self._inputs(samples.X, variance), squares, samples.weight)
        deviation = np.sqrt((1 + variance) * np.exp(held_out))
        ratio = np.abs(residual) / np.maximum(deviation, np.finfo(float).tiny)
        self._logs.append(log)
        self._scales.append(float(np.average(ratio**2, weights=samples.weight)))
        self._scores.append((ratio, deviation, samples.weight / samples.unit))

    def _inputs(self, X: FloatArray, variance: FloatArray) -> FloatArray:
        """Local features of all columns, and the logarithm of one plus the variance.

        Columns of many categories are left out, and all where they are too many.
        """
        known = [one for one in self._model.features(X) if isinstance(one, np.ndarray)]
        if sum(one.shape[1] for one in known) >= WIDEST:
            known = []
        return np.column_stack([*known, np.log1p(variance)]).astype(np.float64, copy=False)

    def variance(self, X: FloatArray) -> FloatArray:
        """Variance (n_samples, n_outputs) of scaled targets."""
        found = []
        each = zip(self._posteriors, self._logs, self._scales, strict=True)
        with single_threaded_blas(), np.errstate(over="ignore"):
            for posterior, log, scale in each:
                own = np.zeros(len(X)) if posterior is None else posterior.variance(X)
                found.append(scale * (1 + own) * np.exp(log(self._inputs(X, own))))
        return np.stack(found, axis=1)

    def shortest(self, coverage: float) -> tuple[FloatArray, FloatArray]:
        r"""For each output the q and gamma of intervals with a share of new targets.

        .. math:: s(x) \pm q_\gamma \, \sigma(x)^\gamma

        q is the quantile of residuals over powers of their deviations whose rank, of n, is the
        next whole number from (n + 1) coverage, and gamma the power of the least mean width.
        """
        found = []
        for (ratio, own, weight), scale in zip(self._scores, self._scales, strict=True):
            unit = np.maximum(own * np.sqrt(scale), np.finfo(float).tiny)
            tried = [(_quantile(ratio * own / unit**g, weight, coverage), g) for g in _POWERS]
            means = [q * np.average(unit**g, weights=weight) for q, g in tried]
            found.append(tried[int(np.argmin(means))])
        return tuple(np.array(found).T)


def _quantile(scores: FloatArray, weight: FloatArray, coverage: float) -> float:
    """The least score with that share of the weights, one more for a new sample, up to it."""
    order = np.argsort(scores)
    wanted = coverage * (weight.sum() + 1)
    index = np.searchsorted(np.cumsum(weight[order]), wanted * (1 - 1e-12))
    return np.inf if index >= len(scores) else float(scores[order[index]])
