"""Features of which few are not zero, by the places of these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import sparse

from ._typing import FloatArray, IntArray


class Indicators:
    r"""A constant and at most one indicator for each sample, of many.

    .. math:: f(x_n) = e_0 + v_n e_{k_n}

    Products with them are lookups and sums by category, so that their cost does
    not grow with the number of features. ``np.asarray`` gives the dense array.

    Parameters
    ----------
    codes : ndarray of int, shape (n_samples,)
        The feature k that is set beside the first; 0 where there is none.
    values : ndarray of shape (n_samples,)
        What it is set to; 0 where there is none.
    size : int
        Number of features.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet._arrays._indicators import Indicators
    >>> features = Indicators(np.array([2, 0, 1]), np.array([0.5, 0.0, 0.5]), 3)
    >>> np.asarray(features)
    array([[1. , 0. , 0.5],
           [1. , 0. , 0. ],
           [1. , 0.5, 0. ]])
    >>> features @ np.array([[1.0], [2.0], [4.0]])
    array([[3.],
           [1.],
           [2.]])
    >>> features.adjoint(np.ones((3, 1))).ravel()
    array([3. , 0.5, 0.5])
    """

    def __init__(self, codes: IntArray, values: FloatArray, size: int) -> None:
        self.codes = codes
        self.values = values
        self.size = size

    @classmethod
    def joined(cls, parts: Sequence[Indicators]) -> Indicators:
        """Samples of some parts one after the other."""
        codes = np.concatenate([part.codes for part in parts])
        return cls(codes, np.concatenate([part.values for part in parts]), parts[0].size)

    @property
    def shape(self) -> tuple[int, int]:
        """Numbers of samples and of features."""
        return len(self.codes), self.size

    @property
    def dtype(self) -> np.dtype:
        """That of the values."""
        return self.values.dtype

    def __len__(self) -> int:
        return len(self.codes)

    def __getitem__(self, rows: Any) -> Indicators:
        """Some of the samples."""
        return Indicators(self.codes[rows], self.values[rows], self.size)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        dense = np.zeros(self.shape, self.dtype if dtype is None else dtype)
        dense[np.arange(len(dense)), self.codes] = self.values
        dense[:, 0] = 1
        return dense

    def sparse(self) -> sparse.csr_array:
        """The indicators, without the constant."""
        ends = np.arange(len(self.codes) + 1)
        return sparse.csr_array((self.values, self.codes, ends), shape=self.shape)

    def column(self, feature: int) -> FloatArray:
        """One feature of all samples."""
        if feature == 0:
            return np.ones(len(self.codes), self.dtype)
        return np.where(self.codes == feature, self.values, self.dtype.type(0))

    def __matmul__(self, matrix: FloatArray) -> FloatArray:
        """Products with a matrix (n_features, k)."""
        found = matrix[self.codes]
        found *= self.values[:, None]
        found += matrix[0]
        return found

    def adjoint(self, rows: FloatArray) -> FloatArray:
        """Products of the transpose with a matrix (n_samples, k)."""
        found = self.sparse().T @ rows
        found[0] = rows.sum(axis=0)
        return found

    def kernel(self) -> FloatArray:
        """Inner products of all pairs of samples, in float64."""
        values = self.values.astype(np.float64)
        same = self.codes[:, None] == self.codes
        return 1.0 + same * np.multiply.outer(values, values)

    def with_feature(self, is_set: np.ndarray, value: float) -> Indicators:
        """With one more feature, which is set where no other is."""
        codes = np.where(is_set, self.size, self.codes)
        return Indicators(
            codes, np.where(is_set, self.dtype.type(value), self.values), self.size + 1
        )
