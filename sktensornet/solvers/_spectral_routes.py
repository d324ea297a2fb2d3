"""Ways to equal cores in closed form, of which `Spectral` takes the best."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .._hankel._linear import Linear, Sequences
from .._hankel._starts import orthogonal
from ._adam import Adam
from ._base import Outcome
from ._lbfgs import LBFGS
from ._spectral_data import Found, SpectralData
from ._spectral_problems import NormalisedStates, SquaredError

if TYPE_CHECKING:
    from ._spectral import Spectral

_LONGER, _FINER = 5, 1e-3
"""Steps of L-BFGS in the gradient route and of the last polish for real targets, in those of a
polish, and where these end, in shares of where others do: a small turn of a state grows with the
length, so that the last digits of the transitions count. Of a planted network of three states R2
lacked 0.04 at twice the lengths of training, and then 0.0005."""
_STEPS, _BATCH, _RATE = 7, 250, 0.02
"""Of Adam at each length for each of ``max_iter``, 420 by default, in the gradient route: enough
on the planted tasks of the trials."""
_SHORT, _STARTS = 2, 4
"""Lengths by which starts are compared, and how many of these for each of ``n_starts``. Of three
planted tasks one start was left at a third of the labels, which showed at four steps."""
_REAL_STARTS = 4
"""For each of ``n_starts`` for real targets, beside those from the Hankel matrix. Of ten planted
networks these left two in a poor minimum, as three of six orthogonal starts did."""
_ENOUGH = 0.95
"""A start that explains more of the labels has not ended in a poor minimum: these are far off."""
_BETTER = 0.02
"""By this much more labels must the gradient route explain to be taken under "auto"."""


class Routes:
    """By blocks of the Hankel matrix, and by the gradient.

    Parameters
    ----------
    solver : Spectral
    """

    def __init__(self, solver: Spectral) -> None:
        self._solver = solver

    def minimize(
        self,
        problem: Any,
        max_iter: int,
        tol: float,
        patience: int,
        random_state: np.random.RandomState,
        monitor: Callable[[Any, float], bool],
    ) -> Outcome:
        """The best of all candidates; each is shown to the monitor."""
        data = SpectralData(problem)
        rank = problem.rank
        options: dict[str, Any] = {"max_iter": max_iter, "tol": 0.1 * tol, "patience": patience}
        options["random_state"] = random_state
        candidates: list[Found] = []
        done = False
        points: list[tuple[float, Any]] = []
        for found in self._candidates(data, rank, options):
            candidates.append(found)
            point, value = self._point(problem, data, found)
            points.append((value, point))
            done = monitor(point, value)
            if done or found.is_exact:
                break
        best = max(range(len(candidates)), key=lambda k: data.rating(candidates[k]))
        value, point = points[best]
        if not done and best < len(points) - 1:
            # The last of the curve is what is kept.
            monitor(point, value)
        return Outcome(point, converged=True)

    def _candidates(self, data: SpectralData, rank: int, options: dict) -> Iterator[Found]:
        """Polished automata, the most promising first."""
        taken: list[Found] = []
        if self._solver.route != "gradient":
            for found in self._from_hankel(data, rank, options):
                taken.append(found)
                yield found
            if self._solver.route == "hankel" and taken:
                return
        if not data.is_labels:
            for _ in range(_REAL_STARTS * self._solver.n_starts):
                begin = orthogonal(data.sequences, rank, options["random_state"])
                yield self._polished(data, Found(begin, np.inf), options, data.step_by_step())
            return
        least = data.majority + _BETTER
        explained = any(data.accepts(one) and one.finite_accuracy > least for one in taken)
        if explained and self._solver.route == "auto":
            return
        found = self._by_gradient(data, rank, options)
        best = max((one.accuracy for one in taken), default=-1.0)
        if self._solver.route == "gradient" or found.accuracy > best + _BETTER:
            yield found

    def _from_hankel(self, data: SpectralData, rank: int, options: dict) -> Iterator[Found]:
        """The best of the completed blocks, polished."""
        candidates: list[Found] = []
        for linear, length in data.completions(rank, options["random_state"]):
            found = data.judged(Found(linear, np.inf, length=length))
            if data.wants_finite and self._solver.finite:
                data.read_off(found, options["random_state"])
                if found.is_exact:
                    yield found
                    return
            candidates.append(found)
        candidates.sort(key=lambda one: (-one.accuracy, one.error))
        for found in candidates[: self._solver.n_starts]:
            polished = self._polished(data, found, options, data.growing(found.length))
            yield polished
            if data.accepts(polished):
                return

    def _polished(
        self, data: SpectralData, found: Found, options: dict, growing: Iterator[Sequences]
    ) -> Found:
        """Fitted to longer and longer samples by L-BFGS, with what is read off."""
        linear = found.linear
        longer = options | {
            "max_iter": _LONGER * options["max_iter"],
            "tol": _FINER * options["tol"],
        }
        for sequences in growing:
            error = SquaredError(sequences, linear, data.alpha)
            if not np.isfinite(error.value_and_gradient(linear.flat())[0]):
                return found
            is_last = sequences is data.merged and not data.is_labels
            outcome = LBFGS(memory=20).minimize(
                error,
                linear.flat(),
                monitor=lambda point, value: False,
                **(longer if is_last else options),
            )
            linear = linear.like(outcome.point)
            found = data.judged(Found(linear, np.inf, length=found.length))
            if data.wants_finite and self._solver.finite:
                data.read_off(found, options["random_state"])
                if found.is_exact:
                    break
        return found

    def _by_gradient(self, data: SpectralData, rank: int, options: dict) -> Found:
        """From orthogonal transitions by the log loss of normalised states.

        Of several starts the one that explains short samples best goes on to longer ones.
        """
        rng = options["random_state"]
        growing = list(data.step_by_step())
        short, rest = growing[:_SHORT], growing[_SHORT:]
        starts: list[tuple[float, Linear]] = []
        for _ in range(_STARTS * self._solver.n_starts):
            linear = orthogonal(data.sequences, rank, rng)
            for sequences in short:
                linear = self._normalised(sequences, linear, options, 1)
            starts.append((short[-1].accuracy(linear), linear))
            if starts[-1][0] > _ENOUGH:
                break
        _, linear = max(starts, key=lambda start: start[0])
        for sequences in rest:
            linear = self._normalised(sequences, linear, options, 1)
        linear = self._normalised(growing[-1], linear, options, _LONGER)
        found = data.judged(Found(linear, np.inf, is_normalised=True))
        if data.wants_finite and self._solver.finite:
            data.read_off(found, rng)
        return found

    def _normalised(
        self, sequences: Sequences, linear: Linear, options: dict, factor: int
    ) -> Linear:
        """Fitted to sequences by small steps, and by large ones, so many times a polish."""
        loss = NormalisedStates(sequences, linear, self._solver.orthogonality)
        n_batches = max(1, -(-len(sequences) // _BATCH))
        outcome = Adam(_RATE, batch_size=_BATCH).minimize(
            loss,
            linear.flat(),
            max_iter=max(1, round(_STEPS * options["max_iter"] / n_batches)),
            tol=0.0,
            patience=1,
            random_state=options["random_state"],
            monitor=lambda point, value: False,
        )
        longer = options | {"max_iter": factor * options["max_iter"], "tol": 0.0}
        outcome = LBFGS(memory=20).minimize(
            loss, outcome.point, monitor=lambda point, value: False, **longer
        )
        return linear.like(outcome.point)

    def _point(self, problem: Any, data: SpectralData, found: Found) -> tuple[Any, float]:
        """The network of a candidate, its scores set by the loss, and the loss."""
        linear = found.linear
        if data.accepts(found) and found.finite is not None:
            ends = found.finite.ends(data.sequences)
            counts = np.zeros((found.finite.n_states, data.sequences.targets.shape[1]))
            np.add.at(counts, ends, data.sequences.weight[:, None] * data.sequences.targets)
            linear = found.finite.linear(problem.constants(counts))
        elif data.is_labels:
            linear = linear._replace(final=problem.readout(linear.final))
        scores = data.sequences.scores(linear)
        if data.is_labels and not (data.accepts(found) and found.finite is not None):
            factor = problem.best_factor(scores, data.sequences.order)
            linear = linear._replace(final=factor * linear.final)
            scores = factor * scores
        value = problem.mean_loss(scores, data.sequences.order)
        return problem.point(linear.initial, linear.transitions, linear.final, data.table), value
