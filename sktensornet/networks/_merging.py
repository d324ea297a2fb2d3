"""Neighbouring sites of two features contracted into one of four.

Their cores are contracted once for many samples. Of two features it costs no
more multiplications than before, 2 * 2 = 2 + 2, in half as many steps.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from .._typing import Features, FloatArray, IntArray
from .._workspace import Workspace
from ._contraction import Contraction, Matrices, Tape
from ._tree import OUT, Node, Tree

_MODE_SIZE = 2


class MergedMatrices(Matrices):
    """Cores as the passes use them, and the pairs (b, r, m, r) that were merged."""

    pairs: list[tuple[FloatArray, FloatArray]]


class MergedContraction:
    r"""A contraction in which neighbours along a chain are one site.

    .. math:: G_{a (i j) c} = \sum_b G_{a i b} G_{b j c}, \qquad f_{(i j)} = f_i f_j

    Parameters
    ----------
    contraction : Contraction
    pairs : list of (int, int)
        Nodes of cores, each the only one above the other but for a site.
    """

    def __init__(self, contraction: Contraction, pairs: list[tuple[int, int]]) -> None:
        tree, sizes = contraction.tree, contraction.message_sizes
        self._whole = contraction
        self._lower = [tree.core_of[lower] for lower, _ in pairs]
        self._upper = [tree.core_of[upper] for _, upper in pairs]
        self._sites = np.array([[_site(tree, node) for node in pair] for pair in pairs])
        merged = set(self._sites.ravel().tolist())
        self._single = [site for site in range(tree.n_sites) if site not in merged]
        nodes = [Node(site=k) for k in range(len(pairs) + len(self._single))]
        place = {
            index: len(pairs) + self._single.index(node.site)
            for index, node in enumerate(tree.nodes)
            if node.site in self._single
        }
        new_sizes = [_MODE_SIZE**2] * len(pairs) + [contraction.mode_sizes[s] for s in self._single]
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
        merged_tree = Tree(tuple(nodes), tuple(order[k] for k in self._kept), tree.format)
        self._merged = Contraction(merged_tree, tuple(new_sizes), contraction.n_batch)
        self.gradient_shapes = self._merged.core_shapes
        self.entries_per_sample = self._merged.entries_per_sample

    def _canonical(self, core: FloatArray, position: int) -> FloatArray:
        """A core of a pair as (b, lower, m, upper)."""
        node = self._whole.tree.nodes[self._whole.tree.order[position]]
        if node.out_first:
            core = core.swapaxes(1, -1)
        return core[:, None] if core.ndim == 3 else core

    def prepare(self, cores: Sequence[FloatArray]) -> MergedMatrices:
        """Merge the cores, for many chunks of samples."""
        working = self._whole.working_cores(cores)
        new = {position: cores[position] for position in self._kept}
        pairs = []
        for lower, upper in zip(self._lower, self._upper, strict=True):
            a = self._canonical(working[lower], lower)
            b = self._canonical(working[upper], upper)
            pairs.append((a, b))
            new[upper] = np.matmul(
                a.reshape(len(a), -1, a.shape[-1]), b.reshape(len(b), b.shape[1], -1)
            )
        prepared = MergedMatrices(
            self._merged.prepare(
                [
                    new[position].reshape(shape)
                    for position, shape in zip(self._kept, self.gradient_shapes, strict=True)
                ]
            )
        )
        prepared.pairs = pairs
        return prepared

    def gradients(
        self, prepared: MergedMatrices, by_merged: Sequence[FloatArray]
    ) -> list[FloatArray]:
        """Derivatives with respect to the cores, from those with respect to merged ones."""
        found = dict(zip(self._kept, by_merged, strict=True))
        for lower, upper, (a, b) in zip(self._lower, self._upper, prepared.pairs, strict=True):
            left, right = a.reshape(len(a), -1, a.shape[-1]), b.reshape(len(b), b.shape[1], -1)
            whole = found[upper].reshape(len(a), left.shape[1], right.shape[2])
            for position, part, like in (
                (lower, np.matmul(whole, right.mT), a),
                (upper, np.matmul(left.mT, whole), b),
            ):
                node = self._whole.tree.nodes[self._whole.tree.order[position]]
                part = part.reshape(like.shape)
                found[position] = part.swapaxes(1, -1) if node.out_first else part
        shapes = self._whole.core_shapes
        return [found[position].reshape(shape) for position, shape in enumerate(shapes)]

    def forward(
        self,
        prepared: MergedMatrices,
        features: Features,
        work: Workspace | None = None,
        wants_tape: bool = True,
    ) -> tuple[FloatArray, tuple[Tape, FloatArray, FloatArray]]:
        """As `Contraction.forward`."""
        work = Workspace() if work is None else work
        x, y = (_rows(features, sites) for sites in self._sites.T)
        n_pairs, size, n = x.shape
        design = work.keep((n_pairs, size * size, n), x.dtype)
        np.multiply(x[:, :, None], y[:, None], out=design.reshape(n_pairs, size, size, n))
        merged = [*design.mT, *(features[site] for site in self._single)]
        scores, tape = self._merged.forward(prepared, merged, work, wants_tape)
        return scores, (tape, x, y)

    def backward(
        self,
        prepared: MergedMatrices,
        tape: tuple[Tape, FloatArray, FloatArray],
        score_gradient: FloatArray,
        wants_features: bool,
        work: Workspace | None = None,
    ) -> tuple[list[FloatArray], Features | None]:
        """As `Contraction.backward`, but with respect to the merged cores."""
        work = Workspace() if work is None else work
        own, x, y = tape
        by_merged, rows = self._merged.backward_rows(
            prepared, own, score_gradient, wants_features, work
        )
        if rows is None:
            return by_merged, None
        n_pairs, size, n = x.shape
        n_rows = n_pairs * size * size
        each = rows[:n_rows].reshape(n_pairs, size, size, n)
        by_x = np.einsum("pijn,pjn->pin", each, y, out=work.keep(x.shape, x.dtype))
        by_y = np.einsum("pijn,pin->pjn", each, x, out=work.keep(x.shape, x.dtype))
        starts = np.cumsum([n_rows, *(self._whole.mode_sizes[site] for site in self._single)])
        parts = [rows[a:b] for a, b in pairwise(starts)]
        if all(len(part) == size for part in parts):
            stack = work.keep((self._whole.tree.n_sites, size, n), x.dtype)
            stack[self._sites[:, 0]], stack[self._sites[:, 1]] = by_x, by_y
            for site, part in zip(self._single, parts, strict=True):
                stack[site] = part
            return by_merged, stack.mT
        found = dict(zip(self._single, parts, strict=True))
        for (one, other), of_one, of_other in zip(self._sites.tolist(), by_x, by_y, strict=True):
            found[one], found[other] = of_one, of_other
        return by_merged, [found[site].T for site in range(self._whole.tree.n_sites)]


def merged(contraction: Contraction) -> MergedContraction | None:
    """The contraction with pairs of small sites merged, or None if there are none."""
    tree = contraction.tree
    if not tree.is_multilinear or tree.labels:
        return None
    pairs: list[tuple[int, int]] = []
    taken: set[int] = set()
    for index, node in enumerate(tree.nodes):
        if not _is_small_link(contraction, index) or len(node.children) < 2:
            continue
        (lower,) = (child for child in node.children if tree.nodes[child].site is None)
        if lower not in taken and _is_small_link(contraction, lower):
            pairs.append((lower, index))
            taken |= {lower, index}
    return MergedContraction(contraction, pairs) if pairs else None


def _is_small_link(contraction: Contraction, index: int) -> bool:
    """Whether a node has a site of two features and at most one node below."""
    tree = contraction.tree
    node = tree.nodes[index]
    if node.axes is None:
        return False
    sites = [tree.nodes[child].site for child in node.children]
    if len(sites) > 2 or sum(site is not None for site in sites) != 1:
        return False
    in_order = len(sites) == 1 or (sites[0] is None) != node.out_first
    return in_order and contraction.mode_sizes[_site(tree, index)] == _MODE_SIZE


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
