"""Samples of some lengths, in a pass from the longest to the shortest."""

from __future__ import annotations

import numpy as np

from ..._arrays._typing import Features, FloatArray, IntArray


class Lengths:
    """Numbers of steps of samples, of which a pass takes the longest first.

    Those that reach a step are then the first ones. The last step of each is read at the
    last site, so that one node gives all scores.

    Parameters
    ----------
    lengths : ndarray of int, shape (n,)
    n_sites : int
        The largest they may be.

    Attributes
    ----------
    going : ndarray of int, shape (n_sites,)
        How many samples go on after each step; the last is 0.
    """

    def __init__(self, lengths: IntArray, n_sites: int) -> None:
        self._order = np.argsort(-lengths, kind="stable")
        self._back = np.argsort(self._order)
        self._ends = lengths[self._order] - 1
        self.going = np.count_nonzero(np.arange(n_sites)[:, None] < self._ends, axis=1)

    def sort(self, scores: FloatArray) -> FloatArray:
        """Scores (b, n, n_outputs) of the longest first; `back` undoes it."""
        return scores[:, self._order]

    def back(self, scores: FloatArray) -> FloatArray:
        """The inverse of `sort`."""
        return scores[:, self._back]

    def write(self, features: Features, rows: FloatArray) -> None:
        """Write features (n, m) of each site as rows (all m in turn, n)."""
        n_sites, n = len(features), rows.shape[1]
        if not isinstance(features, np.ndarray):
            features = np.stack([np.asarray(own).T for own in features]).mT
        by_site = rows.reshape(n_sites, -1, n)
        # To clip means not to ask first; without it NumPy takes other memory before `out`.
        np.take(features.mT, self._order, axis=2, out=by_site, mode="clip")
        by_site[-1] = features[self._ends, self._order].T

    def read(self, rows: FloatArray) -> FloatArray:
        """Derivatives by features from those by what `write` gave, 0 after the end."""
        by_site = rows.reshape(len(self.going), -1, rows.shape[1])
        for site, n in enumerate(self.going[:-1]):
            by_site[site, :, n:] = 0
        last = by_site[-1].T.copy()
        by_site[-1] = 0
        by_site[self._ends, :, np.arange(len(last))] = last
        return np.take(rows, self._back, axis=1)
