"""The objective as a function of one block of a sweep."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.linalg import lapack

from .._arrays._multilinear import mode_product
from .._arrays._parallel import ChunkPool, short_chunks
from .._arrays._typing import FloatArray
from ..losses import Loss
from ..networks._sweeps._blocks import Block

_LINE_EVALUATIONS = 8
"""A bound: of 17,000 searches on three tables 27 took more than one and none more than three."""
_LARGEST_SCORE = 2.0**300
"""Where the scores of a network saturate; a longer step would change nothing but overflow."""
_NULL = 1e-12
"""Share of the largest eigenvalue below which those of a local system are rounding."""
_ALWAYS_FACTORED, _NEVER_FACTORED = 128, 4_000
"""Sizes of local systems that are factored whatever it costs, or never (128 MB); not tuned."""
_PRODUCTS, _PRODUCTS_IF_EXACT = 6, 20
"""How many products with a matrix its factors are worth; not tuned.

A solve takes two products a step, and four steps unless the factors are exact;
for a quadratic loss, where they are, they also save what those steps leave."""


@dataclass(eq=False, repr=False)
class State:
    """A value of the block with what is known about it.

    Attributes
    ----------
    value : ndarray
        The block.
    scores : ndarray of shape (n_samples, n_outputs)
    objective : float
    penalty : float
        Its second term.
    score_gradient : ndarray of shape (n_samples, n_outputs)
        Derivative of the mean loss by the scores.
    """

    value: FloatArray
    scores: FloatArray
    objective: float
    penalty: float
    score_gradient: FloatArray


class LocalProblem:
    r"""Weighted mean loss plus penalty, as a function of one block.

    .. math:: F(T) = \frac{1}{n} \sum_i w_i \, \ell(A_i T, y_i)
              + \frac{\alpha}{2} \langle T, H T \rangle

    Parameters
    ----------
    block : Block
    n_outputs : int
        Number of scores of a sample.
    loss : Loss
    y : ndarray of shape (n_samples, ...)
    weight : ndarray of shape (n_samples,)
        Of mean one.
    alpha : float
    pool : ChunkPool
    n_samples : int or None
        Of all who hold samples; None is as many as there are here.
    known : State or None
        That of the block before, if the network has not changed since.
    """

    def __init__(
        self,
        block: Block,
        n_outputs: int,
        loss: Loss,
        y: np.ndarray,
        weight: FloatArray,
        alpha: float,
        pool: ChunkPool,
        n_samples: int | None = None,
        known: State | None = None,
    ) -> None:
        self._block = block
        self._known = known
        self.final: State | None = None
        self._begun: State | None = None
        self._n_outputs = n_outputs
        self._loss = loss
        self._y = y
        self._weight = weight
        self._alpha = alpha
        self._pool = pool
        self._n_samples = len(weight) if n_samples is None else n_samples
        self._rows = self._chunks(block.n_intermediates)
        self._short = self._chunks(4 * n_outputs)

    def start(self) -> State:
        """The block as it is, less what the loss cannot see."""
        value = self._block.value
        if self._known is not None:
            self._begun = replace(self._known, value=value)
            return self._begun
        if self._loss.shift_free and self._block.shares_system:
            value = value - value.mean(axis=-1, keepdims=True)
        scores = self.scores(value)
        loss, gradient = self._evaluate(scores)
        penalty = self._penalty(value, value)
        self._begun = State(value, scores, loss + penalty, penalty, gradient)
        return self._begun

    def finish(self, state: State) -> None:
        """Give the block its new value."""
        self._block.value = state.value
        self.final = state

    def scores(self, value: FloatArray) -> FloatArray:
        """The scores of all samples, linear in the value."""
        parts = self._over(lambda rows: self._block.scores(value, rows), self._rows)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def gradient(self, state: State) -> FloatArray:
        """Derivative of the objective by the block."""

        def chunk(rows: slice) -> FloatArray:
            return self._block.adjoint(state.score_gradient[rows], rows)

        total = self._pool.total(sum(self._over(chunk, self._rows)), "gradient")
        return total + self._alpha * self._block.penalty(state.value)

    def preconditioner(self) -> tuple[Callable[[FloatArray], FloatArray], bool]:
        r"""Inverse of the matrix that majorises the second derivative, or about it.

        .. math:: M = N + \alpha H

        N are the normal matrices, in which each sample weighs as much as the loss
        can bend there; for a quadratic loss this is the second derivative itself. It is
        factored if it has at most 128 rows, or at most 24 (80 for a quadratic
        loss) for each column that shares it, and never above 4,000; otherwise N
        is replaced by the Kronecker product of the Gram matrices of the block's
        legs. The rule does not depend on the number of samples, so that weights
        are repetitions. A block at a site of many categories has a way of its own,
        which is as exact as factors.

        Returns
        -------
        solve : callable
        is_exact : bool
            Whether M is the second derivative itself.
        """
        block = self._block
        curvature = self._loss.curvature_bound(self._n_outputs) / self._n_samples
        inverse = block.inverse(self._weight * curvature, self._alpha, self._loss.shift_free)
        if inverse is not None:
            return inverse, self._loss.is_quadratic
        worth = _PRODUCTS_IF_EXACT if self._loss.is_quadratic else _PRODUCTS
        # Forming N takes p^2 operations a sample, a product with it 4 p for each column.
        limit = 4 * worth * block.value.shape[-1]
        if block.n_unknowns <= max(_ALWAYS_FACTORED, min(limit, _NEVER_FACTORED)):
            return self.cholesky(), self._loss.is_quadratic
        return self.kronecker(), False

    def cholesky(self) -> Callable[[FloatArray], FloatArray]:
        """Inverse of M by Cholesky factors."""
        block = self._block
        weight, scale = self._bends()
        size = block.n_unknowns

        def chunk(rows: slice) -> FloatArray:
            return block.normal(weight, rows, self._loss.shift_free)

        normal = sum(self._over(chunk, self._chunks(size * block.n_systems)))
        normal = self._pool.total(normal, "normal matrices")
        normal *= scale
        penalty = self._alpha * block.penalty_matrix()
        width = penalty.shape[-1]
        tiles = normal.reshape(len(normal), size // width, width, size // width, width)
        for j in range(size // width):
            tiles[:, j, :, j, :] += penalty
        inverses = [_inverse(matrix) for matrix in normal]
        shape = block.value.shape

        def solve(gradient: FloatArray) -> FloatArray:
            columns = gradient.reshape(len(inverses), size, -1)
            solved = [inverse(own) for inverse, own in zip(inverses, columns)]
            return np.reshape(solved, shape)

        return solve

    def kronecker(self) -> Callable[[FloatArray], FloatArray]:
        """Inverse of M with the Kronecker product of Gram matrices in place of N."""
        block = self._block
        weight, scale = self._bends()

        def chunk(rows: slice) -> list[FloatArray]:
            return block.grams(weight, rows, self._loss.shift_free)

        grams = [sum(parts) for parts in zip(*self._over(chunk, self._rows))]
        grams = [self._pool.total(gram, "Gram matrix of a leg") for gram in grams]
        penalty = self._alpha * block.penalty_matrix()
        shape = block.value.shape
        # (x) G_j + H = B^-T (kron of diagonals + 1) B^-1 with H = L L^T on the last leg.
        level = np.einsum("bii->b", penalty)[:, None, None] / penalty.shape[-1]
        top = scale * math.prod(float(np.einsum("bii->", g)) / len(g) for g in grams)
        # The quotient of the two parts stays below about 1e10, also where H vanishes; not tuned.
        floor = 1e-12 * level + max(1e-10 * top, np.finfo(np.float64).tiny)
        plain = block.has_plain_penalty
        if plain:
            inverse = 1.0 / np.sqrt(level + floor)
            grams[-1] = inverse * scale * grams[-1] * inverse
        else:
            half = np.linalg.cholesky(penalty + floor * np.eye(penalty.shape[-1]))
            inverse = np.linalg.inv(half)
            grams[-1] = inverse @ (scale * grams[-1]) @ inverse.mT
        bases, spectra = [], []
        for gram in grams:
            values, vectors = np.linalg.eigh(gram)
            bases.append(vectors)
            spectra.append(np.maximum(values, 0.0))
        bases[-1] = inverse * bases[-1] if plain else inverse.mT @ bases[-1]
        diagonal = spectra[0]
        for values in spectra[1:]:
            diagonal = diagonal[..., :, None] * values[..., None, :].reshape(
                len(values), *[1] * (diagonal.ndim - 1), -1
            )
        diagonal = 1.0 / (diagonal + 1.0)

        def solve(gradient: FloatArray) -> FloatArray:
            z = gradient
            for axis, basis in enumerate(bases, start=1):
                z = mode_product(z, basis.mT, axis)
            z = z * diagonal[..., None]
            for axis, basis in enumerate(bases, start=1):
                z = mode_product(z, basis, axis)
            return z.reshape(shape)

        return solve

    def _bends(self) -> tuple[FloatArray, float]:
        """Weights of sum one by which the loss bends at the samples, and how much in all."""
        weight = self._weight * (1.0 / self._n_samples)
        if self._loss.bends_alike:
            return weight, self._loss.curvature_bound(self._n_outputs)
        state = self._begun or self.start()
        weight *= self._loss.curvature_bounds(state.scores, self._y)
        scale = max(self._pool.total(float(weight.sum()), "curvature"), np.finfo(float).tiny)
        return weight / scale, scale

    def search(self, state: State, direction: FloatArray) -> State:
        """The least objective along a direction, or the state itself.

        The scores are linear along the direction, so that an evaluation needs
        no contraction. A step of Newton's method, or as many with bisection as
        it takes to descend: a number that does not depend on rounding.
        """
        along = self.scores(direction)
        cross = self._penalty(state.value, direction)
        square = self._penalty(direction, direction)
        slope = self._slope(state.score_gradient, along) + 2 * cross
        if not slope < 0:
            return state
        largest = self._pool.total(float(np.abs(along).max(initial=0.0)), "largest change")
        longest = _LARGEST_SCORE / largest if largest > 0 else np.inf
        low, high, step = 0.0, np.inf, 0.0
        scores = state.scores
        for _ in range(1 if self._loss.is_quadratic else _LINE_EVALUATIONS):
            curvature = self._curvature(scores, along) + 2 * square
            newton = step - slope / curvature if curvature > 0 else np.inf
            if not low < newton < high:
                newton = 0.5 * (low + high) if np.isfinite(high) else 2 * max(step, 1.0)
            step = min(newton, longest)
            scores = state.scores + step * along
            loss, gradient = self._evaluate(scores)
            penalty = state.penalty + step * (2 * cross + step * square)
            if loss + penalty < state.objective:
                value = state.value + step * direction
                return State(value, scores, loss + penalty, penalty, gradient)
            slope = self._slope(gradient, along) + 2 * (cross + step * square)
            low, high = (low, step) if slope > 0 else (step, high)
        return state

    def _slope(self, gradient: FloatArray, direction: FloatArray) -> float:
        return self._pool.total(float(np.vdot(gradient, direction)), "slope")

    def _penalty(self, a: FloatArray, b: FloatArray) -> float:
        return 0.5 * self._alpha * float(np.vdot(a, self._block.penalty(b)))

    def _evaluate(self, scores: FloatArray) -> tuple[float, FloatArray]:
        def chunk(rows: slice) -> tuple[float, FloatArray]:
            values, gradient = self._loss.value_and_gradient(scores[rows], self._y[rows])
            weight = self._weight[rows] / self._n_samples
            gradient *= weight[:, None]
            return float(weight @ values), gradient

        parts = self._over(chunk, self._short)
        value = self._pool.total(sum(value for value, _ in parts), "loss")
        if len(parts) == 1:
            return value, parts[0][1]
        return value, np.concatenate([gradient for _, gradient in parts])

    def _curvature(self, scores: FloatArray, along: FloatArray) -> float:
        def chunk(rows: slice) -> float:
            second = self._loss.curvature(scores[rows], self._y[rows], along[rows])
            return float(self._weight[rows] @ second)

        return self._pool.total(sum(self._over(chunk, self._short)), "curvature") / self._n_samples

    def _over(self, function: Callable[[slice], Any], rows: list[slice]) -> list[Any]:
        """What a function gives for each chunk."""
        return self._pool.runs(function, rows)

    def _chunks(self, width: int) -> list[slice]:
        """Rows whose intermediates, `width` numbers a row, stay in the cache."""
        return short_chunks(len(self._weight), 8 * width)


def _inverse(matrix: FloatArray) -> Callable[[FloatArray], FloatArray]:
    """The inverse of a matrix as a function; zero in directions that only rounding knows."""
    factor, info = lapack.dpotrf(matrix, lower=1)
    pivots = np.square(np.diagonal(factor))
    if info == 0 and pivots.min() > _NULL * pivots.max():
        return lambda columns: lapack.dpotrs(factor, columns, lower=1)[0]
    values, vectors = np.linalg.eigh(matrix)
    known = values > max(_NULL * values[-1], np.finfo(np.float64).tiny)
    scaled = vectors[:, known] / values[known]
    basis = vectors[:, known].T
    return lambda columns: scaled @ (basis @ columns)
