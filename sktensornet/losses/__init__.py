"""Losses: value, derivative, probabilities."""

from ._base import ClassificationLoss, Loss, RegressionLoss
from ._calibrated import CalibratedSquaredError
from ._log import LogLoss
from ._margin import SquaredError, SquaredHinge
from ._multilabel import EachLabel
from ._quantile import AbsoluteError, Quantile
from ._regression import Gamma, Huber, Poisson, SquaredDistance

CLASSIFICATION_LOSSES: dict[str, type[ClassificationLoss]] = {
    "log_loss": LogLoss,
    "squared_error": SquaredError,
    "calibrated_squared_error": CalibratedSquaredError,
    "squared_hinge": SquaredHinge,
}
"""The losses of classifiers by the names that ``loss`` takes."""

REGRESSION_LOSSES: dict[str, type[RegressionLoss]] = {
    "squared_error": SquaredDistance,
    "huber": Huber,
    "absolute_error": AbsoluteError,
    "quantile": Quantile,
    "poisson": Poisson,
    "gamma": Gamma,
}
"""The losses of regressors by the names that ``loss`` takes."""

__all__ = [
    "CLASSIFICATION_LOSSES",
    "REGRESSION_LOSSES",
    "AbsoluteError",
    "CalibratedSquaredError",
    "ClassificationLoss",
    "EachLabel",
    "Gamma",
    "Huber",
    "LogLoss",
    "Loss",
    "Poisson",
    "Quantile",
    "RegressionLoss",
    "SquaredDistance",
    "SquaredError",
    "SquaredHinge",
]
