"""Losses of real targets."""

from __future__ import annotations

import numpy as np

from .._arrays._namespace import namespace
from .._support._checks import check_real
from ._base import RegressionLoss


class SquaredDistance(RegressionLoss):
    r"""Half the squared distance to the targets.

    .. math:: \ell(s, y) = \tfrac12 \sum_c (s_c - y_c)^2

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.losses import SquaredDistance
    >>> SquaredDistance().value_and_gradient(np.zeros((1, 1)), np.array([[2.0]]))
    (array([2.]), array([[-2.]]))
    """

    name = "squared_error"
    is_quadratic = True
    has_noise = True

    def value_and_gradient(self, scores, y):
        residual = scores - y
        return 0.5 * namespace(scores).sum(residual * residual, axis=1), residual

    def curvature(self, scores, y, direction):
        return (direction * direction).sum(axis=1)

    def curvature_bound(self, n_outputs):
        return 1.0


class Huber(RegressionLoss):
    r"""Huber's loss: squared near the targets, linear far from them.

    .. math:: \ell(s, y) = \sum_c h(s_c - y_c), \qquad h(t) = \tfrac12 t^2 \;(|t| \le \epsilon),
              \; \epsilon |t| - \tfrac12 \epsilon^2 \;(|t| > \epsilon)

    Parameters
    ----------
    epsilon : float, default=1.35
        Where the loss turns linear, in units of the scaled targets.

    References
    ----------
    Huber, "Robust estimation of a location parameter", Ann. Math. Statist. 35
    (1964) 73-101.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.losses import Huber
    >>> Huber(1.0).value_and_gradient(np.zeros((1, 1)), np.array([[3.0]]))
    (array([2.5]), array([[-1.]]))
    """

    name = "huber"
    has_noise = True

    def __init__(self, epsilon: float = 1.35) -> None:
        self.epsilon = check_real("huber_epsilon", epsilon, 0)

    def value_and_gradient(self, scores, y):
        residual = scores - y
        xp = namespace(scores)
        gradient = xp.clip(residual, -self.epsilon, self.epsilon)
        return xp.sum(gradient * (residual - 0.5 * gradient), axis=1), gradient

    def curvature(self, scores, y, direction):
        # Reweighting: the parabola that touches at s and -s lies above everywhere.
        reweighted = self.epsilon / np.maximum(np.abs(scores - y), self.epsilon)
        return (reweighted * direction * direction).sum(axis=1)

    def curvature_bound(self, n_outputs):
        return 1.0


class _LogLink(RegressionLoss):
    """A deviance of positive targets, with the logarithm as link."""

    scales_targets = False
    takes_negative = False

    def curvature_bound(self, n_outputs):
        return 1.0

    def baseline(self, mean):
        return np.log(mean)

    def predictions(self, scores):
        with np.errstate(over="ignore"):
            return namespace(scores).exp(scores)


class Poisson(_LogLink):
    r"""Half the Poisson deviance, with the logarithm as link.

    .. math:: \ell(s, y) = \sum_c \left( e^{s_c} - y_c s_c + y_c \log y_c - y_c \right), \qquad
              \hat y = e^s

    Estimators divide targets by their mean, which multiplies the loss and shifts
    the scores, so that its size and the curvature, about one at scores that predict
    well, do not depend on the unit of y. The curvature has no bound: sweeps
    descend by their line search.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.losses import Poisson
    >>> Poisson().value_and_gradient(np.zeros((1, 1)), np.array([[1.0]]))
    (array([0.]), array([[0.]]))
    """

    name = "poisson"

    def value_and_gradient(self, scores, y):
        xp = namespace(scores)
        with np.errstate(over="ignore"):
            mean = xp.exp(scores)
            return xp.sum(mean - y * scores + _xlogx(y, xp) - y, axis=1), mean - y

    def curvature(self, scores, y, direction):
        with np.errstate(over="ignore"):
            return (np.exp(scores) * direction * direction).sum(axis=1)

    def linear_targets(self, y, n_scores):
        return np.log1p(y)


class Gamma(_LogLink):
    r"""Half the gamma deviance, with the logarithm as link.

    .. math:: \ell(s, y) = \sum_c \left( y_c e^{-s_c} + s_c - \log y_c - 1 \right), \qquad
              \hat y = e^s

    It is that of targets whose deviation grows as their mean. Units of y only shift the
    scores. The curvature has no bound, and is one in the mean where scores predict
    well: sweeps descend by their line search.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.losses import Gamma
    >>> Gamma().value_and_gradient(np.zeros((1, 1)), np.array([[1.0]]))
    (array([0.]), array([[0.]]))
    """

    name = "gamma"
    takes_zero = False

    def value_and_gradient(self, scores, y):
        xp = namespace(scores)
        with np.errstate(over="ignore"):
            ratio = y * xp.exp(-scores)
        return xp.sum(ratio + scores - xp.log(y) - 1.0, axis=1), 1.0 - ratio

    def curvature(self, scores, y, direction):
        with np.errstate(over="ignore"):
            return (y * np.exp(-scores) * direction * direction).sum(axis=1)

    def linear_targets(self, y, n_scores):
        return np.log(y)


def _xlogx(x, xp):
    """Numbers times their logarithms, and 0 for 0."""
    return x * xp.log(xp.where(x > 0, x, xp.ones_like(x)))
