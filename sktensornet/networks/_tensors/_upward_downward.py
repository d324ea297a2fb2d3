"""An upward and a downward pass over a tree, for any kind of message.

What a node does with its messages is given: Gram matrices for inner products and
the norm, polynomials of them for the orders of interaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from itertools import accumulate
from typing import TypeVar

from ..._arrays._multilinear import mode_product
from ..._arrays._typing import FloatArray
from .._tree import Tree

T = TypeVar("T")


def upward(
    tree: Tree,
    site: Callable[[int], T],
    core: Callable[[int, list[T]], T],
    multiply: Callable[[T, T], T],
) -> list[T]:
    """The message that every node sends up.

    Parameters
    ----------
    tree : Tree
        The topology.
    site : callable
        ``site(index)`` is what the node of a site sends.
    core : callable
        ``core(index, messages)`` is what a core makes of those of its children.
    multiply : callable
        The element-wise product of two messages.

    Returns
    -------
    list
        One for each node.
    """
    sent: list[T] = []
    for index, node in enumerate(tree.nodes):
        arriving = [sent[child] for child in node.children]
        if node.site is not None:
            sent.append(site(index))
        elif node.is_product:
            sent.append(reduce(multiply, arriving))
        else:
            sent.append(core(index, arriving))
    return sent


def downward(
    tree: Tree,
    below: Sequence[T],
    top: T,
    core: Callable[[int, T, list[T]], Iterable[T]],
    multiply: Callable[[T, T], T],
) -> list[T]:
    """The message that arrives at every node from above.

    Parameters
    ----------
    tree : Tree
        The topology.
    below : sequence
        From `upward`.
    top : object
        What arrives at the root.
    core : callable
        ``core(index, message, messages)`` is what a core sends to each of its
        children, given what arrives from above and from all of them.
    multiply : callable
        The element-wise product of two messages.

    Returns
    -------
    list
        One for each node.
    """
    above: list[T] = [top] * len(tree.nodes)
    for index in range(len(tree.nodes) - 1, -1, -1):
        node = tree.nodes[index]
        arriving = [below[child] for child in node.children]
        if node.is_product:
            before = list(accumulate(arriving[:-1], multiply, initial=above[index]))
            after = list(accumulate(arriving[:0:-1], multiply))[::-1]
            sent: Iterable[T] = [*map(multiply, before, after), before[-1]]
        else:
            sent = core(index, above[index], arriving) if node.children else ()
        for child, message in zip(node.children, sent, strict=True):
            above[child] = message
    return above


def raised(
    core: FloatArray, grams: Sequence[FloatArray | None], without: int | None = None
) -> FloatArray:
    """A core (b, children..., out) times the Gram matrices of its children, or of all but one.

    None stands for the identity, which a site sends.
    """
    for place, gram in enumerate(grams):
        if gram is not None and place != without:
            core = mode_product(core, gram.mT, 1 + place)
    return core
