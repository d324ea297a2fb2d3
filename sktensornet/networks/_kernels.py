"""The hot path: a core applied to the messages of its children, and the adjoint.

Messages have shape (b, n, r): b tensors (one per class, or 1), n samples, r
entries. Cores have shape (b, i_1, ..., i_k, o), or (b, o, i_1, ..., i_k) with
``out_first``. A leading axis of length 1 broadcasts.
"""

from __future__ import annotations

import math

import numpy as np

from .._typing import FloatArray


def khatri_rao(x: FloatArray, y: FloatArray) -> FloatArray:
    """Row-wise Kronecker product, (b, n, i) and (b, n, j) to (b, n, i * j)."""
    z = x[..., :, None] * y[..., None, :]
    return z.reshape(*z.shape[:-2], -1)


def _as_matrix(core: FloatArray, n_paired: int, out_first: bool) -> FloatArray:
    """View of the core as (b, rows of the design, everything else)."""
    batch = core.shape[0]
    if out_first:
        return core.reshape(batch, core.shape[1], -1).swapaxes(1, 2)
    rows = math.prod(core.shape[1 : 1 + n_paired])
    return core.reshape(batch, rows, -1)


def apply_core(
    core: FloatArray, messages: list[FloatArray], out_first: bool = False
) -> tuple[FloatArray, list[FloatArray]]:
    """Contract a core with the messages of its children.

    The first two messages meet the core in one matrix product with their
    Khatri-Rao product; further ones are contracted sample by sample.

    Returns
    -------
    message : ndarray of shape (b, n, o)
    partial : list of ndarray
        What `apply_core_adjoint` needs of the way.
    """
    paired = messages[:2]
    design = paired[0] if len(paired) == 1 else khatri_rao(*paired)
    result = np.matmul(design, _as_matrix(core, len(paired), out_first))
    partial = []
    for message in messages[2:]:
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
    for j in range(len(messages) - 1, 1, -1):
        if wanted[j]:
            message_gradients[j] = np.matvec(partial[j - 2], gradient)
        gradient = khatri_rao(messages[j], gradient)
    paired = messages[:2]
    design = paired[0] if len(paired) == 1 else khatri_rao(*paired)
    if out_first:
        core_gradient = np.matmul(gradient.swapaxes(1, 2), design)
    else:
        core_gradient = np.matmul(design.swapaxes(1, 2), gradient)
    if any(wanted[:2]):
        matrix = _as_matrix(core, len(paired), out_first)
        back = np.matmul(gradient, matrix.swapaxes(1, 2))
        if len(paired) == 1:
            message_gradients[0] = back
        else:
            back = back.reshape(*back.shape[:2], paired[0].shape[-1], paired[1].shape[-1])
            if wanted[0]:
                message_gradients[0] = np.matvec(back, paired[1])
            if wanted[1]:
                message_gradients[1] = np.vecmat(paired[0], back)
    return core_gradient.reshape(core.shape), message_gradients
