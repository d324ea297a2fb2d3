"""Recorded calls translated into a table that compiled code runs through.

Between short calls the interpreter takes longer than they do, and threads wait
for each other in it. With numba installed (the extra ``numba``) a pass is one
call without the interpreter's lock; without it the calls are made one by one.

What one node does to many samples is done to one part of them after the other
if what lies between its steps would leave the cache otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any, TypeAlias

import numpy as np

from .._typing import FloatArray
from .._workspace import Calls, Workspace, next_node
from ._steps import check_range, sum_batch

Row: TypeAlias = "list[int]"
_Columns: TypeAlias = "tuple[int, int]"

_LARGEST = 300_000
"""Bytes between the steps of a node above which they are taken for some samples at a time."""
_TILE = 192
"""How many samples that is."""


@cache
def _jit() -> Any:
    """The compiled code, or None."""
    if find_spec("numba") is None:
        return None
    from . import _jit

    return _jit


def compiled(calls: Calls, work: Workspace, n: int) -> Callable[[], bool] | None:
    """One function that makes all calls, or None where there is no such.

    Parameters
    ----------
    calls : list
        What a workspace has recorded. Its arrays must stay where they are.
    work : Workspace
        That workspace.
    n : int
        Number of samples.

    Returns
    -------
    callable or None
        It returns False as soon as `check_range` would raise.
    """
    jit = _jit() if calls and n > 1 else None
    if jit is None:
        return None
    table = _Table(jit, work, n)
    nodes: Calls = [*calls, (next_node, (), None)]
    first = 0
    for last, (function, *_) in enumerate(nodes):
        if function is next_node:
            if not table.add(calls[first:last]):
                return None
            first = last + 1
    return table.function()


class _Table:
    """Rows of integers, one for each step, and what must not be moved."""

    def __init__(self, jit: Any, work: Workspace, n: int) -> None:
        self._jit, self._work, self._n = jit, work, n
        self._rows: list[Row] = []
        self._held: list[Any] = []
        self._dtype = np.dtype(np.float32)

    def function(self) -> Callable[[], bool]:
        jit, held = self._jit, self._held
        table = np.array([row + [0] * (jit.WIDTH - len(row)) for row in self._rows], np.int64)
        gemm, like = jit.GEMM[self._dtype], np.zeros(self._n, self._dtype)

        def run() -> bool:
            return bool(jit.execute(table, gemm, like)) and held is not None

        return run

    def add(self, calls: Calls) -> bool:
        """Append the calls of a node; whether there is code for all of them."""
        if not calls:
            return True
        makers = [self._maker(*call) for call in calls]
        if any(maker is None for maker in makers):
            return False
        arrays = [a for _, arguments, out in calls for a in (*arguments, out)]
        between = max(
            (a.nbytes for a in arrays if isinstance(a, np.ndarray) and self._is_spare(a)),
            default=0,
        )
        size = _TILE if between > _LARGEST else self._n
        for start in range(0, self._n, size):
            part = start, min(size, self._n - start)
            self._rows += [maker(part) for maker in makers if maker is not None]
        return True

    def _maker(
        self, function: Callable[..., Any], arguments: Any, out: Any
    ) -> Callable[[_Columns], Row] | None:
        """What gives the row of a call for some of the samples."""
        if function is check_range:
            arguments = (arguments[0].mT,)
        arrays = [a for a in (*arguments, out) if isinstance(a, np.ndarray)]
        self._dtype = arrays[0].dtype
        if self._dtype not in self._jit.GEMM or any(a.dtype != self._dtype for a in arrays):
            return None
        self._held += arrays
        if function is np.matmul:
            x, y = arguments
            return self._product(x, y, out)
        if any(a.shape[-1] != self._n or a.strides[-1] != a.itemsize for a in arrays):
            return None
        if function is np.einsum:
            subscripts, x, y = arguments
            return self._contract(subscripts, x, y, out)
        if function is np.multiply:
            return self._elementwise(self._jit.MULTIPLY, out.shape, out, *arguments)
        (x,) = arguments
        lengths = (*x.shape[:2], 1)
        if function is sum_batch:
            return self._elementwise(self._jit.SUM, lengths, out[None], x)
        if function is check_range:
            return self._elementwise(self._jit.CHECK, lengths, x, x)
        return None

    def _is_spare(self, x: FloatArray) -> bool:
        return self._work.start_of_spare(x.ctypes.data) is not None

    def _place(self, x: FloatArray, part: _Columns) -> tuple[int, list[int]]:
        """Address and strides of an array for some samples.

        Arrays that only this node needs are as long as there are samples at a time.
        """
        start, n = part
        address = x.ctypes.data
        first = self._work.start_of_spare(address)
        if first is None:
            return address + start * x.itemsize, list(x.strides)
        address = first + (address - first) * n // self._n
        return address, [step * n // self._n for step in x.strides]

    def _elementwise(
        self, kind: int, lengths: Sequence[int], *operands: FloatArray
    ) -> Callable[[_Columns], Row]:
        """A step over three axes and the samples; axes of length one broadcast."""
        shaped = [x.reshape(*x.shape[:-1], *[1] * (4 - x.ndim), x.shape[-1]) for x in operands]

        def row(part: _Columns) -> Row:
            row = [kind, *lengths[:3], part[1]]
            for x in shaped:
                address, strides = self._place(x, part)
                row += [address, *(0 if n == 1 else s for n, s in zip(x.shape[:3], strides))]
            return row

        return row

    def _contract(
        self, subscripts: str, x: FloatArray, y: FloatArray, out: FloatArray
    ) -> Callable[[_Columns], Row] | None:
        """Such as "bron,brn->bon": a product summed over one axis."""
        inputs, result = subscripts.split("->")
        first, second = inputs.split(",")
        if len(first) != 4 or len(result) != 3 or {first[0], second[0], result[0]} != {"b"}:
            return None
        x = x.transpose(0, first.index(result[1]), first.index(second[1]), 3)
        lengths = (len(out), *x.shape[1:3])
        return self._elementwise(self._jit.CONTRACT, lengths, out[:, :, None], x, y[:, None])

    def _product(
        self, x: FloatArray, y: FloatArray, out: FloatArray
    ) -> Callable[[_Columns], Row] | None:
        """A matrix by a column for each sample, or a sum over the samples.

        The BLAS has columns first; there the product of x and y is that of y
        and x.
        """
        if not x.ndim == y.ndim == out.ndim == 3 or out.strides[2] != out.itemsize:
            return None
        sums = y.strides[1] == y.itemsize and y.strides[2] != y.itemsize
        (m, k), n = x.shape[1:], y.shape[2]
        if (k if sums else n) != self._n:
            return None
        flipped = not sums and x.strides[2] != x.itemsize and x.shape[2] > 1
        if flipped and x.strides[1] != x.itemsize and x.shape[1] > 1:
            return None
        x, y, out = (np.broadcast_to(a, (len(out), *a.shape[1:])) for a in (x, y, out))
        y = y.mT if sums else y
        flags = np.frombuffer(b"NT", np.uint8).copy()
        numbers = np.array([1, 0], self._dtype)
        one, zero = (numbers.ctypes.data + j * numbers.itemsize for j in range(2))
        self._held += [flags, numbers]

        def row(part: _Columns) -> Row:
            whole = 0, self._n
            (y_at, y_by), (x_at, x_by), (out_at, out_by) = (
                self._place(array, part) if sampled else self._place(array, whole)
                for array, sampled in ((y, True), (x, sums), (out, not sums))
            )
            length = part[1]
            leads = [y_by[1], x_by[2 if flipped else 1], out_by[1]]
            least = [length, m if flipped else length if sums else k, n if sums else length]
            leads = [max(lead // x.itemsize, low) for lead, low in zip(leads, least)]
            sizes = [n, m, length] if sums else [length, m, k]
            integers = np.array([*sizes, *leads], np.int32)
            self._held.append(integers)
            at = [integers.ctypes.data + 4 * j for j in range(6)]
            beta = one if sums and part[0] else zero
            return [
                *(self._jit.PRODUCT, len(out), x_by[0], y_by[0], out_by[0]),
                *(flags.ctypes.data + int(sums), flags.ctypes.data + int(flipped), *at[:3]),
                *(one, y_at, at[3], x_at, at[4], beta, out_at, at[5]),
            ]

        return row
