"""What a loss is to the rest of the package."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from .._arrays._namespace import device_of, namespace
from .._arrays._typing import FloatArray, IntArray


class Loss(ABC):
    """A loss of raw scores, which come as float64, against targets.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.losses import Loss, SquaredDistance
    >>> loss: Loss = SquaredDistance()
    >>> value, gradient = loss.value_and_gradient(np.array([[3.0]]), np.array([[1.0]]))
    >>> value, gradient, loss.curvature_bound(1)
    (array([2.]), array([[2.]]), 1.0)
    """

    name: str
    """What the parameter ``loss`` calls it."""
    has_probabilities = False
    is_quadratic = False
    """Whether the loss is a quadratic function of the scores."""
    is_calibrated = False
    """Whether probabilities have a temperature, which held-out samples choose."""
    shift_free = False
    """Whether the same number may be added to all scores of a sample."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *sorted(vars(self).items())))

    bends_alike = True
    """Whether sweeps take `curvature_bound` for all samples, and not `curvature_bounds`."""

    @abstractmethod
    def value_and_gradient(self, scores: FloatArray, y: Any) -> tuple[FloatArray, FloatArray]:
        """Loss of each sample and its derivative by the scores.

        Parameters
        ----------
        scores : ndarray of shape (n_samples, n_outputs)
            Raw scores.
        y : ndarray of int, shape (n_samples,), or of float, shape (n_samples, n_outputs)
            Class indices, or real targets.

        Returns
        -------
        value : ndarray of shape (n_samples,)
            The loss of each sample.
        gradient : ndarray of shape (n_samples, n_outputs)
            Its derivative by the scores of that sample.
        """

    @abstractmethod
    def curvature(self, scores: FloatArray, y: Any, direction: FloatArray) -> FloatArray:
        """Second derivative of the loss of each sample along a direction.

        Or that of a parabola that touches the loss at the scores and lies above
        it elsewhere.

        Parameters
        ----------
        scores : ndarray of shape (n_samples, n_outputs)
            Where the derivative is taken.
        y : ndarray
            Targets, as for `value_and_gradient`.
        direction : ndarray of shape (n_samples, n_outputs)
            The direction, of any length.

        Returns
        -------
        ndarray of shape (n_samples,)
            The second derivative, which is not negative.
        """

    @abstractmethod
    def curvature_bound(self, n_outputs: int) -> float:
        """Largest eigenvalue that the second derivative by the scores can have.

        Where there is none, the largest at scores that predict well: sweeps then
        rely on their line search.

        Parameters
        ----------
        n_outputs : int
            Number of scores of a sample.

        Returns
        -------
        float
            The bound, for all scores and targets.
        """

    def curvature_bounds(self, scores: FloatArray, y: Any) -> FloatArray:
        """Largest eigenvalue, for each sample, of the second derivative of `curvature`.

        Sweeps weigh samples by it, unless the loss `bends_alike`.

        Parameters
        ----------
        scores : ndarray of shape (n_samples, n_outputs)
            Where the derivative is taken.
        y : ndarray
            Targets, as for `value_and_gradient`.

        Returns
        -------
        ndarray of shape (n_samples,)
            The bounds.
        """
        return np.full(len(scores), self.curvature_bound(scores.shape[1]))

    def typical_curvature(self, residual: float) -> float:
        """The mean second derivative at scores that predict well.

        Parameters
        ----------
        residual : float
            Mean squared residual of a least squares fit to `linear_targets`.

        Returns
        -------
        float
            The mean over the samples.
        """
        return 1.0

    @abstractmethod
    def baseline(self, mean: FloatArray) -> FloatArray:
        """The best constant scores, or nearly.

        Parameters
        ----------
        mean : ndarray of shape (n_classes,) or (n_outputs,)
            Weighted frequencies of the classes, or means of the targets.

        Returns
        -------
        ndarray of shape (n_outputs,)
            The scores.
        """

    @abstractmethod
    def linear_targets(self, y: Any, n_scores: int) -> FloatArray:
        """Targets of a least squares fit that comes near the best scores.

        Parameters
        ----------
        y : ndarray
            Targets, as for `value_and_gradient`.
        n_scores : int
            Number of scores of a sample.

        Returns
        -------
        ndarray of shape (n_samples, n_scores)
            The targets of the fit.
        """


