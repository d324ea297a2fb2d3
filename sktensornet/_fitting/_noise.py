"""The variance of the noise as a function of the columns, by what residuals say."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._arrays._typing import FloatArray

_PENALTIES = (1.0, 0.1, 0.03, 0.01, 0.003)
"""On standardised inputs. Of three tables the best was 0.003 to 0.1, and a constant else."""
_FOLDS = 5
_STEPS, _ENOUGH = 30, 1e-7
_FEWEST_ROWS = 50
"""Below, ten residuals or fewer judge each fold, and nothing is learnt of them but one variance."""
WIDEST = 400
"""More inputs would take longer than the fit: each step solves a system of that size."""
_LEAST, _ROUNDING = 1e-12, 1e-30
"""Of the mean, and of targets of variance one: squares below are zeros, whose logarithm no noise
should follow."""

_LARGEST = 1e100
"""Of a square by its mean far from where the search ends."""

Log = Callable[[FloatArray], FloatArray]


def log_variance(
    inputs: FloatArray, squares: FloatArray, weight: FloatArray
) -> tuple[Log, FloatArray]:
    r"""The logarithm of the mean of squares, linear in inputs if that predicts them better.

    .. math:: \min_{a, b} \; \frac{1}{\sum_i w_i} \sum_i w_i \,
              \tfrac12 \big( \eta_i + r_i^2 e^{-\eta_i} \big) + \frac{\lambda}{2} \|b\|^2,
              \qquad \eta_i = a + b^\top z_i

    The penalty is the one of least held-out loss, which is that of normal residuals, over five
    folds; where a constant has a smaller one it is taken.

    Parameters
    ----------
    inputs : ndarray of shape (n_samples, p)
    squares : ndarray of shape (n_samples,)
    weight : ndarray of shape (n_samples,)

    Returns
    -------
    callable
        From inputs to logarithms.
    held_out : ndarray of shape (n_samples,)
        The logarithm at each sample, learnt from the folds without it.

    References
    ----------
    Harvey, "Estimating regression models with multiplicative heteroscedasticity",
    Econometrica 44 (1976) 461-465.
    """
    squares = np.maximum(squares, max(_LEAST * float(squares.mean()), _ROUNDING))
    n = len(squares)
    folds = np.arange(n) % min(_FOLDS, n)
    constant = np.log(np.average(squares, weights=weight))
    held = np.empty(n)
    for k in range(folds.max() + 1):
        others = folds != k
        rest = weight * others if (weight * others).any() else weight
        held[~others] = np.log(np.average(squares, weights=rest))
    if n < _FEWEST_ROWS or inputs.shape[1] > WIDEST:
        return lambda z: np.full(len(z), constant), held
    mean = np.average(inputs, axis=0, weights=weight)
    unit = np.sqrt(np.average((inputs - mean) ** 2, axis=0, weights=weight))
    unit = np.where(unit > 1e-9 * unit.max(initial=0.0), unit, np.inf)
    design = np.column_stack([np.ones(n), (inputs - mean) / unit])
    best, penalty = _loss(held, squares, weight), None
    starts = [np.zeros(design.shape[1])] * _FOLDS
    for tried in _PENALTIES:
        found = np.empty(n)
        for k in range(_FOLDS):
            rows = folds != k
            starts[k] = _fit(design[rows], squares[rows], weight[rows], tried, starts[k])
            found[~rows] = design[~rows] @ starts[k]
        loss = _loss(found, squares, weight)
        if loss < best:
            best, penalty, held = loss, tried, found
        elif penalty is not None:
            break
    if penalty is None:
        return lambda z: np.full(len(z), constant), held
    coefficients = _fit(design, squares, weight, penalty, np.zeros(design.shape[1]))
    low, high = float((design @ coefficients).min()), float((design @ coefficients).max())

    def log(z: FloatArray) -> FloatArray:
        # What no residual has shown is not extrapolated.
        linear = coefficients[0] + ((z - mean) / unit) @ coefficients[1:]
        return np.clip(linear, low, high)

    return log, np.clip(held, low, high)


def _loss(logs: FloatArray, squares: FloatArray, weight: FloatArray) -> float:
    with np.errstate(over="ignore"):
        return 0.5 * float(np.average(logs + squares * np.exp(-logs), weights=weight))


def _fit(
    design: FloatArray,
    squares: FloatArray,
    weight: FloatArray,
    penalty: float,
    start: FloatArray,
) -> FloatArray:
    """Newton's method with halved steps; the second derivative is the mean of both kinds."""
    if not weight.any():
        return start
    share = weight / weight.sum()
    ridge = np.full(design.shape[1], penalty)
    ridge[0] = 0.0
    at = start.copy()
    if not at.any():
        at[0] = np.log(share @ squares)
    expected = design.T @ (share[:, None] * design)

    def value(at: FloatArray) -> float:
        return _loss(design @ at, squares, share) + 0.5 * float(ridge @ (at * at))

    now = value(at)
    for _ in range(_STEPS):
        with np.errstate(over="ignore"):
            ratio = np.minimum(squares * np.exp(-(design @ at)), _LARGEST)
        gradient = design.T @ (share * 0.5 * (1.0 - ratio)) + ridge * at
        observed = design.T @ ((share * ratio)[:, None] * design)
        second = 0.25 * (expected + observed)
        second[np.diag_indices_from(second)] += ridge + 1e-9
        step = -np.linalg.solve(second, gradient)
        length, slope = 1.0, float(gradient @ step)
        after = value(at + step)
        while not after <= now + 1e-4 * length * slope and length > 1e-6:
            length *= 0.5
            after = value(at + length * step)
        if not after < now:
            break
        at, gained, now = at + length * step, now - after, after
        if gained < _ENOUGH:
            break
    return at
