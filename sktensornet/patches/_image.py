"""Patches of images."""

from __future__ import annotations

from numbers import Integral

import numpy as np

from .._support._checks import check_option
from ._base import Patches, Sites, covering_strides
from ._orders import ORDERS


class ImagePatches(Patches):
    r"""Cut images into rectangular patches, each of them one site.

    .. math:: x_k = X[\, r_k : r_k + h, \; c_k : c_k + w, \; : \,], \quad k = 1 \dots d

    Parameters
    ----------
    image_shape : tuple of int
        (H, W) or (H, W, C). A row of X is the image in C order, so it has
        H * W (* C) columns.
    patch_shape : tuple of int
        (h, w) of a patch, in pixels.
    stride : int, tuple of int or None, default=None
        Step in pixels from one patch to the next, for both axes or (rows,
        columns). None is ``patch_shape``: patches side by side. A smaller
        stride makes them overlap.
    order : {"raster", "snake", "hilbert"}, default="raster"
        Order in which the patches form a chain, which matters to a tensor
        train: row by row; row by row in alternating directions; or along a
        Hilbert curve.
    uncovered : {"raise", "ignore"}, default="raise"
        Whether it is an error that some pixels belong to no patch.

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
    """

    def __init__(
        self,
        image_shape: tuple[int, ...],
        patch_shape: tuple[int, int],
        stride: int | tuple[int, int] | None = None,
        order: str = "raster",
        uncovered: str = "raise",
    ) -> None:
        self.image_shape = image_shape
        self.patch_shape = patch_shape
        self.stride = stride
        self.order = order
        self.uncovered = uncovered

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
        shape = _positive_integers("image_shape", self.image_shape, ("(H, W)", "(H, W, C)"))
        patch = _positive_integers("patch_shape", self.patch_shape, ("(h, w)",))
        asked = patch if self.stride is None else self.stride
        if isinstance(asked, Integral):
            asked = (int(asked), int(asked))
        stride = _positive_integers("stride", asked, ("(rows, columns)",))
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
        return Sites(np.ascontiguousarray(site_columns), grid)


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
