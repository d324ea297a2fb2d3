"""A finite automaton from a linear one, where labels are those of states."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._arrays._typing import FloatArray, IntArray
from ._linear import Linear, Sequences

_SHARES = (1.0, 1.5, 2.0, 3.0, 5.0)
"""Numbers of clusters, in ranks: states of low weight, or of near copies, need more of them."""
_STRINGS, _PER_CLUSTER = 2_000, 20
"""Random strings whose states are clustered: at least so many, and so many for each cluster."""
_NEGLIGIBLE = 1e-3
"""Directions of a smaller share of the largest deviation are left out."""
_SAME = 1e-3
"""Accuracies that differ by less are the same; the smaller automaton is taken."""


class Finite(NamedTuple):
    """A finite automaton whose states have labels.

    Parameters
    ----------
    start : int
    moves : ndarray of int, shape (n_symbols, n_states)
    labels : ndarray of int, shape (n_states,)
    """

    start: int
    moves: IntArray
    labels: IntArray

    @property
    def n_states(self) -> int:
        return len(self.labels)

    def ends(self, strings: Sequences) -> IntArray:
        """The state at the end of each string."""
        state = np.full(len(strings), self.start)
        for t, going in enumerate(strings.going[:-1]):
            state[:going] = self.moves[strings.steps[:going, t], state[:going]]
        return state

    def linear(self, final: FloatArray) -> Linear:
        """The linear automaton of 0 and 1 with values (n_states, n_outputs) of the states."""
        n = self.n_states
        transitions = np.zeros((len(self.moves), n, n))
        for symbol, moves in enumerate(self.moves):
            transitions[symbol, np.arange(n), moves] = 1.0
        return Linear(np.eye(n)[self.start], transitions, final)


def extract(
    automaton: Linear, strings: Sequences, labels: IntArray, rng: np.random.RandomState
) -> tuple[Finite, float]:
    """The smallest finite automaton that explains labels best, and its weighted accuracy.

    Parameters
    ----------
    automaton : Linear
        Of symbols, with a score for each label.
    strings : Sequences
    labels : ndarray of int, shape (n,)
        In the order of the strings.
    rng : RandomState
        Draws strings and the start of the clusters.
    """
    longest = max(2, len(strings.going) - 1)
    sizes = sorted({max(2, round(share * automaton.rank)) for share in _SHARES})
    states = _random_states(automaton, longest, max(_STRINGS, _PER_CLUSTER * sizes[-1]), rng)
    found: list[tuple[Finite, float]] = []
    for gauge in (_observed, _whitened) if np.isfinite(states).all() else ():
        white, points = gauge(automaton, states, longest)
        for n_clusters in sizes:
            centres = _clusters(points, min(n_clusters, len(points)), rng)
            finite = refined(_quotient(white, points, centres))
            hits = finite.labels[finite.ends(strings)] == labels
            found.append((finite, float(strings.weight @ hits / strings.weight.sum())))
            if hits.all():
                break
    if not found:
        nothing = np.zeros((len(automaton.transitions), 1), np.int64)
        return Finite(0, nothing, np.zeros(1, np.int64)), 0.0
    best = max(accuracy for _, accuracy in found)
    found = [(started(finite), accuracy) for finite, accuracy in found]
    good = [one for one in found if one[1] >= best - _SAME]
    return min(good, key=lambda one: (one[0].n_states, -one[1]))


def _random_states(
    automaton: Linear, longest: int, n: int, rng: np.random.RandomState
) -> FloatArray:
    """States of random strings of lengths up to the longest."""
    symbols = rng.randint(len(automaton.transitions), size=(n, longest))
    lengths = rng.randint(longest + 1, size=n)
    blank = np.zeros((n, 0))
    strings = Sequences(symbols, lengths, blank, np.ones(n))
    return strings._ends(strings.states(automaton))


def _observed(automaton: Linear, states: FloatArray, longest: int) -> tuple[Linear, FloatArray]:
    """The gauge in which distances of states are those of what comes of them, on average.

    By the second moments of all suffixes up to a length, each length weighing the same.
    """
    gram = automaton.final @ automaton.final.T
    total = gram.copy()
    for _ in range(longest):
        gram = np.mean([A @ gram @ A.T for A in automaton.transitions], axis=0)
        total += gram
    values, axes = np.linalg.eigh(total)
    return _in_gauge(automaton, states, np.sqrt(np.maximum(values, 0)), axes)


def _whitened(automaton: Linear, states: FloatArray, longest: int) -> tuple[Linear, FloatArray]:
    """The gauge in which states have unit covariance."""
    values, axes = np.linalg.eigh(states.T @ states / len(states))
    roots = np.sqrt(np.maximum(values, 0))
    keep = roots > _NEGLIGIBLE * roots.max()
    return _in_gauge(automaton, states, 1 / roots[keep], axes[:, keep])


def _in_gauge(
    automaton: Linear, states: FloatArray, scales: FloatArray, axes: FloatArray
) -> tuple[Linear, FloatArray]:
    keep = scales > _NEGLIGIBLE * scales.max()
    matrix, inverse = axes[:, keep] * scales[keep], (axes[:, keep] / scales[keep]).T
    return automaton.changed(matrix, inverse), states @ matrix


def _clusters(points: FloatArray, n: int, rng: np.random.RandomState, n_rounds: int = 30):
    """Centres by k-means, started at points that are far from each other."""
    centres = points[[rng.randint(len(points))]]
    distance = np.full(len(points), np.inf)
    while len(centres) < n:
        distance = np.minimum(distance, ((points - centres[-1]) ** 2).sum(axis=1))
        if distance.max() <= 1e-12:
            break
        centres = np.vstack([centres, points[distance.argmax()]])
    for _ in range(n_rounds):
        nearest = _nearest(points, centres)
        totals = np.bincount(nearest, minlength=len(centres))
        sums = np.stack([np.bincount(nearest, one, len(centres)) for one in points.T], axis=1)
        moved = np.where(totals[:, None] > 0, sums / np.maximum(totals, 1)[:, None], centres)
        if np.allclose(moved, centres, rtol=0, atol=1e-6):
            break
        centres = moved
    return centres


def _nearest(points: FloatArray, centres: FloatArray) -> IntArray:
    return ((centres**2).sum(axis=1) - 2.0 * points @ centres.T).argmin(axis=1)


def _quotient(white: Linear, points: FloatArray, centres: FloatArray) -> Finite:
    """Clusters as states, each going where most of its members go."""
    nearest, n = _nearest(points, centres), len(centres)

    def majority(votes: IntArray, n_options: int) -> IntArray:
        counts = np.zeros((n, n_options))
        np.add.at(counts, (nearest, votes), 1.0)
        return counts.argmax(axis=1)

    moves = np.stack([majority(_nearest(points @ A, centres), n) for A in white.transitions])
    labels = majority((points @ white.final).argmax(axis=1), white.final.shape[1])
    start = int(_nearest(white.initial[None], centres)[0])
    return Finite(start, moves, labels)


def started(finite: Finite) -> Finite:
    """Begin at another state where only the label of the start, which nobody sees, differs."""
    if (finite.moves == finite.start).any():
        return finite
    alike = (finite.moves == finite.moves[:, [finite.start]]).all(axis=0)
    alike[finite.start] = False
    others = np.flatnonzero(alike)
    return refined(finite._replace(start=int(others[0]))) if len(others) else finite


def refined(finite: Finite) -> Finite:
    """The least finite automaton that says the same: reachable states, by partition refinement."""
    seen = {finite.start}
    new = [finite.start]
    while new:
        new = sorted(set(finite.moves[:, new].ravel().tolist()) - seen)
        seen.update(new)
    states = np.array(sorted(seen))
    place = np.full(finite.n_states, -1)
    place[states] = np.arange(len(states))
    moves, labels = place[finite.moves[:, states]], finite.labels[states]
    _, part = np.unique(labels, return_inverse=True)
    while True:
        keys = np.vstack([part[None], part[moves]])
        _, first, finer = np.unique(keys, axis=1, return_index=True, return_inverse=True)
        finer = finer.ravel()
        if finer.max() == part.max():
            break
        part = finer
    return Finite(int(finer[place[finite.start]]), finer[moves[:, first]], labels[first])
