# mypy: disable-error-code="call-arg"
"""A core with three legs and its adjoint, sample by sample in registers.

A matrix product of a core by one message alone leaves a result of the length of
core by samples, which is written and read again to be summed with the other
message. Here a few samples at a time go through the whole rule: what lies
between the steps stays in the first-level cache, sums in registers.

All addresses and steps are in bytes, the samples are contiguous.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

_VECTOR = 32
"""Bytes of a vector."""
_VECTORS, _ROWS = 3, 4
"""Vectors of samples, or columns, by rows: their sums and one operand fill 16 registers."""

TILE = _VECTOR * _VECTORS
"""Bytes of a row of the samples that are taken at a time."""
_PRODUCTS = 24_576
"""Bytes of products at a time, unless one row of them needs more."""

_INT, _LANE = ir.IntType(64), ir.IntType(32)


class _Lanes:
    """Vectors of numbers at addresses."""

    def __init__(self, builder: Any, dtype: Any) -> None:
        self._builder = builder
        self.size = dtype.bitwidth // 8
        self.number = ir.FloatType() if self.size == 4 else ir.DoubleType()
        self.vector = ir.VectorType(self.number, _VECTOR // self.size)
        self._fma = {
            kind: cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(kind, [kind] * 3), f"llvm.fma.{name}"
            )
            for kind, name in (
                (self.number, f"f{dtype.bitwidth}"),
                (self.vector, f"v{self.vector.count}f{dtype.bitwidth}"),
            )
        }

    def at(self, address: Any, *steps: tuple[Any, Any]) -> Any:
        """The address after some numbers of steps."""
        for number, step in steps:
            number, step = (_INT(k) if isinstance(k, int) else k for k in (number, step))
            address = self._builder.add(address, self._builder.mul(number, step))
        return address

    def _pointer(self, address: Any, kind: Any) -> Any:
        return self._builder.inttoptr(address, kind.as_pointer())

    def load(self, address: Any, kind: Any = None) -> Any:
        kind = kind or self.vector
        loaded = self._builder.load(self._pointer(address, kind))
        loaded.align = self.size
        return loaded

    def store(self, value: Any, address: Any) -> None:
        stored = self._builder.store(value, self._pointer(address, value.type))
        stored.align = self.size

    def load_tile(self, address: Any) -> list[Any]:
        """The vectors of a row of a tile."""
        return [self.load(self.at(address, (k, _VECTOR))) for k in range(_VECTORS)]

    def store_tile(self, values: list[Any], address: Any) -> None:
        for k, value in enumerate(values):
            self.store(value, self.at(address, (k, _VECTOR)))

    def spread(self, address: Any) -> Any:
        """One number in all lanes."""
        undefined = ir.Constant(self.vector, ir.Undefined)
        number = self.load(address, self.number)
        vector = self._builder.insert_element(undefined, number, _LANE(0))
        return self._permuted(vector, [0] * self.vector.count)

    def _permuted(self, vector: Any, lanes: list[int]) -> Any:
        undefined = ir.Constant(self.vector, ir.Undefined)
        mask = ir.Constant(ir.VectorType(_LANE, len(lanes)), [_LANE(k) for k in lanes])
        return self._builder.shuffle_vector(vector, undefined, mask)

    def sum(self, vector: Any) -> Any:
        """The sum of the lanes."""
        n = self.vector.count
        half = n // 2
        while half:
            other = self._permuted(vector, [(k + half) % n for k in range(n)])
            vector = self._builder.fadd(vector, other)
            half //= 2
        return self._builder.extract_element(vector, _LANE(0))

    def fma(self, x: Any, y: Any, total: Any) -> Any:
        return self._builder.call(self._fma[x.type], [x, y, total])

    def multiply(self, x: list[Any], y: list[Any]) -> list[Any]:
        return [self._builder.fmul(a, b) for a, b in zip(x, y, strict=True)]

    def sums(self, n_rows: int, n_columns: int) -> list[list[Any]]:
        """Zeros on the stack, for which LLVM finds registers."""
        zero = ir.Constant(self.vector, None)
        return [
            [cgutils.alloca_once_value(self._builder, zero) for _ in range(n_columns)]
            for _ in range(n_rows)
        ]

    def add(self, places: list[Any], factor: Any, x: list[Any]) -> None:
        """Add a factor times x to sums."""
        for place, a in zip(places, x, strict=True):
            self._builder.store(self.fma(factor, a, self._builder.load(place)), place)

    def values(self, places: list[Any]) -> list[Any]:
        return [self._builder.load(place) for place in places]

    def loop(self, n: Any) -> Any:
        return cgutils.for_range(self._builder, n)

    def blocks(self, n: Any) -> Iterator[tuple[int, Any]]:
        """Write code for some rows at a time and again for those that are left, one by one.

        Yields how many and the index of the first.
        """
        builder, size = self._builder, _INT(_ROWS)
        n_left = builder.srem(n, size)
        for n_rows, times, start in (
            (_ROWS, builder.sdiv(n, size), _INT(0)),
            (1, n_left, builder.sub(n, n_left)),
        ):
            with self.loop(times) as loop:
                yield n_rows, builder.add(start, builder.mul(loop.index, _INT(n_rows)))

    def columns(self, n: Any) -> Iterator[tuple[int, Any]]:
        """As `blocks`, three at a time, without one alone at the end if there are more."""
        builder, three = self._builder, _INT(_VECTORS)
        alone = builder.icmp_signed("==", builder.srem(n, three), _INT(1))
        several = builder.icmp_signed(">", n, _INT(1))
        fewer = builder.zext(builder.and_(alone, several), _INT)
        times = builder.sub(builder.sdiv(n, three), fewer)
        start: Any = _INT(0)
        for n_columns in (3, 2, 1):
            with self.loop(times) as loop:
                yield n_columns, builder.add(start, builder.mul(loop.index, _INT(n_columns)))
            start = builder.add(start, builder.mul(times, _INT(n_columns)))
            left = builder.sub(n, start)
            times = builder.sdiv(left, _INT(max(n_columns - 1, 1)))


def _generated(write: Callable[..., None]) -> Any:
    """A function of addresses, steps and lengths, and of an array of the dtype, as LLVM code.

    ``write(lanes, builder, *values)`` appends the code.
    """

    def typed(typing_context, numbers, like):
        def codegen(context, builder, signature, values):
            lanes = _Lanes(builder, like.dtype)
            write(lanes, builder, *cgutils.unpack_tuple(builder, values[0]))
            return context.get_dummy_value()

        return types.void(numbers, like), codegen

    typed.__name__, typed.__doc__ = write.__name__, write.__doc__
    return intrinsic(typed)


@_generated
def _copy_rows(lanes, builder, x, x_step, n, out, out_step):
    """out[i] = x[i]."""
    with lanes.loop(n) as rows:
        tile = lanes.load_tile(lanes.at(x, (rows.index, x_step)))
        lanes.store_tile(tile, lanes.at(out, (rows.index, out_step)))


@_generated
def _clear_rows(lanes, builder, n, out):
    """out[i] = 0, packed."""
    with lanes.loop(n) as rows:
        zero = [ir.Constant(lanes.vector, None)] * _VECTORS
        lanes.store_tile(zero, lanes.at(out, (rows.index, TILE)))


@_generated
def _multiply_all(lanes, builder, x, n_x, y, y_step, n_y, out):
    """out[j, i] = y[j] x[i], where x and out are packed."""
    with lanes.loop(n_y) as rows:
        first = lanes.load_tile(lanes.at(y, (rows.index, y_step)))
        start = builder.mul(rows.index, n_x)
        with lanes.loop(n_x) as columns:
            second = lanes.load_tile(lanes.at(x, (columns.index, TILE)))
            to = lanes.at(out, (builder.add(start, columns.index), TILE))
            lanes.store_tile(lanes.multiply(first, second), to)


@_generated
def _sum_all(lanes, builder, core, by_out, n_out, by_y, products, n_y, n_x, out):
    """out[o] += sum over i, j of core[o, j, i] products[j, i]; products and out are packed."""
    for n_rows, o in lanes.blocks(n_out):
        sums = lanes.sums(n_rows, _VECTORS)
        own = lanes.at(core, (o, by_out))
        with lanes.loop(n_y) as outer:
            start = builder.mul(outer.index, n_x)
            with lanes.loop(n_x) as inner:
                x = lanes.load_tile(lanes.at(products, (builder.add(start, inner.index), TILE)))
                at = lanes.at(own, (outer.index, by_y), (inner.index, lanes.size))
                for row, places in enumerate(sums):
                    lanes.add(places, lanes.spread(lanes.at(at, (row, by_out))), x)
        for row, places in enumerate(sums):
            place = lanes.at(out, (o, TILE), (row, TILE))
            before, found = lanes.load_tile(place), lanes.values(places)
            lanes.store_tile([builder.fadd(a, b) for a, b in zip(before, found)], place)


@_generated
def _spread_all(lanes, builder, core, by_y, gradient, n_out, x, y, n_y, to_x, to_y):
    """With z[j] = sum over o of core[j, o] gradient[o], to_x += z[j] y[j], to_y[j] += z[j] x.

    Rows are packed, and o is contiguous in the core.
    """
    for n_rows, j in lanes.blocks(n_y):
        sums = lanes.sums(n_rows, _VECTORS)
        own = lanes.at(core, (j, by_y))
        with lanes.loop(n_out) as outer:
            g = lanes.load_tile(lanes.at(gradient, (outer.index, TILE)))
            at = lanes.at(own, (outer.index, lanes.size))
            for row, places in enumerate(sums):
                lanes.add(places, lanes.spread(lanes.at(at, (row, by_y))), g)
        factor, total = lanes.load_tile(x), lanes.load_tile(to_x)
        for row, places in enumerate(sums):
            z = lanes.values(places)
            other = lanes.load_tile(lanes.at(y, (j, TILE), (row, TILE)))
            total = [lanes.fma(a, b, c) for a, b, c in zip(z, other, total)]
            place = lanes.at(to_y, (j, TILE), (row, TILE))
            before = lanes.load_tile(place)
            lanes.store_tile([lanes.fma(a, b, c) for a, b, c in zip(z, factor, before)], place)
        lanes.store_tile(total, to_x)


@_generated
def _reduce_all(
    lanes, builder, g, g_step, n_out, x, y, y_step, n_y, n, products, step, out, by_out, by_y
):
    """out[o, j] = sum over the samples of g[o] y[j] x, with memory for some products."""
    count = _INT(lanes.vector.count)
    n_vectors = builder.sdiv(n, count)
    n_done = builder.mul(n_vectors, count)
    for n_columns, j in lanes.columns(n_y):
        first = lanes.at(y, (j, y_step))
        for kind, start, times in (
            (lanes.vector, _INT(0), n_vectors),
            (lanes.number, n_done, builder.sub(n, n_done)),
        ):
            width = lanes.size if kind is lanes.number else _VECTOR
            with lanes.loop(times) as loop:
                here = (start, lanes.size), (loop.index, width)
                factor = lanes.load(lanes.at(x, *here), kind)
                for k in range(n_columns):
                    a = lanes.load(lanes.at(first, *here, (k, y_step)), kind)
                    lanes.store(builder.fmul(a, factor), lanes.at(products, *here, (k, step)))
        for n_rows, o in lanes.blocks(n_out):
            own, to = lanes.at(g, (o, g_step)), lanes.at(out, (o, by_out), (j, by_y))
            sums = lanes.sums(n_rows, n_columns)
            with lanes.loop(n_vectors) as loop:
                here = lanes.at(products, (loop.index, _VECTOR))
                columns = [lanes.load(lanes.at(here, (k, step))) for k in range(n_columns)]
                there = lanes.at(own, (loop.index, _VECTOR))
                for row, places in enumerate(sums):
                    lanes.add(places, lanes.load(lanes.at(there, (row, g_step))), columns)
            for row, places in enumerate(sums):
                for k, value in enumerate(lanes.values(places)):
                    lanes.store(lanes.sum(value), lanes.at(to, (row, by_out), (k, by_y)))
            with lanes.loop(builder.sub(n, n_done)) as loop:
                here = (n_done, lanes.size), (loop.index, lanes.size)
                for row in range(n_rows):
                    a = lanes.load(lanes.at(own, *here, (row, g_step)), lanes.number)
                    for k in range(n_columns):
                        b = lanes.load(lanes.at(products, *here, (k, step)), lanes.number)
                        place = lanes.at(to, (row, by_out), (k, by_y))
                        lanes.store(lanes.fma(a, b, lanes.load(place, lanes.number)), place)


def memory(n_out: int, n_y: int, n: int, n_x: int) -> int:
    """Bytes that a step may need for n samples."""
    rows = max(_PRODUCTS // TILE, n_x) + 2 * (n_out + n_y + n_x)
    return max(rows * TILE, 3 * 8 * n)


# A step is a row of integers: kind, tensors, lengths of o, j, the samples and i; address
# and steps of the core by tensor and two legs; for each message address and steps by
# tensor and entry.


@njit(nogil=True, cache=True)
def take_sum_products(t, memory):
    """out[o] = sum over i, j of core[j, o, i] y[j] x[i]; the core's steps are by j and o."""
    n_out, n_y, n, n_x, by_y, by_out = t[2], t[3], t[4], t[5], t[8], t[9]
    size = memory.itemsize
    most = max(1, _PRODUCTS // (n_x * TILE))
    own = memory.ctypes.data
    sums = own + n_x * TILE
    products = sums + n_out * TILE
    for b in range(t[1]):
        core, x, y, out = t[6] + b * t[7], t[10] + b * t[11], t[13] + b * t[14], t[16] + b * t[17]
        for start in range(0, n, TILE // size):
            # The last tile reaches back over samples that are done, with the same result.
            at = min(start, n - TILE // size) * size
            _copy_rows((x + at, t[12], n_x, own, TILE), memory)
            _clear_rows((n_out, sums), memory)
            for j in range(0, n_y, most):
                rows = min(most, n_y - j)
                _multiply_all((own, n_x, y + j * t[15] + at, t[15], rows, products), memory)
                _sum_all((core + j * by_y, by_out, n_out, by_y, products, rows, n_x, sums), memory)
            _copy_rows((sums, TILE, n_out, out + at, t[18]), memory)


@njit(nogil=True, cache=True)
def take_by_messages(t, memory):
    """The adjoint by x and y, given g, that by out; the core is core[i, j, o]."""
    n_out, n_y, n, n_x, by_x, by_y = t[2], t[3], t[4], t[5], t[8], t[9]
    size = memory.itemsize
    gradient = memory.ctypes.data
    other = gradient + n_out * TILE
    to_other = other + n_y * TILE
    own = to_other + n_y * TILE
    to_own = own + n_x * TILE
    for b in range(t[1]):
        core, g, x, y = t[6] + b * t[7], t[10] + b * t[11], t[13] + b * t[14], t[16] + b * t[17]
        to_x, to_y = t[19] + b * t[20], t[22] + b * t[23]
        for start in range(0, n, TILE // size):
            at = min(start, n - TILE // size) * size
            _copy_rows((g + at, t[12], n_out, gradient, TILE), memory)
            _copy_rows((x + at, t[15], n_x, own, TILE), memory)
            _copy_rows((y + at, t[18], n_y, other, TILE), memory)
            _clear_rows((n_x, to_own), memory)
            _clear_rows((n_y, to_other), memory)
            for i in range(n_x):
                row = i * TILE
                _spread_all(
                    (core + i * by_x, by_y, gradient, n_out, own + row,
                     other, n_y, to_own + row, to_other),
                    memory,
                )  # fmt: skip
            _copy_rows((to_own, TILE, n_x, to_x + at, t[21]), memory)
            _copy_rows((to_other, TILE, n_y, to_y + at, t[24]), memory)


@njit(nogil=True, cache=True)
def take_by_core(t, memory):
    """The adjoint by the core, core[i, j, o]: the sum over the samples of x[i] y[j] g[o]."""
    n_out, n_y, n, n_x, by_x, by_y = t[2], t[3], t[4], t[5], t[8], t[9]
    size = memory.itemsize
    products, step = memory.ctypes.data, n * size
    for b in range(t[1]):
        core, g, x, y = t[6] + b * t[7], t[10] + b * t[11], t[13] + b * t[14], t[16] + b * t[17]
        for i in range(n_x):
            _reduce_all(
                (g, t[12], n_out, x + i * t[15], y, t[18], n_y, n, products, step,
                 core + i * by_x, size, by_y),
                memory,
            )  # fmt: skip
