"""A plan bound to memory for some samples, and run by NumPy, one call for each step.

Messages that leave a safe range are rescaled here, by powers of two, which is
exact, so that a product over thousands of sites neither overflows nor vanishes.
Exponents add towards the root, so that of the scores is the sum of all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate
from typing import Any, TypeAlias

import numpy as np

from ..._arrays._typing import FloatArray, IntArray
from ..._arrays._workspace import LINE
from ._products import Product
from ._steps import SAFE_EXPONENT, Buffer, Kind, Part, Place, Step, View

Calls: TypeAlias = "list[tuple[Callable[..., Any], tuple, Any]]"
Shifts: TypeAlias = "dict[int, IntArray]"


class Memory:
    """The buffers of a way for n samples, and of the way before.

    Parameters
    ----------
    part : Part
    cores : sequence of tuple of ndarray
        What the rules have prepared, by position.
    n : int
        Number of samples.
    block_of : callable
        Gives a block of some bytes; spare memory of different nodes is the same.
    before : Memory or None
        That of the way before.
    """

    def __init__(
        self,
        part: Part,
        cores: Sequence[tuple[FloatArray, ...]],
        n: int,
        block_of: Callable[[int], np.ndarray],
        before: Memory | None = None,
    ) -> None:
        self.n = n
        self.dtype: np.dtype = cores[0][0].dtype

        def in_bytes(size: int) -> int:
            return -(-size * self.dtype.itemsize // LINE) * LINE

        lengths = [
            in_bytes(size if place is Place.NUMBERS else size * n)
            for place, size, _ in part.buffers
        ]
        starts = list(accumulate((in_bytes(rows * n) for rows in part.spare()), initial=0))
        end = starts[-1]
        kept = (Place.SAMPLES, Place.NUMBERS)
        block = block_of(end + sum(n for n, b in zip(lengths, part.buffers) if b.place in kept))
        blocks: list[Any] = []
        for (place, _, which), length in zip(part.buffers, lengths):
            if place is Place.CORE:
                position, matrix = which
                blocks.append(cores[position][matrix])
            elif place is Place.SPARE:
                blocks.append(block[starts[which[0]] :])
            else:
                blocks.append(block[end:])
                end += length
        self._whole: dict[View, Any] = {}
        self.buffers: tuple[Buffer, ...] = (() if before is None else before.buffers) + part.buffers
        self._blocks: list[Any] = ([] if before is None else before._blocks) + blocks

    def array(self, view: View | None) -> Any:
        """The array of a view."""
        if view is None:
            return None
        size = self.dtype.itemsize
        block = self._blocks[view.buffer]
        if not self.buffers[view.buffer].sampled:
            steps = [step * size for step in view.strides]
            return np.ndarray(view.shape, self.dtype, block, view.offset * size, steps)
        row = self.n * size
        steps = [*(step * row for step in view.strides), size]
        return np.ndarray((*view.shape, self.n), self.dtype, block, view.offset * row, steps)

    def part(self, view: View | None, rows: slice | None) -> Any:
        """The array of a view for some samples or all, of one that is kept for the next call."""
        if view is None:
            return None
        if view not in self._whole:
            self._whole[view] = self.array(view)
        whole = self._whole[view]
        return whole[..., rows] if rows and self.buffers[view.buffer].sampled else whole

    def address(self, buffer: int) -> int:
        """Where a buffer begins."""
        return self._blocks[buffer].__array_interface__["data"][0]


def bind(
    part: Part,
    memory: Memory,
    product: Product | None,
    shifts: Shifts,
    rescaled: bool,
    going: IntArray | None = None,
) -> Calls:
    """The calls of a pass; with `rescaled` they undo, on the way down, what checks have done.

    `going` says how many samples go on after each step, if that differs.
    """
    calls: Calls = []
    for node, span in zip(part.nodes, part.spans, strict=True):
        rows = None if span is None else span.rows(going)
        if rows is not None and rows.start == rows.stop:
            continue
        array = memory.array if going is None else partial(memory.part, rows=rows)
        for step in node:
            if step.kind is Kind.UNSCALE and not rescaled:
                continue
            inputs, outputs = [*map(array, step.inputs)], [*map(array, step.outputs)]
            calls.append(_call(step, inputs, outputs, product, shifts))
    return calls


def run(calls: Calls) -> None:
    """Make all calls."""
    for function, arguments, out in calls:
        function(*arguments, out=out)


def _call(
    step: Step, x: list[Any], out: list[Any], product: Product | None, shifts: Shifts
) -> tuple[Callable[..., Any], tuple, Any]:
    match step.kind:
        case Kind.APPLY:
            return np.matmul, tuple(x), out[0]
        case Kind.REDUCE:
            return np.matmul, (x[0], x[1].mT), out[0]
        case Kind.MULTIPLY:
            return np.multiply, tuple(x), out[0]
        case Kind.CONTRACT:
            return np.einsum, ("bpqn,bqn->bpn", *x), out[0]
        case Kind.SUM_BATCH:
            return _sum_batch, tuple(x), out[0]
        case Kind.COPY:
            return np.positive, tuple(x), out[0]
        case Kind.SUM_PRODUCTS:
            return _sum_products, tuple(x[1:]), out[0]
        case Kind.BY_CORE:
            return _by_core, tuple(x), out[0].reshape(len(out[0]), -1, out[0].shape[-1])
        case Kind.BY_MESSAGES:
            return _by_messages, tuple(x[1:]), out
        case Kind.CHECK:
            return _check, (x[0], shifts, step.check), None
        case Kind.UNSCALE:
            return _unscale, (x[0], shifts, step.check), None
    assert product is not None
    if step.kind is Kind.JOIN:
        return _join, (product, x), out[0]
    return _parts, (product, *x), out


def _sum_batch(x: FloatArray, out: FloatArray) -> None:
    x.sum(axis=0, keepdims=True, out=out)


def _sum_products(
    matrix: FloatArray,
    x: FloatArray,
    y: FloatArray,
    between: FloatArray,
    each: FloatArray,
    out: FloatArray,
) -> None:
    np.matmul(matrix, x, out=between)
    np.einsum("bpqn,bqn->bpn", each, y, out=out)


def _by_core(
    gradient: FloatArray,
    x: FloatArray,
    y: FloatArray,
    design: FloatArray,
    each: FloatArray,
    out: FloatArray,
) -> None:
    np.multiply(x[:, :, None], y[:, None], out=each)
    np.matmul(design, gradient.mT, out=out)


def _by_messages(
    matrix: FloatArray,
    gradient: FloatArray,
    x: FloatArray,
    y: FloatArray,
    between: FloatArray,
    each: FloatArray,
    out: list[FloatArray | None],
) -> None:
    np.matmul(matrix, gradient, out=between)
    to_x, to_y = out
    if to_x is not None:
        np.einsum("bijn,bjn->bin", each, y, out=to_x)
    if to_y is not None:
        np.einsum("bijn,bin->bjn", each, x, out=to_y)


def _check(message: FloatArray, shifts: Shifts, check: int, out: None) -> None:
    """Bring each sample's message near one by a power of two, if any has left a safe range."""
    exponent = np.frexp(np.abs(message).max(axis=1, keepdims=True))[1]
    if np.abs(exponent).max(initial=0) > SAFE_EXPONENT:
        np.ldexp(message, -exponent, out=message)
        shifts[check] = exponent


def _unscale(gradient: FloatArray, shifts: Shifts, check: int, out: None) -> None:
    if check in shifts:
        np.ldexp(gradient, -shifts[check], out=gradient)


def _join(product: Product, messages: list[FloatArray], out: FloatArray) -> None:
    product.join(messages, out)


def _parts(product: Product, *arrays: FloatArray, out: list[FloatArray | None]) -> None:
    *messages, result, gradient = arrays
    for part, target in zip(product.parts(messages, result, gradient), out, strict=True):
        if target is not None:
            axes = tuple(
                axis
                for axis in range(1, part.ndim - 1)
                if target.shape[axis] == 1 < part.shape[axis]
            )
            part.sum(axis=axes, keepdims=True, out=target)
