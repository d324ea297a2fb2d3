"""Gauge and rounding of trees.

A tree does not change when an invertible matrix is put on a bond and its
inverse beside it. In the canonical gauge all cores but one are orthonormal
towards that one, whose plain norm is then that of the whole tensor.
"""

from __future__ import annotations

from typing import TypeAlias

import numpy as np

from ..._arrays._linalg import kept_rank, thin_qr
from ..._arrays._multilinear import mode_product, move_axis
from ..._arrays._typing import FloatArray
from ..._support._checks import check_integer, check_real
from .._cores import message_cores, network_of
from .._network import TensorNetwork
from .._tree import Tree
from ._fewer_terms import keep_terms

Bond: TypeAlias = tuple[int, int, int, int]
"""A core, its axis in (batch, children..., out), its neighbour, and the axis of that."""


def orthogonalise(network: TensorNetwork, towards: int | None = None) -> TensorNetwork:
    r"""Bring a tree into canonical gauge: every core but one orthonormal.

    .. math:: G_{(\text{others} \times \text{bond})} = Q R, \qquad
              G \leftarrow Q, \quad \text{neighbour} \leftarrow R \cdot \text{neighbour}

    Parameters
    ----------
    network : TensorNetwork
        A tensor train or hierarchical Tucker tree.
    towards : int or None, default=None
        Position in ``network.cores`` of the core that takes all norm; None is
        the one that holds the class leg.

    Returns
    -------
    TensorNetwork
        The same tensor. Every core but that one has orthonormal columns as a
        matrix of all its other legs against the bond towards it.

    Raises
    ------
    ValueError
        If the network has element-wise products (CP), where there is no gauge,
        or `towards` is no position.

    References
    ----------
    Oseledets, "Tensor-train decomposition", SIAM J. Sci. Comput. 33 (2011);
    Grasedyck, "Hierarchical singular value decomposition of tensors", SIAM J.
    Matrix Anal. Appl. 31 (2010).

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import TensorNetwork, norm, orthogonalise, tensor_train
    >>> cores = (np.ones((1, 2, 1)), np.ones((1, 2, 1, 1)))
    >>> centred = orthogonalise(TensorNetwork(tensor_train(2), cores))
    >>> bool(np.isclose(np.linalg.norm(centred.cores[1]), norm(centred)))
    True
    """
    tree = network.tree
    tree.require_multilinear("a canonical gauge")
    if tree.multiplied:
        raise ValueError(
            f"a {tree.format} network multiplies messages element by element, which leaves no "
            "gauge; orthogonalise tensor trains and hierarchical Tucker trees."
        )
    cores = message_cores(network)
    root = tree.core_of[tree.root]
    target = root if towards is None else check_integer("towards", towards, 0)
    if target >= len(cores):
        raise ValueError(f"towards={towards!r} must be less than {len(cores)}, the cores.")
    for position, axis, neighbour, neighbour_axis in _inwards(tree, target):
        moved = move_axis(cores[position], axis, -1)
        q, r = thin_qr(moved.reshape(len(moved), -1, moved.shape[-1]))
        cores[position] = move_axis(q.reshape(*moved.shape[:-1], q.shape[-1]), -1, axis)
        cores[neighbour] = mode_product(cores[neighbour], r, neighbour_axis)
    return network_of(tree.free(), cores, network.batched, network.dtype)


def round_network(
    network: TensorNetwork, rank: int | None = None, rank_tol: float = 0.0
) -> TensorNetwork:
    r"""Truncate all bonds of a tree by the hierarchical SVD, or the terms of a sum.

    .. math:: \|W - \tilde W\|^2 \le \sum_{\text{bonds}} \sum_{j > r} \sigma_j^2
              \le n_{\text{bonds}} \, \|W - W_{\text{best}}\|^2

    with the singular values of the matricization at each bond, the class leg
    included. In a canonical polyadic sum, which has no such bound, the terms
    that matter most are kept, and their readout is refitted.

    Parameters
    ----------
    network : TensorNetwork
        The network to truncate.
    rank : int or None, default=None
        Cap of every rank.
    rank_tol : float, default=0.0
        On every bond, singular values are dropped as long as the root of their
        sum of squares stays within `rank_tol` times the norm. In a sum it
        bounds the whole error.

    Returns
    -------
    TensorNetwork
        A tree is in canonical gauge towards the core that holds the class leg,
        up to the truncation.

    Raises
    ------
    ValueError
        If a parameter is out of range.

    References
    ----------
    Grasedyck, "Hierarchical singular value decomposition of tensors", SIAM J.
    Matrix Anal. Appl. 31 (2010), the truncation from the root to the leaves.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import TensorNetwork, add, round_network, tensor_train
    >>> cores = (np.ones((1, 2, 1)), np.ones((1, 2, 1, 1)))
    >>> network = TensorNetwork(tensor_train(2), cores)
    >>> round_network(add(network, network), rank_tol=1e-8).ranks
    (1,)
    """
    cap = None if rank is None else check_integer("rank", rank, 1)
    tolerance = check_real("rank_tol", rank_tol, 0, 1, low_allowed=True)
    if network.tree.multiplied:
        return keep_terms(network, cap, tolerance)
    centred = orthogonalise(network)
    tree = centred.tree
    cores = message_cores(centred)
    threshold = tolerance * float(np.linalg.norm(cores[tree.core_of[tree.root]]))
    projections = []
    for bond, factor in bond_factors(centred):
        _, values, right = np.linalg.svd(factor, full_matrices=False)
        projections.append((bond, right[:, : kept_rank(values, threshold, cap)]))
    for (position, axis, neighbour, neighbour_axis), basis in projections:
        cores[position] = mode_product(cores[position], basis, axis)
        cores[neighbour] = mode_product(cores[neighbour], basis, neighbour_axis)
    return network_of(tree, cores, network.batched, network.dtype)


def bond_factors(centred: TensorNetwork) -> list[tuple[Bond, FloatArray]]:
    """R of the matricization at each bond, classes included, the bonds of the root first.

    Parameters
    ----------
    centred : TensorNetwork
        A tree in canonical gauge towards the core of the class leg.

    Returns
    -------
    list of (Bond, ndarray of shape (batch, k, rank))
        R has the singular values of the matrix above times below.
    """
    tree = centred.tree
    cores = message_cores(centred)
    factors: dict[int, FloatArray] = {}
    found = []
    for bond in reversed(_inwards(tree, tree.core_of[tree.root])):
        position, _, neighbour, neighbour_axis = bond
        parent = cores[neighbour]
        if neighbour in factors:
            parent = mode_product(parent, factors[neighbour], -1)
        moved = move_axis(parent, neighbour_axis, -1)
        factors[position] = np.linalg.qr(moved.reshape(len(moved), -1, moved.shape[-1]))[1]
        found.append((bond, factors[position]))
    return found


def _inwards(tree: Tree, target: int) -> list[Bond]:
    """All bonds, seen from the core that is further from the target, the outermost first."""
    ends: dict[int, list[Bond]] = {}
    for position, index in enumerate(tree.order):
        for place, child in enumerate(tree.nodes[index].children):
            if tree.nodes[child].site is None:
                below = tree.core_of[child]
                ends.setdefault(below, []).append((position, 1 + place, below, -1))
                ends.setdefault(position, []).append((below, -1, position, 1 + place))
    found: list[Bond] = []
    seen, queue = {target}, [target]
    for position in queue:
        for bond in ends.get(position, []):
            if bond[0] not in seen:
                seen.add(bond[0])
                queue.append(bond[0])
                found.append(bond)
    return found[::-1]
