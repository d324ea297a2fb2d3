"""The layout of cores: as networks store them, and (batch, children..., out)."""

from __future__ import annotations

import numpy as np

from .._arrays._typing import FloatArray
from ._network import TensorNetwork
from ._tree import OUT, UNIT, Tree

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


def plain_core(network: TensorNetwork, position: int) -> FloatArray:
    """A core in float64 as (batch, one axis per child, out)."""
    core = network.cores[position].astype(np.float64)
    index = network.tree.order[position]
    axes = network.tree.nodes[index].axes or ()
    if not network.batched:
        core = core[None]
    elif index == network.tree.root:
        core = core[..., None]
    n_children = len(network.tree.nodes[index].children)
    order = [1 + axes.index(place) for place in range(n_children)]
    kept = [0, *order, 1 + axes.index(OUT)]
    units = [axis for axis in range(core.ndim) if axis not in kept]
    return np.ascontiguousarray(
        core.transpose(*kept, *units).reshape([core.shape[a] for a in kept])
    )
