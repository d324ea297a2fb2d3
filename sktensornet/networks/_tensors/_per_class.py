"""Between a network of several classes and the networks of each of them."""

from __future__ import annotations

import numpy as np

from ..._support._checks import check_integer
from .._network import TensorNetwork


def one_output(network: TensorNetwork, class_index: int) -> TensorNetwork:
    """The joint network of one class."""
    n_outputs = network.n_outputs
    why = f" and < {n_outputs}, the number of outputs of the network"
    chosen = check_integer("class_index", class_index, 0, why)
    if chosen >= n_outputs:
        raise ValueError(f"class_index={class_index!r} must be an integer >= 0{why}.")
    root = network.tree.core_of[network.tree.root]
    cores = [core[chosen] for core in network.cores] if network.batched else list(network.cores)
    cores[root] = cores[root][..., None] if network.batched else cores[root][..., [chosen]]
    return TensorNetwork(network.tree.free(), tuple(cores))


def each_tensor(network: TensorNetwork) -> list[TensorNetwork]:
    """The joint networks of the classes, if each has a tensor; else the network itself."""
    if not network.batched:
        return [network]
    return [one_output(network, c) for c in range(network.n_outputs)]


def stack_classes(networks: list[TensorNetwork]) -> TensorNetwork:
    """One network with a tensor for each class, all bonds as long as the longest."""
    first = networks[0]
    tree = first.tree
    for k, network in enumerate(networks):
        if network.batched or network.n_outputs != 1:
            raise ValueError(
                f"tensor[{k}] has {network.n_outputs} outputs; in a list, each tensor must be that "
                "of one class, with one mode for each site."
            )
        if network.tree != tree or network.mode_sizes != first.mode_sizes:
            raise ValueError(
                f"tensor[{k}] gives a {network.format} of mode sizes {network.mode_sizes}; it must "
                f"give a {first.format} of mode sizes {first.mode_sizes}, as tensor[0]."
            )
    sizes = tuple(map(max, zip(*(network.message_sizes for network in networks), strict=True)))
    dtype = np.result_type(*(network.dtype for network in networks))
    cores = []
    for position, shape in enumerate(tree.core_shapes(sizes)):
        core = np.zeros((len(networks), *shape), dtype)
        for padded, network in zip(core, networks, strict=True):
            part = network.cores[position]
            padded[tuple(map(slice, part.shape))] = part
        cores.append(core[..., 0] if tree.order[position] == tree.root else core)
    return TensorNetwork(tree, tuple(cores), batched=True)
