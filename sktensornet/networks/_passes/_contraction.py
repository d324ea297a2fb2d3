"""Contraction of a network with local features, and its adjoint.

One upward pass over the tree gives the scores, one downward pass the derivative
with respect to every core and every feature.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from ..._arrays._namespace import Place, namespace
from ..._arrays._typing import Features, FloatArray, IntArray
from ..._arrays._workspace import Workspace
from ..._support._optional import can_compile
from .._cores import core_shapes
from .._tree import Tree
from ._folding import folded, runs
from ._lengths import Lengths
from ._lookup import LookupRule
from ._merging import merges
from ._pass import Pass, Prepared
from ._plan import Plan, Visit, visits
from ._products import PRODUCTS
from ._rules import (
    CoreRule,
    JoinAllRule,
    JoinRule,
    MultiplyRule,
    Rule,
    core_rule,
)

if TYPE_CHECKING:
    from ._array_pass import ArrayPass

_WIDEST_COMPILED_SUM = 96
"""Messages of a sum above which its calls are long, and there is no core whose steps share a
cache, so that compiled code would gain nothing."""


class Contraction:
    r"""The network function of a tree whose message sizes are fixed.

    .. math:: s_c(X) = \langle W_c, f_1(x_1) \otimes \dots \otimes f_d(x_d) \rangle

    With another product than "multiply" it is the function that the same rules
    give with it; its messages are not rescaled.

    Parameters
    ----------
    tree : Tree
        The topology.
    message_sizes : tuple of int
        Length of the outgoing message of every node.
    n_batch : int, default=1
        Number of tensors over the same features (the classes, for separate
        class tensors).
    merges_sites : bool, default=False
        Whether neighbouring sites of few features are contracted as one where
        that is faster. `backward` then gives derivatives by the cores of the
        tree after that, which `gradients` takes back to the cores.
    indexed : collection of int, default=()
        Sites whose features are `Indicators`. Beside them no sites are merged; it
        takes the product "multiply".
    place : Place or None
        Where arrays are, of another library than NumPy, which takes no indicators.

    Attributes
    ----------
    core_shapes : tuple of tuple of int
        Shape (n_batch, children..., out) of each core.
    gradient_shapes : tuple of tuple of int
        Shapes of what `backward` gives by core.
    mode_sizes : tuple of int
        Number of features of each site.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.networks import tensor_train
    >>> from sktensornet.networks._passes._contraction import Contraction
    >>> contraction = Contraction(tensor_train(3), tensor_train(3).message_sizes((2, 2, 2), 2, 1))
    >>> cores = [np.ones(shape) for shape in contraction.core_shapes]
    >>> features = [np.full((5, 2), 0.5)] * 3
    >>> scores, tape = contraction.forward(cores, features)
    >>> scores.shape, float(scores[0, 0, 0])
    ((1, 5, 1), 4.0)
    >>> gradients, _ = contraction.backward(tape, np.ones_like(scores), False)
    >>> [gradient.shape for gradient in gradients] == [core.shape for core in cores]
    True
    """

    def __init__(
        self,
        tree: Tree,
        message_sizes: tuple[int, ...],
        n_batch: int = 1,
        merges_sites: bool = False,
        indexed: Collection[int] = (),
        place: Place | None = None,
    ) -> None:
        self.tree = tree
        self.message_sizes = message_sizes
        self.n_batch = n_batch
        self.core_shapes = core_shapes(tree, message_sizes, n_batch)
        modes = {n.site: m for n, m in zip(tree.nodes, message_sizes) if n.site is not None}
        self.mode_sizes = tuple(modes[site] for site in range(tree.n_sites))
        self._indexed = indexed
        merges_sites = merges_sites and not indexed
        self._merges = merges(tree, message_sizes, n_batch) if merges_sites else []
        self._tree, self._sizes = tree, message_sizes
        for merge in self._merges:
            self._tree, self._sizes = merge.tree, merge.message_sizes
        self.gradient_shapes = core_shapes(self._tree, self._sizes, n_batch)
        self._product, self._place = PRODUCTS[tree.product], place
        self._compiles = self._product is None and (
            not tree.multiplied or max(message_sizes) <= _WIDEST_COMPILED_SUM
        )
        self._rules: list[Rule] = []
        self._lookups: dict[int, tuple[int, LookupRule]] = {}
        planned = list(self._sizes)
        way = visits(self._tree)
        for visit in way:
            sizes, out = tuple(self._sizes[k] for k in visit.children), self._sizes[visit.node]
            if visit.position is None:
                self._rules.append(self._product_rule(len(sizes), out))
            else:
                rule = self._core_rule(sizes, out)
                for j, child in enumerate(visit.children):
                    site = self._tree.nodes[child].site
                    if site is not None and site in indexed and not isinstance(rule, LookupRule):
                        rule = LookupRule(sizes, out, j, n_batch)
                        self._lookups[site] = visit.position, rule
                        planned[child] = rule.n_looked_up
                self._rules.append(rule)
        foldable = place is not None and self._product is None
        self._runs = runs(self._tree, self._sizes, way) if foldable else []
        n_cores = len(self._tree.order)
        plain: list[tuple[Visit, Any]] = list(zip(way, self._rules, strict=True))
        self._ways = {False: plain, True: folded(plain, self._runs, n_cores)}
        self._plans: dict[tuple[bool, bool, bool], Plan] = {}
        self._planned_sizes = tuple(planned)
        self._planned_modes = tuple(
            self._lookups[site][1].n_looked_up if site in self._lookups else size
            for site, size in enumerate(self.mode_sizes)
        )
        kept = n_batch * sum(rule.entries for rule in self._rules)
        own = sum(m for node, m in zip(self._tree.nodes, planned) if node.site is not None)
        before = [merge.n_features for merge in self._merges]
        self.entries_per_sample: int = kept + 2 * own + sum(before)
        """About how many numbers a forward and a backward pass keep for each sample."""

    def __getstate__(self) -> dict:
        """What is sent to other processes, which build their own plans."""
        return self.__dict__ | {"_plans": {}}

    def _core_rule(self, sizes: tuple[int, ...], out: int) -> CoreRule | JoinRule:
        if self._product is None:
            fused = self._place is not None or (self._compiles and can_compile())
            return core_rule(sizes, out, fused)
        return JoinRule(sizes, out)

    def _product_rule(self, n_factors: int, out: int) -> MultiplyRule | JoinAllRule:
        return (MultiplyRule if self._product is None else JoinAllRule)(n_factors, out)

    def plan(self, wants_tape: bool, folds: bool = False, ragged: bool = False) -> Plan:
        """The steps of both passes, or of the way up alone; `folds` says whether runs are one.

        `ragged` is that of `Plan`.
        """
        key = wants_tape, folds, ragged
        if key not in self._plans:
            self._plans[key] = Plan(
                self._tree,
                self._planned_sizes,
                self.n_batch,
                self._ways[folds],
                self._merges,
                self._planned_modes,
                wants_tape,
                tuple(self._lookups),
                ragged,
            )
        return self._plans[key]

    def prepare(self, cores: Sequence[FloatArray], into: Prepared | None = None) -> Prepared:
        """Copy the cores as both passes use them, for many chunks of samples.

        Parameters
        ----------
        cores : sequence of ndarray
            The cores, as for `forward`.
        into : Prepared or None
            The result of an earlier call, into whose memory the cores are written,
            so that what workspaces keep of the passes is used again.

        Returns
        -------
        Prepared
            What `forward` takes.
        """
        levels = [list(cores)]
        for merge in self._merges:
            levels.append(merge.merged(levels[-1]))
        n_cores = len(self._tree.order) + len(self._runs)
        prepared = Prepared(n_cores) if into is None else into
        *prepared.levels, prepared.cores = levels
        prepared.filled.clear()
        if self._place is None:
            self._fill(prepared, False)
        return prepared

    def _fill(self, prepared: Prepared, folds: bool) -> None:
        """Copy the cores for passes with or without folded runs, if that is not done."""
        if folds in prepared.filled:
            return
        for visit, rule in self._ways[folds]:
            if visit.position is None:
                continue
            cores = prepared.cores
            own: Any = [cores[k] for k in visit.run] if visit.run else cores[visit.position]
            if prepared.matrices[visit.position]:
                rule.refresh(prepared.matrices[visit.position], own)
            else:
                prepared.matrices[visit.position] = rule.matrices(own)
        prepared.filled.add(folds)

    def _folds(self, n: int, wants_tape: bool) -> bool:
        """Whether runs are folded for n samples."""
        if self._place is None:
            return False
        options = self._place, n, self.n_batch, wants_tape
        return any(run.pays(*options) for run in self._runs)

    def forward(
        self,
        cores: Sequence[FloatArray] | Prepared,
        features: Features,
        work: Workspace | None = None,
        wants_tape: bool = True,
        lengths: IntArray | None = None,
        compiles: bool = True,
    ) -> tuple[FloatArray, Pass | ArrayPass]:
        """Scores of n samples.

        Parameters
        ----------
        cores : sequence of ndarray
            The cores (n_batch, children..., out), or what `prepare` made of them.
        features : sequence of ndarray of shape (n, m_k)
            Local features of each site, best with the samples innermost in memory;
            `Indicators` at sites that are indexed.
        work : Workspace or None
            Whose memory is used; a pass over as many samples with the same
            prepared cores writes over the tape of the one before.
        wants_tape : bool, default=True
            Whether `backward` follows.
        lengths : ndarray of int, shape (n,), or None
            For a tree that `ends_anywhere`, with sites of equal numbers of features: how
            many sites each sample has, one of ``tree.lengths``; not of indicators, nor
            elsewhere than in NumPy.
        compiles : bool, default=True
            Whether compiled code may be loaded, where the samples are enough for it.

        Returns
        -------
        scores : ndarray of shape (n_batch, n, n_outputs)
            Saturated at 2**100 (float32) or 2**300 (float64).
        tape : Pass
            What `backward` needs.
        """
        work = Workspace() if work is None else work
        prepared = cores if isinstance(cores, Prepared) else self.prepare(cores)
        n = features.shape[-2] if hasattr(features, "shape") else features[0].shape[0]

        folds = self._folds(n, wants_tape)
        self._fill(prepared, folds)

        def make() -> Pass | ArrayPass:
            plan = self.plan(wants_tape, folds, lengths is not None)
            if self._place is not None:
                # Loaded here, where arrays of another library come.
                from ._array_pass import ArrayPass

                return ArrayPass(plan, prepared, n, self._place)
            own = self._compiles and compiles
            return Pass(plan, prepared, n, work.block, self._product, own)

        key = id(prepared), n, wants_tape, lengths is not None, compiles
        tape = work.kept(key, make)
        if not isinstance(tape, Pass):
            return tape.forward(features, self.mode_sizes), tape
        if self._lookups:
            tape.looked_up = [(site, features[site]) for site in self._lookups]
            features = [
                own @ prepared.matrices[self._lookups[site][0]][0]
                if site in self._lookups
                else np.asarray(own)
                for site, own in enumerate(features)
            ]
        found = None if lengths is None else Lengths(lengths, self.tree.n_sites)
        return tape.forward(features, self._planned_modes, found), tape

    def backward(
        self,
        tape: Pass | ArrayPass,
        score_gradient: FloatArray,
        wants_features: bool,
        wants_cores: bool = True,
    ) -> tuple[list[FloatArray], Features | None]:
        """Derivatives of a loss, given its derivative with respect to the scores.

        Parameters
        ----------
        tape : Pass
            What `forward` returned.
        score_gradient : ndarray of shape (n_batch, n, n_outputs)
            Derivative of the loss by the scores.
        wants_features : bool
            Whether the derivative by the features is asked for.
        wants_cores : bool, default=True
            Whether those by the cores are; they take a quarter of the time of both
            passes, measured at rank 8 and 14 features.

        Returns
        -------
        core_gradients : list of ndarray
            Derivative by each core, in its shape, or see ``merges_sites``; empty where
            not asked for.
        feature_gradients : list of ndarray of shape (n, m_k), or None
            Derivative by the features of each site, if asked for; one array where
            all sites have as many. None at sites that are indexed. All derivatives
            last until the next pass on the same memory.
        """
        by_core, rows = tape.backward(score_gradient, wants_features, wants_cores)
        if rows is None:
            return by_core, None
        by_site = _by_site(rows, self._planned_modes)
        if not self._lookups:
            return by_core, by_site
        assert isinstance(tape, Pass)
        each: list = list(by_site)
        for site, features in tape.looked_up:
            position, rule = self._lookups[site]
            if wants_cores:
                by_core[position] = rule.core(features.adjoint(each[site]))
            each[site] = None
        return by_core, each if wants_features else None

    def gradients(self, prepared: Prepared, by_core: Sequence[FloatArray]) -> list[FloatArray]:
        """Derivatives by core from what `backward` gives, or sums of it over chunks.

        Parameters
        ----------
        prepared : Prepared
            What `prepare` returned.
        by_core : list of ndarray
            The derivatives.

        Returns
        -------
        list of ndarray
            In the shapes of the cores.
        """
        found = list(by_core)
        for merge, cores in zip(reversed(self._merges), reversed(prepared.levels), strict=True):
            found = merge.gradients(cores, found)
        return found


def _by_site(rows: FloatArray, mode_sizes: Sequence[int]) -> Features:
    """Rows (all m_k in turn, n) as one array (n, m_k) for each site."""
    if len(set(mode_sizes)) == 1:
        return namespace(rows).reshape(rows, (len(mode_sizes), mode_sizes[0], -1)).mT
    return [rows[end - size : end, :].mT for size, end in zip(mode_sizes, accumulate(mode_sizes))]
