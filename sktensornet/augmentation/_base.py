"""What an augmentation is to the rest of the package."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from numbers import Real
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from sklearn.base import BaseEstimator

from .._support._checks import check_option
from .._support._documentation_links import DocumentationLinkMixin

Augmenting = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""What may augment: an `Augmentation`, or any function of a batch and a generator."""

FILLS = ("edge", "reflect", "wrap")
"""What may lie beyond the border of a sample, beside a number, as `numpy.pad` calls it."""


class Augmentation(DocumentationLinkMixin, BaseEstimator, ABC):
    r"""Base class of random changes of samples that leave their targets as they are.

    .. math:: X'_i = a(X_i, \omega_i), \qquad y'_i = y_i

    with a random :math:`\omega_i` for each sample. A function ``f(X, rng)`` does, too; a
    subclass has parameters that a search can set, can be saved, and makes views of many
    samples at once.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.augmentation import Augmentation
    >>> class RandomInversion(Augmentation):
    ...     def __init__(self, highest=255):
    ...         self.highest = highest
    ...
    ...     def draw(self, shape, rng):
    ...         return rng.random((shape[0], 1, 1, 1)) < 0.5
    ...
    ...     def change(self, X, inverts):
    ...         return np.where(inverts, self.highest - X, X)
    >>> X = np.zeros((3, 2, 2, 1), np.uint8)
    >>> RandomInversion()(X, np.random.default_rng(0))[:, 0, 0, 0]
    array([  0, 255, 255], dtype=uint8)
    """

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
        return self.change(X, self.draw(X.shape, rng))

    @abstractmethod
    def draw(self, shape: tuple[int, ...], rng: np.random.Generator) -> Any:
        """Draw what happens to each sample.

        Parameters
        ----------
        shape : tuple of int
            Of the samples; the first is their number, which is 1 where all are to be changed
            alike.
        rng : numpy.random.Generator
            The only source of chance.

        Returns
        -------
        object
            What `change` takes.
        """

    @abstractmethod
    def change(self, X: np.ndarray, drawn: Any) -> np.ndarray:
        """Change samples as was drawn.

        Parameters
        ----------
        X : ndarray of shape (n_samples, H, W, C) or (n_samples, n_channels, length)
            Images or series.
        drawn : object
            From `draw`, of each sample or one for all.

        Returns
        -------
        ndarray
            Of the same shape and type; X itself does not change.
        """


def check_fill(fill: Any) -> Any:
    """What lies beyond the border, or raise."""
    if isinstance(fill, Real) and not isinstance(fill, bool):
        return fill
    return check_option("fill", fill, FILLS)


def padded(X: np.ndarray, axes: dict[int, int], fill: Any) -> np.ndarray:
    """X with as many places more on both ends of some axes."""
    width = [(axes.get(axis, 0),) * 2 for axis in range(X.ndim)]
    beyond: dict[str, Any] = {"mode" if isinstance(fill, str) else "constant_values": fill}
    return np.pad(X, width, **beyond)


def shifted(X: np.ndarray, shifts: dict[int, np.ndarray], fill: Any) -> np.ndarray:
    """X with each sample shifted along some axes: windows of samples with margins."""
    margins = {axis: int(np.abs(shift).max(initial=0)) for axis, shift in shifts.items()}
    wide = padded(X, margins, check_fill(fill))
    windows = sliding_window_view(wide, X.shape[1:], axis=tuple(range(1, X.ndim)))
    first = [margins[axis] - shifts[axis] if axis in shifts else 0 for axis in range(1, X.ndim)]
    return windows[np.arange(len(X)), *first]


def in_type(X: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Computed numbers in the type of what they come from: integers round, and end at theirs."""
    if dtype.kind == "f":
        return X.astype(dtype, copy=False)
    limits = np.iinfo(dtype)
    return np.clip(np.rint(X), limits.min, limits.max).astype(dtype)
