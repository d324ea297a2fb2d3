"""A core as a matrix, of some of its children by the others and the result."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..._arrays._namespace import namespace
from ..._arrays._typing import FloatArray
from ._steps import View


class Split:
    r"""The multilinear rule cut into a matrix product and sums sample by sample.

    .. math:: z = G_{(\mathrm{rest}, o), (\mathrm{first})} \, (x_i \otimes x_j), \qquad
              y_o = \sum_{\mathrm{rest}} z_{\mathrm{rest}, o} \, x_{\mathrm{rest}}

    Parameters
    ----------
    first, rest : tuple of int
        The one or two children that meet the core in the matrix product, and
        the others.
    sizes : sequence of int
    out : int
        As for `CoreRule`.

    Attributes
    ----------
    in_order : bool
        Whether the core as it lies in memory is the matrix (b, first, rest and out).
    """

    def __init__(
        self, first: tuple[int, ...], rest: tuple[int, ...], sizes: Sequence[int], out: int
    ) -> None:
        self.first, self.rest = first, rest
        rows = (*(1 + j for j in rest), len(sizes) + 1)
        self._axes = (0, *rows, *(1 + j for j in first))
        self.in_order = first == tuple(range(len(first)))
        self._inverse = tuple(int(axis) for axis in np.argsort(self._axes))
        lengths = (1, *sizes, out)
        self._rows = tuple(lengths[axis] for axis in rows)
        self._columns = tuple(sizes[j] for j in first)
        self.shape = math.prod(self._rows), math.prod(self._columns)

    def matrix(self, core: FloatArray) -> FloatArray:
        """The core as (b, rest and out, first)."""
        xp = namespace(core)
        return xp.reshape(xp.permute_dims(core, self._axes), (core.shape[0], *self.shape))

    def core(self, matrix: View) -> View:
        """The inverse of `matrix`."""
        split = matrix.split(2, *self._columns).split(1, *self._rows)
        return split.transpose(*self._inverse)

    def by_message(self, rows: View, size: int) -> View:
        """Rows (b, rows, ...) by the entries of a message, (b, others, size, ...)."""
        split = rows.split(1, size, rows.shape[1] // size)
        return split.transpose(0, 2, 1, *range(3, len(split.shape)))
