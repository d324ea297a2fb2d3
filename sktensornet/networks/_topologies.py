"""The formats: constructors of trees. Nothing else knows their names."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from ._dimension_trees import Nested, arities, leaves, regular
from ._tree import OUT, UNIT, Node, Tree


class _Builder:
    def __init__(self, n_sites: int) -> None:
        self.nodes = [Node(site=site) for site in range(n_sites)]

    def add(self, *children: int, axes: tuple[int, ...] | None) -> int:
        self.nodes.append(Node(children=children, axes=axes))
        return len(self.nodes) - 1

    def build(self, order: list[int], format: str, product: str = "multiply") -> Tree:
        return Tree(tuple(self.nodes), tuple(order), format, product)


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


_FIRST, _INNER, _LAST, _FRAME = range(4)


def recurrent_train(n_sites: int, product: str = "multiply", shared: bool = False) -> Tree:
    r"""Chain of cores read from left to right, with the class leg at the end.

    .. math:: h^{(t)}_k = \sum_{ij} G^{(t)}_{ijk} \,
              \xi\big([C^{(t)} f(x^{(t)})]_i, h^{(t-1)}_j\big)

    Parameters
    ----------
    n_sites : int
        Number of sites d.
    product : str, default="multiply"
        The operation xi. Any but "multiply" puts a frame C (m, r) in front of
        each site, and h^(0) is the unit of xi.
    shared : bool, default=False
        Whether all cores but the first and the last are equal, and all frames.

    Returns
    -------
    Tree
        The frames, if any, come first, in site order, then the chain, with the
        axes (r_left, i, r_right).

    References
    ----------
    Khrulkov, Hrinchuk, Oseledets, "Generalized Tensor Models for Recurrent
    Neural Networks", ICLR 2019, equation 11.

    Examples
    --------
    >>> from sktensornet.networks import recurrent_train
    >>> tree = recurrent_train(3, "max")
    >>> tree.core_shapes(tree.message_sizes((2, 2, 2), rank=4, n_outputs=5))
    ((2, 4), (2, 4), (2, 4), (1, 4, 4), (4, 4, 4), (4, 4, 1, 5))
    """
    build = _Builder(n_sites)
    readings = list(range(n_sites))
    frames: list[int] = []
    if product != "multiply":
        frames = [build.add(site, axes=(0, OUT)) for site in readings]
        readings = [build.add(frames[0], axes=None), *frames[1:]]
    chain: list[int] = []
    for site, reading in enumerate(readings):
        end = (UNIT, OUT) if site == n_sites - 1 else (OUT,)
        if chain:
            chain.append(build.add(chain[-1], reading, axes=(0, 1, *end)))
        else:
            chain.append(build.add(reading, axes=(UNIT, 0, *end)))
    tree = build.build(frames + chain, "TT", product)
    if not shared:
        return tree
    labels = [_FIRST, *[_INNER] * (n_sites - 2), _LAST][-n_sites:]
    return replace(
        tree,
        labels=(*[_FRAME] * len(frames), *labels),
        lengths=tuple(range(min(2, n_sites), n_sites + 1)),
        family=partial(_checked_family, partial(recurrent_train, product=product, shared=True), 2),
    )


def _checked_family(make: Callable[[int], Tree], least: int, n_sites: int) -> Tree:
    if n_sites < least:
        raise ValueError(f"n_sites={n_sites} must be at least {least}.")
    return make(n_sites)


def hierarchical_tucker(nested: Nested, product: str = "multiply", shared: bool = False) -> Tree:
    """Tree of transfer cores (left, right, out) over leaf frames (m, out).

    Parameters
    ----------
    nested : int or nested tuples of int
        The dimension tree: each tuple is an inner node, each integer a site.
        Every site 0..d-1 appears exactly once.
    product : str, default="multiply"
        What takes the place of the product of messages that meet.
    shared : bool, default=False
        Whether all frames are equal, and all inner cores of the same level.
        The tree must then be perfect.

    Returns
    -------
    Tree
        The leaf frames come first, in site order, then the inner nodes from the
        leaves to the root, which holds the class leg.

    Raises
    ------
    ValueError
        If `shared` and the tree is not perfect.

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
    frames = [build.add(site, axes=(0, OUT)) for site in range(len(sites))]
    inner: list[int] = []
    heights: list[int] = []

    def visit(branch: Nested) -> tuple[int, int]:
        if not isinstance(branch, tuple):
            return frames[branch], 0
        found = [visit(part) for part in branch]
        children = [node for node, _ in found]
        inner.append(build.add(*children, axes=(*range(len(children)), OUT)))
        heights.append(1 + max(height for _, height in found))
        return inner[-1], heights[-1]

    visit(nested)
    tree = build.build(frames + inner, "HT", product)
    levels = arities(nested)
    if not shared or not levels:
        if shared and levels is None:
            raise ValueError(
                "shared cores (shared_cores=True) need a perfect tree, with nodes of one kind at "
                "each level, such as 2, 4, 8, 16, ... sites in a balanced tree; this one has "
                f"{len(sites)} sites and uneven branches."
            )
        return tree
    in_order = sites == sorted(sites)
    sizes = [math.prod((levels[0], *levels[k:])) for k in range(len(levels), 0, -1)]
    return replace(
        tree,
        labels=(*[0] * len(frames), *heights[:-1], -1),
        lengths=tuple(sizes if in_order else sizes[-1:]),
        family=partial(_shorter_tucker, levels, product) if in_order else None,
    )


