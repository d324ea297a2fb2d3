"""Random changes of images."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np

from .._support._checks import check_option, check_real
from ._base import FILLS, Augmentation, in_type, padded


class ImageAugmentation(Augmentation):
    """Mixin of what changes images."""

    def _check(self, X: np.ndarray) -> None:
        """Raise if X are no images."""
        if X.ndim != 4:
            raise ValueError(
                f"{self!r} changes images, X of shape (n_samples, H, W, C), but X has shape "
                f"{X.shape}; pass X[..., None] of grey ones, and patches=ImagePatches(...) to an "
                "estimator."
            )


class RandomShift(ImageAugmentation):
    r"""Shift images by whole pixels.

    .. math:: X'[r, c] = X[r - u, c - v], \qquad u, v \sim U\{-s, \dots, s\}

    Parameters
    ----------
    max_shift : int or tuple of int, default=2
        The largest shift s in pixels, of both axes or of (rows, columns).
    fill : {"edge", "reflect", "wrap"} or float, default="edge"
        What comes in at the border: the pixels nearest to it, the image mirrored there, the
        other end of it, or a number.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.augmentation import RandomShift
    >>> X = np.arange(12).reshape(1, 3, 4, 1)
    >>> RandomShift((0, 1), fill=0)(X, np.random.default_rng(0))[0, ..., 0]
    array([[ 1,  2,  3,  0],
           [ 5,  6,  7,  0],
           [ 9, 10, 11,  0]])
    """

    def __init__(self, max_shift: int | tuple[int, int] = 2, fill: str | float = "edge") -> None:
        self.max_shift = max_shift
        self.fill = fill

    def __call__(self, X, rng):
        self._check(X)
        reach = _reach(self.max_shift)
        H, W, C = X.shape[1:]
        wide = padded(X, dict(enumerate(reach, 1)), check_fill(self.fill))
        windows = np.lib.stride_tricks.sliding_window_view(wide, (H, W, C), axis=(1, 2, 3))[
            :, :, :, 0
        ]
        rows, columns = (rng.integers(0, 2 * s + 1, len(X)) for s in reach)
        return windows[np.arange(len(X)), rows, columns]


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

    def __call__(self, X, rng):
        self._check(X)
        axis = check_option("axis", self.axis, _AXES)
        if self.probability != 1:
            check_real("probability", self.probability, 0, 1, low_allowed=True)
        flipped = np.flatnonzero(rng.random(len(X)) < self.probability)
        found = X.copy()
        found[flipped] = np.flip(X[flipped], _AXES[axis])
        return found


class RandomRotation(ImageAugmentation):
    r"""Turn images about their centre.

    .. math:: X'[p] = X[R_\phi \, (p - p_0) + p_0], \qquad \phi \sim U(-\phi_0, \phi_0)

    between pixels by bilinear interpolation.

    Parameters
    ----------
    max_angle : float, default=10.0
        The largest angle in degrees.
    fill : {"edge", "reflect", "wrap"} or float, default="edge"
        What comes in at the border, as of `RandomShift`.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.augmentation import RandomRotation
    >>> X = np.zeros((1, 3, 3, 1))
    >>> X[0, 0] = 1
    >>> RandomRotation(30)(X, np.random.default_rng(0))[0, ..., 0].round(2)
    array([[0.86, 0.96, 1.  ],
           [0.  , 0.  , 0.14],
           [0.  , 0.  , 0.  ]])
    """

    def __init__(self, max_angle: float = 10.0, fill: str | float = "edge") -> None:
        self.max_angle = max_angle
        self.fill = fill

    def __call__(self, X, rng):
        self._check(X)
        most = np.deg2rad(check_real("max_angle", self.max_angle, 0, low_allowed=True))
        angle = rng.uniform(-most, most, len(X))
        cos, sin = np.cos(angle), np.sin(angle)
        return transformed(X, np.array([[cos, -sin], [sin, cos]]), check_fill(self.fill))


_AXES = {"horizontal": 2, "vertical": 1}


def transformed(X: np.ndarray, matrix: np.ndarray, fill: Any) -> np.ndarray:
    """Images X' with X'[p] = X[A (p - p0) + p0], p0 the centre, A of shape (2, 2, n_samples)."""
    dtype = np.result_type(X.dtype, np.float32)
    centre = [0.5 * (size - 1) for size in X.shape[1:3]]
    rows, columns = (
        np.arange(size, dtype=dtype) - dtype.type(middle)
        for size, middle in zip(X.shape[1:3], centre, strict=True)
    )
    matrix = matrix.astype(dtype)[..., None, None]
    return resampled(
        X,
        *(
            (one[0] * rows[:, None] + dtype.type(middle)) + one[1] * columns
            for one, middle in zip(matrix, centre, strict=True)
        ),
        fill,
    )


def resampled(X: np.ndarray, rows: np.ndarray, columns: np.ndarray, fill: Any) -> np.ndarray:
    """Images at places (n_samples, H, W) between their pixels, by bilinear interpolation.

    All four neighbours of all places are one gather each, from images with as wide a margin
    as places lie outside.
    """
    n, H, W, C = X.shape
    starts, shares, margins = [], [], {}
    for axis, (places, size) in enumerate(((rows, H), (columns, W)), 1):
        first = np.floor(places)
        shares.append((places - first)[..., None])
        starts.append(first.astype(np.intp))
        margins[axis] = max(0, -int(first.min()), int(first.max()) + 2 - size)
    wide = padded(X, margins, fill)
    width = wide.shape[2]
    at = (starts[0] + margins[1]) * width + (starts[1] + margins[2])
    at += (np.arange(n) * (wide.shape[1] * width))[:, None, None]
    flat = wide.reshape(-1, C)
    if flat.dtype.kind != "f":
        flat = flat.astype(rows.dtype)

    def between(at: np.ndarray) -> np.ndarray:
        left = flat.take(at, axis=0)
        right = flat.take(at + 1, axis=0)
        right -= left
        right *= shares[1]
        right += left
        return right

    upper, lower = between(at), between(at + width)
    lower -= upper
    lower *= shares[0]
    lower += upper
    return in_type(lower, X.dtype)


def check_fill(fill: Any) -> Any:
    """What lies beyond the border, or raise."""
    if isinstance(fill, Real) and not isinstance(fill, bool):
        return fill
    return check_option("fill", fill, FILLS)


def _reach(value: Any) -> tuple[int, int]:
    """The largest shift of rows and of columns."""
    pair = (value, value) if isinstance(value, Integral) else value
    is_pair = isinstance(pair, tuple | list) and len(pair) == 2
    if not is_pair or not all(
        isinstance(one, Integral) and not isinstance(one, bool) and one >= 0 for one in pair
    ):
        raise ValueError(
            f"max_shift={value!r} must be an integer >= 0, or two of them, (rows, columns)."
        )
    return int(pair[0]), int(pair[1])
