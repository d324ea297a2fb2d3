"""Networks of shared cores over sequences of different lengths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from ..._arrays._typing import Features, FloatArray, IntArray
from ..._arrays._workspace import Workspace
from .. import Contraction


class Lengths:
    """The contractions of one family, from which each sample takes the shortest that fits.

    Samples of one length are contracted together; the others' sites play no role.

    Parameters
    ----------
    contraction : Contraction
        Of a tree with shared cores; the longest of the family.
    """

    def __init__(self, contraction: Contraction) -> None:
        self._whole = contraction
        self._lengths = np.array(contraction.tree.lengths)
        n_sites = contraction.tree.n_sites
        self._shorter: dict[int, tuple[Contraction, tuple[int, ...]]] = {
            n_sites: (contraction, tuple(range(len(contraction.core_shapes))))
        }

    def _of(self, n_sites: int) -> tuple[Contraction, tuple[int, ...]]:
        """The contraction over some sites, and which cores of the whole it takes."""
        if n_sites not in self._shorter:
            whole = self._whole
            tree = whole.tree.with_n_sites(n_sites)
            places = tree.places_in(whole.tree)
            sizes = tree.sizes_like(whole.tree, whole.message_sizes)
            self._shorter[n_sites] = Contraction(tree, sizes, whole.n_batch), places
        return self._shorter[n_sites]

    def _groups(self, known: IntArray) -> Iterator[tuple[int, Any]]:
        """Each number of sites, and the samples that need it."""
        fitting = self._lengths[np.searchsorted(self._lengths, known)]
        for n_sites in np.unique(fitting):
            rows = np.flatnonzero(fitting == n_sites)
            yield int(n_sites), slice(None) if len(rows) == len(known) else rows

    def forward(
        self,
        cores: Sequence[FloatArray],
        features: Features,
        known: IntArray,
        work: Workspace | None = None,
        wants_tape: bool = True,
    ) -> tuple[FloatArray, list]:
        """As `Contraction.forward`; `known` is the number of sites of each sample."""
        parts, n = [], len(known)
        for n_sites, rows in self._groups(known):
            contraction, places = self._of(n_sites)
            own = [feature[rows] for feature in features[:n_sites]]
            scores, tape = contraction.forward(
                [cores[place] for place in places], own, work, wants_tape
            )
            parts.append((n_sites, rows, scores, tape))
        whole = self._whole
        result = np.empty((whole.n_batch, n, whole.message_sizes[-1]), parts[0][2].dtype)
        for _, rows, scores, _ in parts:
            result[:, rows] = scores
        return result, [(n_sites, rows, tape) for n_sites, rows, _, tape in parts]

    def backward(
        self,
        cores: Sequence[FloatArray],
        tapes: list,
        gradient: FloatArray,
        wants_features: bool,
        work: Workspace | None = None,
    ) -> tuple[list[FloatArray], Features | None]:
        """As `Contraction.backward`."""
        n = gradient.shape[1]
        by_core = [np.zeros(shape, gradient.dtype) for shape in self._whole.core_shapes]
        by_feature: list[FloatArray] | None = None
        if wants_features:
            tree, sizes = self._whole.tree, self._whole.message_sizes
            widths = {node.site: size for node, size in zip(tree.nodes, sizes, strict=True)}
            by_feature = [
                np.zeros((n, widths[site]), gradient.dtype) for site in range(tree.n_sites)
            ]
        for n_sites, rows, tape in tapes:
            contraction, places = self._of(n_sites)
            own, back = contraction.backward(
                [cores[place] for place in places], tape, gradient[:, rows], wants_features, work
            )
            for place, part in zip(places, own, strict=True):
                by_core[place] += part
            if by_feature is not None and back is not None:
                for site, part in enumerate(back):
                    by_feature[site][rows] = part
        return by_core, by_feature
