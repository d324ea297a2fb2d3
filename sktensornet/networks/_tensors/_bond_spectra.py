"""Singular values of the weight tensor at every bond."""

from __future__ import annotations

import numpy as np

from ..._arrays._typing import FloatArray
from .._cores import open_axes
from .._network import TensorNetwork
from .._tree import OUT
from ._gauge import _apply, _inwards, _open, orthogonalise


def bond_spectra(network: TensorNetwork) -> tuple[FloatArray, ...]:
    r"""Singular values of the matricizations at the bonds of a tree.

    .. math:: W_{(\text{below}) \times (\text{above}, c)} = U \operatorname{diag}(\sigma) V^\top

    They are read off the canonical gauge, without forming W.

    Parameters
    ----------
    network : TensorNetwork
        A tensor train or hierarchical Tucker tree.

    Returns
    -------
    tuple of ndarray of shape (n_tensors, rank)
        For each bond in the order of ``network.ranks``; the class leg counts as above, and
        with one tensor per class each has its own row.

    Raises
    ------
    ValueError
        If the network has element-wise products (CP), which are no bonds.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import TensorNetwork, bond_spectra, tensor_train
    >>> cores = (np.ones((1, 2, 1)), np.ones((1, 2, 1, 1)))
    >>> bond_spectra(TensorNetwork(tensor_train(2), cores))[0].round(6)
    array([[2.]])
    """
    cores, bonds = _open(orthogonalise(network))
    tree = network.tree
    factors: dict[int, FloatArray] = {}
    for position, _, neighbour, neighbour_axis in reversed(
        _inwards(bonds, tree.core_of[tree.root])
    ):
        parent = cores[neighbour]
        if neighbour in factors:
            out = open_axes(network, neighbour).index(OUT)
            parent = _apply(parent, factors[neighbour], out)
        moved = np.moveaxis(parent, neighbour_axis, -1)
        matrix = moved.reshape(len(moved), -1, moved.shape[-1])
        factors[position] = np.linalg.qr(matrix)[1]
    return tuple(
        np.linalg.svd(factors[tree.core_of[index]], compute_uv=False)
        for index in tree.order
        if index != tree.root
    )
