"""Windows of sequences."""

from __future__ import annotations

import numpy as np
from sklearn.base import clone

from .._support._checks import check_integer, check_option
from ._base import Patches, Sites, covering_strides


class SequencePatches(Patches):
    r"""Slide a window over sequences, each place of it one site.

    .. math:: x_k = X[\,:, \; s (k - 1) : s (k - 1) + w\,], \quad k = 1 \dots d

    Parameters
    ----------
    window : int
        Steps of time w in a window.
    stride : int or None, default=None
        Steps s from one window to the next. None is ``window``: windows side by
        side. A smaller stride makes them overlap.
    n_channels : int, default=1
        Number of values at each step. A row of X is an array of shape
        (n_channels, length) in C order: the whole series of the first channel,
        then that of the second, and so on. ``X.reshape(len(X), -1)`` makes such
        rows of an array (n_samples, n_channels, length); one of shape
        (n_samples, length, n_channels) needs ``X.transpose(0, 2, 1)`` first.
        A window holds its steps of all channels, channel by channel.
    uncovered : {"raise", "ignore"}, default="raise"
        Whether it is an error that some steps belong to no window.

    See Also
    --------
    sktensornet.TTClassifier : Reads the windows as a recurrent network does.
    ImagePatches : Patches of images.

    References
    ----------
    Khrulkov, Novikov, Oseledets, "Expressive power of recurrent neural
    networks", ICLR 2018, section 3: the sites are the inputs x_k of a recurrent
    network.

    Examples
    --------
    Two channels of six steps, in windows of four steps that overlap by half:

    >>> from sktensornet.patches import SequencePatches
    >>> sites = SequencePatches(window=4, stride=2, n_channels=2).fit(n_features=12)
    >>> sites.n_sites, sites.site_size
    (2, 8)
    >>> sites.columns
    array([[ 0,  1,  2,  3,  6,  7,  8,  9],
           [ 2,  3,  4,  5,  8,  9, 10, 11]])
    """

    def __init__(
        self,
        window: int,
        stride: int | None = None,
        n_channels: int = 1,
        uncovered: str = "raise",
    ) -> None:
        self.window = window
        self.stride = stride
        self.n_channels = n_channels
        self.uncovered = uncovered

    def fit(self, n_features: int) -> Sites:
        """Find the columns of each window.

        Parameters
        ----------
        n_features : int
            Number of columns of X.

        Returns
        -------
        Sites
            The columns of each window.

        Raises
        ------
        ValueError
            If a parameter is out of range, or does not fit `n_features`.
        """
        window = check_integer("window", self.window, 1)
        stride = window if self.stride is None else check_integer("stride", self.stride, 1)
        n_channels = check_integer("n_channels", self.n_channels, 1)
        uncovered = check_option("uncovered", self.uncovered, ("raise", "ignore"))
        length, rest = divmod(n_features, n_channels)
        if rest:
            raise ValueError(
                f"n_channels={self.n_channels!r} does not divide the {n_features} columns of X; "
                "a row of X must be n_channels series of one length, one after the other."
            )
        if window > length:
            raise ValueError(
                f"window={self.window!r} is longer than the series, which have {length} steps "
                f"({n_features} columns of X / n_channels={self.n_channels!r})."
            )
        if uncovered == "raise" and ((length - window) % stride or stride > window < length):
            raise ValueError(
                f"stride={self.stride!r} with window={self.window!r} leaves steps of a series of "
                f"{length} uncovered. With this window, strides in "
                f"{covering_strides(length, window)} cover them; with stride=None, window must "
                "divide the length. Or pass uncovered='ignore' to leave these steps out."
            )
        steps = np.arange(n_features).reshape(n_channels, length)
        windows = np.lib.stride_tricks.sliding_window_view(steps, window, axis=1)[:, ::stride]
        columns = windows.swapaxes(0, 1).reshape(windows.shape[1], -1)
        return Sites(columns, patches=clone(self))
