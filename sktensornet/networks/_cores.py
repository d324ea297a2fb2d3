"""The layout of cores: as networks store them, and (batch, children..., out) for all else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._arrays._typing import FloatArray
from ._network import TensorNetwork
from ._tree import Tree


def core_shapes(
    tree: Tree, message_sizes: Sequence[int], n_batch: int = 1
) -> tuple[tuple[int, ...], ...]:
    """Shape (n_batch, children..., out) of every core, in the order of the network's cores."""
    return tuple(
        (n_batch, *(message_sizes[child] for child in tree.nodes[index].children), size)
        for index, size in ((index, message_sizes[index]) for index in tree.order)
    )


def message_core(
    network: TensorNetwork, index: int, dtype: np.dtype | type = np.float64
) -> FloatArray:
    """The core of a node, its axes in the order of its children.

    Parameters
    ----------
    network : TensorNetwork
        The network.
    index : int
        The node, in its tree.
    dtype : dtype, default=float64
        Of the copy.

    Returns
    -------
    ndarray of shape (batch, children..., out)
        A copy of the core; the batch has length one unless there is a tensor per class.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import TensorNetwork, tensor_train
    >>> from sktensornet.networks._cores import message_core
    >>> cores = (np.ones((1, 2, 3)), np.ones((3, 2, 1, 5)))
    >>> network = TensorNetwork(tensor_train(2), cores)
    >>> message_core(network, network.tree.root).shape
    (1, 3, 2, 5)
    """
    core = network.cores[network.tree.core_of[index]]
    if not network.batched:
        core = core[None]
    elif index == network.tree.root:
        core = core[..., None]
    return np.array(network.tree.nodes[index].inward(core), dtype, order="C")


def message_cores(network: TensorNetwork, dtype: np.dtype | type = np.float64) -> list[FloatArray]:
    """All cores as from `message_core`, in the order of the network's cores."""
    return [message_core(network, index, dtype) for index in network.tree.order]


def network_of(
    tree: Tree,
    cores: Sequence[FloatArray],
    batched: bool = False,
    dtype: np.dtype | None = None,
) -> TensorNetwork:
    """The network of cores (batch, children..., out), the inverse of `message_cores`.

    Parameters
    ----------
    tree : Tree
        The topology.
    cores : sequence of ndarray
        In the order of ``tree.order``.
    batched : bool, default=False
        Whether there is one tensor per class, along the batch.
    dtype : dtype or None
        Of the network; None keeps that of the cores.

    Returns
    -------
    TensorNetwork
        With copies of the cores.
    """
    public = []
    for index, core in zip(tree.order, cores, strict=True):
        outer = tree.nodes[index].outward(core if dtype is None else core.astype(dtype))
        if not batched:
            outer = outer[0]
        elif index == tree.root:
            outer = outer[..., 0]
        public.append(outer)
    return TensorNetwork(tree, tuple(public), batched=batched)


def with_dtype(network: TensorNetwork, dtype: np.dtype) -> TensorNetwork:
    """The network with cores of a type; itself, if it has them."""
    if network.dtype == dtype:
        return network
    cores = tuple(core.astype(dtype) for core in network.cores)
    return TensorNetwork(network.tree, cores, network.batched)


def tied(tree: Tree, arrays: Sequence[FloatArray]) -> list[FloatArray]:
    """Derivatives by the distinct cores, given those by the core of each node."""
    if not tree.labels:
        return list(arrays)
    return [sum((arrays[k] for k in others), arrays[k0]) for k0, *others in tree.groups]
