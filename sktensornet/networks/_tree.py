"""Topologies: rooted trees with two contraction rules.

A node is a *site* (its message is the feature vector of that site), a *core*
node (a core maps the messages of its children multilinearly to one message) or
a *product* node (the element-wise product of the messages of its children).
Formats are constructors of such trees; nothing else knows their names.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

from ._nested import Nested, leaves

OUT = -1
"""Marks the axis of a core that carries its outgoing message."""

UNIT = -2
"""Marks an axis of length one that closes the end of a chain."""


@dataclass(frozen=True)
class Node:
    """One node of a `Tree`.

    Parameters
    ----------
    children : tuple of int
        Indices of the nodes whose messages come in; empty for a site.
    site : int or None
        The site, for a site node.
    axes : tuple of int or None
        For a core node, what each axis of its core is: the position of a child,
        `OUT` or `UNIT`. The children come in order; the outgoing axis is before
        them or after them. None for sites and product nodes.
    """

    children: tuple[int, ...] = ()
    site: int | None = None
    axes: tuple[int, ...] | None = None

    @property
    def is_product(self) -> bool:
        """Whether the node multiplies its messages, having no core."""
        return self.site is None and self.axes is None

    @property
    def out_first(self) -> bool:
        """Whether the outgoing axis of the core comes before the incoming ones."""
        return self.axes is not None and self.axes[0] == OUT


@dataclass(frozen=True)
class Tree:
    """A rooted tree of nodes, children before parents, the root last.

    The class leg is the outgoing axis of the root, which is a core node.

    Parameters
    ----------
    nodes : tuple of Node
        The nodes in topological order.
    order : tuple of int
        The core nodes in the order in which a network lists its cores.
    format : str
        A name for people to read; no code branches on it.

    Examples
    --------
    >>> from sktensornet.networks import tensor_train
    >>> tree = tensor_train(3)
    >>> tree.n_sites, len(tree.nodes), tree.root
    (3, 6, 5)
    >>> tree.bond_ranks(tree.message_sizes((4, 4, 4), rank=2, n_outputs=10))
    (2, 2)
    """

    nodes: tuple[Node, ...]
    order: tuple[int, ...]
    format: str

    @property
    def root(self) -> int:
        """Index of the node that gives the scores."""
        return len(self.nodes) - 1

    @cached_property
    def n_sites(self) -> int:
        """Number of sites d."""
        return sum(node.site is not None for node in self.nodes)

    @cached_property
    def core_of(self) -> dict[int, int]:
        """Position of the core of each core node in the network's cores."""
        return {node: position for position, node in enumerate(self.order)}

    @cached_property
    def multiplied(self) -> frozenset[int]:
        """Nodes whose message goes into an element-wise product."""
        return frozenset(child for node in self.nodes if node.is_product for child in node.children)

    def message_sizes(
        self, mode_sizes: tuple[int, ...], rank: int, n_outputs: int
    ) -> tuple[int, ...]:
        """Length of the outgoing message of every node for a rank cap.

        A bond never needs to be larger than the product of what lies on either
        side of it, so `rank` is cut to that; the children of a product node
        share one size, which is not cut.

        Parameters
        ----------
        mode_sizes : tuple of int
            Number of local features of each site.
        rank : int
            The cap.
        n_outputs : int
            Length of the class leg.

        Returns
        -------
        tuple of int
            One length for each node.
        """
        log_inside: list[float] = []
        for node in self.nodes:
            if node.site is not None:
                log_inside.append(math.log(mode_sizes[node.site]))
            else:
                log_inside.append(sum(log_inside[child] for child in node.children))
        log_all = log_inside[-1] + math.log(n_outputs)
        sizes = []
        for index, node in enumerate(self.nodes):
            if node.site is not None:
                sizes.append(mode_sizes[node.site])
            elif index == self.root:
                sizes.append(n_outputs)
            elif index in self.multiplied or node.is_product:
                sizes.append(rank)
            else:
                log_cap = min(log_inside[index], log_all - log_inside[index])
                cap = rank if log_cap > 40 else round(math.exp(log_cap))
                sizes.append(max(1, min(rank, cap)))
        return tuple(sizes)

    def bond_ranks(self, message_sizes: tuple[int, ...]) -> tuple[int, ...]:
        """Size of every bond between cores; the bonds of a product count once.

        Parameters
        ----------
        message_sizes : tuple of int
            Length of the outgoing message of every node.

        Returns
        -------
        tuple of int
            The sizes, in the order of the cores.
        """
        products = [i for i, node in enumerate(self.nodes) if node.is_product]
        ends = [i for i in self.order if i != self.root and i not in self.multiplied]
        return tuple(message_sizes[i] for i in ends + products)

    def core_shapes(self, message_sizes: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        """Shape of every core, in the order of the network's cores.

        Parameters
        ----------
        message_sizes : tuple of int
            Length of the outgoing message of every node.

        Returns
        -------
        tuple of tuple of int
            The shapes.
        """
        return tuple(self._core_shape(node, message_sizes) for node in self.order)

    def _core_shape(self, index: int, message_sizes: tuple[int, ...]) -> tuple[int, ...]:
        node = self.nodes[index]
        lengths = {OUT: message_sizes[index], UNIT: 1}
        lengths |= {j: message_sizes[child] for j, child in enumerate(node.children)}
        return tuple(lengths[axis] for axis in node.axes or ())


class _Builder:
    def __init__(self, n_sites: int) -> None:
        self.nodes = [Node(site=site) for site in range(n_sites)]

    def add(self, *children: int, axes: tuple[int, ...] | None) -> int:
        self.nodes.append(Node(children=children, axes=axes))
        return len(self.nodes) - 1

    def build(self, order: list[int], format: str) -> Tree:
        return Tree(tuple(self.nodes), tuple(order), format)


def tensor_train(n_sites: int, centre: int | None = None) -> Tree:
    """Chain of cores (r_left, m, r_right), rooted where the class leg is.

    Parameters
    ----------
    n_sites : int
        Number of sites d.
    centre : int or None
        Site whose core (r_left, m, r_right, C) holds the class leg; the middle
        of the chain by default.

    Returns
    -------
    Tree
        Two half chains that meet at the centre.

    References
    ----------
    Oseledets, "Tensor-train decomposition", SIAM J. Sci. Comput. 33 (2011).

    Examples
    --------
    >>> from sktensornet.networks import tensor_train
    >>> tree = tensor_train(4)
    >>> tree.core_shapes(tree.message_sizes((2, 2, 2, 2), rank=3, n_outputs=5))
    ((1, 2, 2), (2, 2, 3), (3, 2, 2, 5), (2, 2, 1))
    """
    centre = n_sites // 2 if centre is None else centre
    build = _Builder(n_sites)
    order: list[int] = [0] * n_sites
    left = right = None
    for site in range(centre):
        if left is None:
            left = build.add(site, axes=(UNIT, 0, OUT))
        else:
            left = build.add(left, site, axes=(0, 1, OUT))
        order[site] = left
    for site in range(n_sites - 1, centre, -1):
        if right is None:
            right = build.add(site, axes=(OUT, 0, UNIT))
        else:
            right = build.add(site, right, axes=(OUT, 0, 1))
        order[site] = right
    children = [node for node in (left, centre, right) if node is not None]
    position = {node: j for j, node in enumerate(children)}
    axes = (
        UNIT if left is None else position[left],
        position[centre],
        UNIT if right is None else position[right],
        OUT,
    )
    order[centre] = build.add(*children, axes=axes)
    return build.build(order, "TT")


def hierarchical_tucker(nested: Nested) -> Tree:
    """Tree of transfer cores (left, right, out) over leaf frames (m, out).

    Parameters
    ----------
    nested : int or nested tuples of int
        The dimension tree: each tuple is an inner node, each integer a site.
        Every site 0..d-1 appears exactly once.

    Returns
    -------
    Tree
        The leaf frames come first, in site order, then the inner nodes from the
        leaves to the root, which holds the class leg.

    References
    ----------
    Grasedyck, "Hierarchical singular value decomposition of tensors", SIAM J.
    Matrix Anal. Appl. 31 (2010).

    Examples
    --------
    >>> from sktensornet.networks import hierarchical_tucker
    >>> tree = hierarchical_tucker(((0, 1), (2, 3)))
    >>> tree.core_shapes(tree.message_sizes((2, 2, 2, 2), rank=3, n_outputs=5))
    ((2, 2), (2, 2), (2, 2), (2, 2), (2, 2, 3), (2, 2, 3), (3, 3, 5))
    """
    sites = leaves(nested)
    build = _Builder(len(sites))
    if not isinstance(nested, tuple):
        return build.build([build.add(0, axes=(0, OUT))], "HT")
    frames = [build.add(site, axes=(0, OUT)) for site in range(len(sites))]
    inner: list[int] = []

    def visit(branch: Nested) -> int:
        if not isinstance(branch, tuple):
            return frames[branch]
        children = [visit(part) for part in branch]
        node = build.add(*children, axes=(*range(len(children)), OUT))
        inner.append(node)
        return node

    visit(nested)
    return build.build(frames + inner, "HT")


def canonical_polyadic(n_sites: int) -> Tree:
    """Factors (m, r) into one element-wise product, then a readout (r, C).

    Parameters
    ----------
    n_sites : int
        Number of sites d.

    Returns
    -------
    Tree
        The factors come first, in site order, then the readout.

    Examples
    --------
    >>> from sktensornet.networks import canonical_polyadic
    >>> tree = canonical_polyadic(3)
    >>> tree.core_shapes(tree.message_sizes((2, 2, 2), rank=4, n_outputs=5))
    ((2, 4), (2, 4), (2, 4), (4, 5))
    """
    build = _Builder(n_sites)
    factors = [build.add(site, axes=(0, OUT)) for site in range(n_sites)]
    product = build.add(*factors, axes=None)
    readout = build.add(product, axes=(0, OUT))
    return build.build([*factors, readout], "CP")


def centre_of_train(tree: Tree) -> int | None:
    """The site whose core has the class leg, if the tree is a tensor train."""
    d, centre = tree.n_sites, tree.core_of[tree.root]
    return centre if centre < d and _same(tree, tensor_train(d, centre)) else None


def is_canonical(tree: Tree) -> bool:
    """Whether the tree is that of a canonical polyadic sum."""
    return _same(tree, canonical_polyadic(tree.n_sites))


def _same(a: Tree, b: Tree) -> bool:
    return (a.nodes, a.order) == (b.nodes, b.order)
