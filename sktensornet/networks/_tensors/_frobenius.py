"""The Frobenius norm of the weight tensor, and its derivative, by contraction."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..._arrays._typing import FloatArray
from .._passes._contraction import Contraction
from .._tree import Node


def squared_norm_and_gradient(
    contraction: Contraction,
    cores: Sequence[FloatArray],
    constants: Sequence[FloatArray] | None = None,
) -> tuple[float, list[FloatArray]]:
    r"""Squared Frobenius norm of the weight tensor and its derivative by core.

    .. math:: R(W) = \frac{\|W\|_F^2}{\prod_k \|u_k\|^2}, \qquad
              \|W\|_F^2 = \sum_{c, i_1 \dots i_d} (W_c^{i_1 \dots i_d})^2

    With the covectors u_k of the constant the norm is relative to that of the
    constant function 1, so that it does not change when features are scaled.
    They have norm one, and play no role, where a map has a constant feature.

    Every bond carries the Gram matrix of the subtree below it. The cost is that
    of contracting the network with itself, O(d m r^3) for a tensor train, in
    float64.

    Parameters
    ----------
    contraction : Contraction
        The network function whose cores are wanted.
    cores : sequence of ndarray
        The cores, as for `Contraction.forward`.
    constants : sequence of ndarray of shape (m_k,), or None
        The covectors u_k; None leaves the denominator out.

    Returns
    -------
    value : float
        R(W), or the squared norm.
    gradients : list of ndarray of float64
        Its derivative by each core, in its shape.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import Contraction, squared_norm_and_gradient, tensor_train
    >>> tree = tensor_train(2)
    >>> contraction = Contraction(tree, tree.message_sizes((2, 2), rank=1, n_outputs=1))
    >>> cores = [np.full(shape, 2.0) for shape in contraction.core_shapes]
    >>> value, gradients = squared_norm_and_gradient(contraction, cores)
    >>> value, gradients[0].ravel()
    (64.0, array([32., 32.]))
    """
    contraction.tree.require_multilinear("the Frobenius norm")
    nodes = contraction.tree.nodes
    core_of = contraction.tree.core_of
    working = [core.astype(np.float64) for core in cores]
    shares = [1.0 if constants is None else _share(node, nodes, constants) for node in nodes]
    grams: list[FloatArray] = []
    raised: list[FloatArray] = []
    for index, node in enumerate(nodes):
        gram: FloatArray = np.empty(0)
        product: FloatArray = np.empty(0)
        if node.axes is not None:
            core = working[core_of[index]]
            product = shares[index] * core
            for child, axis in _bonds(node, nodes):
                product = _mode_product(product, grams[child], axis)
            gram = _unfold(core, -1) @ _unfold(product, -1).mT
        elif node.children:
            gram = np.multiply.reduce([grams[child] for child in node.children])
        grams.append(gram)
        raised.append(product)

    value = float(np.trace(grams[-1], axis1=-2, axis2=-1).sum())
    gradients: list[FloatArray] = [np.empty(0)] * len(working)
    above: list[FloatArray] = [np.empty(0)] * len(nodes)
    above[-1] = np.broadcast_to(np.eye(grams[-1].shape[-1]), grams[-1].shape)
    for index in range(len(nodes) - 1, -1, -1):
        node, environment = nodes[index], above[index]
        if node.axes is not None:
            position = core_of[index]
            core = working[position]
            gradients[position] = 2.0 * _mode_product(raised[index], environment, -1)
            half = _mode_product(shares[index] * core, environment, -1)
            bonds = _bonds(node, nodes)
            for child, axis in bonds:
                others = half
                for sibling, sibling_axis in bonds:
                    if sibling != child:
                        others = _mode_product(others, grams[sibling], sibling_axis)
                above[child] = _unfold(others, axis) @ _unfold(core, axis).mT
        elif node.children:
            prefix = [environment]
            for child in node.children[:-1]:
                prefix.append(prefix[-1] * grams[child])
            suffix: FloatArray | float = 1.0
            for child, before in zip(node.children[::-1], prefix[::-1], strict=True):
                above[child] = before * suffix
                suffix = suffix * grams[child]
    return value, gradients


def _share(node: Node, nodes: tuple[Node, ...], constants: Sequence[FloatArray]) -> float:
    """What the sites at a node contribute to the denominator, inverted."""
    sites = [nodes[child].site for child in node.children]
    squares = [float(constants[site] @ constants[site]) for site in sites if site is not None]
    return 1.0 / math.prod(squares)


def _bonds(node: Node, nodes: tuple[Node, ...]) -> list[tuple[int, int]]:
    """Each child that is not a site, with the axis of the core towards it."""
    return [
        (child, 1 + place) for place, child in enumerate(node.children) if nodes[child].site is None
    ]


def _mode_product(tensor: FloatArray, matrices: FloatArray, axis: int) -> FloatArray:
    """Multiply one axis of a batch of tensors by a batch of symmetric matrices."""
    moved = np.moveaxis(tensor, axis, -1)
    shape = moved.shape
    product = np.matmul(moved.reshape(shape[0], -1, shape[-1]), matrices)
    return np.moveaxis(product.reshape(shape), -1, axis)


def _unfold(tensor: FloatArray, axis: int) -> FloatArray:
    """Batch of matricizations with rows along the axis."""
    moved = np.moveaxis(tensor, axis, 1)
    return moved.reshape(moved.shape[0], moved.shape[1], -1)
