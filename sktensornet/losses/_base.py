"""What a loss is to the rest of the package."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from .._typing import FloatArray, IntArray


class ClassificationLoss(ABC):
    """A loss of raw scores against class indices.

    Two classes have one score, the margin of class 1; more have one each.
    Scores come as float64.
    """

    has_probabilities = False
    is_quadratic = False
    """Whether the loss is a quadratic function of the scores."""
    shift_free = False
    """Whether the same number may be added to all scores of a sample."""

    @abstractmethod
    def value_and_gradient(self, scores: FloatArray, y: IntArray) -> tuple[FloatArray, FloatArray]:
        """Loss of each sample and its derivative by the scores.

        Parameters
        ----------
        scores : ndarray of shape (n_samples, n_outputs)
        y : ndarray of int, shape (n_samples,)
            Class indices.

        Returns
        -------
        value : ndarray of shape (n_samples,)
        gradient : ndarray of shape (n_samples, n_outputs)
        """

    @abstractmethod
    def curvature(self, scores: FloatArray, y: IntArray, direction: FloatArray) -> FloatArray:
        """Second derivative of the loss of each sample along a direction.

        Parameters
        ----------
        scores, direction : ndarray of shape (n_samples, n_outputs)
        y : ndarray of int, shape (n_samples,)

        Returns
        -------
        ndarray of shape (n_samples,)
        """

    @abstractmethod
    def curvature_bound(self, n_outputs: int) -> float:
        """Largest eigenvalue that the second derivative by the scores can have."""

    @abstractmethod
    def baseline(self, frequency: FloatArray) -> FloatArray:
        """The best constant scores for classes of these weighted frequencies."""

    def log_probabilities(self, scores: FloatArray) -> FloatArray:
        """Logarithms of the class probabilities, shape (n_samples, n_classes)."""
        raise AttributeError(f"{type(self).__name__} gives no probabilities.")


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
