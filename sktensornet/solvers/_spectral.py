"""Equal cores of a recurrent train in closed form, from the Hankel matrix of samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .._hankel._linear import Linear, Sequences
from .._hankel._starts import orthogonal
from .._support._checks import check_boolean, check_integer, check_option, check_real
from ._adam import Adam
from ._base import Outcome, Solver
from ._lbfgs import LBFGS
from ._spectral_data import Found, SpectralData
from ._spectral_problems import NormalisedStates, SquaredError

ROUTES = ("auto", "hankel", "gradient")
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


class Spectral(Solver):
    r"""Equal cores in closed form, by the Hankel matrix of what the samples say.

    .. math::

        H_{uv} = f(uv) \approx \langle P_u, S_v \rangle, \qquad
        \min_{A_a} \sum_u w_{ua} \|P_u A_a - P_{ua}\|^2 + \sum_v w_{av} \|A_a S_v - S_{av}\|^2

    A train of equal cores is a linear automaton, f(x) = alpha A(x_1) ... A(x_T) B, and the
    least rank with which one can be is the rank of the Hankel matrix of its function, whose
    rows are beginnings of sequences and whose columns are ends. Blocks of it with short ones
    are filled from the samples of all lengths, every sample at each place where it can be cut,
    and completed at rank r by weighted alternating least squares; the singular vectors of a
    block give the equal cores. The best of several blocks are polished by L-BFGS on the squared
    error of longer and longer samples.

    Where targets are labels and the steps are symbols, a finite automaton is read off at the
    end: states that lead to the same are one. It is taken where it explains the training labels
    as well, up to a standard error, with at most ``rank`` states, and then has no error that
    grows with the length. Samples of one length alone do not say what others mean, and begin in
    the gradient route.

    Steps are symbols where the feature map tells so many values apart as it has dimensions, as
    "embedding" and "one_hot" do, which stand for fixed indicators here. Other fixed maps give
    real features, and the Hankel matrix is that of products of features, estimated by least
    squares. It needs ``shared_cores=True`` and a recurrent train; ``init`` plays no role, and
    ``alpha``, 0 by default, weighs half the squared norm of all entries in the polish. Default
    ``max_iter``: 60 steps of each polish, and 7 times as many small ones of Adam in the gradient
    route.

    Parameters
    ----------
    route : {"auto", "hankel", "gradient"}, default="auto"
        "gradient" begins at orthogonal transitions instead of the Hankel matrix, from which
        real targets begin too under "auto"; for labels it descends on their log loss with
        states of norm one and a penalty that keeps the transitions near orthogonal: for labels
        that are the largest of real scores, whose Hankel matrix is of no low rank. "auto" tries
        that where neither a finite automaton nor a network from the Hankel matrix explains the
        labels.
    finite : bool, default=True
        Whether a finite automaton may be read off.
    n_starts : int, default=2
        How many of the candidates from the Hankel matrix are polished, and, by small factors,
        how many orthogonal transitions are tried.
    orthogonality : float, default=0.1
        The factor of the sum over all symbols of the squared Frobenius norm of A_a' A_a - I, in
        the objective of the gradient route.

    References
    ----------
    Hsu, Kakade, Zhang, "A spectral algorithm for learning hidden Markov models", J. Comput.
    Syst. Sci. 78 (2012); Balle, Carreras, Luque, Quattoni, "Spectral learning of weighted
    automata", Machine Learning 96 (2014); Li, Precup, Rabusseau, "Connecting weighted automata,
    tensor networks and recurrent neural networks through spectral learning", Machine Learning
    113 (2024).

    Examples
    --------
    The sum of digits modulo three, from sequences of up to six to one of two hundred:

    >>> import numpy as np
    >>> from sktensornet import TTClassifier
    >>> from sktensornet.patches import pad_sequences
    >>> rng = np.random.default_rng(0)
    >>> sequences = [rng.integers(0, 3, rng.integers(2, 7)) for _ in range(500)]
    >>> clf = TTClassifier(
    ...     rank=6, shared_cores=True, feature_map="embedding", solver="spectral", random_state=0
    ... )
    >>> clf = clf.fit(pad_sequences(sequences), [sum(one) % 3 for one in sequences])
    >>> clf.network_.ranks
    (3, 3, 3, 3, 3)
    >>> long = rng.integers(0, 3, (100, 200))
    >>> clf.score(long, long.sum(axis=1) % 3)
    1.0
    """

    default_max_iter = 60
    iteration_name = "candidate"
    reads_sequences = True

    def __init__(
        self,
        route: str = "auto",
        finite: bool = True,
        n_starts: int = 2,
        orthogonality: float = 0.1,
    ) -> None:
        self.route = route
        self.finite = finite
        self.n_starts = n_starts
        self.orthogonality = orthogonality

    def check(self) -> None:
        check_option("route", self.route, ROUTES)
        check_boolean("finite", self.finite)
        check_integer("n_starts", self.n_starts, 1)
        check_real("orthogonality", self.orthogonality, 0, low_allowed=True)

    def minimize(self, problem, start, *, max_iter, tol, patience, random_state, monitor):
        data = SpectralData(problem)
        rank = problem.rank
        options = {"max_iter": max_iter, "tol": 0.1 * tol, "patience": patience}
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
        if self.route != "gradient":
            for found in self._from_hankel(data, rank, options):
                taken.append(found)
                yield found
            if self.route == "hankel" and taken:
                return
        if not data.is_labels:
            for _ in range(_REAL_STARTS * self.n_starts):
                begin = orthogonal(data.sequences, rank, options["random_state"])
                yield self._polished(data, Found(begin, np.inf), options, data.step_by_step())
            return
        least = data.majority + _BETTER
        explained = any(data.accepts(one) and one.finite_accuracy > least for one in taken)
        if explained and self.route == "auto":
            return
        found = self._by_gradient(data, rank, options)
        best = max((one.accuracy for one in taken), default=-1.0)
        if self.route == "gradient" or found.accuracy > best + _BETTER:
            yield found

    def _from_hankel(self, data: SpectralData, rank: int, options: dict) -> Iterator[Found]:
        """The best of the completed blocks, polished."""
        candidates: list[Found] = []
        for linear, length in data.completions(rank, options["random_state"]):
            found = data.judged(Found(linear, np.inf, length=length))
            if data.wants_finite and self.finite:
                data.read_off(found, options["random_state"])
                if found.is_exact:
                    yield found
                    return
            candidates.append(found)
        candidates.sort(key=lambda one: (-one.accuracy, one.error))
        for found in candidates[: self.n_starts]:
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
            if data.wants_finite and self.finite:
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
        for _ in range(_STARTS * self.n_starts):
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
        if data.wants_finite and self.finite:
            data.read_off(found, rng)
        return found

    def _normalised(
        self, sequences: Sequences, linear: Linear, options: dict, factor: int
    ) -> Linear:
        """Fitted to sequences by small steps, and by large ones, so many times a polish."""
        loss = NormalisedStates(sequences, linear, self.orthogonality)
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
