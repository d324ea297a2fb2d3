"""Singular values of the weight tensor at every bond."""

from __future__ import annotations

import numpy as np

from ..._arrays._typing import FloatArray
from .._network import TensorNetwork
from ._gauge import bond_factors, orthogonalise


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
    centred = orthogonalise(network)
    spectra = {
        position: np.linalg.svd(factor, compute_uv=False)
        for (position, *_), factor in bond_factors(centred)
    }
    order = range(len(centred.cores))
    return tuple(spectra[position] for position in order if position in spectra)
