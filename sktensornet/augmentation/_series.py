"""Random changes of series, and of the values of both series and images."""

from __future__ import annotations

import numpy as np

from .._support._checks import check_integer, check_real
from ._base import Augmentation, in_type, shifted


class RandomTimeShift(Augmentation):
    r"""Shift series by whole steps of time.

    .. math:: X'[\,:, t] = X[\,:, t - u], \qquad u \sim U\{-s, \dots, s\}

    Parameters
    ----------
    max_shift : int, default=2
        The largest shift s in steps.
    fill : {"edge", "reflect", "wrap"} or float, default="edge"
        What comes in at the ends: the value nearest to it, the series mirrored there, the
        other end of it, or a number.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.augmentation import RandomTimeShift
    >>> X = np.arange(10.0).reshape(1, 2, 5)
    >>> RandomTimeShift(1, fill="wrap")(X, np.random.default_rng(0))
    array([[[4., 0., 1., 2., 3.],
            [9., 5., 6., 7., 8.]]])
    """

    def __init__(self, max_shift: int = 2, fill: str | float = "edge") -> None:
        self.max_shift = max_shift
        self.fill = fill

    def __call__(self, X, rng):
        if X.ndim == 3:
            return super().__call__(X, rng)
        raise ValueError(
            f"{self!r} changes series, X of shape (n_samples, n_channels, length), but X has shape "
            f"{X.shape}; pass X[:, None] of one channel, and patches=SequencePatches(...) to an "
            "estimator."
        )

    def draw(self, shape, rng):
        most = check_integer("max_shift", self.max_shift, 0)
        return rng.integers(-most, most + 1, shape[0])

    def change(self, X, drawn):
        return shifted(X, {2: drawn}, self.fill)


class RandomScaling(Augmentation):
    r"""Multiply each channel of a series, or of an image, by a number near one.

    .. math:: X'_c = (1 + \sigma \, \epsilon_c) X_c, \qquad \epsilon_c \sim N(0, 1)

    Parameters
    ----------
    scale : float, default=0.1
        The standard deviation sigma of the factor.

    References
    ----------
    Um et al., "Data augmentation of wearable sensor data for Parkinson's disease monitoring
    using convolutional neural networks", ICMI 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.augmentation import RandomScaling
    >>> X = np.ones((1, 2, 3))
    >>> RandomScaling(0.1)(X, np.random.default_rng(0)).round(2)
    array([[[1.01, 1.01, 1.01],
            [0.99, 0.99, 0.99]]])
    """

    def __init__(self, scale: float = 0.1) -> None:
        self.scale = scale

    def draw(self, shape, rng):
        scale = check_real("scale", self.scale, 0, low_allowed=True)
        of_channels = [1 if axis in _places(shape) else size for axis, size in enumerate(shape)]
        return 1.0 + scale * rng.standard_normal(of_channels)

    def change(self, X, drawn):
        return in_type(X * drawn, X.dtype)


class Jitter(Augmentation):
    r"""Add noise to series or images.

    .. math:: X'_c = X_c + \sigma \, \operatorname{std}(X_c) \, \epsilon, \qquad
              \epsilon \sim N(0, I)

    std is that of each channel of each sample, so that units do not matter.

    Parameters
    ----------
    scale : float, default=0.05
        The standard deviation sigma of the noise, relative to that of the values.

    References
    ----------
    Um et al., "Data augmentation of wearable sensor data for Parkinson's disease monitoring
    using convolutional neural networks", ICMI 2017.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.augmentation import Jitter
    >>> X = np.array([[[0.0, 1.0, 0.0, 1.0]]])
    >>> Jitter(0.1)(X, np.random.default_rng(0)).round(2)
    array([[[ 0.06,  0.93, -0.02,  0.96]]])
    """

    def __init__(self, scale: float = 0.05) -> None:
        self.scale = scale

    def draw(self, shape, rng):
        check_real("scale", self.scale, 0, low_allowed=True)
        return rng.standard_normal(shape, dtype=np.float32)

    def change(self, X, drawn):
        return in_type(X + self.scale * _deviation(X) * drawn, X.dtype)


def _deviation(X: np.ndarray) -> np.ndarray:
    """That of each channel of each sample, without what is missing."""
    axes, known = _places(X.shape), X == X
    n = np.maximum(known.sum(axes, keepdims=True), 1, dtype=np.result_type(X, np.float32))
    centred = X - X.sum(axes, keepdims=True, where=known) / n
    return np.sqrt((centred * centred).sum(axes, keepdims=True, where=known) / n)


def _places(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The axes that are neither samples nor channels."""
    return (1, 2) if len(shape) == 4 else (2,)
