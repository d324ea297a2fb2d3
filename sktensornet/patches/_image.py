"""Patches of images."""

from __future__ import annotations

import math
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import clone

from .._support._checks import check_option
from ._base import Patches, Sites, automatic_window, covering_strides, flat_rows
from ._orders import ORDERS


class ImagePatches(Patches):
    r"""Cut images into rectangular patches, each of them one site.

    .. math:: x_k = X[\, r_k : r_k + h, \; c_k : c_k + w, \; : \,], \quad k = 1 \dots d

    Parameters
    ----------
    image_shape : tuple of int
        (H, W) or (H, W, C). X has the shape (n_samples, H, W), or with channels that of
        `channels`; or its rows are the images in C order, of H * W (* C) columns.
    patch_shape : tuple of int, int or "auto", default="auto"
        (h, w) of a patch, in pixels, or one number for both. "auto" takes the smallest of at
        least four pixels that at most seven of on an axis cover the image, overlapping by half.
    stride : int, tuple of int or None, default=None
        Step in pixels from one patch to the next, for both axes or (rows,
        columns). None is ``patch_shape``: patches side by side; or what "auto" finds. A
        smaller stride makes them overlap.
    order : {"raster", "snake", "hilbert"}, default="raster"
        Order in which the patches form a chain, which matters to a tensor
        train: row by row; row by row in alternating directions; or along a
        Hilbert curve.
    uncovered : {"raise", "ignore"}, default="raise"
        Whether it is an error that some pixels belong to no patch.
    channels : {"last", "first"}, default="last"
        Which axis of an X of four axes are the channels: (n_samples, H, W, C), or
        (n_samples, C, H, W). `image_shape` and rows of X have them last either way.

    See Also
    --------
    sktensornet.TTClassifier : Classifier that takes patches.

    References
    ----------
    Khrulkov, Novikov, Oseledets, "Expressive power of recurrent neural
    networks", ICLR 2018, figure 2.

    Examples
    --------
    >>> from sktensornet.patches import ImagePatches
    >>> sites = ImagePatches((8, 8), (4, 4), stride=2).fit(n_features=64)
    >>> sites.n_sites, sites.site_size
    (9, 16)
    >>> sites.columns[1, :6]
    array([ 2,  3,  4,  5, 10, 11])

    Colour images whose channels come first are taken as they are:

    >>> import numpy as np
    >>> from sktensornet import HTClassifier
    >>> X = np.random.default_rng(0).integers(0, 256, (40, 3, 8, 8), dtype=np.uint8)
    >>> clf = HTClassifier(patches=ImagePatches((8, 8, 3), channels="first"), random_state=0)
    >>> clf.fit(X, X[:, 0].mean(axis=(1, 2)) > 127).n_features_in_
    192
    """

    def __init__(
        self,
        image_shape: tuple[int, ...],
        patch_shape: tuple[int, int] | int | str = "auto",
        stride: int | tuple[int, int] | None = None,
        order: str = "raster",
        uncovered: str = "raise",
        channels: str = "last",
    ) -> None:
        self.image_shape = image_shape
        self.patch_shape = patch_shape
        self.stride = stride
        self.order = order
        self.uncovered = uncovered
        self.channels = channels

    def fit(self, n_features: int) -> Sites:
        """Find the columns of each patch.

        Parameters
        ----------
        n_features : int
            Number of columns of X.

        Returns
        -------
        Sites
            The columns of each patch, and the grid of the patches.

        Raises
        ------
        ValueError
            If the shapes do not fit each other or `n_features`.
        """
        shape = self._shape()
        check_option("channels", self.channels, ("last", "first"))
        patch, stride = self.window()
        order = check_option("order", self.order, ORDERS)
        uncovered = check_option("uncovered", self.uncovered, ("raise", "ignore"))
        pixels = int(np.prod(shape))
        if pixels != n_features:
            raise ValueError(
                f"image_shape={self.image_shape!r} means {pixels} columns, but X has "
                f"{n_features}; image_shape must multiply to the number of columns of X."
            )
        if patch[0] > shape[0] or patch[1] > shape[1]:
            raise ValueError(
                f"patch_shape={self.patch_shape!r} is larger than image_shape="
                f"{self.image_shape!r}; it must fit into the image."
            )
        rests = [(shape[axis] - patch[axis]) % stride[axis] for axis in (0, 1)]
        gaps = [stride[axis] > patch[axis] < shape[axis] for axis in (0, 1)]
        if uncovered == "raise" and (any(rests) or any(gaps)):
            fitting = [covering_strides(shape[axis], patch[axis]) for axis in (0, 1)]
            raise ValueError(
                f"stride={self.stride!r} with patch_shape={self.patch_shape!r} leaves pixels of "
                f"an image of {shape[0]} x {shape[1]} uncovered. With this patch_shape, strides in "
                f"{fitting[0]} cover the rows and in {fitting[1]} the columns; with stride=None, "
                "patch_shape must divide the image. Or pass uncovered='ignore' to leave these "
                "pixels out."
            )
        rows, columns = [(shape[axis] - patch[axis]) // stride[axis] + 1 for axis in (0, 1)]
        index = np.arange(pixels).reshape(*shape[:2], -1)
        windows = np.lib.stride_tricks.sliding_window_view(index, patch, axis=(0, 1))
        windows = windows[:: stride[0], :: stride[1]].transpose(0, 1, 3, 4, 2)
        places = ORDERS[order](rows, columns)
        grid = np.empty((rows, columns), dtype=np.int64)
        grid[places[:, 0], places[:, 1]] = np.arange(len(places))
        site_columns = windows[places[:, 0], places[:, 1]].reshape(len(places), -1)
        return Sites(np.ascontiguousarray(site_columns), grid, clone(self))

    def flatten(self, X: Any) -> Any:
        """Rows of X from images in the shape that the parameters state.

        Parameters
        ----------
        X : array of shape (n_samples, H, W), (n_samples, H, W, C) or (n_samples, C, H, W)
            The images.

        Returns
        -------
        array of shape (n_samples, n_features)
            The images as rows in C order, channels last.

        Raises
        ------
        ValueError
            If X has another shape.
        """
        shape = self._shape()
        comes_first = check_option("channels", self.channels, ("last", "first")) == "first"
        moves = comes_first and len(shape) == 3
        wanted = (shape[2], *shape[:2]) if moves else shape
        found = tuple(X.shape[1:])
        if found == wanted:
            return flat_rows(X, 1 if moves else None)
        other = "last" if comes_first else "first"
        turned = (*wanted[1:], wanted[0]) if comes_first else (wanted[-1], *wanted[:-1])
        hint = f" Its channels are {other}: set channels={other!r}." if found == turned else ""
        raise ValueError(
            f"X has shape {tuple(X.shape)}, but image_shape={self.image_shape!r} with channels="
            f"{self.channels!r} means (n_samples, {', '.join(map(str, wanted))}), or rows of "
            f"{math.prod(shape)} columns.{hint}"
        )

    def unflatten(self, rows: Any) -> Any:
        """Images from rows, whichever shape X has.

        Parameters
        ----------
        rows : array of shape (n_samples, n_features)
            The images as rows in C order, channels last.

        Returns
        -------
        array of shape (n_samples, H, W, C)
            The images; C is 1 where `image_shape` is (H, W).
        """
        H, W, *channels = self._shape()
        return rows.reshape(len(rows), H, W, *(channels or (1,)))

    def _shape(self) -> tuple[int, ...]:
        return _positive_integers("image_shape", self.image_shape, ("(H, W)", "(H, W, C)"))

    def window(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """What `patch_shape` and `stride` mean for these images.

        Returns
        -------
        patch, step : tuple of int
            Rows and columns of a patch, and from one patch to the next.

        Raises
        ------
        ValueError
            If a parameter is not usable.
        """
        shape = self._shape()
        asked: Any = self.patch_shape
        stride = self.stride
        if isinstance(asked, str):
            check_option("patch_shape", asked, ("auto",))
            asked, found = zip(*map(automatic_window, shape[:2]))
            stride = found if stride is None else stride
        patch = _positive_integers("patch_shape", _twice(asked), ("(h, w)",))
        step = patch if stride is None else _twice(stride)
        return patch, _positive_integers("stride", step, ("(rows, columns)",))


def _twice(value: Any) -> Any:
    """One number for both axes."""
    return (int(value), int(value)) if isinstance(value, Integral) else value


def _positive_integers(name: str, value, meanings: tuple[str, ...]) -> tuple[int, ...]:
    try:
        items = tuple(value)
    except TypeError:
        items = ()
    lengths = [len(meaning.split(",")) for meaning in meanings]
    if len(items) not in lengths or not all(
        isinstance(item, Integral) and not isinstance(item, bool) and int(item) >= 1
        for item in items
    ):
        wanted = " or ".join(str(length) for length in lengths)
        example = f", such as ({value}, {value})" if isinstance(value, Integral) else ""
        raise ValueError(
            f"{name}={value!r} must be {wanted} integers >= 1, {' or '.join(meanings)}{example}."
        )
    return tuple(int(item) for item in items)
