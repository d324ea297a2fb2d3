"""Random changes of images whose pixels come from between pixels."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np

from .._support._checks import check_real
from ._base import check_fill, in_type, padded
from ._images import ImageAugmentation

_BLOCK = 16
"""Images at once, so that work arrays stay in the cache: 256 of 28 x 28 pixels are turned in 7.6 ms
of a processor by sixteens, in 8.6 ms by eights and in 20 ms by 64."""


class Warp(ImageAugmentation):
    """Base class of what reads pixels of an image at other places, by bilinear interpolation."""

    fill: Any

    @abstractmethod
    def _sources(self, shape: tuple[int, int], drawn: Any) -> tuple[np.ndarray, np.ndarray]:
        """Rows and columns (n_samples, H, W) that pixels come from."""

    def change(self, X, drawn):
        found = np.empty_like(X)
        for first in range(0, len(X), _BLOCK):
            part = slice(first, first + _BLOCK)
            own = drawn if len(drawn) == 1 else drawn[part]
            found[part] = resampled(X[part], *self._sources(X.shape[1:3], own), fill=self.fill)
        return found


class RandomAffine(Warp):
    r"""Turn, zoom and shear images about their centre.

    .. math:: X'[p] = X[A (p - p_0) + p_0], \qquad
              A = \frac{1}{z} \begin{pmatrix} \cos \phi & -\sin \phi \\
              \sin \phi & \cos \phi \end{pmatrix}
              \begin{pmatrix} 1 & 0 \\ h & 1 \end{pmatrix}

    with the angle :math:`\phi`, the shear h and the logarithm of the zoom z drawn uniformly
    from both sides of zero; between pixels by bilinear interpolation.

    Parameters
    ----------
    max_angle : float, default=10.0
        The largest angle in degrees.
    max_zoom : float, default=0.1
        The largest :math:`\log z`: images are up to about 10 % larger or smaller.
    max_shear : float, default=0.1
        The largest shear, in columns per row.
    fill : {"edge", "reflect", "wrap"} or float, default="edge"
        What comes in at the border, as of `RandomShift`.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.augmentation import RandomAffine
    >>> X = np.zeros((1, 5, 5, 1))
    >>> X[0, :, 2] = 1
    >>> RandomAffine(0, 0, 0.5)(X, np.random.default_rng(0))[0, ..., 0].round(2)
    array([[0.  , 0.92, 0.08, 0.  , 0.  ],
           [0.  , 0.46, 0.54, 0.  , 0.  ],
           [0.  , 0.  , 1.  , 0.  , 0.  ],
           [0.  , 0.  , 0.54, 0.46, 0.  ],
           [0.  , 0.  , 0.08, 0.92, 0.  ]])
    """

    def __init__(
        self,
        max_angle: float = 10.0,
        max_zoom: float = 0.1,
        max_shear: float = 0.1,
        fill: str | float = "edge",
    ) -> None:
        self.max_angle = max_angle
        self.max_zoom = max_zoom
        self.max_shear = max_shear
        self.fill = fill

    def draw(self, shape, rng):
        most = {name: getattr(self, name) for name in ("max_angle", "max_zoom", "max_shear")}
        for name, value in most.items():
            check_real(name, value, 0, low_allowed=True)
        angle, zoom, shear = (rng.uniform(-one, one, shape[0]) for one in most.values())
        return matrices(angle, np.exp(zoom), shear)

    def _sources(self, shape, drawn):
        return turned_places(shape, drawn)


class RandomRotation(Warp):
    r"""Turn images about their centre.

    .. math:: X'[p] = X[R_\phi (p - p_0) + p_0], \qquad \phi \sim U(-\phi_0, \phi_0)

    between pixels by bilinear interpolation.

    Parameters
    ----------
    max_angle : float, default=10.0
        The largest angle in degrees.
    fill : {"edge", "reflect", "wrap"} or float, default="edge"
        What comes in at the border, as of `RandomShift`.

    See Also
    --------
    RandomAffine : Turns, zooms and shears at once.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.augmentation import RandomRotation
    >>> X = np.zeros((1, 3, 3, 1))
    >>> X[0, 0] = 1
    >>> RandomRotation(30)(X, np.random.default_rng(0))[0, ..., 0].round(2)
    array([[0.85, 0.99, 1.  ],
           [0.  , 0.  , 0.14],
           [0.  , 0.  , 0.  ]])
    """

    def __init__(self, max_angle: float = 10.0, fill: str | float = "edge") -> None:
        self.max_angle = max_angle
        self.fill = fill

    def draw(self, shape, rng):
        most = check_real("max_angle", self.max_angle, 0, low_allowed=True)
        return matrices(rng.uniform(-most, most, shape[0]))

    def _sources(self, shape, drawn):
        return turned_places(shape, drawn)


class RandomElastic(Warp):
    r"""Move pixels by a smooth random field.

    .. math:: X'[p] = X[p + \sigma \, d(p)], \qquad
              \operatorname{cov}(d(p), d(q)) \approx e^{-\|p - q\|^2 / (4 \ell^2)} I

    d is white noise smoothed by a Gaussian of standard deviation l; between pixels by bilinear
    interpolation.

    Parameters
    ----------
    scale : float, default=1.0
        The standard deviation sigma of the shift of a pixel along each axis, in pixels.
    smoothness : float, default=4.0
        The length l over which shifts are alike, in pixels.
    fill : {"edge", "reflect", "wrap"} or float, default="edge"
        What comes in at the border, as of `RandomShift`.

    References
    ----------
    Simard, Steinkraus, Platt, "Best practices for convolutional neural networks applied to
    visual document analysis", ICDAR 2003; their field has a scale of 1.4 and a smoothness of 4.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.augmentation import RandomElastic
    >>> X = np.zeros((1, 3, 5, 1))
    >>> X[0, 1] = 1
    >>> RandomElastic(smoothness=2)(X, np.random.default_rng(0))[0, ..., 0].round(1)
    array([[0. , 0. , 0. , 0. , 0.2],
           [0.8, 0.7, 0.8, 1. , 0.6],
           [0.2, 0.2, 0.1, 0. , 0. ]])
    """

    def __init__(
        self, scale: float = 1.0, smoothness: float = 4.0, fill: str | float = "edge"
    ) -> None:
        self.scale = scale
        self.smoothness = smoothness
        self.fill = fill

    def draw(self, shape, rng):
        n, H, W = shape[:3]
        return rng.standard_normal((n, 2, H, W), dtype=np.float32)

    def _sources(self, shape, drawn):
        scale = check_real("scale", self.scale, 0, low_allowed=True)
        length = check_real("smoothness", self.smoothness, 0)
        by_row, by_column = (_smoothing(size, length) for size in shape)
        shifts = (np.float32(scale) * by_row) @ drawn @ by_column.T
        rows, columns = (np.arange(size, dtype=np.float32) for size in shape)
        return shifts[:, 0] + rows[:, None], shifts[:, 1] + columns


def _smoothing(size: int, length: float) -> np.ndarray:
    """A Gaussian around each place, of norm one, so that white noise keeps its variance."""
    places = np.arange(size) / length
    kernel = np.exp(-0.5 * (places[:, None] - places) ** 2)
    return (kernel / np.linalg.norm(kernel, axis=1, keepdims=True)).astype(np.float32)


def matrices(degrees: np.ndarray, zoom: Any = 1.0, shear: Any = 0.0) -> np.ndarray:
    """From places of pixels about the centre to those they come from: (n_samples, 2, 2)."""
    cos, sin = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    rows = [cos - shear * sin, -sin], [sin + shear * cos, cos]
    return np.array([[one / zoom for one in row] for row in rows]).transpose(2, 0, 1)


def turned_places(shape: tuple[int, int], matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where pixels of images that a matrix turns about their centre come from."""
    centre = [np.float32(0.5 * (size - 1)) for size in shape]
    rows, columns = (
        np.arange(size, dtype=np.float32) - middle
        for size, middle in zip(shape, centre, strict=True)
    )
    by_row, by_column = (matrix.astype(np.float32)[..., k, None, None] for k in (0, 1))
    found = [
        (by_row[:, axis] * rows[:, None] + centre[axis]) + by_column[:, axis] * columns
        for axis in (0, 1)
    ]
    return found[0], found[1]


