"""Inner products and sums of networks, without forming their tensors."""

from __future__ import annotations

import numpy as np

from .._typing import FloatArray
from ._network import TensorNetwork
from ._tree import OUT, UNIT, Tree


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


_BATCH = -3


def open_axes(network: TensorNetwork, position: int) -> tuple[int, ...]:
    """What the axes of `open_core` are."""
    return (_BATCH, *(network.tree.nodes[network.tree.order[position]].axes or ()))


def open_core(network: TensorNetwork, position: int) -> FloatArray:
    """A core in float64 with a leading batch axis and an outgoing axis."""
    network.tree.require_multilinear("the algebra of weight tensors")
    core = network.cores[position].astype(np.float64)
    if not network.batched:
        return core[None]
    return core[..., None] if network.tree.order[position] == network.tree.root else core


def close_cores(network: TensorNetwork, cores: list[FloatArray]) -> TensorNetwork:
    """A network of the same topology and dtype with cores as from `open_core`, none shared."""
    dtype, tree = network.dtype, network.tree.free()
    if not network.batched:
        return TensorNetwork(tree, tuple(core[0].astype(dtype) for core in cores))
    root = network.tree.core_of[network.tree.root]
    closed = [core[..., 0] if k == root else core for k, core in enumerate(cores)]
    return TensorNetwork(tree, tuple(core.astype(dtype) for core in closed), batched=True)


def message_core(network: TensorNetwork, index: int) -> FloatArray:
    """The core of a node, its axes in the order of its children.

    Parameters
    ----------
    network : TensorNetwork
        The network.
    index : int
        The node, in its tree.

    Returns
    -------
    ndarray of float64, shape (batch, children..., out)
        The core; the batch has length one unless there is a tensor per class.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import TensorNetwork, message_core, tensor_train
    >>> cores = (np.ones((1, 2, 3)), np.ones((3, 2, 1, 5)))
    >>> network = TensorNetwork(tensor_train(2), cores)
    >>> message_core(network, network.tree.root).shape
    (1, 3, 2, 5)
    """
    node, sizes = network.tree.nodes[index], network.message_sizes
    core = open_core(network, network.tree.core_of[index])
    lengths = [sizes[child] for child in node.children]
    if node.out_first:
        return np.moveaxis(core.reshape(len(core), sizes[index], *lengths), 1, -1)
    return core.reshape(len(core), *lengths, sizes[index])


def network_of(tree: Tree, by_node: dict[int, FloatArray]) -> TensorNetwork:
    """A joint network from the cores (children..., out) of its nodes."""
    cores = []
    for index in tree.order:
        node, core = tree.nodes[index], by_node[index]
        lengths = dict(enumerate(core.shape)) | {OUT: core.shape[-1], UNIT: 1}
        if node.out_first:
            core = np.moveaxis(core, -1, 0)
        cores.append(core.reshape([lengths[axis] for axis in node.axes or ()]))
    return TensorNetwork(tree, tuple(cores))


def _check_same_space(a: TensorNetwork, b: TensorNetwork) -> None:
    if a.tree.free() != b.tree.free():
        raise ValueError("the networks differ in tree; they must agree.")
    for name in ("mode_sizes", "n_outputs", "batched"):
        ours, theirs = getattr(a, name), getattr(b, name)
        if ours != theirs:
            raise ValueError(
                f"the networks differ in {name}: {ours} against {theirs}; they must agree."
            )
