"""Samples as the engine takes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._arrays._namespace import Place
from .._arrays._samples import merged_rows
from .._arrays._typing import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Samples:
    """Rows of numbers, their encoded targets and their weights.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), or Blocks
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Classes as indices, or real targets, as the loss takes them.
    weight : ndarray of shape (n_samples,)
    unit : ndarray of shape (n_samples,)
        What one observation like this one weighs; a row may stand for several.
    place : Place or None
        Where X came from, if from another library: where solvers compute with it.
    """

    X: Any
    y: np.ndarray
    weight: FloatArray
    unit: FloatArray
    place: Place | None = None

    @classmethod
    def weighted(
        cls, X: Any, y: np.ndarray, given: FloatArray, weight: FloatArray | None = None
    ) -> Samples:
        """Samples of weights in observations, perhaps multiplied by those of their classes."""
        if weight is None:
            weight = given
        unit = np.divide(weight, given, out=np.ones(len(given)), where=given > 0)
        return cls(X, y, weight, unit)

    def __len__(self) -> int:
        return len(self.weight)

    def __iter__(self):
        return iter((self.X, self.y, self.weight))

    @property
    def are_at_hand(self) -> bool:
        """Whether single rows can be taken, and are not in the blocks of a dask array."""
        return isinstance(self.X, np.ndarray)

    @property
    def copies(self) -> IntArray:
        """How many observations each row stands for, at least one."""
        with np.errstate(divide="ignore", invalid="ignore"):
            copies = np.rint(self.weight / self.unit)
        return np.where(copies > 1, copies, 1).astype(np.int64)

    def take(self, rows: Any) -> Samples:
        """Some of the rows."""
        return self._of(rows, self.weight[rows])

    def in_float64(self) -> Samples:
        """The samples with their numbers in float64; classes stay integers."""
        y = self.y.astype(np.float64) if self.y.dtype.kind == "f" else self.y
        return Samples(self.X.astype(np.float64), y, self.weight, self.unit)

    def part(self, share: FloatArray) -> Samples:
        """A share of the weight of each row, without the rows of which nothing is left."""
        rows = np.flatnonzero(share > 0)
        return self._of(rows, self.weight[rows] * share[rows])

    def merged(self) -> Samples:
        """Equal rows as one; itself, where none repeat and all weigh the same."""
        merged = self.by_value()
        if len(merged) == len(self) and (self.weight == self.weight[0]).all():
            return self
        return merged

    def by_value(self) -> Samples:
        """Equal rows as one, in an order that their values alone decide."""
        return self._of(*merged_rows(self.X, self.y, self.weight))

    def _of(self, rows: Any, weight: FloatArray) -> Samples:
        return Samples(self.X[rows], self.y[rows], weight, self.unit[rows], self.place)