def resampled(X: np.ndarray, rows: np.ndarray, columns: np.ndarray, *, fill: Any) -> np.ndarray:
    """Images at places (n_samples, H, W) between their pixels, by bilinear interpolation.

    The four neighbours of all places are one gather each, from images with as wide a margin as
    places lie outside.
    """
    n, H, W, C = X.shape
    starts, shares, margins = [], [], {}
    for axis, (places, size) in enumerate(((rows, H), (columns, W)), 1):
        first = np.floor(places)
        shares.append((places - first)[..., None])
        starts.append(first.astype(np.intp))
        margins[axis] = max(0, -int(first.min()), int(first.max()) + 2 - size)
    wide = padded(X, margins, check_fill(fill))
    if wide.dtype.kind != "f":
        wide = wide.astype(np.float32)
    height, width = wide.shape[1:3]
    at = (starts[0] + margins[1]) * width + (starts[1] + margins[2])
    at = at + (np.arange(n) * (height * width))[:, None, None]
    pixels = wide.reshape(-1, C)

    def between(at: np.ndarray) -> np.ndarray:
        left, right = pixels.take(at, axis=0), pixels.take(at + 1, axis=0)
        right -= left
        right *= shares[1]
        right += left
        return right

    upper, lower = between(at), between(at + width)
    lower -= upper
    lower *= shares[0]
    lower += upper
    return in_type(lower, X.dtype)
