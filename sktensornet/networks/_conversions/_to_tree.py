"""The same tensor over another tree, without forming it."""

from __future__ import annotations

import math

import numpy as np

from ..._arrays._linalg import kept_rank
from ..._arrays._typing import FloatArray
from .._cores import message_core, network_of
from .._network import TensorNetwork
from .._tensors._gauge import round_network
from .._tensors._min_cut import min_cut
from .._tree import Tree

ROUNDING = 1e-13
"""Singular values of less than this share of the norm are rounding."""
LARGEST = 20_000_000
"""The largest number of entries of an array on the way."""
_CLASS = -1


def regraft(
    network: TensorNetwork, tree: Tree, rank: int | None, rank_tol: float
) -> tuple[TensorNetwork, float]:
    r"""Rewrite a joint network without element-wise products over another tree.

    .. math:: W^{(S_t)} = U_t \, (\cdot), \qquad U_t^\top U_t = I, \qquad
              U_t = (U_{t_1} \otimes U_{t_2}) B_t

    From the leaves to the root of the new tree, the legs that a node joins are
    brought together on one core of the old network, which is kept in canonical
    gauge around that core; its left singular vectors are those of the whole
    matricization, and become the core of the node. What is left takes the place
    of the legs, so the old network shrinks until only the root remains.

    Parameters
    ----------
    network : TensorNetwork
    tree : Tree
    rank : int or None
        Cap of every rank.
    rank_tol : float
        What may be dropped at each bond, as a share of the norm.

    Returns
    -------
    network : TensorNetwork
        In float64.
    error : float
        Norm of the difference as a share of the norm, from what was dropped.
        The projections are nested, so its squares add up.
    """
    web = _Web(network, tree)
    scale = web.norm() or 1.0
    below: list[list[int]] = []
    cores: dict[int, FloatArray] = {}
    dropped = 0.0
    for index, node in enumerate(tree.nodes):
        below.append([] if node.site is None else [node.site])
        if node.site is not None:
            continue
        for child in node.children:
            below[index] += below[child]
        if index == tree.root:
            cores[index] = web.last([*node.children, _CLASS])
            break
        cap = min_cut(network, below[index])
        cap = cap if rank is None else min(cap, rank)
        cores[index], squares = web.join(
            list(node.children), index, max(rank_tol, ROUNDING) * scale, cap
        )
        dropped += squares
    return network_of(tree, [cores[index][None] for index in tree.order]), dropped**0.5 / scale


