"""The hot path: a core applied to the messages of its children, and the adjoint.

Messages have shape (b, n, r): b tensors (one per class, or 1), n samples, r
entries. Cores have shape (b, i_1, ..., i_k, o), or (b, o, i_1, ..., i_k) with
``out_first``. A leading axis of length 1 broadcasts.
"""

from __future__ import annotations

import math

import numpy as np

from .._typing import FloatArray
from ._products import MULTIPLY, Product, khatri_rao

__all__ = ["apply_core", "apply_core_adjoint", "khatri_rao"]


def _as_matrix(core: FloatArray, n_paired: int, out_first: bool) -> FloatArray:
    """View of the core as (b, rows of the design, everything else)."""
    batch = core.shape[0]
    if out_first:
        return core.reshape(batch, core.shape[1], -1).swapaxes(1, 2)
    rows = math.prod(core.shape[1 : 1 + n_paired])
    return core.reshape(batch, rows, -1)


def apply_core(
    core: FloatArray,
    messages: list[FloatArray],
    out_first: bool = False,
    product: Product = MULTIPLY,
) -> tuple[FloatArray, list[FloatArray]]:
    """Contract a core with the messages of its children.

    The first two messages meet the core in one matrix product with their
    Khatri-Rao product; further ones are contracted sample by sample. A product
    that is not multilinear needs all of them in the matrix product.

    Returns
    -------
    message : ndarray of shape (b, n, o)
    partial : list of ndarray
        What `apply_core_adjoint` needs of the way.
    """
    paired = messages[: product.n_paired]
    design = product.outer(paired)
    result = np.matmul(design, _as_matrix(core, len(paired), out_first))
    partial = [] if product.is_multilinear else [design]
    for message in messages[len(paired) :]:
        result = result.reshape(*result.shape[:2], message.shape[-1], -1)
        partial.append(result)
        result = np.vecmat(message, result)
    return result, partial


def apply_core_adjoint(
    core: FloatArray,
    messages: list[FloatArray],
    partial: list[FloatArray],
    gradient: FloatArray,
    wanted: list[bool],
    out_first: bool = False,
    product: Product = MULTIPLY,
) -> tuple[FloatArray, list[FloatArray | None]]:
    """Adjoint of `apply_core`.

    Parameters
    ----------
    gradient : ndarray of shape (b, n, o)
        Derivative with respect to the outgoing message.
    wanted : list of bool
        For each child, whether the derivative of its message is needed.

    Returns
    -------
    core_gradient : ndarray, in the shape of the core
    message_gradients : list of ndarray of shape (b, n, i_j), or None
    """
    message_gradients: list[FloatArray | None] = [None] * len(messages)
    paired = messages[: product.n_paired]
    for j in range(len(messages) - 1, len(paired) - 1, -1):
        if wanted[j]:
            message_gradients[j] = np.matvec(partial[j - 2], gradient)
        gradient = khatri_rao(messages[j], gradient)
    design = product.outer(paired) if product.is_multilinear else partial[0]
    if out_first:
        core_gradient = np.matmul(gradient.swapaxes(1, 2), design)
    else:
        core_gradient = np.matmul(design.swapaxes(1, 2), gradient)
    if any(wanted[: len(paired)]):
        matrix = _as_matrix(core, len(paired), out_first)
        back = np.matmul(gradient, matrix.swapaxes(1, 2))
        message_gradients[: len(paired)] = (
            [back]
            if len(paired) == 1
            else product.outer_adjoint(paired, design, back, wanted[: len(paired)])
        )
    return core_gradient.reshape(core.shape), message_gradients
