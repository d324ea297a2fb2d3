r"""Hankel matrices of real steps: blocks whose rows are products of features.

.. math:: f(x_1 \dots x_T) = \big(\phi(x_1) \otimes \dots \otimes \phi(x_i)\big) P_i \,
          S_{T-i} \, \big(\phi(x_{i+1}) \otimes \dots \otimes \phi(x_T)\big)

at every split i of a short sample. Factors for each length of a beginning and of an end come
from alternating least squares, each a ridge regression, and the equal cores from what they say
of lengths that differ by one, as of strings.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy.linalg import solve_sylvester

from .._arrays._typing import FloatArray
from ._linear import Linear, Sequences

_BLOCKS = ((3, 3), (2, 2), (2, 1), (1, 1))
"""The longest beginnings and ends, the largest first."""
_MOST_PRODUCTS = 64
"""Products of features of a beginning or an end: a system has that times the rank unknowns."""
_SWEEPS, _RIDGE, _RIDGE_OF_CORES = 30, 1e-3, 1e-3


def by_products(
    sequences: Sequences, rank: int, rng: np.random.RandomState
) -> Iterator[tuple[Linear, int]]:
    """Linear automata of completed blocks, and the longest samples that these know."""
    m = sequences.steps.shape[2]
    for n_prefix, n_suffix in _BLOCKS:
        if m ** max(n_prefix, n_suffix) > _MOST_PRODUCTS:
            continue
        short = sequences.up_to(n_prefix + n_suffix)
        splits = _splits(short, n_prefix, n_suffix)
        lengths = {(i, j) for i, j, *_ in splits}
        if not {(0, n_suffix), (n_prefix, 0)} <= lengths:
            continue
        P, S = _complete(splits, m, n_prefix, n_suffix, rank, rng)
        yield _automaton(P, S, m, rank), n_prefix + n_suffix


def _splits(short: Sequences, n_prefix: int, n_suffix: int) -> list[tuple]:
    """For each pair of lengths the products of both sides, the targets and the weights."""
    found = []
    for length in np.unique(short.lengths).tolist():
        rows = short.lengths == length
        steps = short.steps[rows]
        for i in range(max(0, length - n_suffix), min(n_prefix, length) + 1):
            sides = _products(steps[:, :i]), _products(steps[:, i:length])
            found.append((i, length - i, *sides, short.targets[rows], short.weight[rows]))
    return found


def _products(steps: FloatArray) -> FloatArray:
    """The products of one feature of each step (n, m^T)."""
    found = np.ones((len(steps), 1))
    for t in range(steps.shape[1]):
        found = (found[:, :, None] * steps[:, t, None]).reshape(len(steps), -1)
    return found


def _complete(splits, m, n_prefix, n_suffix, rank, rng):
    """Factors (m^i, r) of beginnings and (m^j, r, n_outputs) of ends, for each length."""
    n_outputs = splits[0][4].shape[1]
    total = sum(weight.sum() for *_, weight in splits)
    P = [rng.standard_normal((m**i, rank)) for i in range(n_prefix + 1)]
    S = [rng.standard_normal((m**j, rank, n_outputs)) for j in range(n_suffix + 1)]
    ridge = _RIDGE * total
    for _ in range(_SWEEPS):
        for j in range(n_suffix + 1):
            gram, side = ridge * np.eye(m**j * rank), np.zeros((m**j * rank, n_outputs))
            for i, own, u, v, targets, weight in splits:
                if own == j:
                    design = (v[:, :, None] * (u @ P[i])[:, None]).reshape(len(v), -1)
                    gram += design.T @ (design * weight[:, None])
                    side += design.T @ (targets * weight[:, None])
            S[j] = np.linalg.solve(gram, side).reshape(m**j, rank, n_outputs)
        for i in range(n_prefix + 1):
            gram, side = ridge * np.eye(m**i * rank), np.zeros(m**i * rank)
            for own, j, u, v, targets, weight in splits:
                if own == i:
                    ends = np.tensordot(v, S[j], 1)
                    for c in range(n_outputs):
                        design = (u[:, :, None] * ends[:, None, :, c]).reshape(len(u), -1)
                        gram += design.T @ (design * weight[:, None])
                        side += design.T @ (targets[:, c] * weight)
            P[i] = np.linalg.solve(gram, side).reshape(m**i, rank)
    return P, S


def _automaton(P, S, m: int, rank: int) -> Linear:
    """The equal cores of the factors, in the gauge of their singular vectors."""
    n_outputs = S[0].shape[2]
    left, upper = np.linalg.qr(np.vstack(P))
    flat = np.vstack([one.swapaxes(1, 2).reshape(-1, rank) for one in S])
    right, lower = np.linalg.qr(flat)
    a, values, b = np.linalg.svd(upper @ lower.T, full_matrices=False)
    root = np.sqrt(values)
    P = np.split(left @ (a * root), np.cumsum([len(one) for one in P])[:-1])
    ends = np.split(right @ (b.T * root), np.cumsum([len(one) * n_outputs for one in S])[:-1])
    r = len(root)
    S = [one.reshape(-1, n_outputs, r).swapaxes(1, 2) for one in ends]
    before = np.vstack(P[:-1])
    after = np.concatenate([one.reshape(-1, m, r) for one in P[1:]])
    short = np.vstack([one.swapaxes(1, 2).reshape(-1, r) for one in S[:-1]])
    long = [one.reshape(m, -1, r, n_outputs).swapaxes(2, 3).reshape(m, -1, r) for one in S[1:]]
    joined = np.concatenate(long, axis=1)
    identity = _RIDGE_OF_CORES * np.eye(r)
    gram, other = before.T @ before + identity, short.T @ short + identity
    transitions = [
        solve_sylvester(gram, other, before.T @ after[:, k] + joined[k].T @ short) for k in range(m)
    ]
    return Linear(P[0][0], np.stack(transitions), S[0][0])
