# mypy: disable-error-code="call-arg"
"""Vectors of numbers in compiled code, which needs numba.

What is done to a few samples at a time stays in the registers of the processor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from .._arrays._workspace import LINE

VECTOR = 32
"""Bytes of a vector."""
VECTORS, _ROWS = 3, (4, 2, 1)
"""Vectors of samples, or columns, by rows: their sums and one operand fill 16 registers."""

TILE = VECTOR * VECTORS
"""Bytes of a row of the samples that are taken at a time."""
INT, _LANE = ir.IntType(64), ir.IntType(32)


def revision(*files: str) -> int:
    """A number that is another when one of some files is.

    Numba keeps compiled functions beside their module and looks whether that has changed,
    not at the modules of what they call; but also at the numbers that a function closes over.
    """
    return crc32(b"".join(Path(file).read_bytes() for file in files))


class Lanes:
    """Vectors of numbers at addresses."""

    def __init__(self, builder: Any, dtype: Any) -> None:
        self._builder = builder
        self.size = dtype.bitwidth // 8
        self.number = ir.FloatType() if self.size == 4 else ir.DoubleType()
        self.vector = ir.VectorType(self.number, VECTOR // self.size)
        self._fma = {
            kind: cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(kind, [kind] * 3), f"llvm.fmuladd.{name}"
            )
            for kind, name in (
                (self.number, f"f{dtype.bitwidth}"),
                (self.vector, f"v{self.vector.count}f{dtype.bitwidth}"),
            )
        }

    def at(self, address: Any, *steps: tuple[Any, Any]) -> Any:
        """The address after some numbers of steps."""
        for pair in steps:
            number, step = (INT(k) if isinstance(k, int) else k for k in pair)
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
        return [self.load(self.at(address, (k, VECTOR))) for k in range(VECTORS)]

    def stream_tile(self, address: Any) -> list[Any]:
        """As `load_tile`, while the samples after these are fetched into the cache."""
        pointer, flag = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer, flag, flag, flag])
        prefetch = self._builder.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
        for line in range(0, TILE, LINE):
            ahead = self._builder.inttoptr(self.at(address, (1, TILE + line)), pointer)
            self._builder.call(prefetch, [ahead, flag(0), flag(3), flag(1)])
        return self.load_tile(address)

    def store_tile(self, values: list[Any], address: Any) -> None:
        for k, value in enumerate(values):
            self.store(value, self.at(address, (k, VECTOR)))

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
        """The sum of x y and total, rounded once where the processor does so in one step."""
        return self._builder.call(self._fma[x.type], [x, y, total])

    def zero(self, kind: Any) -> Any:
        return ir.Constant(kind, 0.0 if kind is self.number else None)

    def larger(self, x: Any, y: Any) -> Any:
        """The larger one; y where either is not a number."""
        return self._builder.select(self._builder.fcmp_ordered(">", x, y), x, y)

    def smaller(self, x: Any, y: Any) -> Any:
        """The smaller one; y where either is not a number."""
        return self._builder.select(self._builder.fcmp_ordered("<", x, y), x, y)

    def multiply(self, x: list[Any], y: list[Any]) -> list[Any]:
        return [self._builder.fmul(a, b) for a, b in zip(x, y, strict=True)]

    def sums(self, n_rows: int, n_columns: int, kind: Any = None) -> list[list[Any]]:
        """Zeros on the stack, for which LLVM finds registers."""
        zero = self.zero(kind or self.vector)
        return [
            [cgutils.alloca_once_value(self._builder, zero) for _ in range(n_columns)]
            for _ in range(n_rows)
        ]

    def add(self, places: list[Any], factor: Any, x: list[Any]) -> None:
        """Add a factor times x to sums."""
        for place, a in zip(places, x, strict=True):
            self._builder.store(self.fma(factor, a, self._builder.load(place)), place)

    def row_products(
        self, matrix: Any, by_row: Any, n_rows: int, x: Any, n: Any, by_column: Any = None
    ) -> list[list[Any]]:
        """Sum over k < n of matrix[row, k] x[k] for some rows; x is packed, as rows are or not."""
        by_column = INT(self.size) if by_column is None else by_column
        sums = self.sums(n_rows, VECTORS)
        with self.loop(n) as inner:
            tile = self.load_tile(self.at(x, (inner.index, TILE)))
            at = self.at(matrix, (inner.index, by_column))
            for row, places in enumerate(sums):
                self.add(places, self.spread(self.at(at, (row, by_row))), tile)
        return [self.values(places) for places in sums]

    def values(self, places: list[Any]) -> list[Any]:
        return [self._builder.load(place) for place in places]

    def loop(self, n: Any) -> Any:
        return cgutils.for_range(self._builder, n)

    def blocks(self, n: Any) -> Iterator[tuple[int, Any]]:
        """Write code for four rows at a time, and again for two and for one that are left.

        Yields how many and the index of the first.
        """
        builder = self._builder
        start: Any = INT(0)
        for n_rows in _ROWS:
            times = builder.sdiv(builder.sub(n, start), INT(n_rows))
            with self.loop(times) as loop:
                yield n_rows, builder.add(start, builder.mul(loop.index, INT(n_rows)))
            start = builder.add(start, builder.mul(times, INT(n_rows)))

    def columns(self, n: Any) -> Iterator[tuple[int, Any]]:
        """As `blocks`, three at a time, without one alone at the end if there are more."""
        builder, three = self._builder, INT(VECTORS)
        alone = builder.icmp_signed("==", builder.srem(n, three), INT(1))
        several = builder.icmp_signed(">", n, INT(1))
        fewer = builder.zext(builder.and_(alone, several), INT)
        times = builder.sub(builder.sdiv(n, three), fewer)
        start: Any = INT(0)
        for n_columns in (3, 2, 1):
            with self.loop(times) as loop:
                yield n_columns, builder.add(start, builder.mul(loop.index, INT(n_columns)))
            start = builder.add(start, builder.mul(times, INT(n_columns)))
            left = builder.sub(n, start)
            times = builder.sdiv(left, INT(max(n_columns - 1, 1)))

    def samples(self, n: Any) -> Iterator[tuple[Any, tuple]]:
        """Write code for whole vectors of samples and again for the numbers that are left.

        Yields what to load, and the steps to it.
        """
        builder, count = self._builder, INT(self.vector.count)
        done = builder.mul(builder.sdiv(n, count), count)
        for kind, start, end, by in (
            (self.vector, INT(0), done, VECTOR),
            (self.number, done, n, self.size),
        ):
            times = builder.sdiv(builder.sub(end, start), INT(by // self.size))
            with self.loop(times) as loop:
                yield kind, ((start, self.size), (loop.index, by))

    def reduce(self, rows: tuple, columns: tuple, n: Any, out: tuple) -> None:
        """out[o, j] += sum over n samples of rows[o] columns[j].

        Parameters
        ----------
        rows : tuple of (address, step, length)
        columns : tuple of (address, step, int)
            Not more than `VECTORS`.
        n : value
        out : tuple of (address, step by row, step by column)
        """
        (x, x_step, n_rows), (y, y_step, n_columns), (to, by_row, by_column) = rows, columns, out
        for n_block, o in self.blocks(n_rows):
            own, place = self.at(x, (o, x_step)), self.at(to, (o, by_row))
            sums = self.sums(n_block, n_columns)
            left = self.sums(n_block, n_columns, self.number)
            for kind, here in self.samples(n):
                loaded = [self.load(self.at(y, *here, (k, y_step)), kind) for k in range(n_columns)]
                for row, into in enumerate(sums if kind is self.vector else left):
                    self.add(into, self.load(self.at(own, *here, (row, x_step)), kind), loaded)
            for row in range(n_block):
                for k in range(n_columns):
                    at = self.at(place, (row, by_row), (k, by_column))
                    vector, number = self.values([sums[row][k], left[row][k]])
                    total = self._builder.fadd(self.sum(vector), number)
                    before = self.load(at, self.number)
                    self.store(self._builder.fadd(before, total), at)


def generated(write: Callable[..., None]) -> Any:
    """A function of addresses, steps and lengths, and of an array of the dtype, as LLVM code.

    ``write(lanes, builder, *values)`` appends the code.
    """

    def typed(typing_context, numbers, like):
        def codegen(context, builder, signature, values):
            lanes = Lanes(builder, like.dtype)
            write(lanes, builder, *cgutils.unpack_tuple(builder, values[0]))
            return context.get_dummy_value()

        return types.void(numbers, like), codegen

    typed.__name__, typed.__doc__ = write.__name__, write.__doc__
    return intrinsic(typed)
