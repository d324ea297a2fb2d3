"""The logarithmic loss."""

from __future__ import annotations

import numpy as np

from .._arrays._namespace import namespace
from ._base import ClassificationLoss, less_one_at, of_classes, signs


class LogLoss(ClassificationLoss):
    r"""Negative log-likelihood of logistic or softmax probabilities.

    .. math:: \ell(s, y) = \log \sum_c e^{s_c} - s_y, \qquad
              \ell(s, y) = \log(1 + e^{-s}) \; (y = 1), \; \log(1 + e^{s}) \; (y = 0)

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.losses import LogLoss
    >>> value, gradient = LogLoss().value_and_gradient(np.zeros((1, 2)), np.array([1]))
    >>> value.round(4), gradient
    (array([0.6931]), array([[ 0.5, -0.5]]))
    """

    name = "log_loss"
    has_probabilities = True
    shift_free = True

    def value_and_gradient(self, scores, y):
        xp = namespace(scores)
        if scores.shape[1] == 1:
            sign = signs(scores, y)
            margin = sign * scores
            tail = xp.exp(-xp.abs(margin))
            value = xp.log1p(tail) - xp.clip(margin, None, 0.0)
            share = xp.where(margin > 0, tail, xp.ones_like(tail)) / (1 + tail)
            return value[:, 0], -sign * share
        shifted = scores - xp.max(scores, axis=1, keepdims=True)
        gradient = xp.exp(shifted)
        total = xp.sum(gradient, axis=1)
        gradient /= total[:, None]
        return xp.log(total) - of_classes(shifted, y), less_one_at(gradient, y)

    def curvature(self, scores, y, direction):
        if scores.shape[1] == 1:
            tail = np.exp(-np.abs(scores))
            return (tail * (direction / (1 + tail)) ** 2)[:, 0]
        p = np.exp(scores - scores.max(axis=1, keepdims=True))
        p /= p.sum(axis=1, keepdims=True)
        mean = (p * direction).sum(axis=1, keepdims=True)
        return (p * (direction - mean) ** 2).sum(axis=1)

    def curvature_bound(self, n_outputs):
        # Boehning, Ann. Inst. Statist. Math. 44 (1992): diag(p) - p p' <= (I - 11'/C) / 2.
        return 0.25 if n_outputs == 1 else 0.5

    def typical_curvature(self, residual):
        # For calibrated p and targets of +-1 the residual is the mean of 4 p (1 - p).
        return 0.25 * residual

    def baseline(self, frequency):
        # A class that has not been seen must not start out of reach.
        safe = np.maximum(frequency, 1e-3)
        if len(frequency) == 2:
            return np.log(safe[1:]) - np.log(safe[:1])
        return np.log(safe) - np.log(safe).mean()

    def log_probabilities(self, scores):
        xp = namespace(scores)
        if scores.shape[1] == 1:
            both = xp.concat([scores, -scores], axis=1)
            return -xp.logaddexp(xp.zeros_like(both), both)
        shifted = scores - xp.max(scores, axis=1, keepdims=True)
        return shifted - xp.log(xp.sum(xp.exp(shifted), axis=1, keepdims=True))
