"""What is on both sides of every bond of a network: Gram matrices, and messages upwards."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..._arrays._typing import FloatArray
from .._cores import message_cores
from .._network import TensorNetwork
from .._tree import Tree
from ._gauge import orthogonalise

_LEAST = 1e-12
"""Eigenvalues of a Gram matrix below this share of the largest are rounding: such directions of a
core change the weight tensor by a millionth of what others do, and have no part in it."""


def bond_grams(
    network: TensorNetwork,
) -> tuple[dict[int, FloatArray], list[FloatArray], list[FloatArray]]:
    """Gram matrices of the two parts that the bond above each node joins.

    Parameters
    ----------
    network : TensorNetwork
        Of one tensor, multilinear, and without shared cores.

    Returns
    -------
    cores : dict of int to ndarray
        The core (children..., out) of each node that has one, in the gauge of the Gram
        matrices: orthonormal towards the root where there are no element-wise products.
    inside, beyond : list of ndarray of shape (rank, rank)
        For each node, of the tensors below, which its message contracts with the features,
        and of those above, over all outputs.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import TensorNetwork, tensor_train
    >>> from sktensornet.networks._tensors._bond_grams import bond_grams
    >>> cores = (np.ones((1, 2, 1)), np.ones((1, 2, 1, 1)))
    >>> _, inside, beyond = bond_grams(TensorNetwork(tensor_train(2), cores))
    >>> [gram.shape for gram in beyond], float(beyond[1][0, 0].round(6))
    ([(2, 2), (2, 2), (1, 1), (1, 1)], 2.0)
    """
    tree = network.tree
    gauge = network if tree.multiplied else orthogonalise(network)
    found = [core[0].astype(np.float64) for core in message_cores(gauge)]
    cores = {index: found[tree.core_of[index]] for index in tree.order}
    inside: list[FloatArray] = []
    for index, node in enumerate(tree.nodes):
        if node.site is not None:
            inside.append(np.eye(network.mode_sizes[node.site]))
        elif index in cores:
            other = _apply(cores[index], [inside[child] for child in node.children])
            inside.append(_flat(cores[index]).T @ _flat(other))
        else:
            inside.append(np.prod([inside[child] for child in node.children], axis=0))
    beyond: list[FloatArray] = [np.eye(len(inside[-1]))] * len(tree.nodes)
    for index in range(len(tree.nodes) - 1, -1, -1):
        children = tree.nodes[index].children
        for j, child in enumerate(children):
            if index in cores:
                core = cores[index] @ _root(beyond[index])
                grams = [inside[c] if c != child else np.eye(core.shape[j]) for c in children]
                other = np.moveaxis(_apply(core, grams), j, -1)
                beyond[child] = _flat(np.moveaxis(core, j, -1)).T @ _flat(other)
            else:
                others = [inside[c] for c in children if c != child]
                beyond[child] = np.prod([beyond[index], *others], axis=0)
    return cores, inside, beyond


def messages_up(
    tree: Tree, cores: dict[int, FloatArray], features: Sequence[FloatArray]
) -> list[FloatArray]:
    """What every node passes upwards, of all rows.

    Parameters
    ----------
    tree : Tree
        The tree.
    cores : dict of int to ndarray of shape (children..., out)
        The core of each node that has one.
    features : sequence of ndarray of shape (n_samples, m_k)
        Local features of each site.

    Returns
    -------
    list of ndarray of shape (n_samples, rank)
        For each node.
    """
    up: list[FloatArray] = []
    for index, node in enumerate(tree.nodes):
        own = [up[child] for child in node.children]
        if node.site is not None:
            up.append(np.asarray(features[node.site], np.float64))
        elif index in cores:
            core = cores[index]
            up.append(contract_rows(own[0] @ core.reshape(len(core), -1), core.shape[1:], own[1:]))
        else:
            up.append(np.prod(own, axis=0))
    return up


def contract_rows(
    wide: FloatArray, shape: tuple[int, ...], messages: Sequence[FloatArray]
) -> FloatArray:
    """Sum the first axes of rows of a shape with one message each.

    Parameters
    ----------
    wide : ndarray of shape (n_samples, n)
        The rows.
    shape : tuple of int
        Of each row.
    messages : sequence of ndarray of shape (n_samples, rank)
        What is summed with.

    Returns
    -------
    ndarray of shape (n_samples, ...)
        Rows of the axes that are left.
    """
    found = wide.reshape(len(wide), *shape)
    for message in messages:
        found = np.einsum("nb...,nb->n...", found, message)
    return found


def whitening(gram: FloatArray) -> FloatArray:
    """Columns that make vectors of a Gram matrix orthonormal; fewer where some depend on others.

    Parameters
    ----------
    gram : ndarray of shape (n, n)
        The matrix.

    Returns
    -------
    ndarray of shape (n, rank)
        The columns.
    """
    values, vectors = np.linalg.eigh(gram)
    kept = values > _LEAST * max(values[-1], np.finfo(float).tiny)
    return vectors[:, kept] / np.sqrt(values[kept])


def _flat(core: FloatArray) -> FloatArray:
    return core.reshape(-1, core.shape[-1])


def _apply(core: FloatArray, matrices: Sequence[FloatArray]) -> FloatArray:
    """A core with a symmetric matrix at each of its first legs."""
    for j, matrix in enumerate(matrices):
        core = np.moveaxis(np.tensordot(matrix, core, axes=(1, j)), 0, j)
    return core


def _root(gram: FloatArray) -> FloatArray:
    """A matrix whose product with its transpose is the Gram matrix."""
    values, vectors = np.linalg.eigh(gram)
    return vectors * np.sqrt(np.maximum(values, 0.0))
