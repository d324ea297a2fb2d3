"""Gauge and rounding of trees.

A tree does not change when an invertible matrix is put on a bond and its
inverse beside it. In the canonical gauge all cores but one are orthonormal
towards that one, whose plain norm is then that of the whole tensor.
"""

from __future__ import annotations

import numpy as np

from ..._arrays._typing import FloatArray
from ..._support._checks import check_integer, check_real
from .._cores import close_cores, open_axes, open_core
from .._network import TensorNetwork
from .._tree import OUT
from ._fewer_terms import keep_terms


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
    cores, bonds = _open(network)
    root = network.tree.core_of[network.tree.root]
    target = root if towards is None else check_integer("towards", towards, 0)
    if target >= len(cores):
        raise ValueError(f"towards={towards!r} must be less than {len(cores)}, the cores.")
    for position, axis, neighbour, neighbour_axis in _inwards(bonds, target):
        core = cores[position]
        moved = np.moveaxis(core, axis, -1)
        q, r = np.linalg.qr(moved.reshape(len(core), -1, moved.shape[-1]))
        cores[position] = np.moveaxis(q.reshape(*moved.shape[:-1], q.shape[-1]), -1, axis)
        cores[neighbour] = _apply(cores[neighbour], r, neighbour_axis)
    return close_cores(network, cores)


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
    cores, bonds = _open(orthogonalise(network))
    tree = network.tree
    root = tree.core_of[tree.root]
    total = float(np.linalg.norm(cores[root]))
    factors: dict[int, FloatArray] = {}
    projections = []
    for position, axis, neighbour, neighbour_axis in reversed(_inwards(bonds, root)):
        parent = cores[neighbour]
        if neighbour in factors:
            out = open_axes(network, neighbour).index(OUT)
            parent = _apply(parent, factors[neighbour], out)
        moved = np.moveaxis(parent, neighbour_axis, -1)
        matrix = moved.reshape(len(moved), -1, moved.shape[-1])
        factor = np.linalg.qr(matrix)[1]
        factors[position] = factor
        _, values, right = np.linalg.svd(factor, full_matrices=False)
        kept = kept_rank(values, tolerance * total, cap)
        projections.append((position, axis, neighbour, neighbour_axis, right[:, :kept]))
    for position, axis, neighbour, neighbour_axis, basis in projections:
        cores[position] = _apply(cores[position], basis, axis)
        cores[neighbour] = _apply(cores[neighbour], basis, neighbour_axis)
    return close_cores(network, cores)


def kept_rank(values: FloatArray, threshold: float, cap: int | None) -> int:
    """How many singular values stay, in the worst tensor of the batch."""
    tails = np.sqrt(np.cumsum(values[:, ::-1] ** 2, axis=1))[:, ::-1]
    # Rounding leaves singular values of about the machine epsilon.
    floor = np.finfo(np.float64).eps * values[:, :1] * values.shape[1]
    needed = int((tails > np.maximum(threshold, floor)).sum(axis=1).max())
    return max(1, needed if cap is None else min(needed, cap))


def _apply(core: FloatArray, matrices: FloatArray, axis: int) -> FloatArray:
    """Multiply one axis of a batch of cores by a batch of matrices."""
    moved = np.moveaxis(core, axis, -1)
    product = moved.reshape(len(core), -1, moved.shape[-1]) @ matrices.mT
    return np.moveaxis(product.reshape(*moved.shape[:-1], matrices.shape[-2]), -1, axis)


def _open(network: TensorNetwork):
    """Cores with a batch axis, and for each bond both its ends.

    A bond is (position, axis, position of the parent, axis of the parent).
    """
    network.tree.require_multilinear("a canonical gauge")
    tree = network.tree
    if tree.multiplied:
        raise ValueError(
            f"a {network.format} network multiplies messages element by element, which leaves "
            "no gauge; orthogonalise tensor trains and hierarchical Tucker trees."
        )
    cores = [open_core(network, position) for position in range(len(network.cores))]
    bonds = []
    for position, index in enumerate(tree.order):
        axes = open_axes(network, position)
        for place, child in enumerate(tree.nodes[index].children):
            if tree.nodes[child].site is None:
                below = tree.core_of[child]
                bonds.append(
                    (below, open_axes(network, below).index(OUT), position, axes.index(place))
                )
    return cores, bonds


def _inwards(bonds, target: int):
    """All bonds as (position, axis, neighbour, its axis), the outermost first."""
    ends: dict[int, list[tuple[int, int, int, int]]] = {}
    for a, axis_a, b, axis_b in bonds:
        ends.setdefault(a, []).append((b, axis_b, a, axis_a))
        ends.setdefault(b, []).append((a, axis_a, b, axis_b))
    found, seen, queue = [], {target}, [target]
    for position in queue:
        for bond in ends.get(position, []):
            if bond[0] not in seen:
                seen.add(bond[0])
                queue.append(bond[0])
                found.append(bond)
    return found[::-1]
