"""Samples as the engine takes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._arrays._samples import merged_samples
from .._arrays._typing import FloatArray


@dataclass(frozen=True, eq=False)
class Samples:
    """Rows of numbers, their encoded targets and their weights.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features), or Blocks
    y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        Classes as indices, or real targets, as the loss takes them.
    weight : ndarray of shape (n_samples,)
    """

    X: Any
    y: np.ndarray
    weight: FloatArray

    def __len__(self) -> int:
        return len(self.weight)

    def __iter__(self):
        return iter((self.X, self.y, self.weight))

    @property
    def are_at_hand(self) -> bool:
        """Whether single rows can be taken, and are not in the blocks of a dask array."""
        return isinstance(self.X, np.ndarray)

    def take(self, rows: Any) -> Samples:
        """Some of the rows."""
        return Samples(self.X[rows], self.y[rows], self.weight[rows])

    def merged(self) -> Samples:
        """Equal rows as one of their total weight."""
        return Samples(*merged_samples(self.X, self.y, self.weight))
