"""The plan of both passes over a tree, built once."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from .._tree import Tree
from ._steps import LEAVES_BETWEEN_CHECKS, Builder, Kind, Part, Span, View, by_site


class Visit(NamedTuple):
    """A node with a core (its position) or without (None), as the passes come to it.

    With `run` it stands for all nodes of these cores (`_folding`).
    """

    node: int
    children: tuple[int, ...]
    position: int | None
    checked: bool
    run: tuple[int, ...] = ()


def visits(tree: Tree) -> list[Visit]:
    """All nodes but the sites, from the leaves to the root, and whose message is checked.

    Few factors meet between two checks; products check themselves after every
    `LEAVES_BETWEEN_CHECKS` factors. Products other than "multiply" are not checked.
    """
    nodes = tree.nodes
    leaves: list[int] = []
    checked = [False] * len(nodes)
    for node in nodes:
        if node.axes is None:
            leaves.append(1)
            continue
        for child in sorted(node.children, key=lambda child: -leaves[child]):
            if sum(leaves[other] for other in node.children) <= LEAVES_BETWEEN_CHECKS:
                break
            if nodes[child].axes is not None:
                checked[child], leaves[child] = True, 1
        leaves.append(sum(leaves[child] for child in node.children))
    return [
        Visit(index, node.children, tree.core_of.get(index), checked[index] and tree.is_multilinear)
        for index, node in enumerate(nodes)
        if node.site is None
    ]


class Down(NamedTuple):
    """The way down: its input, steps, and results.

    Parameters
    ----------
    scores : View
        Where the derivative by the scores is written.
    part : Part
    by_core : tuple of View or None
        The derivative by each core (b, children..., out); None at sites that are looked up.
    by_feature : View or None
        The derivative by all features, (1, all m_k in turn), or by what is looked up alone.
    """

    scores: View
    part: Part
    by_core: tuple[View | None, ...]
    by_feature: View | None


class Plan:
    """Both passes over a tree.

    Parameters
    ----------
    tree : Tree
    message_sizes : tuple of int
    n_batch : int
    way : sequence of (Visit, rule)
        From the leaves to the root, and for each visit what makes its steps, with the methods
        ``up`` and ``down`` of `CoreRule`.
    merges : sequence of Merge
        What has become of the tree of the sites whose features come in.
    mode_sizes : tuple of int
        Of these.
    wants_tape : bool
        Whether there is a way down.
    ragged : bool, default=False
        Whether samples are of any length, for trees that `ends_anywhere`: each node is then
        for those that reach it (`Span`), and the message of one that has ended is that
        after its last step but one, in a product the unit.
    looked_up : collection of int
        Sites where no features come in, but their product with the core: its size is
        that of the site.

    Attributes
    ----------
    n_features : int
        Number of features of all sites of the tree.
    features : View
        Where the features of all sites come in, (1, all m_k in turn).
    up : Part
        The way up.
    messages : tuple of View
        The outgoing message of each node.
    units : list of (View, Span)
        Messages that are the unit of the product but for some samples.
    core_spans : list of (int, Span)
        Positions of cores that not all samples reach, and which do.
    """

    def __init__(
        self,
        tree: Tree,
        message_sizes: Sequence[int],
        n_batch: int,
        way: Sequence[tuple[Visit, Any]],
        merges: Sequence[Any],
        mode_sizes: Sequence[int],
        wants_tape: bool,
        looked_up: Collection[int] = (),
        ragged: bool = False,
    ) -> None:
        self._looked_up = looked_up
        self._tree, self._sizes, self._n_batch = tree, message_sizes, n_batch
        self._visits = list(way)
        self._merges, self._mode_sizes = merges, mode_sizes
        self._site_nodes = [
            (node.site, index) for index, node in enumerate(tree.nodes) if node.site is not None
        ]
        self.n_features = sum(message_sizes[index] for _, index in self._site_nodes)
        self._spans = _spans(tree) if ragged else [None] * len(tree.nodes)
        self._ends: dict[int, tuple[int, Span]] = {}
        self.units: list[tuple[View, Span]] = []
        build = Builder(n_batch)
        self.features = build.keep(1, sum(mode_sizes))
        self._sites = [by_site(self.features, mode_sizes)]
        for merge in merges:
            self._sites.append(merge.up(build, self._sites[-1]))
        messages: list[Any] = [None] * len(tree.nodes)
        for site, index in self._site_nodes:
            messages[index] = self._sites[-1][site]
        self._saved: dict[int, Any] = {}
        self._checks: dict[int, int] = {}
        for visit, rule in self._visits:
            if self._spans[visit.node] is None:
                self._complete(build, visit, messages)
            build.next_node(self._spans[visit.node])
            below = [messages[child] for child in visit.children]
            message, self._saved[visit.node] = rule.up(build, visit.position, below, wants_tape)
            if visit.checked:
                self._checks[visit.node] = build.check(message)
            messages[visit.node] = message
            for child, own in zip(visit.children, below):
                if (
                    not wants_tape
                    and not ragged
                    and tree.nodes[child].site is None
                    and own.buffer != message.buffer
                ):
                    build.release(own)
        spans = [(k, self._spans[node]) for k, node in enumerate(tree.order)]
        self.core_spans = [(position, span) for position, span in spans if span is not None]
        self.up = build.end()
        self.messages: tuple[View, ...] = tuple(messages)
        self._down: dict[tuple[bool, bool], Down] = {}

    def _complete(self, build: Builder, visit: Visit, messages: Sequence[View]) -> None:
        """Append what makes the messages to a node those of all samples."""
        for child in visit.children:
            span = self._spans[child]
            if span is None:
                continue
            if visit.position is None:
                self.units.append((messages[child], span))
                continue
            for (_, after), (node, own) in pairwise(_chain(self._tree, self._spans, child)):
                between = Span(own.first, after.first)
                self._ends[node] = child, between
                _copy(build, between, messages[node], messages[child])

    def down(self, wants_features: bool, wants_cores: bool = True) -> Down:
        """The way down, with or without the derivatives by the features and by the cores."""
        key = wants_features, wants_cores
        if key not in self._down:
            down = self._way_down(wants_features)
            if not wants_cores:
                part = down.part.without_numbers(len(self.up.buffers))
                down = down._replace(part=part, by_core=())
            self._down[key] = down
        return self._down[key]

    def _way_down(self, wants_features: bool) -> Down:
        build = Builder(self._n_batch, self.up)
        scores = build.keep(self._n_batch, self._sizes[-1])
        pending: list[Any] = [None] * len(self.messages)
        pending[-1] = scores
        rows, ends = None, []
        summed: list[tuple[int, int]] = []
        if wants_features or self._looked_up:
            rows = build.keep(1, sum(self._mode_sizes))
            ends = [by_site(rows, self._mode_sizes)]
            for merge in self._merges:
                ends.append(merge.targets(build, ends[-1]))
            for site, index in self._site_nodes:
                if self._n_batch == 1 or site in self._looked_up:
                    if wants_features or site in self._looked_up:
                        pending[index] = ends[-1][site]
                elif wants_features:
                    pending[index] = build.keep(self._n_batch, self._sizes[index])
                    summed.append((site, index))
        for visit, _ in self._visits:
            for child in visit.children:
                if self._tree.nodes[child].site is None:
                    pending[child] = build.keep(self._n_batch, self._sizes[child])
        by_core: list[Any] = [None] * len(self._tree.order)
        for visit, rule in reversed(self._visits):
            if visit.node in self._ends:
                last, span = self._ends[visit.node]
                _copy(build, span, pending[last], pending[visit.node])
            build.next_node(self._spans[visit.node])
            build.unscale(pending[visit.node], self._checks.get(visit.node))
            found = rule.down(
                build,
                visit.position,
                [self.messages[child] for child in visit.children],
                self._saved[visit.node],
                self.messages[visit.node],
                pending[visit.node],
                [pending[child] for child in visit.children],
            )
            if visit.run:
                for position, own in zip(visit.run, found, strict=True):
                    by_core[position] = own
            elif visit.position is not None:
                by_core[visit.position] = found
        if wants_features:
            for site, index in summed:
                build.next_node(self._spans[index])
                build.add(Kind.SUM_BATCH, pending[index], out=ends[-1][site])
            build.next_node()
            for level in reversed(range(len(self._merges))):
                self._merges[level].down(build, self._sites[level], ends[level + 1], ends[level])
        return Down(scores, build.end(), tuple(by_core), rows)


def _spans(tree: Tree) -> list[Span | None]:
    """Which samples reach each node: those that go on after the last site below it."""
    last: list[int] = []
    for node in tree.nodes:
        last.append(max((last[child] for child in node.children), default=node.site or 0))
    return [None if site == tree.n_sites - 1 else Span(site) for site in last]


def _chain(tree: Tree, spans: Sequence[Span | None], top: int | None) -> Iterator[tuple[int, Span]]:
    """The nodes from one down that each read one step more than that below, and their spans."""
    while top is not None and (span := spans[top]) is not None:
        yield top, span
        before = Span(span.first - 1)
        top = next((child for child in tree.nodes[top].children if spans[child] == before), None)


def _copy(build: Builder, span: Span, message: View, out: View) -> None:
    """Append a copy of a message of some samples: a sum over one, for which there is code."""
    build.next_node(span)
    one, to = (View(x.buffer, (1, math.prod(x.shape)), (0, 1), x.offset) for x in (message, out))
    build.add(Kind.SUM_BATCH, one, out=to)
