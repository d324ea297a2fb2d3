"""Another basis for the features of the sites, and a part of the outputs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..._arrays._multilinear import mode_product
from ..._arrays._typing import FloatArray, IntArray
from .._cores import message_cores, network_of
from .._network import TensorNetwork


def change_modes(network: TensorNetwork, matrices: Sequence[FloatArray]) -> TensorNetwork:
    r"""The weight tensor in other features of each site.

    .. math:: W'^{\,j_1 \dots j_d}_c = \sum_{i_1 \dots i_d} W^{i_1 \dots i_d}_c
              \prod_k T_k^{i_k j_k}, \qquad f_k = T_k \, g_k

    so that the scores are those of W' at the features g_k.

    Parameters
    ----------
    network : TensorNetwork
        The network.
    matrices : sequence of ndarray of shape (m_k, n_k)
        The matrix T_k of each site.

    Returns
    -------
    TensorNetwork
        In float64, of the same topology and ranks, with mode sizes n_k.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import TensorNetwork, canonical_polyadic, change_modes
    >>> network = TensorNetwork(canonical_polyadic(1), (np.ones((2, 1)), np.ones((1, 1))))
    >>> change_modes(network, [np.array([[1.0, 0.0], [2.0, 5.0]])]).to_dense()[:, 0]
    array([3., 5.])
    """
    tree = network.tree
    cores = message_cores(network)
    for position, index in enumerate(tree.order):
        for axis, child in enumerate(tree.nodes[index].children, start=1):
            site = tree.nodes[child].site
            if site is not None:
                matrix = np.asarray(matrices[site], np.float64).T[None]
                cores[position] = mode_product(cores[position], matrix, axis)
    return network_of(tree, cores, network.batched)


def scale_outputs(
    network: TensorNetwork, factors: FloatArray, which: IntArray | None = None
) -> TensorNetwork:
    """The weight tensors of some outputs, each times a factor.

    Parameters
    ----------
    network : TensorNetwork
        The network.
    factors : ndarray of shape (n_outputs,)
        The factor of every output of the network.
    which : ndarray of int or None
        The outputs to keep; None is all.

    Returns
    -------
    TensorNetwork
        In float64.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import TensorNetwork, canonical_polyadic, scale_outputs
    >>> network = TensorNetwork(canonical_polyadic(1), (np.ones((2, 1)), np.ones((1, 2))))
    >>> scale_outputs(network, np.array([1.0, 5.0])).to_dense()
    array([[1., 5.],
           [1., 5.]])
    """
    which = np.arange(network.n_outputs) if which is None else which
    factors = np.asarray(factors, np.float64)[which]
    cores = message_cores(network)
    root = network.tree.core_of[network.tree.root]
    if network.batched:
        cores = [core[which] for core in cores]
        cores[root] *= factors.reshape(-1, *[1] * (cores[root].ndim - 1))
    else:
        cores[root] = cores[root][..., which] * factors
    return network_of(network.tree, cores, network.batched)
