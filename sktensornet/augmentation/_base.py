"""What an augmentation is to the rest of the package."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from .._support._documentation_links import DocumentationLinkMixin

Augmenting = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""What may augment: an `Augmentation`, or any function of a batch and a generator."""

FILLS = ("edge", "reflect", "wrap")
"""What may lie beyond the border of a sample, beside a number, as `numpy.pad` calls it."""


class Augmentation(DocumentationLinkMixin, BaseEstimator, ABC):
    r"""Base class of random changes of samples that leave their targets as they are.

    .. math:: X'_i = a(X_i, \omega_i), \qquad y'_i = y_i

    with a random :math:`\omega_i` for each sample. Any callable of the same arguments does, a
    function too; a subclass has parameters that a search can set, and can be saved.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.augmentation import Augmentation
    >>> class RandomInversion(Augmentation):
    ...     def __init__(self, highest=255):
    ...         self.highest = highest
    ...
    ...     def __call__(self, X, rng):
    ...         turned = rng.random(len(X)) < 0.5
    ...         return np.where(turned[:, None, None, None], self.highest - X, X)
    >>> X = np.zeros((3, 2, 2, 1), np.uint8)
    >>> RandomInversion()(X, np.random.default_rng(0))[:, 0, 0, 0]
    array([  0, 255, 255], dtype=uint8)
    """

    @abstractmethod
    def __call__(self, X: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Change each sample of a batch at random.

        Parameters
        ----------
        X : ndarray of shape (n_samples, H, W, C) or (n_samples, n_channels, length)
            Images, with one channel where they are grey, or series.
        rng : numpy.random.Generator
            The only source of chance.

        Returns
        -------
        ndarray
            Of the same shape and type; X itself does not change.
        """


def padded(X: np.ndarray, axes: dict[int, int], fill: Any) -> np.ndarray:
    """X with as many places more on both ends of some axes."""
    width = [(axes.get(axis, 0),) * 2 for axis in range(X.ndim)]
    if isinstance(fill, str):
        return np.pad(X, width, mode=fill)  # type: ignore[call-overload]
    return np.pad(X, width, constant_values=fill)


def in_type(X: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Computed numbers in the type of what they come from: integers round, and end at theirs."""
    if dtype.kind == "f":
        return X.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(X), limits.min, limits.max).astype(dtype)
