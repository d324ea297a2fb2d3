"""Starting points for training.

Local features offer a covector u_k with <u_k, f(x_k)> ~ 1 (the constant
feature, where there is one). The identity start makes every core pass messages
through on u_k, so that the network begins as a constant plus random linear
readings of the features, whatever the number of sites, and grows its
interactions from there.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..._arrays._multilinear import outer
from ..._arrays._typing import FloatArray
from .._passes._contraction import Contraction

_WIDEST_SQUARE = 320
"""Of more features no square matrix is formed."""


def identity_start(
    contraction: Contraction,
    constants: Sequence[FloatArray],
    bias: FloatArray,
    random_state: np.random.RandomState | None,
    spread: float = 0.5,
    mixing: float = 0.1,
) -> list[FloatArray]:
    """Cores that pass their messages through, plus noise.

    Channel 0 of every message stays exactly one, unless the rank is one. The
    other channels begin as random readings of the features below, of standard
    deviation about `spread` whatever the number of sites: linear ones in trees,
    products of readings near one in front of an element-wise product. Each core
    of a tree adds relative noise of `mixing` on top.

    Parameters
    ----------
    contraction : Contraction
        The network function whose cores are wanted.
    constants : sequence of ndarray of shape (m_k,)
        The covector of the constant of every site.
    bias : ndarray of shape (n_batch, n_outputs)
        The scores at the start.
    random_state : RandomState or None
        None leaves all noise out: the network is the constant function `bias`.
        The random readings of leaf frames and merges count as noise, the
        identity along a chain does not.
    spread, mixing : float
        The two scales of the noise.

    Returns
    -------
    list of ndarray of float64
        The cores, as for `Contraction.forward`.

    References
    ----------
    Novikov, Trofimov, Oseledets, "Exponential Machines", arXiv 1605.03795,
    theorem 2 (start from a linear model).

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import tensor_train
    >>> from sktensornet.networks._passes._contraction import Contraction
    >>> from sktensornet.networks._starts._identity import identity_start
    >>> tree = tensor_train(3)
    >>> contraction = Contraction(tree, tree.message_sizes((2, 2, 2), rank=2, n_outputs=1))
    >>> one = [np.array([1.0, 0.0])] * 3
    >>> cores = identity_start(contraction, one, np.array([[0.7]]), None)
    >>> features = [np.array([[1.0, 5.0]])] * 3
    >>> contraction.forward(cores, features)[0].round(3)
    array([[[0.7]]])
    """
    tree = contraction.tree
    draw = _zeros if random_state is None else random_state.standard_normal
    cores = []
    for index, full in zip(tree.order, contraction.core_shapes, strict=True):
        node = tree.nodes[index]
        covectors = [
            None if (site := tree.nodes[child].site) is None else constants[site]
            for child in node.children
        ]
        lengths = [contraction.message_sizes[child] for child in node.children]
        units = [
            np.eye(length)[0] if covector is None else covector
            for covector, length in zip(covectors, lengths, strict=True)
        ]
        if index == tree.root:
            core = mixing / np.sqrt(np.prod(lengths) * tree.n_sites) * draw(full)
            core += outer(units)[..., None] * bias[(slice(None), *[None] * len(units))]
        elif index in tree.multiplied or full[-1] == 1:
            has_site = any(covector is not None for covector in covectors)
            core = np.empty(full)
            core[...] = outer(units)[..., None]
            first_noisy = 0 if full[-1] == 1 else 1
            if has_site:
                noise = spread / np.sqrt(tree.n_sites * np.prod(lengths)) * draw(full)
                core[..., first_noisy:] += noise[..., first_noisy:]
        else:
            core = _pass_through(full, units, covectors, tree.n_sites, spread, mixing, draw)
        cores.append(core)
    return cores


def _pass_through(full, units, covectors, n_sites, spread, mixing, draw) -> FloatArray:
    """Channel 0 is the constant, the others linear readings, plus noise.

    A step of a chain passes its message through and adds a small reading of its
    site; a merge projects all channels of its children orthonormally, so that
    it keeps their scale and mixes them well.
    """
    is_message = [covector is None for covector in covectors]
    is_step = 0 < sum(is_message) < len(units)
    batch, lengths, size = full[0], full[1:-1], full[-1]
    if is_step:
        blocks = [
            np.broadcast_to(np.eye(length, size), (batch, length, size))
            if message
            else spread / np.sqrt(n_sites * length) * draw((batch, length, size))
            for message, length in zip(is_message, lengths, strict=True)
        ]
    else:
        blocks = _merge(units, size, batch, draw)
        if not any(is_message):
            blocks = [spread * block for block in blocks]
    core = np.zeros(full)
    if any(is_message):
        accumulated = np.sqrt(n_sites) if is_step else 1.0
        core += mixing / (accumulated * np.sqrt(np.prod(lengths))) * draw(full)
    for place, block in enumerate(blocks):
        others = outer([unit for j, unit in enumerate(units) if j != place])
        reading = np.multiply.outer(block, others)
        core += np.moveaxis(np.moveaxis(reading, 2, -1), 1, 1 + place)
    core[..., 0] = outer(units)
    return core


def _merge(units, size, batch, draw) -> list[FloatArray]:
    """Random orthonormal readings of all directions that are not constant."""
    bounds = np.cumsum([0, *(len(unit) - 1 for unit in units)])
    readings = np.zeros((batch, bounds[-1], size))
    for tensor in readings:
        n_rows = max(tensor.shape[0], size - 1)
        # A square matrix of many categories would be large, and all but few columns idle.
        gauss = draw((n_rows, n_rows if n_rows <= _WIDEST_SQUARE else size - 1))
        if gauss.any():
            orthonormal = np.linalg.qr(gauss)[0]
            tensor[:, 1:] = orthonormal[: tensor.shape[0], : size - 1]
    return [
        _orthogonal(unit, readings[:, first:last])
        for unit, first, last in zip(units, bounds[:-1], bounds[1:], strict=True)
    ]


def _orthogonal(unit: FloatArray, coordinates: FloatArray) -> FloatArray:
    """What has some coordinates in an orthonormal basis of all that is orthogonal to a vector."""
    if len(unit) > _WIDEST_SQUARE and unit[0] == 1 and not unit[1:].any():
        return np.pad(coordinates, ((0, 0), (1, 0), (0, 0)))
    return np.linalg.svd(unit[None])[2][1:].T @ coordinates


def _zeros(shape) -> FloatArray:
    return np.zeros(shape)
