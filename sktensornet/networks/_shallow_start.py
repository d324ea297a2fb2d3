"""Starting points of networks with other products than multiplication."""

from __future__ import annotations

from collections.abc import Sequence
from math import log, sqrt

import numpy as np

from .._typing import FloatArray
from ._contraction import Contraction

_UNIT_READING = {
    "max": lambda d: 1.0,
    "logaddexp": lambda d: 1.0 - log(d),
    "add": lambda d: 1.0 / d,
    "hypot": lambda d: d**-0.5,
}
"""The number of which d, joined, are 1."""


def shallow_start(
    contraction: Contraction,
    constants: Sequence[FloatArray],
    bias: FloatArray,
    random_state: np.random.RandomState | None,
    spread: float = 1.0,
    mixing: float = 0.1,
) -> list[FloatArray]:
    r"""Cores that begin as a generalized shallow network, plus noise.

    .. math:: s_c(X) = b_c + \sum_r \lambda_{rc} \,
              \xi(\langle f(x_1), v_r^{(1)} \rangle, \dots, \langle f(x_d), v_r^{(d)} \rangle)

    Inner cores are one where all their indices agree and zero elsewhere, so that
    every channel is on its own, whatever the format. The readings v are random;
    channel 0 reads the constant so that the root finds 1 in it.

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
    spread, mixing : float
        Standard deviation of the readings for features of norm one, and the
        scale of the noise on the cores.

    Returns
    -------
    list of ndarray of float64, as for `Contraction.forward`

    References
    ----------
    Khrulkov, Hrinchuk, Oseledets, "Generalized Tensor Models for Recurrent
    Neural Networks", ICLR 2019, equation 5 (shallow network).
    """
    tree = contraction.tree
    one = _UNIT_READING[tree.product](tree.n_sites)
    draw = np.zeros if random_state is None else random_state.standard_normal
    cores = []
    for index, shape in zip(tree.order, contraction.core_shapes, strict=True):
        lengths = [contraction.message_sizes[child] for child in tree.nodes[index].children]
        full = (contraction.n_batch, *lengths, contraction.message_sizes[index])
        site = tree.nodes[tree.nodes[index].children[0]].site
        if index == tree.root:
            core = mixing * _readout(full, draw)
            if site is None:
                constant: tuple = (slice(None), *[0] * len(lengths))
                core[constant] = bias
            else:
                core += constants[site][:, None] * bias[:, None, :]
        elif site is not None:
            core = spread * len(constants[site]) ** -0.5 * draw(full)
            if full[-1] > 1:
                core[..., 0] = 0.0
            core[..., 0] += one * constants[site]
        else:
            core = mixing / sqrt(np.prod(lengths) * tree.n_sites) * draw(full)
            if full[-1] > 1:
                core[..., 0] = 0.0
            same = np.arange(full[-1])
            diagonal: tuple = (slice(None), *[same] * (len(lengths) + 1))
            core[diagonal] += 1.0
        cores.append(core.reshape(shape))
    return cores


def _readout(full, draw) -> FloatArray:
    """Random weights of the channels, smaller where their indices differ."""
    core = draw(full) / sqrt(np.prod(full[1:-1]))
    same = np.arange(min(full[1:-1]))
    diagonal: tuple = (slice(None), *[same] * (len(full) - 2))
    core[diagonal] *= sqrt(np.prod(full[2:-1]))
    return core