def _shorter_tucker(levels: tuple[int, ...], product: str, n_sites: int) -> Tree:
    """The tree of the root and the lowest levels that has as many sites."""
    for k in range(len(levels), 0, -1):
        shorter = (levels[0], *levels[k:])
        if math.prod(shorter) == n_sites:
            return hierarchical_tucker(regular(shorter), product, shared=True)
    possible = [math.prod((levels[0], *levels[k:])) for k in range(len(levels), 0, -1)]
    raise ValueError(f"n_sites={n_sites} must be one of {possible}, which fill a perfect tree.")


def canonical_polyadic(n_sites: int, product: str = "multiply", shared: bool = False) -> Tree:
    """Factors (m, r) into one element-wise product, then a readout (r, C).

    Parameters
    ----------
    n_sites : int
        Number of sites d.
    product : str, default="multiply"
        What takes the place of the element-wise product.
    shared : bool, default=False
        Whether all factors are equal: a symmetric sum.

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
    joined = build.add(*factors, axes=None)
    readout = build.add(joined, axes=(0, OUT))
    tree = build.build([*factors, readout], "CP", product)
    if not shared:
        return tree
    make = partial(canonical_polyadic, product=product, shared=True)
    return replace(
        tree,
        labels=(*[0] * n_sites, 1),
        lengths=tuple(range(1, n_sites + 1)),
        family=partial(_checked_family, make, 1),
    )


def centre_of_train(tree: Tree) -> int | None:
    """The site whose core has the class leg, if the tree is a tensor train."""
    d, centre = tree.n_sites, tree.core_of[tree.root]
    return centre if centre < d and _same(tree, tensor_train(d, centre)) else None


def is_canonical(tree: Tree) -> bool:
    """Whether the tree is that of a canonical polyadic sum."""
    return _same(tree, canonical_polyadic(tree.n_sites))


def ends_anywhere(tree: Tree) -> bool:
    """Whether it is a train or a sum of equal cores, which samples may leave at any site."""
    d, product = tree.n_sites, tree.product
    kinds = recurrent_train, canonical_polyadic
    return bool(tree.labels) and tree in [make(d, product, True) for make in kinds]


def _same(a: Tree, b: Tree) -> bool:
    return (a.nodes, a.order) == (b.nodes, b.order)


FAMILIES = (_checked_family, _shorter_tucker, recurrent_train, canonical_polyadic)
"""What trees of shared cores are made of for other numbers of sites."""
