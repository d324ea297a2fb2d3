"""Probabilities of classes on average over what the data leave open about their scores."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._arrays._parallel import single_threaded_blas
from .._arrays._typing import FloatArray
from .._problems._model import Model
from .._problems._posterior import Posterior
from ..networks import TensorNetwork


class Moderation:
    r"""Factors of scores that are not certain: the probit approximation.

    .. math:: \int \sigma(s) \, N(s; \mu, v) \, ds \approx
              \sigma\big(\mu / \sqrt{1 + \pi v / 8}\big)

    v is the variance of the Laplace approximation of the score, by `Posterior` with the
    second derivative p (1 - p) of the log loss. Several classes have one factor, by the mean
    of their variances, so that the largest score stays the largest; several labels have
    one each.

    Parameters
    ----------
    remembered : Remembered
        With the training samples.
    model : Model
    network : TensorNetwork
    alpha : float
    loss : ClassificationLoss
        With probabilities.
    each : bool
        Whether each score is that of a label of its own.

    References
    ----------
    MacKay, "The evidence framework applied to classification networks", Neural Computation 4
    (1992) 720-736.
    """

    def __init__(
        self,
        remembered: Any,
        model: Model,
        network: TensorNetwork,
        alpha: float,
        loss: Any,
        each: bool,
    ) -> None:
        X, _, weight = remembered.train
        scores = model.scores(model.theta_of(network, model.feature_map), X, 1)
        p = np.exp(loss.log_probabilities(scores.astype(np.float64)))
        bends = (p * (1 - p))[:, -network.n_outputs :]
        self._each = each
        self._posteriors = [
            Posterior(model, network, c, X, weight, bend, alpha) for c, bend in enumerate(bends.T)
        ]

    def factors(self, X: FloatArray) -> FloatArray:
        """The factor (n_samples, n_scores or 1) of the scores of samples."""
        with single_threaded_blas():
            variance = np.stack([one.variance(X) for one in self._posteriors], axis=1)
        if not self._each:
            variance = variance.mean(axis=1, keepdims=True)
        return (1 + np.pi / 8 * variance) ** -0.5
