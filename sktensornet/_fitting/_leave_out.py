"""Residuals of a kernel method, each of an observation that is left out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .._arrays._indicators import Indicators
from .._arrays._typing import Features, FloatArray

_ROUNDING = 1e-12
"""A kernel that varies by no more than this share of itself is constant up to rounding."""
_LARGEST_KERNEL = 1e12
"""Beyond, small penalties are lost beside the kernel in double precision."""


def least_squares_left_out(
    features: Features, targets: FloatArray, weight: FloatArray, unit: FloatArray
) -> Callable[[float], float] | None:
    """`left_out_loss` of the product of features; None where these overflow or are all one.

    Parameters
    ----------
    features : sequence of ndarray of shape (n_samples, m_k)
    targets, weight, unit
        Those of `left_out_loss`; the mean of the targets is taken off.
    """
    kernel = product_kernel(features)
    largest = np.abs(kernel).max()
    # Of features that are all constants nothing can be learnt, whatever the penalty.
    if not largest <= _LARGEST_KERNEL or np.ptp(kernel) <= _ROUNDING * largest:
        return None
    return left_out_loss(kernel, targets - weight @ targets / weight.sum(), weight, unit)


def product_kernel(features: Features) -> FloatArray:
    """Products over the sites of the inner products of features, for all pairs of samples."""
    kernel = np.ones((len(features[0]), len(features[0])))
    with np.errstate(over="ignore", invalid="ignore"):
        for own in features:
            if isinstance(own, Indicators):
                kernel *= own.kernel()
            else:
                wide = own.astype(np.float64)
                kernel *= wide @ wide.T
    return kernel


def left_out_loss(
    kernel: FloatArray, targets: FloatArray, weight: FloatArray, unit: FloatArray
) -> Callable[[float], float]:
    r"""Mean squared residual of a kernel ridge regression, each without one unit of its row.

    .. math:: r_i = \frac{e_i}{1 - u_i q_i}, \qquad
              e_i = \frac{\lambda (C^{-1} \sqrt w t)_i}{\sqrt{w_i}}, \qquad
              q_i = \frac{1 - \lambda (C^{-1})_{ii}}{w_i}

    with :math:`C = \operatorname{diag}(\sqrt w) K \operatorname{diag}(\sqrt w) + \lambda I`.
    A row of weight w_i stands for equal observations of weight u_i, of which one is
    left out; it counts w_i times in the mean. One eigendecomposition gives the
    residuals for every penalty.

    Parameters
    ----------
    kernel : ndarray of shape (n_samples, n_samples)
        Overwritten.
    targets : ndarray of shape (n_samples, n_outputs)
    weight, unit : ndarray of shape (n_samples,)
        Of a row, and of one of the observations that it stands for.

    Returns
    -------
    callable
        From lambda to the mean: the objective is the sum of w_i times the squared
        residuals, plus lambda times the squared norm.

    References
    ----------
    Rasmussen, Williams, "Gaussian Processes for Machine Learning", MIT Press
    2006, section 5.4.2.
    """
    root = np.sqrt(weight)[:, None]
    kernel *= root * root.T
    values, vectors = np.linalg.eigh(kernel)
    values = np.maximum(values, 0.0)
    projected = vectors.T @ (root * targets)
    squares = vectors * vectors
    left = (np.minimum(unit, weight) / weight)[:, None]
    stays = 1.0 - left

    def loss(penalty: float) -> float:
        shrunk = penalty / (values + penalty)
        fitted = vectors @ (shrunk[:, None] * projected)
        # 1 - u q, as a sum of what is not negative.
        known = stays + left * (squares @ shrunk)[:, None]
        residual = fitted / known
        return float(np.sum(residual * residual) / (weight.sum() * targets.shape[1]))

    return loss
