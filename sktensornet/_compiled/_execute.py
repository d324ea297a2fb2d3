# mypy: disable-error-code="call-arg"
"""Passes as one call of compiled code, which needs numba.

A pass is a table with one row of integers for each step: what to do, addresses,
lengths, strides in bytes. The samples are innermost and contiguous everywhere.
Matrix products are those of the BLAS that scipy brings.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, njit, types
from numba.extending import get_cython_function_address, intrinsic

from . import _core_kernels as _microkernels
from . import _vectors
from ._core_kernels import memory, take_by_core, take_by_messages, take_sum_products
from ._vectors import TILE, revision

__all__ = ["TILE", "memory"]

PRODUCT, MULTIPLY, CONTRACT, SUM, CHECK, SUM_PRODUCTS, BY_CORE, BY_MESSAGES = range(8)
"""Kinds of steps."""

WIDTH = 25
"""Integers of a step."""

_BLAS_ARGUMENTS = 13

GEMM = {
    np.dtype(np.float32): get_cython_function_address("scipy.linalg.cython_blas", "sgemm"),
    np.dtype(np.float64): get_cython_function_address("scipy.linalg.cython_blas", "dgemm"),
}
"""Addresses of the matrix products."""


@intrinsic
def _call(typing_context, function, arguments):
    """Call what is at an address with addresses."""
    signature = types.void(types.int64, types.UniTuple(types.int64, _BLAS_ARGUMENTS))

    def codegen(context, builder, signature, values):
        kind = ir.FunctionType(ir.VoidType(), [ir.IntType(64)] * _BLAS_ARGUMENTS)
        target = builder.inttoptr(values[0], kind.as_pointer())
        builder.call(target, [builder.extract_value(values[1], k) for k in range(_BLAS_ARGUMENTS)])
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def _pointer(typing_context, address, like):
    """The address as a pointer to numbers like those of an array."""
    pointer = types.CPointer(like.dtype)

    def codegen(context, builder, signature, values):
        return builder.inttoptr(values[0], context.get_value_type(pointer))

    return pointer(types.int64, like), codegen


@njit(inline="always")
def _row(address, n, like):
    return carray(_pointer(address, like), (n,))


@njit(nogil=True, fastmath={"contract"})
def _multiply(t, n, like):
    """out[b, p, q] = x[b, p, q] y[b, p, q], row by row."""
    for b in range(t[1]):
        for p in range(t[2]):
            for q in range(t[3]):
                out = _row(t[5] + b * t[6] + p * t[7] + q * t[8], n, like)
                x = _row(t[9] + b * t[10] + p * t[11] + q * t[12], n, like)
                y = _row(t[13] + b * t[14] + p * t[15] + q * t[16], n, like)
                for k in range(n):
                    out[k] = x[k] * y[k]


@njit(nogil=True, fastmath={"contract"})
def _contract(t, n, like):
    """out[b, p] = sum over q of x[b, p, q] y[b, q], row by row."""
    for b in range(t[1]):
        for p in range(t[2]):
            out = _row(t[5] + b * t[6] + p * t[7], n, like)
            x0, y0 = t[9] + b * t[10] + p * t[11], t[13] + b * t[14]
            q = t[3] % 4
            out[:] = 0
            for j in range(q):
                x, y = _row(x0 + j * t[12], n, like), _row(y0 + j * t[16], n, like)
                for k in range(n):
                    out[k] += x[k] * y[k]
            while q < t[3]:
                xa, ya = _row(x0 + q * t[12], n, like), _row(y0 + q * t[16], n, like)
                q += 1
                xb, yb = _row(x0 + q * t[12], n, like), _row(y0 + q * t[16], n, like)
                q += 1
                xc, yc = _row(x0 + q * t[12], n, like), _row(y0 + q * t[16], n, like)
                q += 1
                xd, yd = _row(x0 + q * t[12], n, like), _row(y0 + q * t[16], n, like)
                q += 1
                for k in range(n):
                    out[k] += (xa[k] * ya[k] + xb[k] * yb[k]) + (xc[k] * yc[k] + xd[k] * yd[k])


@njit(nogil=True)
def _sum(t, n, like):
    """out[p] = sum over b of x[b, p], row by row."""
    for p in range(t[2]):
        out = _row(t[5] + p * t[7], n, like)
        out[:] = 0
        for b in range(t[1]):
            x = _row(t[9] + b * t[10] + p * t[11], n, like)
            for k in range(n):
                out[k] += x[k]


@njit(nogil=True)
def _in_range(t, n, like, largest, low, high):
    """Whether the largest x[b, p] of all p is zero or between limits for each sample."""
    largest = largest[:n]
    for b in range(t[1]):
        largest[:] = 0
        for p in range(t[2]):
            x = _row(t[9] + b * t[10] + p * t[11], n, like)
            for k in range(n):
                largest[k] = max(largest[k], abs(x[k]))
        for k in range(n):
            if largest[k] >= high or 0 < largest[k] < low:
                return False
    return True


def _keyed(revision: int) -> Any:
    """The function that numba keeps; see `revision`."""

    @njit(nogil=True, cache=True)
    def execute(table: Any, gemm: int, numbers: Any, like: Any) -> bool:
        """Take the steps of a table; False as soon as a message has to be rescaled.

        Parameters
        ----------
        table : ndarray of int64, shape (n_steps, WIDTH)
            The steps. Lengths and flags of a matrix product are read where they are.
        gemm : int
            From `GEMM`.
        numbers : ndarray
            One, zero, and between which sizes messages are left as they are.
        like : ndarray
            Of the dtype of all arrays; memory for what a step needs meanwhile.

        Returns
        -------
        bool
            Whether all steps were taken.
        """
        number = numbers.ctypes.data
        for k in range(len(table)):
            t = table[k]
            n = t[4]
            if t[0] == PRODUCT:
                at = t.ctypes.data
                beta = number + (1 - t[14]) * numbers.itemsize
                for b in range(t[1]):
                    y, x, out = t[10] + b * t[3], t[12] + b * t[2], t[15] + b * t[4]
                    _call(
                        gemm,
                        (
                            at + 40, at + 48, at + 56, at + 64, at + 72,
                            number, y, at + 88, x, at + 104, beta, out, at + 128,
                        ),
                    )  # fmt: skip
            elif t[0] == MULTIPLY:
                _multiply(t, n, like)
            elif t[0] == CONTRACT:
                _contract(t, n, like)
            elif t[0] == SUM:
                _sum(t, n, like)
            elif t[0] == SUM_PRODUCTS:
                take_sum_products(t, like)
            elif t[0] == BY_CORE:
                take_by_core(t, like)
            elif t[0] == BY_MESSAGES:
                take_by_messages(t, like)
            elif not _in_range(t, n, like, like, numbers[2], numbers[3]):
                return False
        return revision >= 0

    return execute


execute = _keyed(revision(__file__, _vectors.__file__, _microkernels.__file__))
