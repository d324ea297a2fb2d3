"""Lists of sequences of several lengths as one table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from .._arrays._typing import FloatArray
from .._support._checks import check_integer


def pad_sequences(sequences: Sequence[ArrayLike], length: int | None = None) -> FloatArray:
    """Sequences of several lengths as rows, filled up at the end with missing values.

    Parameters
    ----------
    sequences : sequence of array-like
        Each of shape (n_steps,), or (n_steps, n_channels) with as many channels each.
    length : int or None, default=None
        Steps of all rows; None is that of the longest.

    Returns
    -------
    ndarray of shape (n_samples, length) or (n_samples, n_channels * length)
        NaN after the last step. Channels come one after the other, as
        `SequencePatches` reads them. With ``shared_cores=True`` missing steps at the
        end are skipped.

    Raises
    ------
    ValueError
        If a sequence is longer than `length`, or channels differ.

    Examples
    --------
    >>> from sktensornet.patches import pad_sequences
    >>> pad_sequences([[3, 1], [2, 0, 1]])
    array([[ 3.,  1., nan],
           [ 2.,  0.,  1.]])
    """
    arrays = [np.asarray(one, np.float64) for one in sequences]
    shapes = {one.shape[1:] for one in arrays}
    if len(shapes) != 1 or len(shape := next(iter(shapes))) > 1:
        raise ValueError(
            f"sequences has {len(arrays)} arrays with steps of the shapes {sorted(shapes)}; they "
            "must all be (n_steps,), or all (n_steps, n_channels) with as many channels."
        )
    longest = max(len(one) for one in arrays)
    steps = longest if length is None else check_integer("length", length, 1)
    if longest > steps:
        raise ValueError(f"length={length!r} is less than the {longest} steps of a sequence.")
    padded = np.full((len(arrays), *shape, steps), np.nan)
    for row, one in zip(padded, arrays, strict=True):
        row[..., : len(one)] = one.T
    return padded.reshape(len(arrays), -1)
