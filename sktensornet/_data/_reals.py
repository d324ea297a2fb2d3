"""Real targets, one or more for a sample."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._arrays._namespace import namespace, place_of
from .._arrays._samples import merged_rows, positive_scale, weighted_moments
from .._arrays._typing import FloatArray, IntArray
from ..losses import RegressionLoss
from ._targets import Targets
from ._weights import hold_out_rows


@dataclass(frozen=True, eq=False)
class Reals(Targets):
    r"""Targets in units of their deviation, or of their mean where 0 must stay 0.

    .. math:: z = (y - \mu) / \sigma, \qquad z = y / \bar y

    Parameters
    ----------
    mean, scale : ndarray of shape (n_outputs,)
    is_flat : bool
        Whether y has one dimension.
    loss : RegressionLoss
    are_separate : bool
    """

    mean: FloatArray
    scale: FloatArray
    is_flat: bool
    loss: RegressionLoss
    are_separate: bool
    are_classes = False

    @classmethod
    def learn(
        cls, y: np.ndarray, weight: FloatArray, loss: RegressionLoss, are_separate: bool
    ) -> Reals:
        """From targets as `fit` is given them, and the weights of their samples."""
        targets = _columns(y, loss)
        mean: FloatArray = np.zeros(targets.shape[1])
        scale: FloatArray = np.ones(targets.shape[1])
        if loss.scales_targets:
            rows, weights = merged_rows(targets[:, :0], targets, weight)
            # In the order of the values, so that units change no rounding.
            order = np.lexsort(targets[rows].T)
            targets, unit = _moderate(targets[rows[order]])
            mean, variance = weighted_moments(targets, weights[order])
            scale = positive_scale(variance, mean, targets.dtype)
            # No deviation of numbers below one is one: it is that of a constant.
            mean, scale = np.ldexp(mean, unit), np.where(scale < 1, np.ldexp(scale, unit), 1.0)
        else:
            scale = np.average(targets, axis=0, weights=weight)
            if not (scale > 0).all():
                raise ValueError(
                    f"loss={loss.name!r} needs a positive mean of each output, but the means of y "
                    f"are {scale.tolist()}; use loss='squared_error'."
                )
        return cls(mean, scale, y.ndim == 1, loss, are_separate)

    @property
    def n_scores(self) -> int:
        return len(self.mean)

    def encode(self, y):
        targets = _columns(y, self.loss)
        if targets.shape[1] != len(self.mean) or (y.ndim == 1) != self.is_flat:
            wanted = "(n_samples,)" if self.is_flat else f"(n_samples, {len(self.mean)})"
            raise ValueError(f"y has shape {y.shape}; it must be {wanted} as before.")
        if not self.loss.scales_targets:
            return targets / self.scale
        # The difference of the largest numbers would overflow.
        targets, unit = _moderate(targets, self.mean)
        return (targets - np.ldexp(self.mean, -unit)) / np.ldexp(self.scale, -unit)

    def hold_out(self, y, fraction, random_state):
        return hold_out_rows(len(y), fraction, random_state)

    def baseline(self, y, weight):
        return self.loss.baseline(np.average(y, axis=0, weights=weight))

    def score(self, scores, y, weight):
        # The units of y change nothing, but their squares can overflow.
        with np.errstate(over="ignore", invalid="ignore"):
            predicted = _finite(self.loss.predictions(scores), scores.dtype)
            score = self.loss.score(y, predicted, weight)
        return float(np.nan_to_num(score, nan=-np.inf))

    def predictions(self, scores: FloatArray) -> FloatArray:
        """Predictions (n_samples, n_outputs) in the units of y, no larger than a number can be."""
        place, xp = place_of(scores), namespace(scores)
        scale, mean = self.scale, self.mean
        if place is not None:
            scale, mean = place.put(scale), place.put(mean)
        with np.errstate(over="ignore"):
            found = xp.astype(self.loss.predictions(scores), scale.dtype, copy=False)
            return _finite(found * scale + mean, scores.dtype)


def _columns(y: np.ndarray, loss: RegressionLoss) -> FloatArray:
    """Targets as columns, where the loss can take them."""
    columns = np.asarray(y, np.float64).reshape(len(y), -1)
    least = columns.min()
    if (least < 0 and not loss.takes_negative) or (least == 0 and not loss.takes_zero):
        raise ValueError(
            f"loss={loss.name!r} needs y {'>=' if loss.takes_zero else '>'} 0, but y has a "
            f"minimum of {least:g}; use loss='squared_error' or 'huber'."
        )
    return columns


def _moderate(targets: FloatArray, *others: FloatArray) -> tuple[FloatArray, IntArray]:
    """Columns divided by powers of two that bring them, and other rows, to at most one."""
    rows = [np.abs(targets).max(axis=0), *map(np.abs, others)]
    unit = np.frexp(np.maximum.reduce(rows))[1]
    return np.ldexp(targets, -unit), unit


def _finite(values: FloatArray, dtype: np.dtype) -> FloatArray:
    """The nearest numbers of a type."""
    xp = namespace(values)
    limit = float(xp.finfo(dtype).max)
    return xp.astype(xp.clip(values, -limit, limit), dtype, copy=False)
