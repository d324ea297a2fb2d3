"""A plan bound to memory of another library, and run in functions of the array API standard.

Steps are the same as those that `_numpy` and `_table` take. Where they say what is to be
summed in one step, `SUM_PRODUCTS`, this makes all products first and leaves the sums to
one matrix product: a graphics card, and a processor through such a library, is faster by
that than by sums sample by sample. Memory stays where it is from run to run, so that a
step costs one or two calls and no allocation where the library has ``out``.

Whether messages left a safe range is asked once, at the end of the way up, for each
question to a device waits for all that it was told before; only if they did, it is taken
again with powers of two out of the messages, which are then never asked for.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module
from itertools import chain
from typing import Any, TypeAlias

from ..._arrays._namespace import Place as Somewhere
from ._steps import SAFE_EXPONENT, Buffer, Kind, Part, Place, Step, View

Array: TypeAlias = Any
Call: TypeAlias = "Callable[[], Any]"
Shifts: TypeAlias = "dict[int, Array]"


class ArrayMemory:
    """The buffers of a way for n samples, and of the way before.

    Parameters
    ----------
    part : Part
    cores : sequence of tuple of array
        What the rules have prepared, by position.
    n : int
        Number of samples.
    place : Place
    dtype : dtype
        Of NumPy.
    before : ArrayMemory or None
        That of the way before.
    """

    def __init__(
        self,
        part: Part,
        cores: Sequence[tuple[Array, ...]],
        n: int,
        place: Somewhere,
        dtype: Any,
        before: ArrayMemory | None = None,
    ) -> None:
        self.n, self.place, self.xp = n, place, place.xp
        self.buffers: tuple[Buffer, ...] = (() if before is None else before.buffers) + part.buffers
        spare = [place.empty((rows, n), dtype) for rows in part.spare()]
        blocks = [] if before is None else list(before._blocks)
        for kind, size, which in part.buffers:
            if kind is Place.CORE:
                position, matrix = which
                blocks.append(self.xp.reshape(cores[position][matrix], (-1,)))
            elif kind is Place.SPARE:
                blocks.append(spare[which[0]])
            elif kind is Place.MATRICES:
                blocks.append(place.empty((size, n, *which), dtype))
            else:
                blocks.append(place.empty((size, n) if kind is Place.SAMPLES else (size,), dtype))
        self._blocks: list[Array] = blocks
        most = max(map(_scratch, chain.from_iterable(part.nodes)), default=0)
        self._scratch = place.empty((most, n), dtype)

    def scratch(self, *shape: int) -> Array:
        """Memory (..., n) for one step."""
        rows = self._scratch[: math.prod(shape), ...]
        return self.xp.reshape(rows, (*shape, self.n))

    def array(self, view: View) -> Array:
        """The part of a buffer that a view describes, by slices and splits of axes alone.

        Raises
        ------
        LookupError
            If there is none, as where steps do not fit into each other.
        """
        x = self._blocks[view.buffer]
        tail = x.shape[1:] if self.buffers[view.buffer].sampled else ()
        long = [k for k, length in enumerate(view.shape) if length > 1]
        order = sorted(long, key=lambda k: -view.strides[k])
        offset, head = view.offset, tuple[int, ...]()
        for k in order:
            step, length = view.strides[k], view.shape[k]
            first, offset = divmod(offset, step) if step > 0 else (0, -1)
            if offset < 0 or (first + length) * step > x.shape[len(head)]:
                raise LookupError
            x = x[(*_all(head), slice(first * step, (first + length) * step), ...)]
            head = (*head, length)
            x = self.xp.reshape(x, (*head, step, *tail))
        x = x[(*_all(head), offset, ...)]
        places = sorted(range(len(order)), key=lambda place: order[place])
        x = self.xp.permute_dims(x, (*places, *range(len(order), len(order) + len(tail))))
        for axis, length in enumerate(view.shape):
            if length == 1:
                x = self.xp.expand_dims(x, axis=axis)
        return x


def _all(head: tuple[int, ...]) -> tuple[slice, ...]:
    return (slice(None),) * len(head)


def _scratch(step: Step) -> int:
    """Rows of scratch memory that a step needs."""
    match step.kind:
        case Kind.CONTRACT:
            return math.prod(step.inputs[0].shape)
        case Kind.SUM_PRODUCTS:
            _, _, x, y, *_ = step.inputs
            return max(x.shape[0], y.shape[0]) * x.shape[1] * y.shape[1]
        case Kind.BY_MESSAGES:
            return math.prod(step.inputs[-1].shape)
    return 0


class Operations:
    """Functions that write into memory, as a library has them."""

    def __init__(self, xp: Any) -> None:
        self._xp = xp

    def copy(self, x: Array, out: Array) -> None:
        out[...] = x

    def multiply(self, x: Array, y: Array, out: Array) -> None:
        out[...] = self._xp.multiply(x, y)

    def matmul(self, x: Array, y: Array, out: Array) -> None:
        out[...] = self._xp.matmul(x, y)

    def sum(self, x: Array, axis: int, out: Array) -> None:
        out[...] = self._xp.sum(x, axis=axis)


class _WithOut(Operations):
    """Where functions take the memory that they write into."""

    def multiply(self, x, y, out):
        self._xp.multiply(x, y, out=out)

    def matmul(self, x, y, out):
        self._xp.matmul(x, y, out=out)

    def sum(self, x, axis, out):
        self._xp.sum(x, axis, out=out)


def operations(place: Somewhere) -> Operations:
    """Those of a library."""
    if place.name not in ("torch", "cupy"):
        return Operations(place.xp)
    # Not the functions of the standard around those of the library, which promote types.
    return _WithOut(import_module(place.name))


def bind(part: Part, memory: ArrayMemory, shifts: Shifts | None, peaks: list[Array]) -> list[Call]:
    """The calls of a way.

    Parameters
    ----------
    part : Part
    memory : ArrayMemory
    shifts : dict or None
        Where checks write what they take out of messages, and what the way down puts
        back; with None they only write into `peaks` how large messages are.
    peaks : list
    """
    does = operations(memory.place)
    calls: list[Call] = []
    for step in chain.from_iterable(part.nodes):
        if step.kind is Kind.CHECK:
            message = memory.array(step.inputs[0])
            calls.append(
                _asked(memory, message, peaks)
                if shifts is None
                else _rescaled(memory, message, shifts, step.check)
            )
        elif step.kind is Kind.UNSCALE:
            if shifts is not None:
                calls.append(_unscaled(memory, memory.array(step.inputs[0]), shifts, step.check))
        else:
            calls += _calls(step, memory, does)
    return calls


def _calls(step: Step, memory: ArrayMemory, does: Operations) -> list[Call]:
    """The calls of a step, those of its halves where some view of it is none of a library's."""
    try:
        x = [memory.array(view) for view in step.inputs]
        out: list[Any] = [None if v is None else memory.array(v) for v in step.outputs]
    except LookupError:
        return [call for half in _halves(step) for call in _calls(half, memory, does)]
    match step.kind:
        case Kind.APPLY:
            return [lambda: does.matmul(x[0], x[1], out[0])]
        case Kind.REDUCE:
            turned = x[1].mT
            return [lambda: does.matmul(x[0], turned, out[0])]
        case Kind.MULTIPLY:
            return [lambda: does.multiply(x[0], x[1], out[0])]
        case Kind.CONTRACT:
            each = memory.scratch(*step.inputs[0].shape)
            y = memory.xp.expand_dims(x[1], axis=1)
            return [
                lambda: does.multiply(x[0], y, each),
                lambda: does.sum(each, 2, out[0]),
            ]
        case Kind.SUM_BATCH:
            return [lambda: does.sum(x[0], 0, out[0][0, ...])]
        case Kind.COPY:
            return [lambda: does.copy(x[0], out[0])]
        case Kind.SUM_PRODUCTS:
            return _sum_products(x, out[0], memory, does)
        case Kind.BY_CORE:
            return _by_core(x, out[0], memory, does)
        case Kind.BY_MESSAGES:
            return _by_messages(x, out, memory, does)
        case Kind.COMPOSE:
            return [lambda: does.matmul(x[0], x[1], out[0])]
        case Kind.BY_COMPOSE:
            left, right = x[0].mT, x[1].mT
            return [
                lambda: does.matmul(x[2], right, out[0]),
                lambda: does.matmul(left, x[2], out[1]),
            ]
        case Kind.MATRICES:
            turned, rows = x[0].mT, _in_rows(x[1], out[0], memory)
            return [lambda: does.matmul(turned, x[1], rows)]
        case Kind.BY_STACK:
            rows = _in_rows(out[0], x[1], memory)
            return [lambda: does.matmul(x[0], rows, out[0])]
        case Kind.BY_SITES:
            turned = _in_rows(x[0], x[1], memory).mT
            return [lambda: does.matmul(x[0], turned, out[0])]
        case Kind.TURN:
            turned = _turned(x[0], memory)
            return [lambda: does.copy(turned, out[0])]
    raise NotImplementedError(step.kind)


