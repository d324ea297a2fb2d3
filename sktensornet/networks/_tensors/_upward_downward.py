"""An upward and a downward pass over a tree, for any kind of message.

What a node does with its messages is given: Gram matrices for inner products and
the norm, polynomials of them for the orders of interaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from itertools import accumulate
from typing import Any, TypeVar

from ..._arrays._multilinear import mode_product
from ..._arrays._typing import FloatArray
from .._tree import Tree

T = TypeVar("T")
Each = Callable[[Callable[[Any], Any], Iterable[Any]], Any]
"""Calls a function with each of some items, such as `ChunkPool.runs`."""


def in_turn(function: Callable[[Any], Any], items: Iterable[Any]) -> None:
    """Call a function with each of some items, one after the other."""
    for item in items:
        function(item)


def upward(
    tree: Tree,
    site: Callable[[int], T],
    core: Callable[[int, list[T]], T],
    multiply: Callable[[T, T], T],
    each: Each = in_turn,
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
    each : callable
        Takes the branches below the root, perhaps at the same time.

    Returns
    -------
    list
        One for each node.
    """
    sent: list[Any] = [None] * len(tree.nodes)

    def send(indices: Iterable[int]) -> None:
        for index in indices:
            node = tree.nodes[index]
            arriving = [sent[child] for child in node.children]
            if node.site is not None:
                sent[index] = site(index)
            elif node.is_product:
                sent[index] = reduce(multiply, arriving)
            else:
                sent[index] = core(index, arriving)

    each(send, tree.branches)
    send([tree.root])
    return sent


def downward(
    tree: Tree,
    below: Sequence[T],
    top: T,
    core: Callable[[int, T, list[T]], Iterable[T]],
    multiply: Callable[[T, T], T],
    each: Each = in_turn,
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
    each : callable
        Takes the branches below the root, perhaps at the same time.

    Returns
    -------
    list
        One for each node.
    """
    above: list[T] = [top] * len(tree.nodes)

    def send(indices: Sequence[int]) -> None:
        for index in reversed(indices):
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

    send([tree.root])
    each(send, tree.branches)
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
