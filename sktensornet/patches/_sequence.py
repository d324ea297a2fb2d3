"""Windows of sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import clone

from .._support._checks import check_integer, check_option
from ._base import Patches, Sites, automatic_window, covering_strides, flat_rows


class SequencePatches(Patches):
    r"""Slide a window over sequences, each place of it one site.

    .. math:: x_k = X[\,:, \; s (k - 1) : s (k - 1) + w\,], \quad k = 1 \dots d

    Parameters
    ----------
    window : int or "auto", default="auto"
        Steps of time w in a window. "auto" takes the shortest of at least four steps that
        at most seven of cover the series, overlapping by about half.
    stride : int or None, default=None
        Steps s from one window to the next. None is ``window``: windows side by
        side; or what "auto" finds. A smaller stride makes them overlap.
    n_channels : int, default=1
        Number of values at each step. X has the shape (n_samples, length), or that of
        `channels`; or a row of X is an array of shape (n_channels, length) in C order:
        the whole series of the first channel, then that of the second, and so on.
        A window holds its steps of all channels, channel by channel.
    uncovered : {"raise", "ignore"}, default="raise"
        Whether it is an error that some steps belong to no window.
    channels : {"first", "last"}, default="first"
        Which axis of an X of three axes are the channels: (n_samples, n_channels, length),
        or (n_samples, length, n_channels).

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
        window: int | str = "auto",
        stride: int | None = None,
        n_channels: int = 1,
        uncovered: str = "raise",
        channels: str = "first",
    ) -> None:
        self.window = window
        self.stride = stride
        self.n_channels = n_channels
        self.uncovered = uncovered
        self.channels = channels

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
        n_channels = check_integer("n_channels", self.n_channels, 1)
        check_option("channels", self.channels, ("first", "last"))
        uncovered = check_option("uncovered", self.uncovered, ("raise", "ignore"))
        length, rest = divmod(n_features, n_channels)
        if rest:
            raise ValueError(
                f"n_channels={self.n_channels!r} does not divide the {n_features} columns of X; "
                "a row of X must be n_channels series of one length, one after the other."
            )
        window, found = self.window, None
        if isinstance(window, str):
            check_option("window", window, ("auto",))
            window, found = automatic_window(length)
        window = check_integer("window", window, 1)
        stride = window if found is None else found
        if self.stride is not None:
            stride = check_integer("stride", self.stride, 1)
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

    def flatten(self, X: Any) -> Any:
        """Rows of X from series in the shape that the parameters state.

        Parameters
        ----------
        X : array of shape (n_samples, n_channels, length) or (n_samples, length, n_channels)
            The series.

        Returns
        -------
        array of shape (n_samples, n_features)
            The series as rows, one channel after the other.

        Raises
        ------
        ValueError
            If X has another shape.
        """
        n_channels = check_integer("n_channels", self.n_channels, 1)
        comes_last = check_option("channels", self.channels, ("first", "last")) == "last"
        shape = tuple(X.shape)
        if len(shape) == 3 and shape[2 if comes_last else 1] == n_channels:
            return flat_rows(X, 2, 1) if comes_last else flat_rows(X)
        wanted = f"length, {n_channels}" if comes_last else f"{n_channels}, length"
        other = "first" if comes_last else "last"
        is_turned = len(shape) == 3 and shape[1 if comes_last else 2] == n_channels
        hint = f" Its channels are {other}: set channels={other!r}." if is_turned else ""
        raise ValueError(
            f"X has shape {shape}, but n_channels={self.n_channels!r} with channels="
            f"{self.channels!r} means (n_samples, {wanted}), or rows of n_channels * length "
            f"columns.{hint}"
        )

    def unflatten(self, rows: Any) -> Any:
        """Series from rows, whichever shape X has.

        Parameters
        ----------
        rows : array of shape (n_samples, n_features)
            The series as rows, one channel after the other.

        Returns
        -------
        array of shape (n_samples, n_channels, length)
            The series.
        """
        n_channels = check_integer("n_channels", self.n_channels, 1)
        return rows.reshape(len(rows), n_channels, -1)
