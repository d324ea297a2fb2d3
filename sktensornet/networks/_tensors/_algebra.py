"""Inner products and sums of networks, without forming their tensors."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..._arrays._multilinear import mode_gram
from .._cores import message_cores, network_of
from .._network import TensorNetwork
from ._upward_downward import raised, upward


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
    left, right = message_cores(a), message_cores(b)
    core_of = a.tree.core_of

    def gram(index, below):
        place = core_of[index]
        return mode_gram(raised(left[place], below), right[place], -1)

    total: Any = upward(a.tree, lambda index: None, gram, np.multiply)[-1]
    return float(np.trace(total, axis1=-2, axis2=-1).sum())


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
    tree = a.tree.free()
    cores = []
    for index, left, right in zip(tree.order, message_cores(a), message_cores(b), strict=True):
        node = tree.nodes[index]
        # The batch and the legs of sites and of the classes are shared; bonds add up.
        bonds = [tree.nodes[child].site is None for child in node.children]
        grows = [False, *bonds, index != tree.root]
        shape = [n + m * own for n, m, own in zip(left.shape, right.shape, grows, strict=True)]
        core = np.zeros(shape, np.result_type(a.dtype, b.dtype))
        core[tuple(map(slice, left.shape))] += left
        core[tuple(slice(n * own, None) for n, own in zip(left.shape, grows, strict=True))] += right
        cores.append(core)
    return network_of(tree, cores, a.batched, a.dtype)


def _check_same_space(a: TensorNetwork, b: TensorNetwork) -> None:
    a.tree.require_multilinear("the algebra of weight tensors")
    if a.tree.free() != b.tree.free():
        raise ValueError("the networks differ in tree; they must agree.")
    for name in ("mode_sizes", "n_outputs", "batched"):
        ours, theirs = getattr(a, name), getattr(b, name)
        if ours != theirs:
            raise ValueError(
                f"the networks differ in {name}: {ours} against {theirs}; they must agree."
            )