def _halves(step: Step) -> list[Step]:
    """A step as two, of the first and the second half along the first axis of its views."""
    length = max(view.shape[0] for view in step.inputs)

    def part(view: View | None, start: int, stop: int) -> Any:
        if view is None or view.shape[0] == 1:
            return view
        shape, offset = (stop - start, *view.shape[1:]), view.offset + start * view.strides[0]
        return view._replace(shape=shape, offset=offset)

    bounds = (0, length // 2), (length // 2, length)
    return [
        step._replace(
            inputs=tuple(part(view, *ends) for view in step.inputs),
            outputs=tuple(part(view, *ends) for view in step.outputs),
        )
        for ends in bounds
    ]


def _sum_products(x: list[Array], out: Array, memory: ArrayMemory, does: Operations) -> list[Call]:
    core, _, left, right, *_ = x
    b, o, j, i = core.shape
    xp, batch = memory.xp, max(left.shape[0], right.shape[0])
    each = memory.scratch(batch, i, j)
    design = memory.scratch(batch, i * j)
    whole = xp.reshape(xp.permute_dims(core, (0, 3, 2, 1)), (b, i * j, o)).mT
    left, right = xp.expand_dims(left, axis=2), xp.expand_dims(right, axis=1)
    return [
        lambda: does.multiply(left, right, each),
        lambda: does.matmul(whole, design, out),
    ]


def _by_core(x: list[Array], out: Array, memory: ArrayMemory, does: Operations) -> list[Call]:
    gradient, left, right, design, each = x
    xp, turned = memory.xp, gradient.mT
    left, right = xp.expand_dims(left, axis=2), xp.expand_dims(right, axis=1)
    whole = xp.reshape(out, (out.shape[0], -1, out.shape[-1]))
    return [
        lambda: does.multiply(left, right, each),
        lambda: does.matmul(design, turned, whole),
    ]


def _by_messages(
    x: list[Array], out: list[Array], memory: ArrayMemory, does: Operations
) -> list[Call]:
    _, matrix, gradient, left, right, between, each = x
    product = memory.scratch(*each.shape[:-1])
    calls: list[Call] = [partial(does.matmul, matrix, gradient, between)]
    for target, other, axis in ((out[0], right, 1), (out[1], left, 2)):
        if target is not None:
            own = memory.xp.expand_dims(other, axis=axis)
            calls += [
                partial(does.multiply, each, own, product),
                partial(does.sum, product, 3 - axis, target),
            ]
    return calls


def _in_rows(core: Array, matrices: Array, memory: ArrayMemory) -> Array:
    """Matrices (s, b, n, p, q) with their entries in a row, as in a stack of cores."""
    return memory.xp.reshape(matrices, (*matrices.shape[:3], core.shape[-1]))


def _turned(x: Array, memory: ArrayMemory) -> Array:
    """A message (b, p, n) as matrices (1, b, n, p, 1), or back."""
    if len(x.shape) == 5:
        return x[0, ..., 0].mT
    return memory.xp.expand_dims(x.mT, axis=-1)[None, ...]


def _size(memory: ArrayMemory, message: Array) -> Array:
    """The largest entry of each message, (b, 1, n), or of each matrix, (s, b, n, 1, 1)."""
    axis = 1 if len(message.shape) == 3 else (3, 4)
    return memory.xp.max(memory.xp.abs(message), axis=axis, keepdims=True)


def by_sample(xp: Any, exponent: Array) -> Array:
    """Exponents of messages as they are, and the sum of those of matrices, (b, 1, n)."""
    if len(exponent.shape) == 3:
        return exponent
    return xp.expand_dims(xp.sum(exponent, axis=0)[..., 0, 0], axis=1)


def _asked(memory: ArrayMemory, message: Array, peaks: list[Array]) -> Call:
    return lambda: peaks.append(memory.xp.reshape(_size(memory, message), (-1,)))


def all_safe(memory: ArrayMemory, peaks: list[Array]) -> bool:
    """Whether no message has left the safe range, in one question to the device."""
    if not peaks:
        return True
    xp, sizes = memory.xp, memory.xp.concat(peaks)
    inside = (sizes >= 2.0 ** (-SAFE_EXPONENT - 1)) & (sizes < 2.0**SAFE_EXPONENT)
    return bool(xp.all(inside | (sizes == 0)))


def exponent_of(xp: Any, x: Array) -> Array:
    """As of `numpy.frexp`, as a float: two to that power is just above a number; 0 for 0."""
    known = (x > 0) & xp.isfinite(x)
    exponent = xp.floor(xp.log2(xp.where(known, x, xp.ones_like(x)))) + 1
    return xp.where(known, exponent, xp.zeros_like(x))


def times_power(x: Array, exponent: Array, xp: Any) -> Array:
    """Numbers times two to some power, in two steps neither of which overflows alone."""
    half = xp.floor(exponent / 2)
    return x * 2.0**half * 2.0 ** (exponent - half)


def _rescaled(memory: ArrayMemory, message: Array, shifts: Shifts, check: int) -> Call:
    xp = memory.xp

    def rescale() -> None:
        exponent = exponent_of(xp, _size(memory, message))
        # Of all samples or none, without asking the device which.
        leaves = xp.max(xp.abs(exponent)) > SAFE_EXPONENT
        exponent = xp.where(leaves, exponent, xp.zeros_like(exponent))
        message[...] = times_power(message, -exponent, xp)
        shifts[check] = exponent

    return rescale


def _unscaled(memory: ArrayMemory, gradient: Array, shifts: Shifts, check: int) -> Call:
    def unscale() -> None:
        gradient[...] = times_power(gradient, -shifts[check], memory.xp)

    return unscale
