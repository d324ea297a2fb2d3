"""What the spectral solver knows of samples as sequences, and how it judges candidates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._arrays._typing import FloatArray, IntArray
from .._hankel._completion import BLOCKS, Block, automaton, balanced, block, complete
from .._hankel._extraction import Finite, extract
from .._hankel._linear import Linear, Sequences
from .._hankel._products import by_products

_SMALL_BLOCKS = ((1, 2), (1, 1))
"""Where the alphabet is too large for the others."""
_RIDGES = (0.3, 0.01)
_FIRST, _GROWTH = 3, 1.2
"""The longest samples of the first fit, and of the next ones as a factor. From lengths 2 to 4 to 10
two of two planted tasks were right for .94 and .42 of the labels at ten steps, one step at a time
for .97 and .99."""


@dataclass
class Found:
    """A linear automaton, what it misses in training, and a finite one that came of it."""

    linear: Linear
    error: float
    accuracy: float = 0.0
    length: int = 0
    finite: Finite | None = None
    finite_accuracy: float = 0.0
    is_normalised: bool = False

    @property
    def is_exact(self) -> bool:
        """Whether the finite automaton explains all labels, up to rounding of the weights."""
        return self.finite is not None and self.finite_accuracy > 1 - 1e-9


class SpectralData:
    """The samples of a problem as sequences, of symbols where they are such."""

    def __init__(self, problem: Any) -> None:
        self.is_labels: bool = problem.is_labels
        self.alpha: float = problem.alpha
        self.rank: int = problem.rank
        found = problem.symbols()
        self.has_symbols = found is not None
        steps: Any = problem.features() if found is None else found[0]
        self.table: FloatArray | None = None if found is None else found[1]
        self.n_symbols = 0 if self.table is None else len(self.table)
        lengths = problem.lengths
        self.sequences = Sequences(steps, lengths, problem.targets, problem.weight)
        self.merged = self.sequences.merged()
        self.labels: IntArray = self.sequences.targets.argmax(axis=1)

    @property
    def majority(self) -> float:
        """The share of the most frequent label."""
        weight = self.sequences.weight
        return float(np.bincount(self.labels, weight).max() / weight.sum())

    @property
    def wants_finite(self) -> bool:
        return self.is_labels and self.has_symbols

    def completions(self, rank: int, rng: np.random.RandomState) -> Iterator[tuple[Linear, int]]:
        """Linear automata of completed blocks, and the lengths that these know."""
        if not self.has_symbols:
            yield from by_products(self.sequences, rank, rng)
            return
        tried, longest = 0, len(self.merged.going) - 1
        blocks: list[tuple[Block, int]] = []
        for n_prefix, n_suffix in (*BLOCKS, *_SMALL_BLOCKS):
            if tried and (n_prefix, n_suffix) in _SMALL_BLOCKS:
                break
            if tried and n_prefix + n_suffix > longest:
                continue
            known = block(self.merged, n_prefix, n_suffix)
            if not known.is_worth_it:
                continue
            tried += 1
            blocks.append((known, n_prefix + n_suffix))
        for ridge in _RIDGES:
            for known, length in blocks:
                P, S, _ = balanced(known, *complete(known, rank, ridge))
                yield automaton(known, P, S, self.n_symbols, rank), length

    def growing(self, length: int) -> Iterator[Sequences]:
        """The sequences up to a length, two more, and all of them."""
        longest = len(self.merged.going) - 1
        done = 0
        for most in (length, length + 2, longest):
            part = self.merged if most >= longest else self.merged.up_to(most)
            if len(part) > done and part.weight.any():
                done = len(part)
                yield part

    def step_by_step(self) -> Iterator[Sequences]:
        """The sequences up to a few steps, up to one or some more, and in the end all."""
        longest = len(self.merged.going) - 1
        length, done = min(_FIRST, longest), 0
        while done < len(self.merged):
            part = self.merged if length >= longest else self.merged.up_to(length)
            if len(part) > done and part.weight.any():
                done = len(part)
                yield part
            length = max(length + 1, round(_GROWTH * length))

    def judged(self, found: Found) -> Found:
        """With its error and accuracy in training."""
        with np.errstate(over="ignore", invalid="ignore"):
            scores = self.sequences.scores(found.linear)
            if not np.isfinite(scores).all():
                return found
            share = self.sequences.weight / self.sequences.weight.sum()
            found.error = float(share @ ((scores - self.sequences.targets) ** 2).sum(axis=1))
        if self.is_labels:
            found.accuracy = float(share @ (scores.argmax(axis=1) == self.labels))
        return found

    def read_off(self, found: Found, rng: np.random.RandomState) -> None:
        """Look for a finite automaton in a linear one."""
        if np.isfinite(found.error) or found.is_normalised:
            found.finite, found.finite_accuracy = extract(
                found.linear, self.sequences, self.labels, rng
            )

    def accepts(self, found: Found) -> bool:
        """Whether the finite automaton explains the labels as well, up to a standard error."""
        if found.finite is None or found.finite.n_states > self.rank:
            return False
        p = min(found.accuracy, 1.0)
        n = self.sequences.weight.sum() ** 2 / (self.sequences.weight**2).sum()
        return found.finite_accuracy >= p - (p * (1 - p) / n) ** 0.5

    def rating(self, found: Found) -> tuple[float, float]:
        """What the best candidate has the most of."""
        accuracy = found.finite_accuracy if self.accepts(found) else found.accuracy
        return accuracy, -found.error