class ClassificationLoss(Loss):
    """A loss of raw scores against class indices.

    Two classes have one score, the margin of class 1; more have one each.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.losses import LogLoss
    >>> loss = LogLoss()
    >>> loss.has_probabilities
    True
    >>> np.exp(loss.log_probabilities(np.zeros((1, 4))))
    array([[0.25, 0.25, 0.25, 0.25]])
    """

    temperature: float | None = None
    """That one; None where there is none, or none is chosen yet."""

    def linear_targets(self, y, n_scores):
        return signs(np.empty((len(y), n_scores)), y)

    def calibrated(self, scores: FloatArray, y: Any, weight: FloatArray) -> ClassificationLoss:
        """The loss with the temperature that suits samples; itself, where it has none.

        Parameters
        ----------
        scores : ndarray of shape (n_samples, n_outputs)
            Scores of samples that were not trained on.
        y : ndarray
            Their targets, as for `value_and_gradient`.
        weight : ndarray of shape (n_samples,)
            Their weights, in observations.

        Returns
        -------
        ClassificationLoss
            The loss to predict with.
        """
        return self

    def log_probabilities(self, scores: FloatArray) -> FloatArray:
        """Logarithms of the class probabilities.

        Parameters
        ----------
        scores : ndarray of shape (n_samples, n_outputs)
            Raw scores.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            The logarithms; a row of exponentials sums to one.

        Raises
        ------
        AttributeError
            If the loss gives no probabilities.
        """
        raise AttributeError(f"{type(self).__name__} gives no probabilities.")


class RegressionLoss(Loss):
    """A loss of raw scores against real targets, one score each.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.losses import Poisson, SquaredDistance
    >>> SquaredDistance().predictions(np.zeros((1, 1))), Poisson().predictions(np.zeros((1, 1)))
    (array([[0.]]), array([[1.]]))
    """

    scales_targets = True
    """Whether targets are centred and scaled before, and not only divided by their mean."""
    takes_negative = True
    """Whether targets may be negative."""
    takes_zero = True
    """Whether targets may be zero."""
    has_noise = False
    """Whether targets are the scores and a noise of mean zero, whose variance is estimated."""

    def baseline(self, mean):
        return mean

    def linear_targets(self, y, n_scores):
        return y

    def predictions(self, scores: FloatArray) -> FloatArray:
        """Predicted targets, before any scaling is undone.

        Parameters
        ----------
        scores : ndarray of shape (n_samples, n_outputs)
            Raw scores.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
            The predictions.
        """
        return scores

    def score(self, y: FloatArray, predicted: FloatArray, weight: FloatArray) -> float:
        """How well targets are predicted, 1 at best and 0 by the best constant.

        Parameters
        ----------
        y, predicted : ndarray of shape (n_samples, n_outputs)
            Targets, and what was predicted.
        weight : ndarray of shape (n_samples,)
            Weights of the samples.

        Returns
        -------
        float
            R^2, or the share of the loss where that is not of the mean.
        """
        # Loaded here: it takes 12 ms.
        from sklearn.metrics import r2_score

        return float(r2_score(y, predicted, sample_weight=weight))


def signs(scores: FloatArray, y: IntArray) -> FloatArray:
    """Targets of +1 and -1, one column per score."""
    if isinstance(scores, np.ndarray):
        return np.where(chosen(scores, y), 1.0, -1.0)
    return 2.0 * namespace(y).astype(chosen(scores, y), scores.dtype) - 1.0


def chosen(scores: FloatArray, y: IntArray) -> np.ndarray:
    """Which scores are those of the classes of the samples."""
    first = int(scores.shape[1] == 1)
    if isinstance(y, np.ndarray):
        return y[:, None] == np.arange(first, first + scores.shape[1])
    xp = namespace(y)
    classes = xp.arange(first, first + scores.shape[1], dtype=y.dtype, device=device_of(y))
    return y[:, None] == classes[None, :]


def of_classes(scores: FloatArray, y: IntArray) -> FloatArray:
    """Of each sample the score of its class."""
    if isinstance(scores, np.ndarray):
        return scores[np.arange(len(y)), y]
    xp = namespace(scores)
    return xp.sum(xp.astype(chosen(scores, y), scores.dtype) * scores, axis=1)


def less_one_at(gradient: FloatArray, y: IntArray) -> FloatArray:
    """A gradient less one at the class of each sample, in its place if it is of NumPy."""
    if isinstance(gradient, np.ndarray):
        gradient[np.arange(len(y)), y] -= 1
        return gradient
    return gradient - namespace(gradient).astype(chosen(gradient, y), gradient.dtype)


def one_vs_rest_frequency(frequency: FloatArray) -> FloatArray:
    """Frequency of the positive class of each score."""
    return frequency[1:] if len(frequency) == 2 else frequency
