r"""Linear automata: functions of sequences by a product of matrices.

.. math:: f(x_1 \dots x_T) = \alpha^T A(x_1) \cdots A(x_T) \, B, \qquad
          A(x) = \sum_i \phi_i(x) A_i

Symbols are the indicators of tokens; real steps have features.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._arrays._typing import FloatArray, IntArray

_FEW = 8
"""Where a symbol has fewer rows on average, a product for each row costs less than to sort them."""


class Linear(NamedTuple):
    """A linear automaton.

    Parameters
    ----------
    initial : ndarray of shape (r,)
    transitions : ndarray of shape (m, r, r)
        One for each symbol, or local feature.
    final : ndarray of shape (r, n_outputs)
    """

    initial: FloatArray
    transitions: FloatArray
    final: FloatArray

    @property
    def rank(self) -> int:
        return len(self.initial)

    def flat(self) -> FloatArray:
        """All entries as a vector."""
        return np.concatenate([part.ravel() for part in self])

    def like(self, flat: FloatArray) -> Linear:
        """The automaton of this shape of a vector."""
        bounds = np.cumsum([part.size for part in self])[:-1]
        parts = np.split(flat, bounds)
        return Linear(*(one.reshape(part.shape) for one, part in zip(parts, self, strict=True)))

    def changed(self, matrix: FloatArray, inverse: FloatArray) -> Linear:
        """The same function with states h T, given T and its inverse."""
        return Linear(
            self.initial @ matrix, inverse @ self.transitions @ matrix, inverse @ self.final
        )


class Sequences:
    """Sequences of several lengths, the longest first, with targets and weights.

    Parameters
    ----------
    steps : ndarray of int, shape (n, T), or of float, shape (n, T, m)
        Symbols, or features of steps; what comes after the end plays no role.
    lengths : ndarray of int, shape (n,)
    targets : ndarray of shape (n, n_outputs)
    weight : ndarray of shape (n,)
    """

    def __init__(
        self, steps: np.ndarray, lengths: np.ndarray, targets: FloatArray, weight: FloatArray
    ) -> None:
        self.order = order = np.argsort(-lengths, kind="stable")
        """The rows of what it was made of."""
        self.steps, self.lengths = steps[order], lengths[order]
        self.targets, self.weight = targets[order], weight[order]
        longest = int(self.lengths[0]) if len(order) else 0
        self.going = [int(np.searchsorted(-self.lengths, -t)) for t in range(longest + 1)]
        """How many are longer than t steps."""
        self._rows: dict[int, list[tuple[int, IntArray]]] = {}

    def __len__(self) -> int:
        return len(self.weight)

    @property
    def are_symbols(self) -> bool:
        return self.steps.ndim == 2

    def take(self, rows: np.ndarray) -> Sequences:
        """Some of the rows."""
        return Sequences(
            self.steps[rows], self.lengths[rows], self.targets[rows], self.weight[rows]
        )

    def up_to(self, length: int) -> Sequences:
        """Those of at most some length."""
        return self.take(np.flatnonzero(self.lengths <= length))

    def merged(self) -> Sequences:
        """Equal sequences of symbols as one, with the mean of their targets."""
        if not self.are_symbols or not len(self):
            return self
        known = np.arange(self.steps.shape[1]) < self.lengths[:, None]
        keys = np.where(known, self.steps, -1)
        _, first, place = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        place = place.ravel()
        weight = np.bincount(place, self.weight).astype(np.float64)
        sums = np.stack(
            [np.bincount(place, self.weight * column) for column in self.targets.T], axis=1
        )
        targets = sums / np.where(weight > 0, weight, 1.0)[:, None]
        return Sequences(self.steps[first], self.lengths[first], targets, weight)

    def _by_symbol(self, t: int) -> list[tuple[int, IntArray]]:
        """The rows of each symbol at a step, of those that go on."""
        if t not in self._rows:
            symbols = self.steps[: self.going[t], t]
            order = np.argsort(symbols, kind="stable")
            found, starts = np.unique(symbols[order], return_index=True)
            self._rows[t] = list(zip(found.tolist(), np.split(order, starts[1:]), strict=True))
        return self._rows[t]

    def step(self, states: FloatArray, transitions: FloatArray, t: int) -> FloatArray:
        """The states of those that go on after step t."""
        states = states[: self.going[t]]
        if self.are_symbols:
            if len(states) < _FEW * len(transitions):
                return (states[:, None] @ transitions[self.steps[: len(states), t]])[:, 0]
            after = np.empty_like(states)
            for symbol, rows in self._by_symbol(t):
                after[rows] = states[rows] @ transitions[symbol]
            return after
        features = self.steps[: self.going[t], t]
        both = (features[:, :, None] * states[:, None]).reshape(len(states), -1)
        return both @ transitions.reshape(-1, states.shape[1])

    def _back(
        self, states: FloatArray, gradient: FloatArray, transitions: FloatArray, t: int, sums
    ) -> FloatArray:
        """Derivative by the states before a step; that by the transitions is added to sums."""
        states = states[: self.going[t]]
        if self.are_symbols:
            if len(states) < _FEW * len(transitions):
                symbols = self.steps[: len(states), t]
                np.add.at(sums, symbols, states[:, :, None] * gradient[:, None])
                return (gradient[:, None] @ transitions[symbols].swapaxes(1, 2))[:, 0]
            before = np.empty_like(gradient)
            for symbol, rows in self._by_symbol(t):
                own = gradient[rows]
                sums[symbol] += states[rows].T @ own
                before[rows] = own @ transitions[symbol].T
            return before
        features = self.steps[: self.going[t], t]
        n, r = states.shape
        both = (features[:, :, None] * states[:, None]).reshape(n, -1)
        sums += (both.T @ gradient).reshape(sums.shape)
        by_feature = (gradient @ transitions.reshape(-1, r).T).reshape(n, -1, r)
        return np.einsum("nmr,nm->nr", by_feature, features)

    def states(self, automaton: Linear) -> list[FloatArray]:
        """The states after 0, 1, ... steps of those that are as long."""
        states = [np.broadcast_to(automaton.initial, (len(self), automaton.rank))]
        for t in range(len(self.going) - 1):
            states.append(self.step(states[-1], automaton.transitions, t))
        return states

    def scores(self, automaton: Linear) -> FloatArray:
        """What the automaton says of each."""
        return self._ends(self.states(automaton)) @ automaton.final

    def accuracy(self, automaton: Linear) -> float:
        """The share of the weight whose largest target has the largest score."""
        with np.errstate(over="ignore", invalid="ignore"):
            hits = self.scores(automaton).argmax(axis=1) == self.targets.argmax(axis=1)
        return float(self.weight @ hits / self.weight.sum())

    def _ends(self, states: list[FloatArray]) -> FloatArray:
        ends = np.empty((len(self), states[0].shape[1]))
        for t in range(len(states) - 1, -1, -1):
            first = self.going[t]
            last = self.going[t - 1] if t else len(self)
            ends[first:last] = states[t][first:last]
        return ends

    def squared_error(self, automaton: Linear, share: FloatArray) -> tuple[float, FloatArray]:
        r"""Half the sum of squared errors, each times a share, and its derivative as a vector.

        .. math:: \frac{1}{2} \sum_i c_i \|f(x_i) - y_i\|^2
        """
        states = self.states(automaton)
        ends = self._ends(states)
        residual = ends @ automaton.final - self.targets
        weighted = share * residual
        value = 0.5 * float(np.vdot(weighted, residual))
        return value, self.gradient(automaton, states, ends, weighted).flat()

    def gradient(
        self,
        automaton: Linear,
        states: list[FloatArray],
        ends: FloatArray,
        by_score: FloatArray,
    ) -> Linear:
        """The derivative of a number, given that by the scores."""
        found = self.gradient_by_ends(automaton, states, by_score @ automaton.final.T)
        return found._replace(final=ends.T @ by_score)

    def gradient_by_ends(
        self, automaton: Linear, states: list[FloatArray], by_end: FloatArray
    ) -> Linear:
        """The derivative of a number, given that by the states at the ends."""
        sums = np.zeros_like(automaton.transitions)
        back = by_end[:0]
        for t in range(len(states) - 1, 0, -1):
            by_state = by_end[: self.going[t - 1]].copy()
            by_state[: len(back)] = back
            back = self._back(states[t - 1], by_state, automaton.transitions, t - 1, sums)
        by_start = by_end.copy()
        by_start[: len(back)] = back
        return Linear(by_start.sum(axis=0), sums, np.zeros_like(automaton.final))
