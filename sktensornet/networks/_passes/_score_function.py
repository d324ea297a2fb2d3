"""Scores by the cores of a model: merged sites, shared cores and sites that are missing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..._arrays._namespace import Place
from ..._arrays._typing import Features, FloatArray, IntArray
from ..._arrays._workspace import Workspace
from .._cores import tied
from .._topologies import ends_anywhere
from .._tree import Tree
from ._array_pass import ArrayPass
from ._contraction import Contraction
from ._pass import Pass, Prepared

Tapes = list[tuple[int, "slice | IntArray | _Order", "Pass | ArrayPass"]]


class _Order(NamedTuple):
    """Samples from the longest to the shortest.

    Parameters
    ----------
    rows : ndarray of int
        Where they were.
    ends : ndarray of int
        The last site of each.
    going : ndarray of int
        For each site, how many have another one after it.
    """

    rows: IntArray
    ends: IntArray
    going: IntArray


class PreparedCores(NamedTuple):
    """Cores, and what the contraction over each number of sites makes of them."""

    cores: list[FloatArray]
    by_n_sites: dict[int, Prepared]


class ScoreFunction:
    """What a model computes of its cores, the same whether sites are merged or cores shared.

    From the networks of shared cores each sample takes the shortest that fits, and the
    sites after those of it play no role. Where one step follows the other (`ends_anywhere`)
    samples of all lengths are contracted together, elsewhere those of one length.

    Parameters
    ----------
    tree : Tree
    message_sizes : tuple of int
    n_batch : int
    indexed : collection of int
        As for `Contraction`; none with shared cores.
    place : Place or None
        Where arrays are, of another library than NumPy.

    Attributes
    ----------
    contraction : Contraction
        Over all sites.
    gradient_shapes : list of tuple of int
        Shapes of what `backward` gives by core.
    """

    def __init__(
        self,
        tree: Tree,
        message_sizes: tuple[int, ...],
        n_batch: int,
        indexed: Collection[int] = (),
        place: Place | None = None,
    ) -> None:
        self.contraction = whole = Contraction(tree, message_sizes, n_batch, True, indexed, place)
        self._lengths = np.array(tree.lengths)
        is_even = len(set(whole.mode_sizes)) == 1
        self._sorts = place is None and is_even and ends_anywhere(tree)
        everything = tuple(range(len(tree.order)))
        self._shorter: dict[int, tuple[Contraction, tuple[int, ...]]] = {
            tree.n_sites: (whole, everything)
        }
        shapes = whole.gradient_shapes
        self.gradient_shapes = [shapes[k] for k, *_ in tree.groups] if tree.labels else list(shapes)

    def _of(self, n_sites: int) -> tuple[Contraction, tuple[int, ...]]:
        """The contraction over some sites, and which cores of the whole it takes."""
        if n_sites not in self._shorter:
            whole = self.contraction
            tree = whole.tree.with_n_sites(n_sites)
            places = tree.places_in(whole.tree)
            sizes = tree.sizes_like(whole.tree, whole.message_sizes)
            self._shorter[n_sites] = Contraction(tree, sizes, whole.n_batch), places
        return self._shorter[n_sites]

    def prepare(
        self, cores: Sequence[FloatArray], into: PreparedCores | None = None
    ) -> PreparedCores:
        """As `Contraction.prepare`."""
        found = {self.contraction.tree.n_sites: None} if into is None else into.by_n_sites
        prepared = PreparedCores(list(cores), {})
        for n_sites, memory in found.items():
            self._prepared(prepared, n_sites, memory)
        return prepared

    def _prepared(
        self, prepared: PreparedCores, n_sites: int, into: Prepared | None = None
    ) -> Prepared:
        if n_sites not in prepared.by_n_sites:
            contraction, places = self._of(n_sites)
            own = contraction.prepare([prepared.cores[place] for place in places], into)
            return prepared.by_n_sites.setdefault(n_sites, own)
        return prepared.by_n_sites[n_sites]

    def forward(
        self,
        prepared: PreparedCores,
        features: Features,
        work: Workspace,
        wants_tape: bool = True,
        known: IntArray | None = None,
    ) -> tuple[FloatArray, Tapes]:
        """As `Contraction.forward`.

        With shared cores, `known` may be the number of sites of each sample up to
        the last one that is not missing.
        """
        whole = self.contraction
        n_sites = whole.tree.n_sites
        if known is None or not len(known):
            scores, tape = whole.forward(prepared.by_n_sites[n_sites], features, work, wants_tape)
            return scores, [(n_sites, slice(None), tape)]
        fitting = self._lengths[np.searchsorted(self._lengths, known)]
        if self._sorts and fitting.min() < fitting.max():
            return self._forward_sorted(prepared, features, work, wants_tape, fitting)
        tapes: Tapes = []
        result = np.empty(0)
        for n_sites in np.unique(fitting).tolist():
            fits = fitting == n_sites
            rows = slice(None) if fits.all() else np.flatnonzero(fits)
            contraction, _ = self._of(n_sites)
            own = [feature[rows] for feature in features[:n_sites]]
            scores, tape = contraction.forward(
                self._prepared(prepared, n_sites), own, work, wants_tape
            )
            if not tapes:
                result = np.empty((len(scores), len(known), scores.shape[2]), scores.dtype)
            result[:, rows] = scores
            tapes.append((n_sites, rows, tape))
        return result, tapes

    def _forward_sorted(
        self,
        prepared: PreparedCores,
        features: Features,
        work: Workspace,
        wants_tape: bool,
        lengths: IntArray,
    ) -> tuple[FloatArray, Tapes]:
        """As `forward`, with the longest samples first and the last step of each at the end."""
        whole = self.contraction
        order = np.argsort(-lengths, kind="stable")
        ends = lengths[order] - 1
        all_rows = features.mT if isinstance(features, np.ndarray) else _rows(features)
        rows = all_rows[:, :, order]
        rows[-1] = all_rows[ends, :, order].T
        going = np.count_nonzero(np.arange(whole.tree.n_sites)[:, None] < ends, axis=1)
        own = prepared.by_n_sites[whole.tree.n_sites]
        found, tape = whole.forward(own, rows.mT, work, wants_tape, going)
        scores = np.empty_like(found)
        scores[:, order] = found
        return scores, [(whole.tree.n_sites, _Order(order, ends, going), tape)]

    def _backward_sorted(
        self, order: _Order, tape: Any, score_gradient: FloatArray, wants_features: bool
    ) -> tuple[list[FloatArray], Features | None]:
        gradient = score_gradient[:, order.rows]
        by_core, by_feature = self.contraction.backward(tape, gradient, wants_features)
        by_core = tied(self.contraction.tree, by_core)
        if by_feature is None:
            return by_core, None
        assert isinstance(by_feature, np.ndarray)
        rows = by_feature.mT
        for site, stop in enumerate(order.going[:-1]):
            rows[site, :, stop:] = 0
        last = rows[-1].copy()
        rows[-1] = 0
        rows[order.ends, :, np.arange(len(order.ends))] = last.T
        result = np.empty_like(rows)
        result[:, :, order.rows] = rows
        return by_core, result.mT

    def backward(
        self, tapes: Tapes, score_gradient: FloatArray, wants_features: bool
    ) -> tuple[list[FloatArray], Features | None]:
        """As `Contraction.backward`, with derivatives by the distinct cores."""
        whole = self.contraction
        tree = whole.tree
        _, order, tape = tapes[0]
        if isinstance(order, _Order):
            return self._backward_sorted(order, tape, score_gradient, wants_features)
        if len(tapes) == 1 and tapes[0][0] == tree.n_sites:
            by_core, by_feature = whole.backward(tapes[0][2], score_gradient, wants_features)
            return tied(tree, by_core), by_feature
        n, dtype = score_gradient.shape[1], score_gradient.dtype
        by_core = [np.zeros(shape, dtype) for shape in whole.core_shapes]
        every = [np.zeros((n, m), dtype) for m in whole.mode_sizes if wants_features]
        for n_sites, rows, tape in tapes:
            contraction, places = self._of(n_sites)
            own, back = contraction.backward(tape, score_gradient[:, rows], wants_features)
            for place, part in zip(places, own, strict=True):
                by_core[place] += part
            for site, part in enumerate(() if back is None else back):
                every[site][rows] = part
        return tied(tree, by_core), every or None

    def gradients(self, prepared: PreparedCores, by_core: Sequence[FloatArray]) -> list[FloatArray]:
        """As `Contraction.gradients`, for the distinct cores."""
        whole = self.contraction
        return whole.gradients(prepared.by_n_sites[whole.tree.n_sites], by_core)


def _rows(features: Features) -> FloatArray:
    """Features (n, m) of each site as rows (sites, m, n)."""
    return np.stack([np.asarray(own).T for own in features])
