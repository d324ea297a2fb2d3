"""Neighbouring sites of few features contracted into one of more.

Their cores are contracted once for many samples. Of two features each it costs
no more multiplications than before, 2 * 2 = 2 + 2, in half as many steps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..._arrays._typing import Features, FloatArray, IntArray
from ..._arrays._workspace import Workspace
from .._tree import OUT, Node, Tree
from ._contraction import Contraction
from ._tape import Matrices, by_site

_PASS = 17
"""What a number written or read sample by sample costs, in flops of a matrix product."""

_STEP = 4_000
"""What one step costs beyond that, in flops for each sample of a chunk."""


class MergedMatrices(NamedTuple):
    """Cores as the passes use them, and the pairs (b, r, m, r) that were merged."""

    inner: Matrices | MergedMatrices
    pairs: list[tuple[FloatArray, FloatArray]]


class MergedContraction:
    r"""A contraction in which neighbours along a chain are one site.

    .. math:: G_{a (i j) c} = \sum_b G_{a i b} G_{b j c}, \qquad f_{(i j)} = f_i f_j

    Parameters
    ----------
    contraction : Contraction
    pairs : list of (int, int)
        Nodes of cores, the second above the first, whose sites have as many
        features each.
    """

    def __init__(self, contraction: Contraction, pairs: list[tuple[int, int]]) -> None:
        tree, sizes = contraction.tree, contraction.message_sizes
        self._whole = contraction
        self._lower = [tree.core_of[lower] for lower, _ in pairs]
        self._upper = [tree.core_of[upper] for _, upper in pairs]
        self._sites = np.array([[_site(tree, node) for node in pair] for pair in pairs])
        in_pairs = set(self._sites.ravel().tolist())
        self._single = [site for site in range(tree.n_sites) if site not in in_pairs]
        nodes = [Node(site=k) for k in range(len(pairs) + len(self._single))]
        place = {
            index: len(pairs) + self._single.index(node.site)
            for index, node in enumerate(tree.nodes)
            if node.site in self._single
        }
        modes = contraction.mode_sizes
        self._size = modes[self._sites[0, 0]]
        new_sizes = [self._size**2] * len(pairs) + [modes[site] for site in self._single]
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
            new_sizes.append(sizes[index])
            if node.axes is not None:
                order[tree.core_of[index]] = place[index]
        self._kept = sorted(order)
        coarse_tree = Tree(tuple(nodes), tuple(order[k] for k in self._kept), tree.format)
        coarse = Contraction(coarse_tree, tuple(new_sizes), contraction.n_batch)
        self.mode_sizes = modes
        self._shapes = coarse.core_shapes
        self._merged: Contraction | MergedContraction = merged(coarse) or coarse
        self.gradient_shapes: tuple[tuple[int, ...], ...] = self._merged.gradient_shapes
        self.entries_per_sample: int = self._merged.entries_per_sample + sum(modes)

    def _ordered(self, core: FloatArray, position: int) -> FloatArray:
        """A core of a pair as (b, lower, m, upper), or back from that if it has three legs."""
        tree = self._whole.tree
        children = tree.nodes[tree.order[position]].children
        if core.ndim == 3:
            return core[:, None]
        return core.swapaxes(1, 2) if tree.nodes[children[0]].site is not None else core

    def prepare(
        self, cores: Sequence[FloatArray], into: MergedMatrices | None = None
    ) -> MergedMatrices:
        """As `Contraction.prepare`, of the merged cores."""
        new = {position: cores[position] for position in self._kept}
        pairs = []
        for lower, upper in zip(self._lower, self._upper, strict=True):
            a, b = self._ordered(cores[lower], lower), self._ordered(cores[upper], upper)
            pairs.append((a, b))
            new[upper] = np.matmul(
                a.reshape(len(a), -1, a.shape[-1]), b.reshape(len(b), b.shape[1], -1)
            )
        shapes = dict(zip(self._kept, self._shapes, strict=True))
        coarse = [new[k].reshape(shapes[k]) for k in self._kept]
        inner: Any = None if into is None else into.inner
        return MergedMatrices(self._merged.prepare(coarse, inner), pairs)

    def gradients(
        self, prepared: MergedMatrices, by_merged: Sequence[FloatArray]
    ) -> list[FloatArray]:
        """As `Contraction.gradients`."""
        inner: Any = prepared.inner
        by_merged = self._merged.gradients(inner, list(by_merged))
        found = dict(zip(self._kept, by_merged, strict=True))
        for lower, upper, (a, b) in zip(self._lower, self._upper, prepared.pairs, strict=True):
            left, right = a.reshape(len(a), -1, a.shape[-1]), b.reshape(len(b), b.shape[1], -1)
            whole = found[upper].reshape(len(a), left.shape[1], right.shape[2])
            found[lower] = self._ordered(np.matmul(whole, right.mT).reshape(a.shape), lower)
            found[upper] = self._ordered(np.matmul(left.mT, whole).reshape(b.shape), upper)
        shapes = self._whole.core_shapes
        return [found[position].reshape(shape) for position, shape in enumerate(shapes)]

    def forward(
        self,
        prepared: MergedMatrices,
        features: Features,
        work: Workspace | None = None,
        wants_tape: bool = True,
    ) -> tuple[FloatArray, tuple[Any, FloatArray, FloatArray]]:
        """As `Contraction.forward`."""
        work = Workspace() if work is None else work
        x, y = (_rows(features, sites) for sites in self._sites.T)
        n_pairs, size, n = x.shape
        design = work.keep((n_pairs, size * size, n), x.dtype)
        np.multiply(x[:, :, None], y[:, None], out=design.reshape(n_pairs, size, size, n))
        coarse: Features = design.mT
        if self._single:
            coarse = [*design.mT, *(features[site] for site in self._single)]
        inner: Any = prepared.inner
        scores, tape = self._merged.forward(inner, coarse, work, wants_tape)
        return scores, (tape, x, y)

    def backward(
        self,
        prepared: MergedMatrices,
        tape: tuple[Any, FloatArray, FloatArray],
        score_gradient: FloatArray,
        wants_features: bool,
        work: Workspace | None = None,
    ) -> tuple[list[FloatArray], Features | None]:
        """As `Contraction.backward`, but with respect to the merged cores."""
        found, rows = self._backward_rows(prepared, tape, score_gradient, wants_features, work)
        return found, None if rows is None else by_site(rows, self.mode_sizes)

    def _backward_rows(
        self,
        prepared: MergedMatrices,
        tape: tuple[Any, FloatArray, FloatArray],
        score_gradient: FloatArray,
        wants_features: bool,
        work: Workspace | None = None,
    ) -> tuple[list[FloatArray], FloatArray | None]:
        """As `backward`, with the feature derivatives as rows (all m_k in turn, n)."""
        work = Workspace() if work is None else work
        own, x, y = tape
        inner: Any = prepared.inner
        by_merged, coarse = self._merged._backward_rows(
            inner, own, score_gradient, wants_features, work
        )
        if coarse is None:
            return by_merged, None
        n_pairs, size, n = x.shape
        n_rows = n_pairs * size * size
        each = coarse[:n_rows].reshape(n_pairs, size, size, n)
        rows = work.keep((sum(self.mode_sizes), n), x.dtype)
        ends = np.cumsum(self.mode_sizes)
        within = np.arange(size) - size
        for side, sum_over, other in ((0, "pijn,pjn->pin", y), (1, "pijn,pin->pjn", x)):
            part = np.einsum(sum_over, each, other, out=work.spare(x.shape, x.dtype))
            rows[ends[self._sites[:, side]][:, None] + within] = part
        for site in self._single:
            m = self.mode_sizes[site]
            rows[ends[site] - m : ends[site]] = coarse[n_rows : n_rows + m]
            n_rows += m
        return by_merged, rows


def merged(contraction: Contraction) -> MergedContraction | None:
    """The contraction with pairs of small sites merged, or None where few would cost less."""
    tree = contraction.tree
    if not tree.is_multilinear or tree.labels:
        return None
    pairs: list[tuple[int, int]] = []
    taken: set[int] = set()
    (size, _), *_ = Counter(contraction.mode_sizes).most_common(1)
    for index, node in enumerate(tree.nodes):
        if len(node.children) < 2 or not _is_link(contraction, index, size):
            continue
        (lower,) = (child for child in node.children if tree.nodes[child].site is None)
        if lower in taken or not _is_link(contraction, lower, size):
            continue
        a, b = _incoming(contraction, lower), contraction.message_sizes[lower]
        c = contraction.message_sizes[index]
        if _cost(a, size**2, c) < _cost(a, size, b) + _cost(b, size, c):
            pairs.append((lower, index))
            taken |= {lower, index}
    worth_it = 4 * len(pairs) >= tree.n_sites
    return MergedContraction(contraction, pairs) if worth_it else None


def _cost(a: int, m: int, b: int) -> int:
    """What a core (a, m, b) costs for each sample, in flops of a matrix product."""
    x, y, _ = sorted((a, m, b))
    return 6 * a * m * b + 4 * _PASS * x * y + _STEP


def _is_link(contraction: Contraction, index: int, size: int) -> bool:
    """Whether a node has one site, of that many features, and at most one node below."""
    tree = contraction.tree
    node = tree.nodes[index]
    if node.axes is None:
        return False
    sites = [tree.nodes[child].site for child in node.children]
    if len(sites) > 2 or sum(site is not None for site in sites) != 1:
        return False
    return contraction.mode_sizes[_site(tree, index)] == size


def _incoming(contraction: Contraction, index: int) -> int:
    """Length of the message from the node below, 1 if there is none."""
    nodes = contraction.tree.nodes
    below = [child for child in nodes[index].children if nodes[child].site is None]
    return contraction.message_sizes[below[0]] if below else 1


def _site(tree: Tree, index: int) -> int:
    """The only site among the children of a node."""
    (site,) = (
        s for child in tree.nodes[index].children if (s := tree.nodes[child].site) is not None
    )
    return site


def _rows(features: Features, sites: IntArray) -> FloatArray:
    """Features of some sites as one array (site, m, n)."""
    if isinstance(features, np.ndarray):
        return features.mT[sites]
    return np.stack([features[site].T for site in sites])
