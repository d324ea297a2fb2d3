"""A plan bound to memory as a table that compiled code runs through.

Between short calls the interpreter takes longer than they do, and threads wait
for each other in it. With numba installed (the extra ``numba``) a pass is one
call without the interpreter's lock, which gives up as soon as a message has to
be rescaled; `_numpy` then takes the same plan on the same memory.

What one node does to many samples is done to one part of them after the other
if what lies between its steps would leave the cache otherwise.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import numpy as np

from ..._arrays._typing import IntArray
from ..._support._optional import compiled_module
from ._numpy import Memory
from ._steps import SAFE_EXPONENT, Kind, Part, Place, Span, Step, View, packed

Row: TypeAlias = "list[int]"
_Samples: TypeAlias = "tuple[int, int]"
_Maker: TypeAlias = "Callable[[_Samples], Row] | None"

_LARGEST = 300_000
"""Bytes between the steps of a node above which they are taken for some samples at a time: with
a core and its messages that is about what a second-level cache holds."""
_TILE = 192
"""How many samples that is: a multiple of the 24 or 12 that `_vectors` takes at a time."""
_FUSED = (Kind.SUM_PRODUCTS, Kind.BY_CORE, Kind.BY_MESSAGES)
_FLAGS = {False: ord("N"), True: ord("T")}


def _jit() -> Any:
    """The compiled code, or None."""
    return compiled_module("sktensornet._compiled._execute")


def compiled(part: Part, memory: Memory) -> Callable[..., bool] | None:
    """One function that takes all steps, or None where there is no code for one of them.

    Parameters
    ----------
    part : Part
        Steps whose buffers the memory has. Scales are left as they are.
    memory : Memory

    Returns
    -------
    callable or None
        It returns False as soon as a message has to be rescaled, and takes how many samples
        go on after each step, for steps with spans.
    """
    jit = _jit() if part.nodes and memory.n > 1 else None
    if jit is None or memory.dtype not in jit.GEMM:
        return None
    table = _Table(jit, memory)
    nodes = zip(part.nodes, part.spans, strict=True)
    return table.function() if all(table.add(*each) for each in nodes) else None


class _Table:
    """Rows of integers, one for each step.

    The row of a step for some samples is affine in the first of them and in how many they
    are: those of steps with spans are for one sample, with what one more adds on either side.
    """

    def __init__(self, jit: Any, memory: Memory) -> None:
        self._jit, self._memory = jit, memory
        self._n, self._itemsize = memory.n, memory.dtype.itemsize
        self._buffers = memory.buffers
        self._rows: list[tuple[Row, Row, Row]] = []
        self._spans: dict[int, Span] = {}
        self._bytes = 8 * memory.n
        self._nothing = np.empty(memory.n, memory.dtype)

    def function(self) -> Callable[..., bool]:
        """See `compiled`."""
        jit, dtype = self._jit, self._memory.dtype
        numbers = np.array([1, 0, 2.0 ** (-SAFE_EXPONENT - 1), 2.0**SAFE_EXPONENT], dtype)
        table, by_start, by_length = (
            np.array([row + [0] * (jit.WIDTH - len(row)) for row in rows], np.int64)
            for rows in zip(*self._rows, strict=True)
        )
        own = np.empty(self._bytes // self._itemsize, dtype)
        arguments = jit.GEMM[dtype], numbers, own
        run: Callable[..., bool] = partial(jit.execute, table, *arguments)
        if self._spans:
            # What goes through whole tiles reaches over samples after the last.
            is_tiled = np.isin(table[:, 0], (jit.SUM_PRODUCTS, jit.BY_MESSAGES))
            least = np.where(is_tiled, jit.TILE // self._itemsize, 1)
            places, spans = np.array([*self._spans]), np.array([*self._spans.values()])

            def run(going: IntArray) -> bool:
                start, stop = going[spans[:, 1]], going[spans[:, 0]]
                length = np.maximum(stop - start, least[places])
                own, there = table.copy(), np.ones(len(table), bool)
                own[places] += start[:, None] * by_start[places]
                own[places] += (length - 1)[:, None] * by_length[places]
                there[places] = stop > start
                return jit.execute(own[there], *arguments)

        run.held = self._memory, self._nothing  # type: ignore[attr-defined]
        return run

    def add(self, node: Sequence[Step], span: Span | None = None) -> bool:
        """Append the steps of a node; whether there is code for all of them."""
        steps = [step for step in node if step.kind is not Kind.UNSCALE]
        makers = [self._maker(step) for step in steps]
        if any(maker is None for maker in makers):
            return False
        if span is not None:
            for maker in makers:
                assert maker is not None
                one, later, longer = maker((0, 1)), maker((1, 1)), maker((0, 2))
                self._spans[len(self._rows)] = span
                self._rows.append((one, _difference(one, later), _difference(one, longer)))
            return True
        views = (v for step in steps for v in (*step.inputs, *step.outputs) if v is not None)
        spare = [self._buffers[v.buffer].size for v in views if self._is_spare(v)]
        is_long = max(spare, default=0) * self._n * self._itemsize > _LARGEST
        is_fused = any(step.kind in _FUSED for step in steps)
        size = _TILE if is_long and not is_fused else self._n
        for start in range(0, self._n, size):
            part = start, min(size, self._n - start)
            rows = [maker(part) for maker in makers if maker is not None]
            self._rows += [(row, [], []) for row in rows]
        return True

    def _maker(self, step: Step) -> _Maker:
        """What gives the row of a step for some of the samples."""
        jit, inputs = self._jit, step.inputs
        if step.kind in _FUSED:
            return self._fused(step)
        if step.kind is Kind.CHECK:
            (x,) = inputs
            return self._elementwise(jit.CHECK, x.shape, x, x)
        (out,) = step.outputs
        assert out is not None
        match step.kind:
            case Kind.APPLY:
                return self._apply(inputs[0], inputs[1], out)
            case Kind.REDUCE:
                return self._reduce(inputs[0], inputs[1], out)
            case Kind.MULTIPLY:
                return self._elementwise(jit.MULTIPLY, out.shape, out, *inputs)
            case Kind.CONTRACT:
                x, y = inputs
                return self._elementwise(jit.CONTRACT, x.shape, out.expand(2), x, y.expand(1))
            case Kind.SUM_BATCH:
                return self._elementwise(jit.SUM, inputs[0].shape, out, *inputs)
        return None

    def _is_spare(self, view: View) -> bool:
        return self._buffers[view.buffer].place is Place.SPARE

    def _placer(self, view: View, *axes: int) -> Callable[[_Samples], Row]:
        """Address of a view for some samples, and its strides along some axes, in bytes.

        Arrays that only this node needs are as long as there are samples at a time.
        """
        address, size, n = self._memory.address(view.buffer), self._itemsize, self._n
        strides = [0 if view.shape[axis] == 1 else view.strides[axis] * size for axis in axes]
        offset = view.offset * size
        if not self._buffers[view.buffer].sampled:
            return lambda part: [address + offset, *strides]
        if self._is_spare(view):
            return lambda part: [address + offset * part[1], *(step * part[1] for step in strides)]
        start, steps = address + offset * n, [step * n for step in strides]
        return lambda part: [start + part[0] * size, *steps]

    def _elementwise(self, kind: int, lengths: Sequence[int], *operands: View) -> _Maker:
        """A step over up to three axes and the samples; axes of length one broadcast."""
        lengths = [*lengths, 1][:3]
        placers = [self._placer(x, *range(len(x.shape))) for x in operands]
        missing = [[0] * (3 - len(x.shape)) for x in operands]

        def row(part: _Samples) -> Row:
            row = [kind, *lengths, part[1]]
            for place, zeros in zip(placers, missing):
                row += place(part)
                row += zeros
            return row

        return row

    def _fused(self, step: Step) -> _Maker:
        """A core with two children, or its adjoint, in one step."""
        jit, size, n = self._jit, self._itemsize, self._n
        sampled: list[View | None]
        if step.kind is Kind.SUM_PRODUCTS:
            core, _, x, y, *_ = step.inputs
            core, kind, sampled = core.transpose(0, 3, 2, 1), jit.SUM_PRODUCTS, [x, y]
        elif step.kind is Kind.BY_CORE:
            gradient, x, y, *_ = step.inputs
            (out,) = step.outputs
            assert out is not None
            core, kind, sampled = out, jit.BY_CORE, [gradient, x, y]
        else:
            core, _, gradient, x, y, *_ = step.inputs
            kind, sampled = jit.BY_MESSAGES, [gradient, x, y]
        if step.kind is not Kind.BY_CORE:
            sampled += step.outputs
        _, *lengths = core.shape
        if n * size < jit.TILE or core.strides[1:] != packed(lengths):
            return None
        n_batch, n_x, n_y, n_out = core.shape
        self._bytes = max(self._bytes, jit.memory(n_out, n_y, n, n_x))
        places = [
            (lambda part: [self._nothing.ctypes.data, 0, 0])
            if view is None
            else self._placer(view, 0, 1)
            for view in sampled
        ]
        at_core = self._placer(core, 0, 1, 2)

        def row(part: _Samples) -> Row:
            row = [kind, n_batch, n_out, n_y, part[1], n_x, *at_core(part)]
            for place in places:
                row += place(part)
            return row

        return row

    def _apply(self, core: View, x: View, out: View) -> _Maker:
        """A matrix by a column for each sample."""
        m, k = core.shape[1:]
        flipped = core.strides[2] != 1 and k > 1
        if flipped and core.strides[1] != 1 and m > 1:
            return None
        at_x, at_out = self._placer(x, 0, 1), self._placer(out, 0, 1)
        at_core = self._placer(core, 0, 2 if flipped else 1)

        def row(part: _Samples) -> Row:
            n = part[1]
            leads = n, m if flipped else k, n
            flags = False, flipped
            places = at_x(part), at_core(part), at_out(part)
            return self._product(out.shape[0], flags, (n, m, k), places, leads, adds=False)

        return row

    def _reduce(self, x: View, y: View, out: View) -> _Maker:
        """A sum over the samples, to which parts after the first are added."""
        m, k = x.shape[1], y.shape[1]
        at_y, at_x, at_out = (self._placer(view, 0, 1) for view in (y, x, out))

        def row(part: _Samples) -> Row:
            n = part[1]
            flags = True, False
            places = at_y(part), at_x(part), at_out(part)
            return self._product(out.shape[0], flags, (k, m, n), places, (n, n, k), part[0] > 0)

        return row

    def _product(
        self,
        n_batch: int,
        flags: tuple[bool, bool],
        sizes: tuple[int, int, int],
        places: tuple[Row, Row, Row],
        least: tuple[int, int, int],
        adds: bool,
    ) -> Row:
        """What the BLAS takes; as it has columns first, the product of x and y is that of y and x.

        Parameters
        ----------
        n_batch : int
        flags : tuple of bool
            Whether the second and the first factor are transposed.
        sizes : tuple of int
        places : tuple of list of int
            Address, step by tensor and by row of the second factor, the first and the result.
        least : tuple of int
            The least numbers from row to row.
        adds : bool
            Whether to add to the result.
        """
        (y_at, y_by, _), (x_at, x_by, _), (out_at, out_by, _) = places
        y_lead, x_lead, out_lead = (
            max(lead // self._itemsize, own) for (_, _, lead), own in zip(places, least)
        )
        return [
            *(self._jit.PRODUCT, n_batch, x_by, y_by, out_by),
            *(_FLAGS[flag] for flag in flags),
            *sizes,
            *(y_at, y_lead, x_at, x_lead, int(adds), out_at, out_lead),
        ]


def _difference(row: Row, other: Row) -> Row:
    return [b - a for a, b in zip(row, other, strict=True)]
