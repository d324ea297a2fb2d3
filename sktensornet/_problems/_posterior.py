"""What the data leave open about the scores, to first order in all cores."""

from __future__ import annotations

from functools import reduce

import numpy as np
from scipy.linalg import solve_triangular

from .._arrays._parallel import chunks
from .._arrays._typing import FloatArray
from ..networks import TensorNetwork, scale_outputs
from ..networks._tensors._tangents import Parts, Tangents, diagonal, kernel
from ._model import Model

_LANDMARKS = 1_500
"""Rows whose kernel is decomposed, in about a second, and span what all say. With 500, 1,000,
1,500 and 2,000 of 7,373 intervals on kin8nm covered .84, .86, .88 and .89; twice as many take four
times as long."""
_ROWS = 256
"""Rows at a time: their intermediates, one core each, are some megabytes."""
_ROUNDING = 1e-11


class Posterior:
    r"""Variance of one score under the posterior of all cores, in units of the noise.

    .. math:: v(x) = \frac{1}{\lambda} \Big( k(x, x) - k_x^\top (K + \lambda D^{-1})^{-1} k_x \Big),
              \qquad \lambda = \alpha \sum_i w_i, \quad D = \operatorname{diag}(w_i c_i)

    with the kernel k of `Tangents`, in which the penalty is the squared norm, and the
    second derivative c_i of the loss: the Laplace approximation of the score that is
    linear in the cores, which is exact where there is one. Several scores are taken
    one by one, as if each had all cores to itself.

    Parameters
    ----------
    model : Model
        With the fitted feature map.
    network : TensorNetwork
    output : int
    X : ndarray of shape (n_samples, n_features)
        The training data; of more than 1,500 rows the first span what is known, and what
        is beyond them counts as certain.
    weight, curvature : ndarray of shape (n_samples,)
    alpha : float
        Positive.

    Attributes
    ----------
    of_rows : ndarray of shape (n_samples,)
        The variance at the training data.

    References
    ----------
    Immer, Korzepa, Bauer, "Improving predictions of Bayesian neural nets via local
    linearization", AISTATS 2021; Rasmussen, Williams, "Gaussian Processes for Machine
    Learning", MIT Press 2006, section 8.3.1 (subset of regressors).
    """

    def __init__(
        self,
        model: Model,
        network: TensorNetwork,
        output: int,
        X: FloatArray,
        weight: FloatArray,
        curvature: FloatArray,
        alpha: float,
    ) -> None:
        self._norms = [float(np.linalg.norm(u)) for u in model.feature_map.constants]
        self._model = model
        one = scale_outputs(network, np.ones(network.n_outputs), np.array([output]))
        self._tangents = Tangents(one)
        self._alone = len(X) <= _LANDMARKS
        with np.errstate(over="ignore", invalid="ignore"):
            self._landmarks = self._parts(X[:_LANDMARKS])
        with np.errstate(over="ignore", invalid="ignore"):
            gram = kernel(self._landmarks, self._landmarks)
        if not np.isfinite(gram).all():
            raise ValueError(
                f"products of the features of {network.n_sites} sites leave the range of floats, "
                "so that there is no posterior; use a feature map of smaller scale."
            )
        values, vectors = np.linalg.eigh(gram)
        kept = values > _ROUNDING * max(values[-1], np.finfo(float).tiny)
        self._whiten = vectors[:, kept] / np.sqrt(values[kept])
        self._penalty = alpha * float(weight.sum())
        design = np.concatenate([self._design(X[rows])[0] for rows in chunks(len(X), _ROWS)])
        precision = design.T @ ((weight * curvature)[:, None] * design)
        precision[np.diag_indices_from(precision)] += self._penalty
        self._factor = np.linalg.cholesky(precision)
        self.of_rows = self._solved(design)

    def variance(self, X: FloatArray) -> FloatArray:
        """The variance at other samples.

        Parameters
        ----------
        X : ndarray of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        found = [np.zeros(0)]
        for rows in chunks(len(X), _ROWS):
            design, beyond = self._design(X[rows])
            found.append(self._solved(design) + beyond / self._penalty)
        return np.concatenate(found)

    def _solved(self, design: FloatArray) -> FloatArray:
        return np.square(solve_triangular(self._factor, design.T, lower=True)).sum(axis=0)

    def _design(self, X: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Coordinates in what the landmarks span, and the squared norm of what is beyond it."""
        parts = self._parts(X)
        design = kernel(parts, self._landmarks) @ self._whiten
        if not self._alone:
            return design, np.zeros(len(X))
        whole = diagonal(parts)
        beyond = whole - np.square(design).sum(axis=1)
        return design, np.where(beyond > 1e-9 * whole, beyond, 0.0)

    def _parts(self, X: FloatArray) -> Parts:
        found = []
        for rows in chunks(len(X), _ROWS):
            features = self._model.features(X[rows], dense=True)
            scaled = [f.astype(np.float64) * norm for f, norm in zip(features, self._norms)]
            found.append(self._tangents.parts(scaled))
        return reduce(_joined, found)


def _joined(a: Parts, b: Parts) -> Parts:
    return [
        (sign, [np.concatenate(pair) for pair in zip(left, right, strict=True)])
        for (sign, left), (_, right) in zip(a, b, strict=True)
    ]
