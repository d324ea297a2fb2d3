"""Neighbouring sites of few features contracted into one of more.

Their cores are contracted once for many samples. Of two features each it costs
no more multiplications than before, 2 * 2 = 2 + 2, in half as many steps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..._arrays._namespace import each, namespace, stacked
from ..._arrays._typing import FloatArray
from .._cores import core_shapes
from .._tree import OUT, Node, Tree
from ._steps import Builder, Kind, View

_PASS = 17
"""What a number written or read sample by sample costs, in flops of a matrix product."""

_SWAPPED = (0, 2, 1, 3)
_STACKED_SWAPPED = (0, 1, 3, 2, 4)

_STEP = 4_000
"""What one step costs beyond that, in flops for each sample of a chunk."""


class _Run(NamedTuple):
    """Pairs whose sites lie at equal distances in memory: from first to last, and their views."""

    first: int
    last: int
    left: View
    right: View


@dataclass(frozen=True)
class Merge:
    r"""A tree in which pairs of neighbours along a chain have become one site each.

    .. math:: G_{a (i j) c} = \sum_b G_{a i b} G_{b j c}, \qquad f_{(i j)} = f_i f_j

    The pairs are the first sites of the new tree, in their order, then come the others.

    Parameters
    ----------
    tree : Tree
        The new one.
    message_sizes : tuple of int
        Of it.
    shapes : tuple of tuple of int
        Shape (b, children..., out) of each of its cores.
    sites : list of (int, int)
        The sites that are pairs.
    single : list of int
        The other sites.
    size : int
        Number of features of each site of a pair.
    n_features : int
        Number of features of all sites before.
    cores : list of (int, int)
        Position of the lower and of the upper core of each pair, before.
    site_first : frozenset of int
        Positions of cores of pairs whose first child is the site.
    kept : list of int
        Positions before of the cores after; of a pair that of the upper one.
    """

    tree: Tree
    message_sizes: tuple[int, ...]
    shapes: tuple[tuple[int, ...], ...]
    sites: list[tuple[int, int]]
    single: list[int]
    size: int
    n_features: int
    cores: list[tuple[int, int]]
    site_first: frozenset[int]
    kept: list[int]

    def merged(self, cores: Sequence[FloatArray]) -> list[FloatArray]:
        """The cores of the new tree."""
        xp, new = namespace(cores[0]), {position: cores[position] for position in self.kept}
        for pairs in self._alike(cores):
            left, right = self._factors(xp, cores, pairs)
            for (_, upper), own in zip(pairs, each(left @ right), strict=True):
                new[upper] = own
        return [xp.reshape(new[k], shape) for k, shape in zip(self.kept, self.shapes, strict=True)]

    def gradients(
        self, cores: Sequence[FloatArray], by_merged: Sequence[FloatArray]
    ) -> list[FloatArray]:
        """Derivatives by the cores before, given those by the new ones."""
        xp, found = namespace(cores[0]), dict(zip(self.kept, by_merged, strict=True))
        for pairs in self._alike(cores):
            wholes = [found[upper] for _, upper in pairs]
            # Sums over all samples may be more precise than the cores.
            factors = self._factors(xp, cores, pairs)
            left, right = (xp.astype(one, wholes[0].dtype, copy=False) for one in factors)
            whole = xp.reshape(stacked(wholes), (*left.shape[:-1], right.shape[-1]))
            for k, parts in enumerate((whole @ right.mT, left.mT @ whole)):
                shape = cores[pairs[0][k]].shape
                if pairs[0][k] in self.site_first:
                    swapped = (len(pairs), *(shape[axis] for axis in _SWAPPED))
                    parts = xp.permute_dims(xp.reshape(parts, swapped), _STACKED_SWAPPED)
                parts = xp.reshape(parts, (len(pairs), *shape))
                for pair, part in zip(pairs, each(parts), strict=True):
                    found[pair[k]] = part
        return [found[position] for position in range(len(cores))]

    def _alike(self, cores: Sequence[FloatArray]) -> Iterator[list[tuple[int, int]]]:
        """Pairs whose cores have equal shapes, which are multiplied in one call."""
        groups: dict[tuple, list[tuple[int, int]]] = {}
        for pair in self.cores:
            key = tuple((cores[k].shape, k in self.site_first) for k in pair)
            groups.setdefault(key, []).append(pair)
        yield from groups.values()

    def _factors(
        self, xp: Any, cores: Sequence[FloatArray], pairs: Sequence[tuple[int, int]]
    ) -> tuple[FloatArray, FloatArray]:
        """Cores of all pairs as (pairs, b, below and site, bond) and (..., bond, site and out)."""
        a, b = (
            xp.permute_dims(stack, _STACKED_SWAPPED) if own[0] in self.site_first else stack
            for own in zip(*pairs, strict=True)
            for stack in [stacked([cores[k] for k in own])]
        )
        *alike, bond = a.shape[0], a.shape[1], a.shape[-1]
        return xp.reshape(a, (*alike, -1, bond)), xp.reshape(b, (*alike, bond, -1))

    def up(self, build: Builder, sites: Sequence[View]) -> list[View]:
        """Append what makes the features of the new sites; where they and the others are."""
        pairs, found = self._pairs(build, sites)
        m = self.size
        for first, last, left, right in self._runs(sites):
            out = View(pairs.buffer, (last - first, m, m), (m * m, m, 1), first * m * m)
            build.add(Kind.MULTIPLY, left.expand(2), right.expand(1), out=out)
        return found

    def targets(self, build: Builder, sites: Sequence[View]) -> list[View]:
        """Where the derivatives by the new sites go, given where those by the sites do."""
        return self._pairs(build, sites)[1]

    def down(
        self, build: Builder, features: Sequence[View], new: Sequence[View], sites: Sequence[View]
    ) -> None:
        """Append what makes the derivatives by the sites from those by the new ones."""
        m = self.size
        runs = zip(self._runs(features), self._runs(sites), strict=True)
        for (first, last, left, right), (_, _, to_left, to_right) in runs:
            each = View(new[0].buffer, (last - first, m, m), (m * m, m, 1), first * m * m)
            build.add(Kind.CONTRACT, each, right, out=to_left)
            build.add(Kind.CONTRACT, each.mT, left, out=to_right)

    def _pairs(self, build: Builder, sites: Sequence[View]) -> tuple[View, list[View]]:
        """Memory for all pairs, and where the new sites are."""
        n, squared = len(self.sites), self.size**2
        pairs = build.keep(1, n * squared)
        found = [pairs.part(k * squared, (k + 1) * squared) for k in range(n)]
        return pairs, [*found, *(sites[site] for site in self.single)]

    def _runs(self, sites: Sequence[View]) -> Iterator[_Run]:
        """The pairs, as many together as NumPy takes in one call."""
        places = [tuple((sites[s].buffer, sites[s].offset) for s in pair) for pair in self.sites]
        first = 0
        while first < len(places):
            last, steps = first + 1, (0, 0)
            while last < len(places):
                own = _steps(places[last - 1], places[last])
                if own is None or (last > first + 1 and own != steps):
                    break
                last, steps = last + 1, own
            left, right = (
                View(buffer, (last - first, self.size), (step, 1), offset)
                for (buffer, offset), step in zip(places[first], steps, strict=True)
            )
            yield _Run(first, last, left, right)
            first = last


def _steps(before: tuple, after: tuple) -> tuple[int, int] | None:
    """From a pair to the next, in rows, if they lie in the same buffers."""
    (a, x), (b, y) = before
    (a_next, x_next), (b_next, y_next) = after
    return (x_next - x, y_next - y) if (a, b) == (a_next, b_next) else None


def merges(tree: Tree, message_sizes: tuple[int, ...], n_batch: int) -> list[Merge]:
    """What may be merged, again and again; nothing where few sites would cost less."""
    found: list[Merge] = []
    while merge := _merge(tree, message_sizes, n_batch):
        found.append(merge)
        tree, message_sizes = merge.tree, merge.message_sizes
    return found


def _merge(tree: Tree, message_sizes: tuple[int, ...], n_batch: int) -> Merge | None:
    if not tree.is_multilinear or tree.labels:
        return None
    modes = {n.site: m for n, m in zip(tree.nodes, message_sizes) if n.site is not None}
    (size, _), *_ = Counter(modes.values()).most_common(1)
    pairs: list[tuple[int, int]] = []
    taken: set[int] = set()
    for index, node in enumerate(tree.nodes):
        if len(node.children) < 2 or not _is_link(tree, message_sizes, index, size):
            continue
        (lower,) = (child for child in node.children if tree.nodes[child].site is None)
        if lower in taken or not _is_link(tree, message_sizes, lower, size):
            continue
        below = [message_sizes[c] for c in tree.nodes[lower].children if tree.nodes[c].site is None]
        a, b, c = (*below, 1)[0], message_sizes[lower], message_sizes[index]
        if _cost(a, size**2, c) < _cost(a, size, b) + _cost(b, size, c):
            pairs.append((lower, index))
            taken |= {lower, index}
    if 4 * len(pairs) < tree.n_sites:
        return None
    # As the sites lie in memory, so that the steps from one to the next are positive.
    pairs.sort(key=lambda pair: _site(tree, pair[0]))
    return _rewritten(tree, message_sizes, n_batch, pairs, modes)


def _rewritten(
    tree: Tree,
    message_sizes: tuple[int, ...],
    n_batch: int,
    pairs: list[tuple[int, int]],
    modes: dict[int, int],
) -> Merge:
    """The tree in which pairs of core nodes, the second above the first, are one."""
    sites = [(_site(tree, lower), _site(tree, upper)) for lower, upper in pairs]
    merged = {site for pair in sites for site in pair}
    single = [site for site in range(tree.n_sites) if site not in merged]
    size = modes[sites[0][0]]
    nodes = [Node(site=k) for k in range(len(pairs) + len(single))]
    sizes = [size**2] * len(pairs) + [modes[site] for site in single]
    new_site = {site: len(pairs) + k for k, site in enumerate(single)}
    place = {k: new_site[node.site] for k, node in enumerate(tree.nodes) if node.site in new_site}
    pair_of = {upper: (k, lower) for k, (lower, upper) in enumerate(pairs)}
    lowers = {lower for lower, _ in pairs}
    order: dict[int, int] = {}
    for index, node in enumerate(tree.nodes):
        if node.site is not None or index in lowers:
            continue
        children: tuple[int, ...] = tuple(place[c] for c in node.children if c in place)
        axes = node.axes
        if index in pair_of:
            pair, lower = pair_of[index]
            children = (*(place[c] for c in tree.nodes[lower].children if c in place), pair)
            axes = (*range(len(children)), OUT)
        place[index] = len(nodes)
        nodes.append(Node(children=children, axes=axes))
        sizes.append(message_sizes[index])
        if node.axes is not None:
            order[tree.core_of[index]] = place[index]
    kept = sorted(order)
    new = Tree(tuple(nodes), tuple(order[k] for k in kept), tree.format)
    both = [index for pair in pairs for index in pair]
    first = (
        tree.core_of[index]
        for index in both
        if len(tree.nodes[index].children) == 2
        and tree.nodes[tree.nodes[index].children[0]].site is not None
    )
    return Merge(
        tree=new,
        message_sizes=tuple(sizes),
        shapes=core_shapes(new, sizes, n_batch),
        sites=sites,
        single=single,
        size=size,
        n_features=sum(modes.values()),
        cores=[(tree.core_of[lower], tree.core_of[upper]) for lower, upper in pairs],
        site_first=frozenset(first),
        kept=kept,
    )


def _cost(a: int, m: int, b: int) -> int:
    """What a core (a, m, b) costs for each sample, in flops of a matrix product."""
    x, y, _ = sorted((a, m, b))
    return 6 * a * m * b + 4 * _PASS * x * y + _STEP


def _is_link(tree: Tree, message_sizes: Sequence[int], index: int, size: int) -> bool:
    """Whether a node has one site, of that many features, and at most one node below."""
    node = tree.nodes[index]
    if node.axes is None or len(node.children) > 2:
        return False
    own = [message_sizes[child] for child in node.children if tree.nodes[child].site is not None]
    return own == [size]


def _site(tree: Tree, index: int) -> int:
    """The only site among the children of a node."""
    (site,) = (
        s for child in tree.nodes[index].children if (s := tree.nodes[child].site) is not None
    )
    return site
