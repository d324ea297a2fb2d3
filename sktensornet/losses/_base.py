"""What a loss is to the rest of the package."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from .._typing import FloatArray, IntArray


class Loss(ABC):
    """A loss of raw scores, which come as float64, against targets."""

    has_probabilities = False
    is_quadratic = False
    """Whether the loss is a quadratic function of the scores."""
    shift_free = False
    """Whether the same number may be added to all scores of a sample."""
    is_bounded = True
    """Whether the curvature has a bound."""

    @abstractmethod
    def value_and_gradient(self, scores: FloatArray, y: Any) -> tuple[FloatArray, FloatArray]:
        """Loss of each sample and its derivative by the scores.

        Parameters
        ----------
        scores : ndarray of shape (n_samples, n_outputs)
        y : ndarray of int, shape (n_samples,), or of float, shape (n_samples, n_outputs)
            Class indices, or real targets.

        Returns
        -------
        value : ndarray of shape (n_samples,)
        gradient : ndarray of shape (n_samples, n_outputs)
        """

    @abstractmethod
    def curvature(self, scores: FloatArray, y: Any, direction: FloatArray) -> FloatArray:
        """Second derivative of the loss of each sample along a direction.

        Or that of a parabola that touches the loss at the scores and lies above
        it elsewhere.

        Parameters
        ----------
        scores, direction : ndarray of shape (n_samples, n_outputs)
        y : ndarray

        Returns
        -------
        ndarray of shape (n_samples,)
        """

    @abstractmethod
    def curvature_bound(self, n_outputs: int) -> float:
        """Largest eigenvalue that the second derivative by the scores can have."""

    def typical_curvature(self, residual: float) -> float:
        """The mean second derivative at scores that predict well.

        Parameters
        ----------
        residual : float
            Mean squared residual of a least squares fit to `linear_targets`.
        """
        return 1.0

    @abstractmethod
    def baseline(self, mean: FloatArray) -> FloatArray:
        """The best constant scores, or nearly.

        Parameters
        ----------
        mean : ndarray of shape (n_classes,) or (n_outputs,)
            Weighted frequencies of the classes, or means of the targets.
        """

    @abstractmethod
    def linear_targets(self, y: Any, n_scores: int) -> FloatArray:
        """Targets (n_samples, n_scores) of a least squares fit that comes near."""


class ClassificationLoss(Loss):
    """A loss of raw scores against class indices.

    Two classes have one score, the margin of class 1; more have one each.
    """

    def linear_targets(self, y, n_scores):
        return signs(np.empty((len(y), n_scores)), y)

    def log_probabilities(self, scores: FloatArray) -> FloatArray:
        """Logarithms of the class probabilities, shape (n_samples, n_classes)."""
        raise AttributeError(f"{type(self).__name__} gives no probabilities.")


class RegressionLoss(Loss):
    """A loss of raw scores against real targets, one score each."""

    scales_targets = True
    """Whether targets are centred and scaled before."""

    def baseline(self, mean):
        return mean

    def linear_targets(self, y, n_scores):
        return y

    def predictions(self, scores: FloatArray) -> FloatArray:
        """Predicted targets, before any scaling is undone."""
        return scores


def signs(scores: FloatArray, y: IntArray) -> FloatArray:
    """Targets of +1 and -1, one column per score."""
    if scores.shape[1] == 1:
        return 2.0 * y[:, None] - 1.0
    target = np.full(scores.shape, -1.0)
    target[np.arange(len(y)), y] = 1.0
    return target


def one_vs_rest_frequency(frequency: FloatArray) -> FloatArray:
    """Frequency of the positive class of each score."""
    return frequency[1:] if len(frequency) == 2 else frequency
