"""Losses with two slopes: quantiles, and the absolute error."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from .._arrays._namespace import namespace
from .._arrays._typing import FloatArray
from .._support._checks import check_real
from ._base import RegressionLoss

WIDTH = 0.01
"""Half the width of the parabola at the kink, in deviations of the targets: with 0.1, 0.01, 0.001
the pinball loss at 0.9 of a tenth of energy is .081, .056, .068, of concrete .63, .62, .69."""


class Quantile(RegressionLoss):
    r"""Pinball loss, whose best prediction is a quantile of the targets.

    .. math:: \ell(s, y) = \sum_c \max\big( q (y_c - s_c), (1 - q) (s_c - y_c) \big)
              = \sum_c \tfrac12 |s_c - y_c| + (\tfrac12 - q) (s_c - y_c)

    The absolute value is a parabola within 0.01 of zero, as Huber's, so that the
    loss has a gradient everywhere. Sweeps minimise parabolas that touch it and lie above, which is
    least squares with the weights 1 / (2 max(\|s - y\|, 0.01)); their majorisation
    never raises the objective.

    Parameters
    ----------
    quantile : float, default=0.5
        The share q of the targets that lies below the best prediction.

    References
    ----------
    Koenker, Bassett, "Regression quantiles", Econometrica 46 (1978) 33-50; Hunter,
    Lange, "Quantile regression via an MM algorithm", J. Comput. Graph. Statist. 9
    (2000) 60-77.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.losses import Quantile
    >>> value, gradient = Quantile(0.9).value_and_gradient(np.zeros((1, 1)), np.array([[2.0]]))
    >>> value.round(2), gradient
    (array([1.8]), array([[-0.9]]))
    """

    name = "quantile"
    bends_alike = False

    def __init__(self, quantile: float = 0.5) -> None:
        self.quantile = check_real("quantile", quantile, 0, 1)

    @property
    def _height(self) -> float:
        """Factor of the absolute value."""
        return 0.5

    @property
    def _tilt(self) -> float:
        return 0.5 - self.quantile

    def value_and_gradient(self, scores, y):
        residual = scores - y
        xp = namespace(scores)
        inside = xp.clip(residual / WIDTH, -1.0, 1.0)
        value = self._height * inside * (residual - 0.5 * WIDTH * inside) + self._tilt * residual
        # The least value, which is not at zero where the parabola is tilted, is zero.
        value += 0.5 * WIDTH * self._tilt**2 / self._height
        return xp.sum(value, axis=1), self._height * inside + self._tilt

    def curvature(self, scores, y, direction):
        return (self._bends(scores, y) * direction * direction).sum(axis=1)

    def curvature_bound(self, n_outputs):
        return self._height / WIDTH

    def curvature_bounds(self, scores, y):
        return self._bends(scores, y).max(axis=1)

    def typical_curvature(self, residual):
        # That of the mean loss over normal residuals: twice the height times their density.
        at = norm.pdf(norm.ppf(self.quantile))
        return 2 * self._height * float(at) / max(float(np.sqrt(residual)), WIDTH)

    def score(self, y, predicted, weight):
        # Loaded here: it takes 12 ms.
        from sklearn.metrics import d2_pinball_score

        return float(d2_pinball_score(y, predicted, sample_weight=weight, alpha=self.quantile))

    def _bends(self, scores: FloatArray, y: FloatArray) -> FloatArray:
        return self._height / np.maximum(np.abs(scores - y), WIDTH)


class AbsoluteError(Quantile):
    r"""Absolute error, whose best prediction is the median: twice the loss of that quantile.

    .. math:: \ell(s, y) = \sum_c |s_c - y_c|

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.losses import AbsoluteError
    >>> value, gradient = AbsoluteError().value_and_gradient(np.zeros((1, 1)), np.array([[2.0]]))
    >>> value.round(2), gradient
    (array([2.]), array([[-1.]]))
    """

    name = "absolute_error"

    def __init__(self) -> None:
        super().__init__(0.5)

    @property
    def _height(self) -> float:
        return 1.0
