"""Losses of the margin, one class against the rest."""

from __future__ import annotations

from .._arrays._namespace import namespace
from ._base import ClassificationLoss, one_vs_rest_frequency, signs


class SquaredError(ClassificationLoss):
    r"""Squared error against targets of +1 and -1, one class against the rest.

    .. math:: \ell(s, y) = \tfrac12 \sum_c (s_c - t_c)^2, \qquad t_c = \pm 1

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.losses import SquaredError
    >>> SquaredError().value_and_gradient(np.zeros((1, 1)), np.array([1]))
    (array([0.5]), array([[-1.]]))
    """

    name = "squared_error"
    is_quadratic = True

    def value_and_gradient(self, scores, y):
        residual = scores - signs(scores, y)
        return 0.5 * namespace(scores).sum(residual * residual, axis=1), residual

    def curvature(self, scores, y, direction):
        return (direction * direction).sum(axis=1)

    def curvature_bound(self, n_outputs):
        return 1.0

    def baseline(self, frequency):
        return 2.0 * one_vs_rest_frequency(frequency) - 1.0


class SquaredHinge(ClassificationLoss):
    r"""Squared hinge, one class against the rest.

    .. math:: \ell(s, y) = \sum_c \max(0, 1 - t_c s_c)^2, \qquad t_c = \pm 1

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.losses import SquaredHinge
    >>> SquaredHinge().value_and_gradient(np.zeros((1, 1)), np.array([1]))
    (array([1.]), array([[-2.]]))
    """

    name = "squared_hinge"

    def value_and_gradient(self, scores, y):
        target = signs(scores, y)
        xp = namespace(scores)
        slack = xp.clip(1.0 - target * scores, 0.0, None)
        return xp.sum(slack * slack, axis=1), -2.0 * target * slack

    def curvature(self, scores, y, direction):
        inside = signs(scores, y) * scores < 1.0
        return 2.0 * (inside * direction * direction).sum(axis=1)

    def curvature_bound(self, n_outputs):
        return 2.0

    def baseline(self, frequency):
        return 2.0 * one_vs_rest_frequency(frequency) - 1.0
