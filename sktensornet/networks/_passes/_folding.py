r"""A run of equal cores along a chain as a product of matrices, taken in pairs.

.. math:: h \mapsto A_L \cdots A_2 A_1 h, \qquad (A_k)_{pq} = \sum_m (G_k)_{qmp} \, (f_k)_m

The matrices of all sites are made in one step, whose cores are stacked, and multiplied pair by
pair, all pairs in one step: about log2 L long steps in the place of L short ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..._arrays._namespace import Place, contiguous, namespace, stacked
from .._tree import Tree
from ._plan import Visit
from ._steps import LEAVES_BETWEEN_CHECKS, Builder, Kind, View

_SHORTEST = 4
"""Cores of the shortest run that is folded: of fewer there are no fewer steps."""

_HOST_CALLS = 4e5
"""What the calls for one site are worth on a processor, in flops of small matrix products. By torch
on one thread, time folded over time not folded, at (d, m, r) and n samples with these flops:

(784, 2, 10), n = 1, 16, 128: steps 0.42, 0.67, 1.6 (6e3, 1e5, 8e5), scores 0.13, 0.18, 0.64
(2e3, 3e4, 3e5); (196, 2, 20): steps 0.78, 0.92, 3.9 (5e4, 8e5, 6e6), scores 0.32, 0.37, 1.5
(2e4, 3e5, 2e6); (49, 16, 16): steps 0.42, 0.88, 2.2 (2e4, 4e5, 3e6), scores 0.37, 0.32, 1.6
(8e3, 1e5, 1e6)."""

_DEVICE_CALLS = 2.5e8
"""The same on a device with memory of its own: some eight calls of 6 microseconds at 5 TFLOP/s,
which is what small products in batches may reach. No device was at hand to measure it."""

_MOST_NUMBERS = 5e8
"""In the matrices of all samples and their derivatives: 2 GB of float32."""


class Run(NamedTuple):
    """Nodes along a chain whose cores have equal shapes.

    Parameters
    ----------
    below : int
        The node whose message comes in.
    sites : tuple of int
        The nodes of the sites, from below.
    positions : tuple of int
        Of the cores.
    top : Visit
        The last of them.
    size, rank : int
        Number of features of each site; length of all messages.
    upwards : bool
        Whether the features of the sites lie in memory from below to the top.
    site_first : bool
        Whether the site is the first of the two children.
    """

    below: int
    sites: tuple[int, ...]
    positions: tuple[int, ...]
    top: Visit
    size: int
    rank: int
    upwards: bool
    site_first: bool

    def pays(self, place: Place, n: int, n_batch: int, wants_tape: bool) -> bool:
        """Whether the products of matrices of n samples cost less than calls for each site."""
        numbers = n * n_batch * self.rank**2
        flops = (6 if wants_tape else 2) * numbers * self.rank
        fits = 4 * len(self.sites) * numbers <= _MOST_NUMBERS
        return fits and flops < (_HOST_CALLS if place.is_host else _DEVICE_CALLS)


class _Link(NamedTuple):
    """An inner node of a chain: one site and one other child, whose message is as long."""

    visit: Visit
    position: int
    below: int
    site: int

    @property
    def site_first(self) -> bool:
        return self.visit.children[0] == self.site


def runs(tree: Tree, message_sizes: Sequence[int], visits: Sequence[Visit]) -> list[Run]:
    """All runs of a tree, each as long as it can be."""
    found: list[list[_Link]] = [[]]
    for visit in visits:
        link = _link(tree, message_sizes, visit)
        before = found[-1][-1] if found[-1] else None
        goes_on = (
            link is not None
            and before is not None
            and link.below == before.visit.node
            and message_sizes[link.site] == message_sizes[before.site]
            and link.site_first == before.site_first
        )
        if not goes_on:
            found.append([])
        if link is not None:
            found[-1].append(link)
    return [_run(tree, message_sizes, links) for links in found if len(links) >= _SHORTEST]


def _link(tree: Tree, message_sizes: Sequence[int], visit: Visit) -> _Link | None:
    if visit.position is None or visit.node == tree.root or len(visit.children) != 2:
        return None
    sites = [child for child in visit.children if tree.nodes[child].site is not None]
    if len(sites) != 1:
        return None
    (below,) = (child for child in visit.children if child not in sites)
    is_square = message_sizes[below] == message_sizes[visit.node]
    return _Link(visit, visit.position, below, sites[0]) if is_square else None


def _run(tree: Tree, message_sizes: Sequence[int], links: Sequence[_Link]) -> Run:
    first, last = links[0], links[-1]
    return Run(
        first.below,
        tuple(link.site for link in links),
        tuple(link.position for link in links),
        last.visit,
        message_sizes[last.site],
        message_sizes[first.below],
        _number(tree, first.site) < _number(tree, last.site),
        last.site_first,
    )


def _number(tree: Tree, node: int) -> int:
    """Of a site; they lie in memory in this order."""
    site = tree.nodes[node].site
    assert site is not None
    return site


def folded(
    way: Sequence[tuple[Visit, Any]], found: Sequence[Run], n_cores: int
) -> list[tuple[Visit, Any]]:
    """Visits and rules with one for each run, whose stack of cores comes after all cores."""
    inside = {position: k for k, run in enumerate(found) for position in run.positions}
    own: list[tuple[Visit, Any]] = []
    for visit, rule in way:
        k = None if visit.position is None else inside.get(visit.position)
        if k is None:
            own.append((visit, rule))
        elif found[k].top == visit:
            run = found[k]
            children = (run.below, *run.sites)
            whole = Visit(visit.node, children, n_cores + k, True, run.positions)
            own.append((whole, RunRule(run)))
    return own


class RunRule:
    """The rule of a run.

    Parameters
    ----------
    run : Run
    """

    def __init__(self, run: Run) -> None:
        self._length, self._size, self._rank = len(run.sites), run.size, run.rank
        self._upwards = run.upwards
        below, site = (2, 1) if run.site_first else (1, 2)
        self._axes = 0, site, 3, below

    def matrices(self, cores: Sequence[Any]) -> tuple[Any]:
        """The cores (b, children..., out) of the run as (sites, b, features, out, below)."""
        return (contiguous(self._stacked(cores)),)

    def refresh(self, matrices: tuple[Any, ...], cores: Sequence[Any]) -> None:
        """Write other cores into what `matrices` gave."""
        matrices[0][...] = self._stacked(cores)

    def _stacked(self, cores: Sequence[Any]) -> Any:
        axes = 0, *(1 + axis for axis in self._axes)
        return namespace(cores[0]).permute_dims(stacked(self._in_memory(cores)), axes)

    def _in_memory(self, each: Sequence[Any]) -> list[Any]:
        """What is given from below to the top in the order of the features, or back."""
        return list(each if self._upwards else each[::-1])

    def up(
        self, build: Builder, position: int, messages: Sequence[View], wants_tape: bool
    ) -> tuple[View, Any]:
        """See `_rules`."""
        h, *sites = messages
        b, r, upwards = build.n_batch, self._rank, self._upwards
        x = _stack(build, self._in_memory(sites))
        core = build.core(position, 0, self._length, b, self._size, r * r)
        factors = build.add(Kind.MATRICES, x, core, out=build.matrices(r, r, self._length, b))
        vector = build.add(Kind.TURN, h, out=build.matrices(r, 1, 1, b))
        done: list[tuple[tuple[View, ...], int | None]] = []
        whole = factors

        def check(view: View) -> None:
            done.append(((view,), build.check(view)))

        def compose(x: View, y: View, out: View) -> View:
            done.append(((x, y, out), None))
            return build.add(Kind.COMPOSE, x, y, out=out)

        check(vector)
        of_vector, of_matrix = 1, 1
        while True:
            n = factors.shape[0]
            if n % 2:
                nearest = _part(factors, 0 if upwards else n - 1, 1)
                vector = compose(nearest, vector, build.matrices(r, 1, 1, b))
                of_vector += of_matrix
                factors = _part(factors, int(upwards), n - 1)
            if n == 1:
                break
            pair = _part(factors, 0, n // 2, 2), _part(factors, 1, n // 2, 2)
            upper, lower = pair[::-1] if upwards else pair
            factors = compose(upper, lower, build.matrices(r, r, n // 2, b))
            of_matrix *= 2
            if 2 * of_matrix > LEAVES_BETWEEN_CHECKS // 2:
                check(factors)
                of_matrix = 1
            if of_vector + of_matrix > LEAVES_BETWEEN_CHECKS:
                check(vector)
                of_vector = 1
        out = build.keep(b, r)
        return build.add(Kind.TURN, vector, out=out), (x, whole, vector, done)

    def down(
        self,
        build: Builder,
        position: int,
        messages: Sequence[View],
        saved: Any,
        message: View,
        gradient: View,
        into: Sequence[View | None],
    ) -> list[View]:
        """See `_rules`; the derivatives by all cores of the run."""
        x, factors, vector, done = saved
        b, r, m, n = build.n_batch, self._rank, self._size, self._length

        def twin(view: View) -> View:
            """Where the derivative by a view goes."""
            return view._replace(buffer=build.twin(view.buffer))

        build.add(Kind.TURN, gradient, out=twin(vector))
        for views, check in reversed(done):
            if check is not None:
                build.unscale(twin(views[0]), check)
                continue
            upper, lower, out = views
            outs = twin(upper), twin(lower)
            build.add_all(Kind.BY_COMPOSE, upper, lower, twin(out), outs=outs)
        core = build.core(position, 0, n, b, m, r * r)
        by_factors = twin(factors)
        by_core = build.numbers(n, b, m, r * r)
        build.add(Kind.BY_STACK, x, by_factors, out=by_core)
        # As cores are, so that all of them together are one part of the gradient.
        own = build.numbers(n, b, *((m, r, r) if self._axes[1] == 1 else (r, m, r)))
        ordered = own.transpose(0, *(1 + axis for axis in self._axes))
        build.add(Kind.COPY, by_core.split(3, r, r), out=ordered)
        below, *sites = into
        if below is not None:
            build.add(Kind.TURN, twin(done[0][0][0]), out=below)
        targets = [site for site in sites if site is not None]
        if targets:
            targets = self._in_memory(targets)
            back = _affine(targets)
            out = build.spare(n, b, m) if back is None else back
            build.add(Kind.BY_SITES, core, by_factors, out=out)
            for k, site in enumerate(() if back is not None else targets):
                build.add(Kind.COPY, _at(out, k), out=site)
        return self._in_memory([_at(own, k) for k in range(n)])


def _affine(views: Sequence[View]) -> View | None:
    """Views along a first axis, if they lie at equal distances."""
    first, second = views[:2]
    step = second.offset - first.offset
    for k, view in enumerate(views):
        if view != first._replace(offset=first.offset + k * step):
            return None
    return View(first.buffer, (len(views), *first.shape), (step, *first.strides), first.offset)


def _stack(build: Builder, views: Sequence[View]) -> View:
    """Views along a first axis, of copies if it has to be."""
    found = _affine(views)
    if found is None:
        found = build.keep(len(views), *views[0].shape)
        for k, view in enumerate(views):
            build.add(Kind.COPY, view, out=_at(found, k))
    return found


def _at(view: View, k: int) -> View:
    """One entry along the first axis."""
    return View(view.buffer, view.shape[1:], view.strides[1:], view.offset + k * view.strides[0])


def _part(view: View, first: int, length: int, step: int = 1) -> View:
    """Entries along the first axis, each or each other one."""
    shape, strides = (length, *view.shape[1:]), (step * view.strides[0], *view.strides[1:])
    return View(view.buffer, shape, strides, view.offset + first * view.strides[0])
