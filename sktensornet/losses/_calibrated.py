"""Squared error with calibrated probabilities."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from .._arrays._typing import FloatArray, IntArray
from .._support._checks import check_real
from ._log import LogLoss
from ._margin import SquaredError

_LOWEST, _HIGHEST = np.log(1e-3), np.log(1e3)
"""Logarithms of the temperatures that are searched: probabilities for scores of +-1 from all
alike to certain."""


class CalibratedSquaredError(SquaredError):
    r"""Squared error, and probabilities by a temperature that held-out samples choose.

    .. math:: \ell(s, y) = \tfrac12 \sum_c (s_c - t_c)^2, \quad t_c = \pm 1, \qquad
              p = \operatorname{softmax}(s / T) \text{ or, for two classes, } \sigma(s / T)

    The scores are those of `SquaredError`; T only turns them into probabilities, and
    changes no prediction. A fit chooses it: it fits to three quarters of the samples
    first, and takes the T at which the log loss of the others, with one more observation
    of all classes alike, is least. With up to 1,000 samples each of three parts is
    held out in turn.

    Parameters
    ----------
    temperature : float or None, default=None
        T; None leaves the choice to the fit, and stands for 1 until then.

    References
    ----------
    Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks", ICML 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.losses import CalibratedSquaredError
    >>> scores, y = np.array([[1.0], [0.8], [-0.5], [0.4]]), np.array([1, 1, 0, 0])
    >>> loss = CalibratedSquaredError().calibrated(scores, y, np.ones(4))
    >>> round(loss.temperature, 3)
    0.575
    >>> np.exp(loss.log_probabilities(scores)).round(2)[:, 1]
    array([0.85, 0.8 , 0.3 , 0.67])
    """

    name = "calibrated_squared_error"
    has_probabilities = True
    is_calibrated = True

    def __init__(self, temperature: float | None = None) -> None:
        self.temperature = temperature
        if temperature is not None:
            self.temperature = check_real("temperature", temperature, 0)

    def log_probabilities(self, scores):
        return LogLoss().log_probabilities(scores / (self.temperature or 1.0))

    def calibrated(self, scores: FloatArray, y: IntArray, weight: FloatArray) -> Any:
        """The loss with the temperature that suits scores of samples not trained on.

        Parameters
        ----------
        scores : ndarray of shape (n_samples, n_outputs)
            Their scores.
        y : ndarray of int, shape (n_samples,)
            Their classes.
        weight : ndarray of shape (n_samples,)
            Their weights, in observations.

        Returns
        -------
        CalibratedSquaredError
            One with a temperature.
        """
        scores = scores.astype(np.float64)
        alike = 1.0 / (1.0 + weight.sum())
        at = np.arange(len(y)), y

        def loss(log_temperature: float) -> float:
            found = LogLoss().log_probabilities(scores / np.exp(log_temperature))
            each = (1.0 - alike) * found[at] + alike * found.mean(axis=1)
            return -float(weight @ each)

        best = minimize_scalar(loss, bounds=(_LOWEST, _HIGHEST), method="bounded")
        return CalibratedSquaredError(float(np.exp(best.x)))
