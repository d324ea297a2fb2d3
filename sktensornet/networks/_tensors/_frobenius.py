"""The Frobenius norm of the weight tensor, and its derivative, by contraction."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..._arrays._multilinear import mode_gram, mode_product
from ..._arrays._namespace import device_of, namespace, to_numpy, widest
from ..._arrays._typing import FloatArray
from .._passes._contraction import Contraction
from .._tree import Tree
from ._upward_downward import downward, raised, upward


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
    >>> from sktensornet.networks import tensor_train
    >>> from sktensornet.networks._passes._contraction import Contraction
    >>> from sktensornet.networks._tensors._frobenius import squared_norm_and_gradient
    >>> tree = tensor_train(2)
    >>> contraction = Contraction(tree, tree.message_sizes((2, 2), rank=1, n_outputs=1))
    >>> cores = [np.full(shape, 2.0) for shape in contraction.core_shapes]
    >>> value, gradients = squared_norm_and_gradient(contraction, cores)
    >>> value, gradients[0].ravel()
    (64.0, array([32., 32.]))
    """
    contraction.tree.require_multilinear("the Frobenius norm")
    tree = contraction.tree
    xp, wide = namespace(cores[0]), widest(cores[0])
    working = [xp.astype(core, wide) for core in cores]
    scaled = working
    if constants is not None:
        shares = [_share(tree, index, constants) for index in tree.order]
        scaled = [share * core for share, core in zip(shares, working, strict=True)]
    products: list[Any] = [None] * len(working)
    gradients: list[Any] = list(products)

    def gram(index, below):
        place = tree.core_of[index]
        products[place] = raised(scaled[place], below)
        return mode_gram(working[place], products[place], -1)

    def environments(index, above, below):
        place = tree.core_of[index]
        gradients[place] = 2.0 * mode_product(products[place], above.mT, -1)
        half = mode_product(scaled[place], above.mT, -1)
        for j, own in enumerate(below):
            others = None if own is None else raised(half, below, without=j)
            yield None if others is None else mode_gram(others, working[place], 1 + j)

    below: list[Any] = upward(tree, lambda index: None, gram, xp.multiply)
    n, device = below[-1].shape[-1], device_of(cores[0])
    top = xp.broadcast_to(xp.eye(n, dtype=wide, device=device), below[-1].shape)
    downward(tree, below, top, environments, xp.multiply)
    return float(xp.sum(below[-1] * top)), gradients


def _share(tree: Tree, index: int, constants: Sequence[FloatArray]) -> float:
    """What the sites at a node contribute to the denominator, inverted."""
    sites = [tree.nodes[child].site for child in tree.nodes[index].children]
    own = [to_numpy(constants[site]) for site in sites if site is not None]
    squares = [float(u @ u) for u in own]
    return 1.0 / math.prod(squares)
