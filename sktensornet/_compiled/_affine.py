# mypy: disable-error-code="call-arg"
"""The affine map and its adjoint in one pass over the samples, which needs numba.

All addresses and steps are in bytes, the samples are contiguous.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from .._arrays._typing import FloatArray
from . import _vectors
from ._vectors import TILE, generated, revision


@generated
def _standardise(lanes, builder, x, x_step, mean, factor, limits, n, out, out_step, packed):
    """out[p] = (x[p] - mean[p]) factor[p], between limits, and again packed."""
    low, high = (lanes.spread(lanes.at(limits, (k, lanes.size))) for k in range(2))
    with lanes.loop(n) as rows:
        place = rows.index, lanes.size
        centre, by = (lanes.spread(lanes.at(address, place)) for address in (mean, factor))
        tile = []
        for value in lanes.stream_tile(lanes.at(x, (rows.index, x_step))):
            z = builder.fmul(builder.fsub(value, centre), by)
            tile.append(lanes.larger(low, lanes.smaller(high, z)))
        lanes.store_tile(tile, lanes.at(out, (rows.index, out_step)))
        lanes.store_tile(tile, lanes.at(packed, (rows.index, TILE)))


@generated
def _apply(lanes, builder, matrix, by_row, offset, least, x, n, out, out_step, n_out):
    """out[o] = max(least, offset[o] + sum over p of matrix[o, p] x[p]), where x is packed."""
    least = lanes.spread(least)
    for n_rows, o in lanes.blocks(n_out):
        sums = lanes.row_products(lanes.at(matrix, (o, by_row)), by_row, n_rows, x, n)
        for row, found in enumerate(sums):
            constant = lanes.spread(lanes.at(offset, (o, lanes.size), (row, lanes.size)))
            tile = [lanes.larger(least, builder.fadd(value, constant)) for value in found]
            lanes.store_tile(tile, lanes.at(out, (o, out_step), (row, out_step)))


@generated
def _reduce(lanes, builder, g, g_step, n_g, z, z_step, n_z, n, out, by_z):
    """out[p, o] += sum over the samples of z[p] g[o]."""
    for n_columns, p in lanes.columns(n_z):
        rows, columns = (g, g_step, n_g), (lanes.at(z, (p, z_step)), z_step, n_columns)
        lanes.reduce(rows, columns, n, (lanes.at(out, (p, by_z)), lanes.size, by_z))


@generated
def _mask(lanes, builder, g, f, n, out):
    """Out = g where f > 0, else 0."""
    for kind, here in lanes.samples(n):
        value, feature = (lanes.load(lanes.at(address, *here), kind) for address in (g, f))
        zero = lanes.zero(kind)
        kept = builder.select(builder.fcmp_ordered(">", feature, zero), value, zero)
        lanes.store(kept, lanes.at(out, *here))


def _keyed(revision: int) -> Any:
    """The functions that numba keeps; see `revision`."""

    @njit(nogil=True, cache=True)
    def take(lengths, sites, z, features, mean, factor, limits, matrix, offset, least, memory):
        n_sites, n_in, n, n_out = lengths
        size = memory.itemsize
        packed = memory.ctypes.data
        for start in range(0, n, TILE // size):
            # The last tile reaches back over samples that are done, with the same result.
            at = min(start, n - TILE // size) * size
            for k in range(n_sites):
                x, to, out = (
                    sites[0] + k * sites[1] + at,
                    z[0] + k * z[1] + at,
                    features[0] + k * features[1] + features[2] + at,
                )
                _standardise((x, sites[2], mean, factor, limits, n_in, to, z[2], packed), memory)
                _apply(
                    (matrix, n_in * size, offset, least, packed, n_in, out, features[2], n_out),
                    memory,
                )
        return revision

    @njit(nogil=True, cache=True)
    def take_adjoint(lengths, z, features, gradient, is_rectified, out, memory):
        n_sites, n_in, n, n_out = lengths
        size = memory.itemsize
        for k in range(n_sites):
            inputs = (z[0] + k * z[1], z[2], n_in, n, out, n_out * size)
            g, step = gradient[0] + k * gradient[1] + gradient[2], gradient[2]
            if is_rectified:
                f, kept = features[0] + k * features[1] + features[2], memory.ctypes.data
                for row in range(n_out):
                    _mask((g + row * step, f + row * features[2], n, kept + row * n * size), memory)
                _reduce((kept, n * size, n_out, *inputs), memory)
            else:
                _reduce((g, step, n_out, *inputs), memory)
        return revision

    return take, take_adjoint


_take, _take_adjoint = _keyed(revision(__file__, _vectors.__file__))


def fits(*arrays: FloatArray) -> bool:
    """Whether compiled code takes arrays (d, n, any)."""
    (dtype, n), *others = {(a.dtype, a.shape[1]) for a in arrays}
    return (
        not others
        and dtype in (np.float32, np.float64)
        and n * dtype.itemsize >= TILE
        and all(a.strides[1] == a.itemsize for a in arrays)
    )


def affine(
    sites: FloatArray,
    mean: FloatArray,
    factor: FloatArray,
    limit: float,
    matrix: FloatArray,
    offset: FloatArray,
    least: float,
    z: FloatArray,
    features: FloatArray,
) -> None:
    """Standardised inputs and features of complete sites.

    Parameters
    ----------
    sites : ndarray of shape (d, n, p)
    mean, factor : ndarray of shape (p,)
    limit : float
        The largest size of a standardised input.
    matrix, offset : ndarray of shape (p, m - 1) and (m - 1,)
    least : float
        The least value of a feature.
    z : ndarray of shape (d, n, p + 1)
        Where the inputs go, with ones in the last place.
    features : ndarray of shape (d, n, m)
        Where the features go, with ones in the first place.
    """
    z[..., -1] = 1
    features[..., 0] = 1
    d, n, p = sites.shape
    constants = [mean, factor, [-limit, limit], matrix.T, offset, [least]]
    kept = [np.ascontiguousarray(a, dtype=z.dtype) for a in constants]
    memory = np.empty(p * TILE // z.itemsize, z.dtype)
    places = (_place(a) for a in (sites, z, features))
    _take((d, p, n, len(offset)), *places, *(a.ctypes.data for a in kept), memory)


def affine_adjoint(
    z: FloatArray, features: FloatArray, gradient: FloatArray, is_rectified: bool
) -> FloatArray:
    """The derivative by the matrix, with that by the offset as the last row.

    Parameters
    ----------
    z, features : ndarray
        From `affine`.
    gradient : ndarray of shape (d, n, m)
        The derivative by the features.
    is_rectified : bool
        Whether the features are max(0, .) or linear.
    """
    d, n, n_in = z.shape
    n_out = features.shape[2] - 1
    out = np.zeros((n_in, n_out), z.dtype)
    memory = np.empty(n_out * n, z.dtype)
    places = (_place(a) for a in (z, features, gradient))
    _take_adjoint((d, n_in, n, n_out), *places, is_rectified, out.ctypes.data, memory)
    return out


def _place(x: FloatArray) -> tuple[int, int, int]:
    """Address of (d, n, any), steps from site to site and from row to row."""
    return x.ctypes.data, x.strides[0], x.strides[2]
