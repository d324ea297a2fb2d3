"""A core with three legs and its adjoint, sample by sample in registers.

A matrix product of a core by one message alone leaves a result of the length of
core by samples, which is written and read again to be summed with the other
message. Here a few samples at a time go through the whole rule: what lies
between the steps stays in the first-level cache, sums in registers.

All addresses and steps are in bytes, the samples are contiguous.
"""

from __future__ import annotations

from numba import njit

from ._vectors import TILE, VECTORS, generated

_PRODUCTS = 24_576
"""Bytes of products at a time, unless one row of them needs more."""


@generated
def _copy_rows(lanes, builder, x, x_step, n, out, out_step):
    """out[i] = x[i]."""
    with lanes.loop(n) as rows:
        tile = lanes.stream_tile(lanes.at(x, (rows.index, x_step)))
        lanes.store_tile(tile, lanes.at(out, (rows.index, out_step)))


@generated
def _clear_rows(lanes, builder, n, out):
    """out[i] = 0, packed."""
    with lanes.loop(n) as rows:
        zero = lanes.zero(lanes.vector)
        lanes.store_tile([zero] * VECTORS, lanes.at(out, (rows.index, TILE)))


@generated
def _clear_numbers(lanes, builder, out, n):
    """out[i] = 0 for single numbers."""
    with lanes.loop(n) as numbers:
        lanes.store(lanes.zero(lanes.number), lanes.at(out, (numbers.index, lanes.size)))


@generated
def _multiply_all(lanes, builder, x, n_x, y, y_step, n_y, out):
    """out[j, i] = y[j] x[i], where x and out are packed."""
    with lanes.loop(n_y) as rows:
        first = lanes.stream_tile(lanes.at(y, (rows.index, y_step)))
        start = builder.mul(rows.index, n_x)
        with lanes.loop(n_x) as columns:
            second = lanes.load_tile(lanes.at(x, (columns.index, TILE)))
            to = lanes.at(out, (builder.add(start, columns.index), TILE))
            lanes.store_tile(lanes.multiply(first, second), to)


@generated
def _sum_all(lanes, builder, core, by_row, n_out, products, n, out):
    """out[o] += sum over k of core[k, o] products[k]; products and out are packed."""
    for n_rows, o in lanes.blocks(n_out):
        own, step = lanes.at(core, (o, lanes.size)), lanes.size
        sums = lanes.row_products(own, step, n_rows, products, n, by_row)
        for row, found in enumerate(sums):
            place = lanes.at(out, (o, TILE), (row, TILE))
            before = lanes.load_tile(place)
            lanes.store_tile([builder.fadd(a, b) for a, b in zip(before, found)], place)


@generated
def _spread_all(lanes, builder, core, by_y, gradient, n_out, x, y, n_y, to_x, to_y):
    """With z[j] = sum over o of core[j, o] gradient[o], to_x += z[j] y[j], to_y[j] += z[j] x.

    Rows are packed, and o is contiguous in the core.
    """
    for n_rows, j in lanes.blocks(n_y):
        sums = lanes.row_products(lanes.at(core, (j, by_y)), by_y, n_rows, gradient, n_out)
        factor, total = lanes.load_tile(x), lanes.load_tile(to_x)
        for row, z in enumerate(sums):
            other = lanes.load_tile(lanes.at(y, (j, TILE), (row, TILE)))
            total = [lanes.fma(a, b, c) for a, b, c in zip(z, other, total)]
            place = lanes.at(to_y, (j, TILE), (row, TILE))
            before = lanes.load_tile(place)
            lanes.store_tile([lanes.fma(a, b, c) for a, b, c in zip(z, factor, before)], place)
        lanes.store_tile(total, to_x)


@generated
def _reduce_all(
    lanes, builder, g, g_step, n_out, x, y, y_step, n_y, n, products, step, out, by_out, by_y
):
    """out[o, j] += sum over the samples of g[o] y[j] x, with memory for some products."""
    for n_columns, j in lanes.columns(n_y):
        first = lanes.at(y, (j, y_step))
        for kind, here in lanes.samples(n):
            factor = lanes.load(lanes.at(x, *here), kind)
            for k in range(n_columns):
                a = lanes.load(lanes.at(first, *here, (k, y_step)), kind)
                lanes.store(builder.fmul(a, factor), lanes.at(products, *here, (k, step)))
        place = lanes.at(out, (j, by_y))
        lanes.reduce((g, g_step, n_out), (products, step, n_columns), n, (place, by_out, by_y))


def memory(n_out: int, n_y: int, n: int, n_x: int) -> int:
    """Bytes that a step may need for n samples."""
    rows = max(_PRODUCTS // TILE, n_y) + 2 * (n_out + n_y + n_x)
    return max(rows * TILE, 3 * 8 * n)


# A step is a row of integers: kind, tensors, lengths of o, j, the samples and i; address
# and steps of the core by tensor and two legs; for each message address and steps by
# tensor and entry.


@njit(nogil=True)
def take_sum_products(t, memory):
    """out[o] = sum over i, j of core[i, j, o] x[i] y[j]."""
    n_out, n_y, n, n_x, by_x, by_y = t[2], t[3], t[4], t[5], t[8], t[9]
    size = memory.itemsize
    # The step of an axis of length one is zero.
    by_row = by_y if n_y > 1 else by_x
    most = max(1, _PRODUCTS // (n_y * TILE))
    own = memory.ctypes.data
    sums = own + n_y * TILE
    products = sums + n_out * TILE
    for b in range(t[1]):
        core, x, y, out = t[6] + b * t[7], t[10] + b * t[11], t[13] + b * t[14], t[16] + b * t[17]
        for start in range(0, n, TILE // size):
            # The last tile reaches back over samples that are done, with the same result.
            at = min(start, n - TILE // size) * size
            _copy_rows((y + at, t[15], n_y, own, TILE), memory)
            _clear_rows((n_out, sums), memory)
            for i in range(0, n_x, most):
                rows = min(most, n_x - i)
                _multiply_all((own, n_y, x + i * t[12] + at, t[12], rows, products), memory)
                _sum_all((core + i * by_x, by_row, n_out, products, rows * n_y, sums), memory)
            _copy_rows((sums, TILE, n_out, out + at, t[18]), memory)


@njit(nogil=True)
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


@njit(nogil=True)
def take_by_core(t, memory):
    """The adjoint by the core, core[i, j, o]: the sum over the samples of x[i] y[j] g[o]."""
    n_out, n_y, n, n_x, by_x, by_y = t[2], t[3], t[4], t[5], t[8], t[9]
    size = memory.itemsize
    products, step = memory.ctypes.data, n * size
    for b in range(t[1]):
        core, g, x, y = t[6] + b * t[7], t[10] + b * t[11], t[13] + b * t[14], t[16] + b * t[17]
        for i in range(n_x):
            for j in range(n_y):
                _clear_numbers((core + i * by_x + j * by_y, n_out), memory)
            _reduce_all(
                (g, t[12], n_out, x + i * t[15], y, t[18], n_y, n, products, step,
                 core + i * by_x, size, by_y),
                memory,
            )  # fmt: skip
