"""Starting points of networks with other products than multiplication."""

from __future__ import annotations

from collections.abc import Sequence
from math import log, prod, sqrt

import numpy as np

from ..._arrays._typing import FloatArray
from .._passes._contraction import Contraction
from .._passes._products import PRODUCTS
from .._tree import Tree

_JOINED_TO_ONE = {
    "max": lambda d: 1.0,
    "logaddexp": lambda d: 1.0 - log(d),
    "add": lambda d: 1.0 / d,
    "hypot": lambda d: d**-0.5,
}
"""The number of which d, joined, are 1."""

_UNIT = {"max": 0.0, "add": 0.0, "logaddexp": -3.0}
"""What leaves a positive number about as it is; hypot trains better without."""

_LEAST_RANK = 3
"""Channels of the unit and of the constant, and one of readings."""


def generalized_start(
    contraction: Contraction,
    constants: Sequence[FloatArray],
    bias: FloatArray,
    random_state: np.random.RandomState | None,
    mixing: float = 0.1,
) -> list[FloatArray]:
    r"""Cores that begin as a network without depth, plus noise.

    A chain, unless its product is "hypot" or its rank below 3, begins as a sum of
    readings v of the sites,

    .. math:: h^{(t)}_k = \xi(h^{(t-1)}_k, u) + \sum_i B^{(t)}_{ik} \,
              \xi(\langle f(x_t), v^{(t)}_i \rangle, u), \qquad
              s_c = b_c + \sum_k \lambda_{kc} \, \xi(h^{(d)}_k, u),

    where channel 0 of every message is u, the unit of xi or a number near it.
    All other networks begin as a shallow one,

    .. math:: s_c(X) = b_c + \sum_k \lambda_{kc} \,
              \xi(\langle f(x_1), v_k^{(1)} \rangle, \dots, \langle f(x_d), v_k^{(d)} \rangle),

    their inner cores being one where all indices agree and zero elsewhere.

    Parameters
    ----------
    contraction : Contraction
        Of a tree whose product is not "multiply".
    constants : sequence of ndarray of shape (m_k,)
        The covector of the constant of every site.
    bias : ndarray of shape (n_batch, n_outputs)
        The scores b at the start.
    random_state : RandomState or None
        None leaves all noise out: the network is the constant function `bias`.
    mixing : float
        Scale of the noise on the cores.

    Returns
    -------
    list of ndarray of float64
        The cores, as for `Contraction.forward`.

    References
    ----------
    Khrulkov, Hrinchuk, Oseledets, "Generalized Tensor Models for Recurrent
    Neural Networks", ICLR 2019, equation 5 (shallow network).

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import canonical_polyadic
    >>> from sktensornet.networks._passes._contraction import Contraction
    >>> from sktensornet.networks._starts._generalized import generalized_start
    >>> tree = canonical_polyadic(3, product="max")
    >>> contraction = Contraction(tree, tree.message_sizes((2, 2, 2), rank=4, n_outputs=1))
    >>> one = [np.array([1.0, 0.0])] * 3
    >>> cores = generalized_start(contraction, one, np.array([[0.7]]), None)
    >>> contraction.forward(cores, [np.array([[1.0, 5.0]])] * 3)[0].round(3)
    array([[[0.7]]])
    """
    tree = contraction.tree
    draw = np.zeros if random_state is None else random_state.standard_normal
    rank = contraction.message_sizes[tree.nodes[tree.root].children[0]]
    is_chain = any(node.is_product and len(node.children) == 1 for node in tree.nodes)
    as_sum = is_chain and tree.product in _UNIT and rank >= _LEAST_RANK
    cores = []
    for index, full in zip(tree.order, contraction.core_shapes, strict=True):
        children = tree.nodes[index].children
        site = tree.nodes[children[0]].site
        is_root = index == tree.root
        if site is not None:
            core = _frame(full, constants[site], tree, bias if is_root else None, as_sum, draw)
        elif as_sum:
            core = _step(full, tree, bias if is_root else None, mixing, draw)
        else:
            core = _channels(full, tree, bias if is_root else None, mixing, draw)
        cores.append(core)
    return cores


def _frame(full, constant, tree: Tree, bias, as_sum: bool, draw) -> FloatArray:
    """Random readings of a site after one or two of the constant, or the scores."""
    core = draw(full) / sqrt(len(constant))
    if bias is not None:
        return 0.1 * core + constant[:, None] * bias[:, None, :]
    if as_sum:
        core[..., 0] = _UNIT[tree.product] * constant
        core[..., 1] = constant
        return core
    if full[-1] > 1:
        core[..., 0] = 0.0
    core[..., 0] += _JOINED_TO_ONE[tree.product](tree.n_sites) * constant
    return core


def _step(full, tree: Tree, bias, mixing: float, draw) -> FloatArray:
    """A step of a chain from its message, if it is not the first, and its reading."""
    unit = _UNIT[tree.product]
    alone = len(full) == 3
    readings = full[-2]
    product = PRODUCTS[tree.product]
    assert product is not None
    joined_unit, joined_one = (
        float(product.join([np.array([value]), np.array([unit])])[0]) for value in (unit, 1.0)
    )
    core = draw(full) * (0.0 if alone else mixing / sqrt(prod(full[1:-1]) * tree.n_sites))
    by_reading = core if alone else core[:, 0]
    by_message = core if alone else core[:, :, 0]
    if bias is not None:
        by_message[:, 1:] += draw((full[0], full[1] - 1, full[-1])) / sqrt(full[1])
        by_reading[:, 1] = bias / (1.0 if alone else joined_one)
        return core
    size = full[-1]
    by_reading[:, 1:, 1:] += draw((full[0], readings - 1, size - 1)) / sqrt(readings * tree.n_sites)
    core[..., 0] = 0.0
    by_reading[:, 0, 0] = 1.0 if alone or unit == 0.0 else unit / joined_unit
    if not alone:
        same = np.arange(1, size)
        by_message[:, same, same] += 1.0
    return core


def _channels(full, tree: Tree, bias, mixing: float, draw) -> FloatArray:
    """Every channel on its own, or a random readout of them."""
    n_messages = len(full) - 2
    same = np.arange(min(full[1:-1]))
    if bias is not None:
        core = mixing * draw(full) / sqrt(prod(full[1:-1]))
        diagonal: tuple = (slice(None), *[same] * n_messages)
        core[diagonal] *= sqrt(prod(full[2:-1]))
        constant: tuple = (slice(None), *[0] * n_messages)
        core[constant] = bias
        return core
    core = mixing / sqrt(prod(full[1:-1]) * tree.n_sites) * draw(full)
    if full[-1] > 1:
        core[..., 0] = 0.0
    diagonal = (slice(None), *[same] * (n_messages + 1))
    core[diagonal] += 1.0
    return core
