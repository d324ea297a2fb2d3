"""A tree as a canonical polyadic sum, by summing over some of its indices."""

from __future__ import annotations

import math
from functools import reduce

import numpy as np

from ..._arrays._multilinear import mode_product, move_axis
from ..._arrays._typing import FloatArray
from .._cores import message_core
from .._network import TensorNetwork
from .._topologies import canonical_polyadic

_Closed = tuple[dict[int, FloatArray], FloatArray]
_Open = tuple[dict[int, FloatArray], int, FloatArray]


def n_terms(network: TensorNetwork) -> int:
    """Number of terms that `expand` gives."""
    return _plan(network)[-1][0]


def expand(network: TensorNetwork) -> TensorNetwork:
    r"""A joint tree as a canonical polyadic sum, exactly.

    .. math:: W = \sum_{\beta} \prod_{\text{parts}} W_{\text{part}}[\beta]

    The sum goes over bonds, and over legs as sums over unit vectors. Fixing
    them leaves parts of the tree that depend on one site each, so every summand
    has rank one. Which indices are fixed is chosen so that their number is
    least, by dynamic programming over the tree. This is exact and simple, but
    in general not the least number of terms that the tensor has.

    Parameters
    ----------
    network : TensorNetwork
        Without element-wise products.

    Returns
    -------
    TensorNetwork
        A canonical polyadic sum of `n_terms` terms, in float64.
    """
    tree = network.tree
    plan = _plan(network)
    is_open = _opened(network, plan)
    closed: dict[int, _Closed] = {}
    opened: dict[int, _Open] = {}
    for index, node in enumerate(tree.nodes):
        if node.site is not None:
            eye = np.eye(network.message_sizes[index])
            if index in is_open:
                opened[index] = ({}, node.site, eye[None])
            else:
                closed[index] = ({node.site: eye}, eye)
            continue
        core = message_core(network, index)
        free = next((child for child in node.children if child in is_open), None)
        terms = [closed[child] for child in node.children if child != free]
        # The axis of each child becomes that of its terms.
        for axis, child in enumerate(node.children, start=1):
            if child != free:
                core = mode_product(core, closed[child][1].T[None], axis)
        if free is not None:
            core = move_axis(core, 1 + node.children.index(free), -2)
        factors = _products([own for own, _ in terms], [out.shape[1] for _, out in terms])
        core = core.reshape(-1, *core.shape[1 + len(terms) :])
        if free is None:
            closed[index] = (factors, core.T)
            continue
        inner, site, part = opened[free]
        # (a, k, o) and (b, m, k) give (a, b, m, o).
        both = np.einsum("ako,bmk->abmo", core, part, optimize=True)
        factors = _products([factors, inner], [len(core), len(part)])
        matrix = both.reshape(-1, *both.shape[2:])
        if index in is_open:
            opened[index] = (factors, site, matrix)
            continue
        size = matrix.shape[-1]
        factors = {k: np.repeat(factor, size, axis=1) for k, factor in factors.items()}
        factors[site] = np.moveaxis(matrix, 1, 0).reshape(matrix.shape[1], -1)
        closed[index] = (factors, np.tile(np.eye(size), len(matrix)))
    factors, out = closed[tree.root]
    ordered = [factors[site] for site in range(tree.n_sites)]
    return TensorNetwork(canonical_polyadic(tree.n_sites), (*ordered, out.T))


def _products(groups: list[dict[int, FloatArray]], sizes: list[int]) -> dict[int, FloatArray]:
    """Factors of all combinations of the terms of some groups, the last the fastest."""
    factors = {}
    for place, group in enumerate(groups):
        before, after = math.prod(sizes[:place]), math.prod(sizes[place + 1 :])
        for site, factor in group.items():
            factors[site] = np.tile(np.repeat(factor, after, axis=1), before)
    return factors


def _plan(network: TensorNetwork) -> list[tuple[int, int, int | None, bool]]:
    """For each node the least number of terms, and how it is reached.

    The first is for terms whose outgoing message is a vector, the second for
    terms that leave one site below free, which then depends on the message; the
    child with the free site, None for a site; and whether the first comes from
    the second, one term for each entry of the message.
    """
    plan: list[tuple[int, int, int | None, bool]] = []
    for index, node in enumerate(network.tree.nodes):
        size = network.message_sizes[index]
        if node.site is not None:
            plan.append((size, 1, None, False))
            continue
        every = [plan[child][0] for child in node.children]
        choices = [
            plan[child][1] * math.prod(every[:place] + every[place + 1 :])
            for place, child in enumerate(node.children)
        ]
        least = min(choices)
        free = node.children[choices.index(least)]
        whole = reduce(int.__mul__, every)
        plan.append((min(whole, least * size), least, free, least * size < whole))
    return plan


def _opened(network: TensorNetwork, plan: list[tuple[int, int, int | None, bool]]) -> set[int]:
    """The nodes that leave a site free."""
    opened: set[int] = set()
    for index in range(network.tree.root, -1, -1):
        free, cut = plan[index][2:]
        if free is not None and (index in opened or cut):
            opened.add(free)
    return opened
