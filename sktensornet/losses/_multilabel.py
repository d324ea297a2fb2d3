"""Several labels that a sample may have, each by itself."""

from __future__ import annotations

import numpy as np

from .._arrays._namespace import namespace
from ._base import ClassificationLoss


class EachLabel(ClassificationLoss):
    r"""The sum of a loss of two classes over the labels, each with a score of its own.

    .. math:: \ell(s, y) = \sum_l \ell_2(s_l, y_l), \qquad y_l \in \{0, 1\}

    Parameters
    ----------
    loss : ClassificationLoss
        Of the margin of one class.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.losses import EachLabel, LogLoss
    >>> loss = EachLabel(LogLoss())
    >>> value, gradient = loss.value_and_gradient(np.zeros((1, 2)), np.array([[1, 0]]))
    >>> value.round(4), gradient
    (array([1.3863]), array([[-0.5,  0.5]]))
    """

    def __init__(self, loss: ClassificationLoss) -> None:
        self.loss = loss
        self.name = loss.name
        self.has_probabilities = loss.has_probabilities
        self.is_quadratic = loss.is_quadratic
        self.is_calibrated = loss.is_calibrated
        self.temperature = loss.temperature

    def value_and_gradient(self, scores, y):
        xp = namespace(scores)
        value, gradient = self.loss.value_and_gradient(xp.reshape(scores, (-1, 1)), _flat(y))
        total = xp.sum(xp.reshape(value, scores.shape), axis=1)
        return total, xp.reshape(gradient, scores.shape)

    def curvature(self, scores, y, direction):
        found = self.loss.curvature(scores.reshape(-1, 1), _flat(y), direction.reshape(-1, 1))
        return found.reshape(scores.shape).sum(axis=1)

    def curvature_bound(self, n_outputs):
        return self.loss.curvature_bound(1)

    def typical_curvature(self, residual):
        return self.loss.typical_curvature(residual)

    def baseline(self, frequency):
        # Of the labels: each is as frequent as it is, and they need not sum to one.
        each = [self.loss.baseline(np.array([1 - share, share])) for share in frequency]
        return np.concatenate(each)

    def linear_targets(self, y, n_scores):
        return 2.0 * y - 1.0

    def calibrated(self, scores, y, weight):
        repeated = np.repeat(weight, scores.shape[1])
        return EachLabel(self.loss.calibrated(scores.reshape(-1, 1), _flat(y), repeated))

    def log_probabilities(self, scores):
        # Of each label that a sample has it, (n_samples, n_labels).
        reshape = namespace(scores).reshape
        both = self.loss.log_probabilities(reshape(scores, (-1, 1)))
        return reshape(both[:, 1], scores.shape)


def _flat(y):
    xp = namespace(y)
    return xp.astype(xp.reshape(y, (-1,)), xp.int64)
