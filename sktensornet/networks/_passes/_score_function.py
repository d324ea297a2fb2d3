"""Scores by the cores of a model: merged sites, shared cores and sites that are missing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..._arrays._namespace import Place
from ..._arrays._typing import Features, FloatArray, IntArray
from ..._arrays._workspace import Workspace
from .._cores import tied
from .._topologies import ends_anywhere
from .._tree import Tree
from ._contraction import Contraction
from ._pass import Pass, Prepared

if TYPE_CHECKING:
    from ._array_pass import ArrayPass

Tapes = list[tuple[int, "slice | IntArray", "Pass | ArrayPass"]]


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
        self._takes_lengths = place is None and is_even and ends_anywhere(tree)
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
        compiles: bool = True,
    ) -> tuple[FloatArray, Tapes]:
        """As `Contraction.forward`.

        With shared cores, `known` may be the number of sites of each sample up to
        the last one that is not missing.
        """
        whole = self.contraction
        n_sites = whole.tree.n_sites
        fitting = None
        if known is not None and len(known):
            fitting = self._lengths[np.searchsorted(self._lengths, known)]
        if fitting is None or (self._takes_lengths and fitting.min() < fitting.max()):
            own = prepared.by_n_sites[n_sites]
            scores, tape = whole.forward(own, features, work, wants_tape, fitting, compiles)
            return scores, [(n_sites, slice(None), tape)]
        tapes: Tapes = []
        result = np.empty(0)
        for n_sites in np.unique(fitting).tolist():
            fits = fitting == n_sites
            rows = slice(None) if fits.all() else np.flatnonzero(fits)
            contraction, _ = self._of(n_sites)
            parts = [feature[rows] for feature in features[:n_sites]]
            scores, tape = contraction.forward(
                self._prepared(prepared, n_sites), parts, work, wants_tape, compiles=compiles
            )
            if not tapes:
                result = np.empty((len(scores), len(fitting), scores.shape[2]), scores.dtype)
            result[:, rows] = scores
            tapes.append((n_sites, rows, tape))
        return result, tapes

    def backward(
        self, tapes: Tapes, score_gradient: FloatArray, wants_features: bool
    ) -> tuple[list[FloatArray], Features | None]:
        """As `Contraction.backward`, with derivatives by the distinct cores."""
        whole = self.contraction
        tree = whole.tree
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
