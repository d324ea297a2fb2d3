"""The hot path: a core applied to the messages of its children, and the adjoint.

Messages have shape (b, r, n): b tensors (one per class, or 1), r entries, n
samples. The samples are innermost, so that element-wise work runs along them;
arrays in another memory order are as right, only slower. A leading axis of
length 1 broadcasts.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations

import numpy as np

from ..._arrays._typing import FloatArray
from ..._arrays._workspace import Workspace
from ._steps import by_core, by_messages, sum_products


class _Split:
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
        As for `CoreKernel`.
    rest_is_last : bool
        Whether rows are sorted by the result before the rest.
    """

    def __init__(
        self,
        first: tuple[int, ...],
        rest: tuple[int, ...],
        sizes: Sequence[int],
        out_size: int,
        rest_is_last: bool,
    ) -> None:
        n_children = len(sizes)
        self.first, self.rest = first, rest
        self.rest_is_last = len(rest) < 2 and rest_is_last
        out = n_children + 1
        legs = [1 + j for j in range(n_children)]
        others = [legs[j] for j in rest]
        rows = (out, *others) if self.rest_is_last else (*others, out)
        self._axes = (0, *rows, *(legs[j] for j in first))
        self._inverse = tuple(np.argsort(self._axes))
        lengths = dict(zip([out, *legs], [out_size, *sizes], strict=True))
        self._shape = (-1, *(lengths[axis] for axis in self._axes[1:]))
        self._n_columns = math.prod(sizes[j] for j in first)

    def matrix(self, core: FloatArray) -> FloatArray:
        """The core as (b, rest and out, first)."""
        return core.transpose(self._axes).reshape(len(core), -1, self._n_columns)

    def core(self, matrix: FloatArray) -> FloatArray:
        """The inverse of `matrix`."""
        return matrix.reshape(self._shape).transpose(self._inverse)

    def design(self, messages: Sequence[FloatArray], work: Workspace) -> FloatArray:
        """What meets the matrix, (b, first, n)."""
        x = messages[self.first[0]]
        return x if len(self.first) == 1 else outer(x, messages[self.first[1]], work)

    def by_message(self, result: FloatArray, size: int) -> FloatArray:
        """View of (b, rows, n) as (b, size, others, n) by the entries of a message."""
        n_batch, rows, n = result.shape
        if self.rest_is_last:
            return result.reshape(n_batch, rows // size, size, n).swapaxes(1, 2)
        return result.reshape(n_batch, size, rows // size, n)


class CoreKernel:
    r"""The multilinear rule of one node.

    .. math:: y_o = \sum_{i_1 \dots i_k} G_{i_1 \dots i_k o} \, x^1_{i_1} \cdots x^k_{i_k}

    Of the three legs of a chain's core the matrix products of both passes take
    the largest, be it a message or the result, so that the least is left to do
    sample by sample. The way up leaves nothing for the way down unless that
    saves work: memory that went out of the cache is as slow as the work.

    Parameters
    ----------
    sizes : sequence of int
        Lengths of the messages of the children.
    out : int
        Length of the outgoing message.
    fused : bool, default=False
        Whether compiled code takes both passes of two children in one step each.
    """

    def __init__(self, sizes: Sequence[int], out: int, fused: bool = False) -> None:
        k = len(sizes)

        def split(*first: int) -> _Split:
            rest = tuple(j for j in range(k) if j not in first)
            return _Split(first, rest, sizes, out, fused)

        def designed(split: _Split) -> int:
            return math.prod(sizes[j] for j in split.first) if len(split.first) > 1 else 0

        def left(split: _Split) -> int:
            return math.prod(sizes[j] for j in split.rest) * out if split.rest else 0

        splits = [split(*first) for n in (1, 2) for first in combinations(range(k), n)]
        self._up = min(splits, key=lambda split: designed(split) + left(split))
        whole = split(*range(k)) if k <= 2 else self._up
        kept = 3 * left(self._up) + designed(self._up)
        if fused and k == 2:
            self._up, self._down = split(int(sizes[1] > sizes[0])), whole
        else:
            self._down = whole if 3 * designed(whole) <= kept else self._up
        self.keeps = self._down.first == self._up.first and bool(self._up.rest)
        rest = [sizes[j] for j in self._up.rest]
        kept = sum(math.prod(rest[j:]) * out for j in range(len(rest))) if self.keeps else 0
        self._shares = self._down.first == self._up.first and len(self._up.first) == 1
        self.entries = 2 * out + kept
        """Numbers per sample that both passes keep."""

    def matrices(self, core: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Copies of the core as the two passes use it."""
        up = np.array(self._up.matrix(core), order="C")
        if self._shares:
            return up, up
        return up, np.array(self._down.matrix(core).mT, order="C").mT

    def refresh(self, matrices: tuple[FloatArray, FloatArray], core: FloatArray) -> None:
        """Write another core into what `matrices` gave."""
        matrices[0][...] = self._up.matrix(core)
        if not self._shares:
            matrices[1][...] = self._down.matrix(core)

    def apply(
        self,
        matrices: tuple[FloatArray, FloatArray],
        messages: Sequence[FloatArray],
        work: Workspace,
        wants_tape: bool = True,
    ) -> tuple[FloatArray, list[FloatArray]]:
        """Contract a core with the messages of its children.

        Parameters
        ----------
        matrices : tuple of ndarray
            From `matrices`.
        messages : sequence of ndarray of shape (b, size, n)
        work : Workspace
        wants_tape : bool, default=True
            Whether `adjoint` follows.

        Returns
        -------
        message : ndarray of shape (b, out, n)
        partial : list of ndarray
            What `adjoint` needs of the way.
        """
        split, matrix = self._up, matrices[0]
        design = split.design(messages, work)
        n_batch, n = max(len(matrix), len(design)), design.shape[-1]
        wants_partial = self.keeps and wants_tape
        empty = work.keep if not split.rest or wants_partial else work.spare
        result = empty((n_batch, matrix.shape[1], n), matrix.dtype)
        partial: list[FloatArray] = []
        if len(split.rest) == 1 and not wants_partial:
            y = messages[split.rest[0]]
            out = work.keep((n_batch, matrix.shape[1] // y.shape[1], n), matrix.dtype)
            return work.run(sum_products, matrix, design, y, result, split, out=out), partial
        work.run(np.matmul, matrix, design, out=result)
        for j in split.rest:
            message = messages[j]
            each = split.by_message(result, message.shape[1])
            partial.append(each)
            empty = work.keep if j == split.rest[-1] else empty
            result = empty((n_batch, each.shape[2], n), matrix.dtype)
            work.run(np.einsum, "bron,brn->bon", each, message, out=result)
        return result, partial

    def adjoint(
        self,
        matrices: tuple[FloatArray, FloatArray],
        messages: Sequence[FloatArray],
        partial: Sequence[FloatArray],
        gradient: FloatArray,
        into: Sequence[FloatArray | None],
        work: Workspace,
    ) -> FloatArray:
        """Adjoint of `apply`.

        Parameters
        ----------
        gradient : ndarray of shape (b, out, n)
            Derivative with respect to the outgoing message.
        into : sequence of ndarray of shape (b, size, n), or None
            For each child where to write the derivative with respect to its
            message; None where it is not needed.

        Returns
        -------
        ndarray
            Derivative with respect to the core, in its shape.
        """
        split, matrix = self._down, matrices[1]
        for j, each in zip(reversed(split.rest), reversed(partial)):
            target = into[j]
            if target is not None:
                work.run(np.einsum, "bron,bon->brn", each, gradient, out=target)
            gradient = self._spread(split, messages[j], gradient, work)
        if len(split.first) == 1:
            (j,) = split.first
            by_matrix = _product_over_samples(gradient, messages[j], work)
            target = into[j]
            if target is not None:
                work.run(np.matmul, matrix.mT, gradient, out=target)
            return split.core(by_matrix)
        i, j = split.first
        x, y, to_x, to_y = messages[i], messages[j], into[i], into[j]
        n_rows, n = matrix.shape[2], gradient.shape[2]
        design = work.spare((max(len(x), len(y)), n_rows, n), matrix.dtype)
        by_rows = work.keep((len(gradient), n_rows, matrix.shape[1]), matrix.dtype)
        work.run(by_core, gradient, x, y, design, out=by_rows)
        if to_x is not None or to_y is not None:
            # The design has done its work; its memory is in the cache.
            back = design
            if len(back) < len(matrix):
                back = work.spare((len(matrix), n_rows, n), matrix.dtype)
            work.run(by_messages, matrix.mT, gradient, x, y, to_x, to_y, out=back)
        return split.core(by_rows.mT)

    def _spread(
        self, split: _Split, message: FloatArray, gradient: FloatArray, work: Workspace
    ) -> FloatArray:
        """The gradient times each entry of a message."""
        n_batch, size, n = gradient.shape
        spread = work.spare((n_batch, message.shape[1] * size, n), gradient.dtype)
        each = split.by_message(spread, message.shape[1])
        work.run(np.multiply, message[:, :, None], gradient[:, None], out=each)
        return spread


def outer(x: FloatArray, y: FloatArray, work: Workspace) -> FloatArray:
    """All products of entries, (b, i, n) and (b, j, n) to (b, i * j, n)."""
    n_batch, n = max(len(x), len(y)), x.shape[2]
    result = work.spare((n_batch, x.shape[1] * y.shape[1], n), x.dtype)
    each = result.reshape(n_batch, x.shape[1], y.shape[1], n)
    work.run(np.multiply, x[:, :, None], y[:, None], out=each)
    return result


def _product_over_samples(x: FloatArray, y: FloatArray, work: Workspace) -> FloatArray:
    """The matrices (b, i, j) of (b, i, n) and (b, j, n); BLAS wants the longer side first."""
    if x.shape[1] < y.shape[1]:
        return _product_over_samples(y, x, work).mT
    result = work.keep((max(len(x), len(y)), x.shape[1], y.shape[1]), x.dtype)
    return work.run(np.matmul, x, y.mT, out=result)


@lru_cache(maxsize=1024)
def core_kernel(sizes: tuple[int, ...], out: int, fused: bool) -> CoreKernel:
    """A `CoreKernel`, which many nodes of a tree may share, since it keeps nothing."""
    return CoreKernel(sizes, out, fused)
