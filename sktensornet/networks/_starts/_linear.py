"""The start from a linear model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..._arrays._multilinear import outer
from ..._arrays._typing import FloatArray
from .._cores import message_core, network_of
from .._network import TensorNetwork
from .._passes._contraction import Contraction
from .._tensors._gauge import round_network
from .._tree import Tree
from ._identity import identity_start

_ROUNDING = 1e-13
"""As for the start from interactions: bonds of the sum of terms that are not needed."""


def linear_start(
    contraction: Contraction,
    constants: Sequence[FloatArray],
    weights: Sequence[FloatArray],
    bias: FloatArray,
    random_state: np.random.RandomState | None,
) -> list[FloatArray]:
    r"""Cores of the network that is a linear model of the local features.

    .. math:: s_c = b_c \prod_k \langle u_k, f_k \rangle
              + \sum_k \langle w_{kc}, f_k \rangle \prod_{j \ne k} \langle u_j, f_j \rangle

    In a tree each message holds the product of the constants below and one
    partial sum for each output, and no bond needs more; in a canonical
    polyadic sum each site has as many terms as its weights have rank. Channels
    beyond those are random readings of the features as in `identity_start`,
    which the root does not look at.

    Parameters
    ----------
    contraction : Contraction
        The network function whose cores are wanted.
    constants : sequence of ndarray of shape (m_k,)
        The covectors u_k of the constant.
    weights : sequence of ndarray of shape (m_k, n_scores)
        The weights w_k of each site.
    bias : ndarray of shape (n_scores,)
        The constants b_c.
    random_state : RandomState or None
        None leaves the random readings out.

    Returns
    -------
    list of ndarray of float64
        The cores, as for `Contraction.forward`.

    Raises
    ------
    ValueError
        If the rank is too small; the message names the rank that is needed.

    References
    ----------
    Novikov, Trofimov, Oseledets, "Exponential Machines", arXiv 1605.03795,
    theorem 2.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import tensor_train
    >>> from sktensornet.networks._passes._contraction import Contraction
    >>> from sktensornet.networks._starts._linear import linear_start
    >>> tree = tensor_train(3)
    >>> contraction = Contraction(tree, tree.message_sizes((2, 2, 2), rank=2, n_outputs=1))
    >>> one = [np.array([1.0, 0.0])] * 3
    >>> weights = [np.array([[0.0], [w]]) for w in (1.0, 10.0, 100.0)]
    >>> cores = linear_start(contraction, one, weights, np.array([0.5]), None)
    >>> features = [np.array([[1.0, 2.0]]), np.array([[1.0, 3.0]]), np.array([[1.0, 4.0]])]
    >>> contraction.forward(cores, features)[0].round(6)
    array([[[432.5]]])
    """
    tree = contraction.tree
    tree.require_multilinear('init="linear"')
    stacked = [np.asarray(own, np.float64) for own in weights]
    n_batch = contraction.n_batch
    # One tensor for all scores, or one for each.
    by_tensor = [
        ([own[:, [b]] for own in stacked], bias[[b]]) if n_batch > 1 else (stacked, bias)
        for b in range(n_batch)
    ]
    build = _sum_of_terms if tree.multiplied else _partial_sums
    exact = [build(tree, constants, own, offset) for own, offset in by_tensor]
    exact = [within_ranks(network, contraction) for network in exact]
    needed = max(max(network.ranks, default=1) for network in exact)
    has = tree.bond_ranks(contraction.message_sizes)
    if any(r > own for network in exact for r, own in zip(network.ranks, has, strict=True)):
        raise ValueError(
            f'init="linear" needs rank >= {needed} for this {tree.format} with '
            f"{len(bias)} score(s), but rank={max(has)}; raise the rank, use "
            'class_tensors="separate", or init="identity".'
        )
    return embedded(contraction, constants, exact, random_state)


def embedded(
    contraction: Contraction,
    constants: Sequence[FloatArray],
    exact: Sequence[TensorNetwork],
    random_state: np.random.RandomState | None,
) -> list[FloatArray]:
    """Cores of a network of smaller rank for each tensor, and random readings beside it.

    The readings are those of `identity_start`; the root does not look at them.
    """
    tree, n_batch = contraction.tree, contraction.n_batch
    free = identity_start(
        contraction, constants, np.zeros((n_batch, contraction.message_sizes[-1])), random_state
    )
    root = tree.core_of[tree.root]
    for position, core in enumerate(free):
        for tensor, network in zip(core, exact, strict=True):
            own = message_core(network, tree.order[position])[0]
            if position == root:
                tensor[...] = 0.0
            block = tuple(slice(0, n) for n in own.shape)
            # What the exact network does not use must not reach its channels.
            tensor[..., block[-1]] = 0.0
            tensor[block] = own
    return free


def _partial_sums(tree: Tree, constants, weights, bias) -> TensorNetwork:
    """Every message is the constant and a partial sum for each score, without dependent ones."""
    n_scores = len(bias)
    # From the message of a node to the constant and the sums.
    reads: dict[int, FloatArray] = {}
    cores: dict[int, FloatArray] = {}
    for index, node in enumerate(tree.nodes):
        if node.site is not None:
            unit = constants[node.site].astype(np.float64)
            reads[index] = np.column_stack([unit, weights[node.site]])
            continue
        units = [reads[child][:, 0] for child in node.children]
        constant = outer(units)
        sums = np.zeros((*constant.shape, n_scores))
        for place, child in enumerate(node.children):
            for c in range(n_scores):
                parts = [*units[:place], reads[child][:, 1 + c], *units[place + 1 :]]
                sums[..., c] += outer(parts)
        if index == tree.root:
            cores[index] = sums + constant[..., None] * bias
            continue
        core = np.concatenate([constant[..., None], sums], axis=-1)
        chosen, reads[index] = independent(core.reshape(-1, 1 + n_scores))
        cores[index] = core[..., chosen]
    return network_of(tree, [cores[index][None] for index in tree.order])


def within_ranks(network: TensorNetwork, contraction: Contraction) -> TensorNetwork:
    """A network, rounded if a rank is too large: of what lies beyond a bond less may be wanted."""
    has = network.tree.bond_ranks(contraction.message_sizes)
    fits = all(r <= own for r, own in zip(network.ranks, has, strict=True))
    is_sum = bool(network.tree.multiplied)
    return network if fits or is_sum else round_network(network, rank_tol=_ROUNDING)


def independent(columns: FloatArray) -> tuple[list[int], FloatArray]:
    """The columns that do not depend on those before, and what makes all of them from these.

    Orthonormal ones would have signs, or more, that rounding decides, and the readings
    beside them would be others.
    """
    chosen: list[int] = []
    basis = np.zeros((len(columns), 0))
    for k, column in enumerate(columns.T):
        rest = column - basis @ (basis.T @ column)
        rest = rest - basis @ (basis.T @ rest)
        length = float(np.linalg.norm(rest))
        if length > _ROUNDING * float(np.linalg.norm(column)):
            chosen.append(k)
            basis = np.column_stack([basis, rest / length])
    reads = np.linalg.lstsq(columns[:, chosen], columns, rcond=None)[0]
    reads[:, chosen] = np.eye(len(chosen))
    return chosen, reads


def _sum_of_terms(tree: Tree, constants, weights, bias) -> TensorNetwork:
    """The constant, and for each site as many terms as its weights have rank."""
    units = [constant.astype(np.float64) for constant in constants]
    columns: list[list[FloatArray]] = [[unit] for unit in units]
    rows = [np.array(bias, np.float64)]
    for site, (unit, own) in enumerate(zip(units, weights, strict=True)):
        along = unit @ own / (unit @ unit)
        rows[0] = rows[0] + along
        left, values, right = np.linalg.svd(own - np.outer(unit, along), full_matrices=False)
        for a in range(int(np.sum(values > _ROUNDING * max(values[0], 1e-300)))):
            for other, column in enumerate(columns):
                column.append(left[:, a] if other == site else units[other])
            rows.append(values[a] * right[a])
    factors = [np.stack(column, axis=1) for column in columns]
    return TensorNetwork(tree, (*factors, np.stack(rows)))
