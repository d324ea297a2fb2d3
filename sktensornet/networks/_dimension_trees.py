"""Dimension trees as nested tuples of sites."""

from __future__ import annotations

from typing import Any, TypeAlias

from .._arrays._typing import IntArray

Nested: TypeAlias = "int | tuple[Nested, ...]"
"""A dimension tree: a site, or the branches that a node joins."""


def leaves(nested: Nested) -> list[int]:
    """The sites from left to right."""
    if isinstance(nested, tuple):
        return [site for part in nested for site in leaves(part)]
    return [nested]


def balanced(n_sites: int) -> Nested:
    """Nested tuples that halve the chain of sites again and again.

    Parameters
    ----------
    n_sites : int
        Number of sites d.

    Returns
    -------
    int or nested tuples of int
        The dimension tree, for `hierarchical_tucker`.

    Examples
    --------
    >>> from sktensornet.networks import balanced
    >>> balanced(5)
    (((0, 1), 2), (3, 4))
    """

    def split(first: int, last: int) -> Nested:
        if last - first == 1:
            return first
        middle = (first + last + 1) // 2
        return (split(first, middle), split(middle, last))

    return split(0, n_sites)


def balanced_grid(site_grid: IntArray) -> Nested:
    """Nested tuples that halve a grid of sites, its longer axis first.

    Parameters
    ----------
    site_grid : ndarray of int, shape (rows, columns)
        The site at each place of the grid.

    Returns
    -------
    int or nested tuples of int
        The dimension tree, for `hierarchical_tucker`.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import balanced_grid
    >>> balanced_grid(np.arange(8).reshape(2, 4))
    (((0, 4), (1, 5)), ((2, 6), (3, 7)))
    """
    rows, columns = site_grid.shape
    if rows * columns == 1:
        return int(site_grid[0, 0])
    if rows > columns:
        middle = (rows + 1) // 2
        return (balanced_grid(site_grid[:middle]), balanced_grid(site_grid[middle:]))
    middle = (columns + 1) // 2
    return (balanced_grid(site_grid[:, :middle]), balanced_grid(site_grid[:, middle:]))


def check_nested(nested: Any, n_sites: int) -> Nested:
    """Return a dimension tree with lists made tuples, or raise what is wrong with it.

    Parameters
    ----------
    nested : object
        What should be nested tuples of int.
    n_sites : int
        Number of sites d, each of which must appear once.

    Returns
    -------
    int or nested tuples of int
        The dimension tree, for `hierarchical_tucker`.

    Raises
    ------
    ValueError
        If it is none; the message names what is missing or too much.

    Examples
    --------
    >>> from sktensornet.networks._dimension_trees import check_nested
    >>> check_nested([[0, 1], 2], n_sites=3)
    ((0, 1), 2)
    """

    def clean(branch: Any) -> Nested:
        if isinstance(branch, (tuple, list)):
            if len(branch) < 2:
                raise ValueError(
                    f"tree={nested!r} has a node with {len(branch)} branch(es); every "
                    "inner node must join at least two."
                )
            return tuple(clean(part) for part in branch)
        if isinstance(branch, bool) or not hasattr(branch, "__index__"):
            raise ValueError(
                f"tree={nested!r} contains {branch!r}; it must be nested tuples of "
                "integer site indices."
            )
        return int(branch)

    try:
        tree = clean(nested)
    except RecursionError:
        raise ValueError(
            "tree is nested too deep; a tree that is a chain is a tensor train, so use "
            "TTClassifier, or a tree of less depth."
        ) from None
    found = sorted(leaves(tree))
    wanted = list(range(n_sites))
    if found != wanted:
        missing = sorted(set(wanted) - set(found))
        repeated = sorted({site for site in found if found.count(site) > 1})
        unknown = sorted(set(found) - set(wanted))
        parts = [
            f"{what} {which}"
            for what, which in (
                ("misses site(s)", missing),
                ("repeats site(s)", repeated),
                ("names unknown site(s)", unknown),
            )
            if which
        ]
        raise ValueError(
            f"tree={nested!r} {', '.join(parts)}; it must contain each of the sites "
            f"0..{n_sites - 1} exactly once."
        )
    return tree


def arities(nested: Nested) -> tuple[int, ...] | None:
    """Number of branches at each level from the root down; None if they are not equal.

    Examples
    --------
    >>> arities((((0, 1), (2, 3)), ((4, 5), (6, 7)))), arities(((0, 1), 2))
    ((2, 2, 2), None)
    """
    if not isinstance(nested, tuple):
        return ()
    below = {arities(part) for part in nested}
    if len(below) > 1 or None in below:
        return None
    return (len(nested), *(below.pop() or ()))


def regular(levels: tuple[int, ...]) -> Nested:
    """The tree over a chain of sites with these numbers of branches at each level."""

    def build(first: int, levels: tuple[int, ...]) -> tuple[Nested, int]:
        if not levels:
            return first, first + 1
        parts = []
        for _ in range(levels[0]):
            part, first = build(first, levels[1:])
            parts.append(part)
        return tuple(parts), first

    return build(0, levels)[0]
