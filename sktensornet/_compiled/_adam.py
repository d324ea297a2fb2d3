"""The update of Adam in one pass over the parameters, which needs numba."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit

from .._arrays._typing import FloatArray


# Only where a division by zero is NumPy's, and arrays do not overlap, are vectors of numbers
# taken: a tenth of the time.
@njit(nogil=True, cache=True, error_model="numpy")
def _update(theta, origin, gradient, first, second, numbers):
    pulled, beta_1, rest_1, beta_2, rest_2, epsilon, rate = numbers
    for k in range(len(theta)):
        g = gradient[k]
        mean = first[k] * beta_1 + g * rest_1
        square = second[k] * beta_2 + (g * g) * rest_2
        first[k], second[k] = mean, square
        own = theta[k] - (theta[k] - origin[k]) * pulled
        theta[k] = own - mean / (np.sqrt(square) + epsilon) * rate


def update(
    theta: FloatArray,
    origin: FloatArray,
    gradient: FloatArray,
    first: FloatArray,
    second: FloatArray,
    numbers: Sequence[float],
) -> None:
    """Move parameters against a mean of derivatives, in units of their size.

    Parameters
    ----------
    theta : ndarray of shape (n,)
        The parameters, which are changed.
    origin : ndarray of shape (n,)
        Where they are pulled to; without a pull any vector, best one that does not change.
    gradient : ndarray of shape (n,)
        The derivative.
    first, second : ndarray of shape (n,)
        Running moments of it, which are changed.
    numbers : sequence of float
        The pull, the decay rates of the first moment and what they leave, of the second,
        what keeps the division finite, and the step size.
    """
    # A tuple of the type of the vectors, so that the arithmetic is NumPy's.
    _update(theta, origin, gradient, first, second, tuple(np.array(numbers, theta.dtype)))
