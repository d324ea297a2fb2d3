"""What the spectral solver gives to gradient solvers: objectives of linear automata."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from .._arrays._typing import FloatArray, IntArray
from .._hankel._linear import Linear, Sequences


class _Automata(ABC):
    """An objective of the entries of a linear automaton, as `Problem` says."""

    dtype = np.dtype(np.float64)

    def __init__(self, sequences: Sequences, shape: Linear) -> None:
        self.sequences, self.shape = sequences, shape
        self.origin = np.zeros_like(shape.flat())
        self.mean_weight = float(sequences.weight.mean())

    @property
    def n_samples(self) -> int:
        return len(self.sequences)

    def value_and_gradient(
        self,
        theta: FloatArray,
        rows: IntArray | None = None,
        dropout: float = 0.0,
        seed: int = 0,
    ) -> tuple[float, FloatArray]:
        """As `Problem` says."""
        sequences = self.sequences if rows is None else self.sequences.take(rows)
        share = sequences.weight / (self.mean_weight * len(sequences))
        with np.errstate(over="ignore", invalid="ignore"):
            return self.of(sequences, share[:, None], self.shape.like(theta))

    @abstractmethod
    def of(
        self, sequences: Sequences, share: FloatArray, automaton: Linear
    ) -> tuple[float, FloatArray]:
        """Value and derivative, given what each sequence counts."""


class SquaredError(_Automata):
    r"""Half the mean squared error, and a penalty.

    .. math:: \frac{1}{2} \sum_i w_i \|f(x_i) - y_i\|^2 \Big/ \sum_i w_i
              + \frac{\alpha}{2} \|\theta\|^2

    Parameters
    ----------
    sequences : Sequences
    shape : Linear
    alpha : float
    """

    def __init__(self, sequences: Sequences, shape: Linear, alpha: float = 0.0) -> None:
        super().__init__(sequences, shape)
        self.alpha = alpha

    def of(self, sequences, share, automaton):
        value, gradient = sequences.squared_error(automaton, share)
        if self.alpha:
            theta = automaton.flat()
            value += 0.5 * self.alpha * float(theta @ theta)
            gradient = gradient + self.alpha * theta
        return value, gradient


class NormalisedStates(_Automata):
    r"""Mean log loss of states of norm one, and how far transitions are from orthogonal.

    .. math:: -\sum_i w_i \log \operatorname{softmax}\big(\hat h(x_i) B\big)_{y_i}
              + \omega \sum_a \|A_a^T A_a - I\|^2, \qquad \hat h = h / \|h\|

    Parameters
    ----------
    sequences : Sequences
        With shares of labels as targets.
    shape : Linear
    orthogonality : float
        The factor omega.
    """

    def __init__(self, sequences: Sequences, shape: Linear, orthogonality: float) -> None:
        super().__init__(sequences, shape)
        self.orthogonality = orthogonality

    def of(self, sequences, share, automaton):
        # Scaling a state scales all that come of it, so that one norm at the end is enough.
        states = sequences.states(automaton)
        ends = sequences._ends(states)
        norms = np.maximum(np.linalg.norm(ends, axis=1, keepdims=True), 1e-300)
        unit = ends / norms
        scores = unit @ automaton.final
        shifted = scores - scores.max(axis=1, keepdims=True)
        logs = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        totals = sequences.targets.sum(axis=1, keepdims=True)
        value = -float((share * sequences.targets * logs).sum())
        by_score = share * (totals * np.exp(logs) - sequences.targets)
        by_unit = by_score @ automaton.final.T
        along = (by_unit * unit).sum(axis=1, keepdims=True)
        gradient = sequences.gradient_by_ends(automaton, states, (by_unit - along * unit) / norms)
        transitions = automaton.transitions
        excess = transitions.swapaxes(1, 2) @ transitions - np.eye(transitions.shape[1])
        factor = self.orthogonality
        value += factor * float((excess**2).sum())
        sums = gradient.transitions + 4 * factor * transitions @ excess
        return value, Linear(gradient.initial, sums, unit.T @ by_score).flat()
