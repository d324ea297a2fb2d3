"""Recorded calls translated into a table that compiled code runs through.

Between short calls the interpreter takes longer than they do, and threads wait
for each other in it. With numba installed (the extra ``numba``) a pass is one
call without the interpreter's lock; without it the calls are made one by one.

What one node does to many samples is done to one part of them after the other
if what lies between its steps would leave the cache otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from ..._arrays._typing import FloatArray
from ..._arrays._workspace import Calls, Workspace, next_node
from ..._support._optional import compiled_module
from ._steps import by_core, by_messages, check_range, sum_batch, sum_products

Row: TypeAlias = "list[int]"
_Part: TypeAlias = "tuple[int, int]"

_LARGEST = 300_000
"""Bytes between the steps of a node above which they are taken for some samples at a time."""
_TILE = 192
"""How many samples that is."""
_FUSED = (sum_products, by_core, by_messages)
_FLAGS = {False: ord("N"), True: ord("T")}


def _jit() -> Any:
    """The compiled code, or None."""
    return compiled_module("sktensornet._compiled._execute")


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
            if first < last and not table.add(calls[first:last]):
                return None
            first = last + 1
    return table.function()


class _Table:
    """Rows of integers, one for each step, and what must not be moved."""

    def __init__(self, jit: Any, work: Workspace, n: int) -> None:
        self._jit, self._n = jit, n
        self._spare = work.spare_blocks()
        self._rows: list[Row] = []
        self._held: list[Any] = []
        self._dtype = np.dtype(np.float32)
        self._memory = 8 * n

    def function(self) -> Callable[[], bool]:
        jit, numbers = self._jit, np.array([1, 0], self._dtype)
        table = np.array([row + [0] * (jit.WIDTH - len(row)) for row in self._rows], np.int64)
        memory = np.empty(self._memory // self._dtype.itemsize, self._dtype)
        run: Callable[[], bool] = partial(
            jit.execute, table, jit.GEMM[self._dtype], numbers, memory
        )
        run.held = self._held  # type: ignore[attr-defined]
        return run

    def add(self, calls: Calls) -> bool:
        """Append the calls of a node; whether there is code for all of them."""
        first = len(self._held)
        makers = [self._maker(*call) for call in calls]
        if any(maker is None for maker in makers):
            return False
        spare = (a.nbytes for a in self._held[first:] if self._start_of_spare(_address(a)))
        is_long = max(spare, default=0) > _LARGEST
        is_fused = any(function in _FUSED for function, *_ in calls)
        size = _TILE if is_long and not is_fused else self._n
        for start in range(0, self._n, size):
            part = start, min(size, self._n - start)
            self._rows += [maker(part) for maker in makers if maker is not None]
        return True

    def _maker(
        self, function: Callable[..., Any], arguments: Any, out: Any
    ) -> Callable[[_Part], Row] | None:
        """What gives the row of a call for some of the samples."""
        if function is check_range:
            arguments = (arguments[0].mT,)
        if function in _FUSED:
            return self._fused(function, arguments, out)
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
            lengths = *out.shape[:-1], 1
            return self._elementwise(self._jit.MULTIPLY, lengths, out, *arguments)
        (x,) = arguments
        lengths = (*x.shape[:2], 1)
        if function is sum_batch:
            return self._elementwise(self._jit.SUM, lengths, out[None], x)
        if function is check_range:
            return self._elementwise(self._jit.CHECK, lengths, x, x)
        return None

    def _start_of_spare(self, address: int) -> int | None:
        """Where the memory begins that only this node needs, if it is such."""
        for start, end in self._spare:
            if start <= address < end:
                return start
        return None

    def _placer(self, x: FloatArray, *axes: int) -> Callable[[_Part], Row]:
        """Address of an array for some samples, and its strides along some axes.

        Arrays that only this node needs are as long as there are samples at a time.
        """
        address, n = _address(x), self._n
        strides = [0 if x.shape[axis] == 1 else x.strides[axis] for axis in axes]
        first = self._start_of_spare(address)
        if first is None:
            return lambda part: [address + part[0] * x.itemsize, *strides]

        def place(part: _Part) -> Row:
            length = part[1]
            return [
                first + (address - first) * length // n,
                *[step * length // n for step in strides],
            ]

        return place

    def _elementwise(
        self, kind: int, lengths: Sequence[int], *operands: FloatArray
    ) -> Callable[[_Part], Row]:
        """A step over three axes and the samples; axes of length one broadcast."""
        placers = [self._placer(x, *range(x.ndim - 1)) for x in operands]
        missing = [[0] * (4 - x.ndim) for x in operands]

        def row(part: _Part) -> Row:
            row = [kind, *lengths[:3], part[1]]
            for place, zeros in zip(placers, missing):
                row += place(part)
                row += zeros
            return row

        return row

    def _contract(
        self, subscripts: str, x: FloatArray, y: FloatArray, out: FloatArray
    ) -> Callable[[_Part], Row] | None:
        """Such as "bron,brn->bon": a product summed over one axis."""
        inputs, result = subscripts.split("->")
        first, second = inputs.split(",")
        if len(first) != 4 or len(result) != 3 or {first[0], second[0], result[0]} != {"b"}:
            return None
        x = x.transpose(0, first.index(result[1]), first.index(second[1]), 3)
        lengths = (len(out), *x.shape[1:3])
        return self._elementwise(self._jit.CONTRACT, lengths, out[:, :, None], x, y[:, None])

    def _fused(
        self, function: Callable[..., Any], arguments: Any, out: FloatArray
    ) -> Callable[[_Part], Row] | None:
        """A core with two children, or its adjoint, in one step."""
        jit = self._jit
        nothing = np.empty((1, 1, self._n), out.dtype)
        if function is sum_products:
            kind, (packed, x, y, _, split) = jit.SUM_PRODUCTS, arguments
            if not split.rest_is_last:
                return None
            core = split.by_message(packed, y.shape[1])
            sampled = [x, y, out]
        elif function is by_core:
            kind, packed, (gradient, x, y, _) = jit.BY_CORE, out, arguments
            core = packed.reshape(len(packed), x.shape[1], y.shape[1], -1)
            sampled = [gradient, x, y]
        else:
            kind, (packed, gradient, x, y, *into) = jit.BY_MESSAGES, arguments
            core = packed.reshape(len(packed), x.shape[1], y.shape[1], -1)
            sampled = [gradient, x, y, *(nothing if a is None else a for a in into)]
        arrays = [core, *sampled]
        self._dtype = core.dtype
        if self._dtype not in jit.GEMM or any(a.dtype != self._dtype for a in arrays):
            return None
        if any(a.shape[-1] != self._n or a.strides[-1] != a.itemsize for a in sampled):
            return None
        if self._n * core.itemsize < jit.TILE or not packed.flags.c_contiguous:
            return None
        self._held += arrays
        n_batch = max(map(len, arrays))
        n_x, n_y = x.shape[1], y.shape[1]
        n_out = core.shape[2] if function is sum_products else core.shape[3]
        self._memory = max(self._memory, jit.memory(n_out, n_y, self._n, n_x))
        places = [self._placer(a, 0, 1) for a in sampled]
        at_core = self._placer(core, 0, 1, 2)

        def row(part: _Part) -> Row:
            row = [kind, n_batch, n_out, n_y, part[1], n_x, *at_core((0, self._n))]
            for place in places:
                row += place(part)
            return row

        return row

    def _product(
        self, x: FloatArray, y: FloatArray, out: FloatArray
    ) -> Callable[[_Part], Row] | None:
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
        flipped = not sums and x.strides[2] != x.itemsize and k > 1
        if flipped and x.strides[1] != x.itemsize and m > 1:
            return None
        y = y.mT if sums else y
        head = [self._jit.PRODUCT, len(out)]
        flags = [_FLAGS[sums], _FLAGS[flipped]]
        whole = 0, self._n
        places = [
            (self._placer(array, 0, axis), sampled)
            for array, axis, sampled in (
                (y, 1, True),
                (x, 2 if flipped else 1, sums),
                (out, 1, not sums),
            )
        ]
        itemsize = x.itemsize

        def row(part: _Part) -> Row:
            length = part[1]
            (y_at, y_by, y_lead), (x_at, x_by, x_lead), (out_at, out_by, out_lead) = (
                place(part if sampled else whole) for place, sampled in places
            )
            sizes = [n, m, length] if sums else [length, m, k]
            least = m if flipped else length if sums else k
            return [
                *head,
                *(x_by, y_by, out_by),
                *flags,
                *sizes,
                *(y_at, max(y_lead // itemsize, length)),
                *(x_at, max(x_lead // itemsize, least)),
                int(sums and part[0] > 0),
                *(out_at, max(out_lead // itemsize, sizes[0])),
            ]

        return row


def _address(x: FloatArray) -> int:
    return x.__array_interface__["data"][0]
