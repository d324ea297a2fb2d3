"""Inner products and sums of networks, without forming their tensors."""

from __future__ import annotations

import numpy as np

from ..._arrays._typing import FloatArray
from .._cores import close_cores, open_axes, open_core
from .._network import TensorNetwork
from .._tree import OUT


def inner(a: TensorNetwork, b: TensorNetwork) -> float:
    r"""Inner product of the weight tensors of two networks.

    .. math:: \langle A, B \rangle = \sum_{c, i_1 \dots i_d}
              A_c^{i_1 \dots i_d} B_c^{i_1 \dots i_d}

    Parameters
    ----------
    a, b : TensorNetwork
        Networks of the same topology, mode sizes and outputs; ranks may differ.

    Returns
    -------
    float
        Summed in float64.

    Raises
    ------
    ValueError
        If the networks do not live in the same space.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import TensorNetwork, canonical_polyadic, inner
    >>> ones = TensorNetwork(canonical_polyadic(2), (np.ones((2, 1)),) * 2 + (np.ones((1, 1)),))
    >>> inner(ones, ones)
    4.0
    """
    _check_same_space(a, b)
    tree = a.tree
    grams: list[FloatArray] = []
    for index, node in enumerate(tree.nodes):
        if node.site is not None:
            grams.append(np.empty(0))
        elif node.is_product:
            grams.append(np.multiply.reduce([grams[child] for child in node.children]))
        else:
            position = tree.core_of[index]
            left, right = open_core(a, position), open_core(b, position)
            axes = open_axes(a, position)
            for place, child in enumerate(node.children):
                if tree.nodes[child].site is None:
                    gram = grams[child]
                    axis = axes.index(place)
                    moved = np.moveaxis(left, axis, -1)
                    shape = (*moved.shape[:-1], gram.shape[-1])
                    product = moved.reshape(len(moved), -1, moved.shape[-1]) @ gram
                    left = np.moveaxis(product.reshape(shape), -1, axis)
            out = axes.index(OUT)
            rows = np.moveaxis(left, out, 1).reshape(len(left), left.shape[out], -1)
            columns = np.moveaxis(right, out, 1).reshape(len(right), right.shape[out], -1)
            grams.append(rows @ columns.mT)
    return float(np.trace(grams[-1], axis1=-2, axis2=-1).sum())


def norm(network: TensorNetwork) -> float:
    """Frobenius norm of the weight tensor, classes included.

    Parameters
    ----------
    network : TensorNetwork
        The network.

    Returns
    -------
    float
        The root of `inner` of the network with itself.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import TensorNetwork, canonical_polyadic, norm
    >>> norm(TensorNetwork(canonical_polyadic(1), (np.ones((9, 1)), np.ones((1, 1)))))
    3.0
    """
    return max(inner(network, network), 0.0) ** 0.5


def add(a: TensorNetwork, b: TensorNetwork) -> TensorNetwork:
    r"""Sum of two networks; the ranks add up.

    .. math:: C_c^{i_1 \dots i_d} = A_c^{i_1 \dots i_d} + B_c^{i_1 \dots i_d}

    Parameters
    ----------
    a, b : TensorNetwork
        Networks of the same topology, mode sizes and outputs.

    Returns
    -------
    TensorNetwork
        Its cores hold those of `a` and `b` as diagonal blocks over the bonds.

    Raises
    ------
    ValueError
        If the networks do not live in the same space.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import TensorNetwork, add, canonical_polyadic
    >>> ones = TensorNetwork(canonical_polyadic(2), (np.ones((2, 1)),) * 2 + (np.ones((1, 1)),))
    >>> add(ones, ones).ranks, float(add(ones, ones).to_dense().max())
    ((2,), 2.0)
    """
    _check_same_space(a, b)
    tree = a.tree
    cores = []
    for position, index in enumerate(tree.order):
        node = tree.nodes[index]
        left, right = open_core(a, position), open_core(b, position)
        first, second, shape = [], [], []
        for axis, kind in enumerate(open_axes(a, position)):
            n_left, n_right = left.shape[axis], right.shape[axis]
            is_inner = kind >= 0 and tree.nodes[node.children[kind]].site is None
            if is_inner or (kind == OUT and index != tree.root):
                first.append(slice(0, n_left))
                second.append(slice(n_left, n_left + n_right))
                shape.append(n_left + n_right)
            else:
                first.append(slice(None))
                second.append(slice(None))
                shape.append(n_left)
        core = np.zeros(shape, np.result_type(a.dtype, b.dtype))
        core[tuple(first)] += left
        core[tuple(second)] += right
        cores.append(core)
    return close_cores(a, cores)


def _check_same_space(a: TensorNetwork, b: TensorNetwork) -> None:
    if a.tree.free() != b.tree.free():
        raise ValueError("the networks differ in tree; they must agree.")
    for name in ("mode_sizes", "n_outputs", "batched"):
        ours, theirs = getattr(a, name), getattr(b, name)
        if ours != theirs:
            raise ValueError(
                f"the networks differ in {name}: {ours} against {theirs}; they must agree."
            )
