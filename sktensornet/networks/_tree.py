"""Topologies: rooted trees with two contraction rules.

A node is a *site* (its message is the feature vector of that site), a *core*
node (a core maps the messages of its children multilinearly to one message) or
a *product* node (the element-wise product of the messages of its children).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from .._arrays._immutable import FieldState
from .._arrays._typing import FloatArray

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

    def inward(self, core: FloatArray) -> FloatArray:
        """View of a core (batch, axes...), as networks store it, as (batch, children..., out)."""
        axes = self.axes or ()
        order = [1 + axes.index(kind) for kind in (*range(len(self.children)), OUT)]
        units = [1 + axis for axis, kind in enumerate(axes) if kind == UNIT]
        moved = core.transpose(0, *order, *units)
        return moved.reshape(moved.shape[: 1 + len(order)])

    def outward(self, core: FloatArray) -> FloatArray:
        """View of a core (batch, children..., out) as (batch, axes...); `inward` undoes it."""
        axes = self.axes or ()
        own = [kind for kind in axes if kind != UNIT]
        places = [1 + (len(self.children) if kind == OUT else kind) for kind in own]
        units = tuple(1 + axis for axis, kind in enumerate(axes) if kind == UNIT)
        return np.expand_dims(core.transpose(0, *places), units)


@dataclass(frozen=True)
class Tree(FieldState):
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
    product : str, default="multiply"
        What both rules do with numbers that meet, a key of `PRODUCTS`.
    labels : tuple of int, default=()
        For shared cores a label of each core; cores of one label are equal.
        Empty where every core is on its own.
    lengths : tuple of int, default=()
        For shared cores, the numbers of sites of the shorter networks of the
        same cores and of this one, in increasing order.
    family : callable or None, default=None
        From one of these, or a larger number, to the tree of that many sites.

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
    product: str = "multiply"
    labels: tuple[int, ...] = ()
    lengths: tuple[int, ...] = ()
    family: Callable[[int], Tree] | None = field(default=None, compare=False)

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
    def branches(self) -> tuple[tuple[int, ...], ...]:
        """The nodes below each child of the root, and itself, children before parents."""
        found: dict[int, list[int]] = {child: [] for child in self.nodes[self.root].children}
        above = {child: child for child in found}
        for index in range(self.root - 1, -1, -1):
            found[above[index]].append(index)
            above |= dict.fromkeys(self.nodes[index].children, above[index])
        return tuple(tuple(reversed(branch)) for branch in found.values())

    @property
    def is_multilinear(self) -> bool:
        """Whether there is a weight tensor of which the network is a decomposition."""
        return self.product == "multiply"

    def require_multilinear(self, what: str) -> None:
        """Raise that something does not go with another product.

        Parameters
        ----------
        what : str
            What needs a weight tensor.

        Raises
        ------
        ValueError
            If the product is another than "multiply".
        """
        if not self.is_multilinear:
            raise ValueError(
                f"{what} needs product='multiply'; a network with product={self.product!r} is not "
                "multilinear and has no weight tensor."
            )

    @cached_property
    def groups(self) -> tuple[tuple[int, ...], ...]:
        """Positions of the cores that are equal, in the order of their first one."""
        labels = self.labels or tuple(range(len(self.order)))
        found: dict[int, list[int]] = {}
        for position, label in enumerate(labels):
            found.setdefault(label, []).append(position)
        return tuple(map(tuple, found.values()))

    def free(self) -> Tree:
        """The tree with every core on its own.

        Returns
        -------
        Tree
            Of the same nodes.
        """
        return replace(self, labels=(), lengths=(), family=None) if self.labels else self

    def with_n_sites(self, n_sites: int) -> Tree:
        """The tree of as many sites that has the same shared cores.

        Parameters
        ----------
        n_sites : int
            The number d of sites.

        Returns
        -------
        Tree
            The tree.

        Raises
        ------
        ValueError
            If cores are not shared, or there is no such tree.
        """
        if self.family is None:
            raise ValueError(
                f"n_sites={n_sites} needs shared cores; each core of this {self.format} belongs "
                f"to a site of its own."
            )
        return self.family(n_sites)

    def places_in(self, other: Tree) -> tuple[int, ...]:
        """For each core, the position of an equal one in a tree of the same family.

        Parameters
        ----------
        other : Tree
            The other tree.

        Returns
        -------
        tuple of int
            Positions in the order of its cores.

        Raises
        ------
        ValueError
            If it lacks a core.
        """
        place = {label: position for position, label in enumerate(other.labels)}
        missing = sorted({label for label in self.labels if label not in place})
        if missing:
            raise ValueError(
                f"n_sites={self.n_sites} needs cores that a network of {other.n_sites} sites "
                "does not have."
            )
        return tuple(place[label] for label in self.labels)

    def sizes_like(self, other: Tree, message_sizes: tuple[int, ...]) -> tuple[int, ...]:
        """Message sizes with the cores that a tree of the same family has.

        Parameters
        ----------
        other : Tree
            The other tree.
        message_sizes : tuple of int
            Its message sizes.

        Returns
        -------
        tuple of int
            Length of the outgoing message of every node of this tree.
        """
        by_label = {
            label: message_sizes[index]
            for label, index in zip(other.labels, other.order, strict=True)
        }
        modes = {node.site: size for node, size in zip(other.nodes, message_sizes, strict=True)}
        sizes: list[int] = []
        for index, node in enumerate(self.nodes):
            if node.site is not None:
                sizes.append(modes[node.site])
            elif node.axes is None:
                sizes.append(sizes[node.children[0]])
            else:
                sizes.append(by_label[self.labels[self.core_of[index]]])
        return tuple(sizes)

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
        share one size, which is not cut. Nothing is cut where this does not
        hold: for shared cores, and for other products than "multiply".

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
        cuts = self.is_multilinear and not self.labels
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
            elif index in self.multiplied or node.is_product or not cuts:
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
