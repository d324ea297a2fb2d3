"""Random shifts and reflections of images."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._support._checks import check_integer, check_option, check_real
from ._base import Augmentation, shifted


class ImageAugmentation(Augmentation):
    """Base class of what changes images."""

    def __call__(self, X, rng):
        if X.ndim == 4:
            return super().__call__(X, rng)
        raise ValueError(
            f"{self!r} changes images, X of shape (n_samples, H, W, C), but X has shape {X.shape}; "
            "pass X[..., None] of grey ones, and patches=ImagePatches(...) to an estimator."
        )


class RandomShift(ImageAugmentation):
    r"""Shift images by whole pixels.

    .. math:: X'[r, c] = X[r - u, c - v], \qquad u, v \sim U\{-s, \dots, s\}

    Parameters
    ----------
    max_shift : int or tuple of int, default=2
        The largest shift s in pixels, of both axes or of (rows, columns).
    fill : {"edge", "reflect", "wrap"} or float, default="edge"
        What comes in at the border: the pixel nearest to it, the image mirrored there, the
        other end of it, or a number.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.augmentation import RandomShift
    >>> X = np.arange(12).reshape(1, 3, 4, 1)
    >>> RandomShift((0, 1), fill=0)(X, np.random.default_rng(0))[0, ..., 0]
    array([[ 0,  0,  1,  2],
           [ 0,  4,  5,  6],
           [ 0,  8,  9, 10]])
    """

    def __init__(self, max_shift: int | tuple[int, int] = 2, fill: str | float = "edge") -> None:
        self.max_shift = max_shift
        self.fill = fill

    def draw(self, shape, rng):
        asked: Any = self.max_shift
        if not (isinstance(asked, (tuple, list)) and len(asked) == 2):
            asked = asked, asked
        why = ", or two of them, (rows, columns)"
        reach = [check_integer("max_shift", most, 0, why) for most in asked]
        return [rng.integers(-most, most + 1, shape[0]) for most in reach]

    def change(self, X, drawn):
        return shifted(X, dict(enumerate(drawn, 1)), self.fill)


_AXES = {"horizontal": 2, "vertical": 1}


class RandomFlip(ImageAugmentation):
    r"""Mirror images with a probability.

    .. math:: X'[r, c] = X[r, W - 1 - c]

    Parameters
    ----------
    axis : {"horizontal", "vertical"}, default="horizontal"
        Whether left and right change places, or top and bottom.
    probability : float, default=0.5
        That an image is mirrored.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.augmentation import RandomFlip
    >>> X = np.arange(4).reshape(1, 2, 2, 1)
    >>> RandomFlip(probability=1)(X, np.random.default_rng(0))[0, ..., 0]
    array([[1, 0],
           [3, 2]])
    """

    def __init__(self, axis: str = "horizontal", probability: float = 0.5) -> None:
        self.axis = axis
        self.probability = probability

    def draw(self, shape, rng):
        if self.probability != 1:
            check_real("probability", self.probability, 0, 1, low_allowed=True)
        return rng.random((shape[0], 1, 1, 1)) < self.probability

    def change(self, X, drawn):
        axis = _AXES[check_option("axis", self.axis, _AXES)]
        return np.where(drawn, np.flip(X, axis), X)
