"""Losses: value, derivative, probabilities."""

from ._base import ClassificationLoss
from ._log import LogLoss
from ._margin import SquaredError, SquaredHinge

CLASSIFICATION_LOSSES: dict[str, type[ClassificationLoss]] = {
    "log_loss": LogLoss,
    "squared_error": SquaredError,
    "squared_hinge": SquaredHinge,
}

__all__ = [
    "CLASSIFICATION_LOSSES",
    "ClassificationLoss",
    "LogLoss",
    "SquaredError",
    "SquaredHinge",
]
