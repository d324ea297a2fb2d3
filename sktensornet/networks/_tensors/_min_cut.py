"""How large the rank of a matricization of a network can be."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..._support._checks import check_boolean, check_integer
from .._network import TensorNetwork


def min_cut(network: TensorNetwork, rows: Iterable[int], class_in_rows: bool = False) -> int:
    r"""Least product of legs and bonds that parts the sites of a network in two.

    .. math:: \operatorname{rank} W^{(S, \bar S)} \le
              \min_{\text{cuts}} \prod_{e \text{ cut}} n_e

    over all ways to put each core on one of the two sides. A bond that is cut
    weighs its size, and so does the leg of a site or of the classes that ends
    up on the other side than its core.

    Parameters
    ----------
    network : TensorNetwork
        Only its topology and sizes count. For a batched network the cut is that
        of each of its tensors.
    rows : iterable of int
        The sites S of the rows; all others are columns.
    class_in_rows : bool, default=False
        Whether the class leg is on the side of S.

    Returns
    -------
    int
        Exact. Almost all networks of these sizes attain it where the cores are
        free; cores that are given may have less.

    Raises
    ------
    ValueError
        If `rows` has an entry that is no site, or one twice.

    References
    ----------
    Levine, Yakira, Cohen, Shashua, "Deep learning and quantum entanglement:
    fundamental connections with implications to network design", ICLR 2018.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import TensorNetwork, min_cut, tensor_train
    >>> tree = tensor_train(4)
    >>> shapes = tree.core_shapes(tree.message_sizes((3,) * 4, rank=2, n_outputs=1))
    >>> network = TensorNetwork(tree, tuple(map(np.ones, shapes)))
    >>> min_cut(network, [0, 1]), min_cut(network, [0, 2])
    (2, 6)
    """
    network.tree.require_multilinear("min_cut")
    inside = set(check_rows(rows, network.n_sites))
    return _cut(network, inside, check_boolean("class_in_rows", class_in_rows))


def check_rows(rows: Iterable[int], n_sites: int) -> tuple[int, ...]:
    """Return the sites of the rows as a sorted tuple, or raise.

    Parameters
    ----------
    rows : iterable of int
        The sites.
    n_sites : int
        Number of sites d.

    Returns
    -------
    tuple of int
        The sites in increasing order.

    Raises
    ------
    ValueError
        If an entry is no site, or is there twice.

    Examples
    --------
    >>> from sktensornet.networks._tensors._min_cut import check_rows
    >>> check_rows([4, 0], n_sites=5)
    (0, 4)
    """
    why = f" and < {n_sites}, the number of sites"
    sites = [check_integer("an entry of rows", row, 0, why) for row in rows]
    wrong = [site for site in sites if site >= n_sites]
    if wrong or len(set(sites)) < len(sites):
        raise ValueError(f"rows={sites!r} must contain different sites, each an integer >= 0{why}.")
    return tuple(sorted(sites))


def _cut(network: TensorNetwork, inside: set[int], class_inside: bool) -> int:
    """Dynamic programming from the leaves to the root, in exact integers."""
    tree, sizes = network.tree, network.message_sizes
    # For each node on the side of the columns, or of the rows: the least product below it,
    # and the same seen from its parent on that side, the bond between them included.
    own: list[tuple[int, int]] = []
    seen: list[tuple[int, int]] = []
    for index, node in enumerate(tree.nodes):
        size = sizes[index]
        if node.site is not None:
            own.append((size, 1) if node.site in inside else (1, size))
            seen.append(own[-1])
            continue
        # All messages of an element-wise product share one index, which is cut once.
        below = own if node.is_product else seen
        columns, rows = (
            math.prod(below[child][side] for child in node.children) for side in (0, 1)
        )
        own.append((columns, rows))
        if node.is_product:
            cut = size * math.prod(min(below[child]) for child in node.children)
            seen.append((min(columns, cut), min(rows, cut)))
        else:
            seen.append((min(columns, size * rows), min(rows, size * columns)))
    return seen[-1][class_inside]