class _Web:
    """A tree of tensors with named legs, in canonical gauge around `centre`.

    The legs of the sites, and of the groups of them that were joined, are named
    by the nodes of the new tree; bonds have negative names.
    """

    def __init__(self, network: TensorNetwork, tree: Tree) -> None:
        self.tensors: dict[int, tuple[FloatArray, list[int]]] = {}
        network = round_network(network, rank_tol=ROUNDING)
        old = network.tree
        names = {node.site: index for index, node in enumerate(tree.nodes) if node.site is not None}
        for index in old.order:
            legs = [
                -2 - child if (site := old.nodes[child].site) is None else names[site]
                for child in old.nodes[index].children
            ]
            out = _CLASS if index == old.root else -2 - index
            core = message_core(network, index)[0]
            self.tensors[index] = (core, [*legs, out])
        self._fresh = -2 - len(old.nodes)
        self.centre = old.root

    def norm(self) -> float:
        return float(np.linalg.norm(self.tensors[self.centre][0]))

    def join(
        self, legs: list[int], name: int, threshold: float, cap: int
    ) -> tuple[FloatArray, float]:
        """Replace legs by one; the orthonormal core that joins them, and what was dropped."""
        self._gather(legs)
        array, rest = self._front(self.centre, legs)
        lengths = array.shape[: len(legs)]
        matrix = array.reshape(math.prod(lengths), -1)
        left, values, right = np.linalg.svd(matrix, full_matrices=False)
        size = kept_rank(values[None], threshold, cap)
        kept = (values[:size, None] * right[:size]).reshape(size, *array.shape[len(legs) :])
        self.tensors[self.centre] = (kept, [name, *rest])
        self._tidy(self.centre)
        return left[:, :size].reshape(*lengths, size), float(np.sum(values[size:] ** 2))

    def last(self, legs: list[int]) -> FloatArray:
        """All that remains, over these legs."""
        while len(self.tensors) > 1:
            leaf = self._outwards(self.centre)[-1]
            self._absorb(leaf, self._path(leaf, self.centre)[1])
        return self._front(self.centre, legs)[0]

    def _gather(self, legs: list[int]) -> None:
        """Bring legs together on the tensor of the longest of them, and centre there."""
        longest = max(legs, key=self._length)
        for leg in legs:
            if self._holder(leg) != self._holder(longest):
                self._go(self._holder(leg))
                for neighbour in self._path(self.centre, self._holder(longest))[1:]:
                    self._push(self.centre, neighbour, [leg])
        self._go(self._holder(longest))

    def _go(self, goal: int) -> None:
        for neighbour in self._path(self.centre, goal)[1:]:
            self._push(self.centre, neighbour, [])

    def _push(self, index: int, neighbour: int, carried: list[int]) -> None:
        """Move the norm of a tensor over to its neighbour, and legs with it."""
        bond = self._bond(index, neighbour)
        array, others = self._front(index, [*carried, bond])
        lengths = array.shape[: len(carried)]
        n_front = len(carried) + 1
        matrix = array.reshape(math.prod(array.shape[:n_front]), -1).T
        tall = len(matrix) > matrix.shape[1]
        basis, matrix = np.linalg.qr(matrix) if tall else (np.eye(len(matrix)), matrix)
        moved, rest = self._front(neighbour, [bond])
        flat = moved.reshape(len(moved), -1)
        n_rows = len(matrix) if others else 1
        self._check(n_rows * math.prod(lengths) * flat.shape[1])
        product = (matrix.reshape(-1, len(moved)) @ flat).reshape(n_rows, -1)
        tail = [*lengths, *moved.shape[1:]]
        if not others:
            del self.tensors[index]
            self.tensors[neighbour] = (product.reshape(tail), [*carried, *rest])
        else:
            if carried:
                left, values, right = np.linalg.svd(product, full_matrices=False)
                size = kept_rank(values[None], ROUNDING * float(np.linalg.norm(values)), None)
                product, basis = values[:size, None] * right[:size], basis @ left[:, :size]
            self._fresh -= 1
            size = len(product)
            shape = [*array.shape[n_front:], size]
            self.tensors[index] = (basis.reshape(shape), [*others, self._fresh])
            self.tensors[neighbour] = (
                product.reshape(size, *tail),
                [self._fresh, *carried, *rest],
            )
        self.centre = neighbour
        if others:
            self._tidy(index)

    def _tidy(self, index: int) -> None:
        """Multiply a matrix into the tensor beside it, where that does not grow."""
        legs = self.tensors[index][1]
        if len(legs) != 2:
            return
        for bond, other in (legs, legs[::-1]):
            near = [k for k, (_, own) in self.tensors.items() if bond in own and k != index]
            if near and self._length(other) <= self._length(bond):
                self._absorb(index, near[0])
                return

    def _absorb(self, index: int, neighbour: int) -> None:
        """Contract a tensor with its neighbour."""
        bond = self._bond(index, neighbour)
        array, others = self._front(index, [bond])
        moved, rest = self._front(neighbour, [bond])
        self._check(array[0].size * moved[0].size)
        del self.tensors[index]
        self.tensors[neighbour] = (np.tensordot(array, moved, axes=(0, 0)), [*others, *rest])
        if self.centre == index:
            self.centre = neighbour

    def _front(self, index: int, legs: list[int]) -> tuple[FloatArray, list[int]]:
        """A tensor with some legs first, and the names of the others."""
        array, own = self.tensors[index]
        rest = [leg for leg in own if leg not in legs]
        return array.transpose([own.index(leg) for leg in [*legs, *rest]]), rest

    def _holder(self, leg: int) -> int:
        return next(index for index, (_, legs) in self.tensors.items() if leg in legs)

    def _length(self, leg: int) -> int:
        array, legs = self.tensors[self._holder(leg)]
        return array.shape[legs.index(leg)]

    def _bond(self, a: int, b: int) -> int:
        return next(leg for leg in self.tensors[a][1] if leg in self.tensors[b][1])

    def _neighbours(self) -> dict[int, list[int]]:
        ends: dict[int, list[int]] = {}
        for index, (_, legs) in self.tensors.items():
            for leg in legs:
                ends.setdefault(leg, []).append(index)
        near: dict[int, list[int]] = {index: [] for index in self.tensors}
        for pair in ends.values():
            if len(pair) == 2:
                near[pair[0]].append(pair[1])
                near[pair[1]].append(pair[0])
        return near

    def _search(self, start: int) -> dict[int, int]:
        """All tensors, the nearest first, with the one before each on the way from the start."""
        near = self._neighbours()
        before = {start: start}
        queue = [start]
        for index in queue:
            for other in near[index]:
                if other not in before:
                    before[other] = index
                    queue.append(other)
        return before

    def _outwards(self, start: int) -> list[int]:
        return list(self._search(start))

    def _path(self, start: int, goal: int) -> list[int]:
        if start == goal:
            return [start]
        before = self._search(goal)
        path = [start]
        while path[-1] != goal:
            path.append(before[path[-1]])
        return path

    def _check(self, size: int) -> None:
        if size > LARGEST:
            raise ValueError(
                f"the network needs an array of {size:,} entries on the way to the other tree, "
                f"more than {LARGEST:,}; its ranks there are too large. Make it smaller with "
                "round_network first, or keep the order of the sites."
            )
