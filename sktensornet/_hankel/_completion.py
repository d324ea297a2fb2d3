r"""Blocks of the Hankel matrix of a function of strings, completed from samples.

.. math:: H_{uv} = f(uv) = \langle P_u, S_v \rangle, \qquad
          P_u = \alpha^T A_u, \quad S_v = A_v B

Every string enters at each of its splits into a prefix u and a suffix v, with the number of
samples as its weight; the factors P and S come from weighted alternating least squares, and
the equal matrices A from what they say of prefixes and suffixes that differ by a symbol.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.linalg import solve_sylvester

from .._arrays._typing import FloatArray, IntArray
from ._linear import Linear, Sequences

BLOCKS = ((2, 2), (2, 3), (3, 3), (4, 4), (5, 5))
"""The longest prefixes and suffixes of the blocks that are tried."""
_LARGEST_BLOCK = 600_000
"""Most entries of a block: larger ones did not pay in trials, and are slow."""
_SETTLED, _SWEEPS = 1e-4, 60
"""Alternating least squares end where a sweep gains less than this share, or after so many."""
_RIDGE_OF_CORES = 1e-3


@dataclass(frozen=True, eq=False)
class Block:
    """The known entries of a block of a Hankel matrix.

    Parameters
    ----------
    prefixes, suffixes : dict
        From strings to their row and column.
    has_neighbours : bool
        Whether some strings are longer than others by one symbol: factors of one length alone
        say nothing of those of another.
    row, column : ndarray of int, shape (n_entries,)
    value : ndarray of shape (n_entries, n_outputs)
    weight : ndarray of shape (n_entries,)
    """

    prefixes: dict[tuple[int, ...], int]
    suffixes: dict[tuple[int, ...], int]
    has_neighbours: bool
    row: IntArray
    column: IntArray
    value: FloatArray
    weight: FloatArray

    @property
    def shape(self) -> tuple[int, int]:
        return len(self.prefixes), len(self.suffixes)

    @property
    def is_worth_it(self) -> bool:
        """Whether it is small enough, has entries enough, and what has no symbols on both sides."""
        n, m = self.shape
        has_ends = self.has_neighbours and () in self.prefixes and () in self.suffixes
        return has_ends and n * m <= _LARGEST_BLOCK and len(self.row) >= n + m


def block(strings: Sequences, n_prefix: int, n_suffix: int) -> Block:
    """The block of prefixes and suffixes of at most these lengths, of merged strings."""
    prefixes: dict[tuple[int, ...], int] = {}
    suffixes: dict[tuple[int, ...], int] = {}
    row, column, source = [], [], []
    short = strings.up_to(n_prefix + n_suffix)
    rows = zip(short.steps.tolist(), short.lengths.tolist(), strict=True)
    for k, (symbols, length) in enumerate(rows):
        for cut in range(max(0, length - n_suffix), min(n_prefix, length) + 1):
            u, v = tuple(symbols[:cut]), tuple(symbols[cut:length])
            row.append(prefixes.setdefault(u, len(prefixes)))
            column.append(suffixes.setdefault(v, len(suffixes)))
            source.append(k)
    return Block(
        prefixes,
        suffixes,
        bool((np.diff(np.unique(short.lengths)) == 1).any()),
        np.array(row, np.int64),
        np.array(column, np.int64),
        short.targets[source],
        short.weight[source],
    )


def complete(known: Block, rank: int, ridge: float) -> tuple[FloatArray, FloatArray]:
    """Factors (n_prefixes, r) and (n_suffixes, r, n_outputs) of a low-rank completion."""
    n, m = known.shape
    n_outputs = known.value.shape[1]
    weights = sparse.csr_array((known.weight, (known.row, known.column)), shape=(n, m))
    by_row = np.repeat(known.row, n_outputs)
    by_column = (known.column[:, None] * n_outputs + np.arange(n_outputs)).ravel()
    shape = (n, m * n_outputs)
    filled = sparse.csr_array((known.value.ravel(), (by_row, by_column)), shape=shape)
    weighted = sparse.csr_array(
        ((known.weight[:, None] * known.value).ravel(), (by_row, by_column)), shape=shape
    )
    P = _leading(filled, rank)
    identity = ridge * np.eye(rank)
    S = np.zeros((m, rank, n_outputs))
    before = np.inf
    for _ in range(_SWEEPS):
        grams = (weights.T @ _squares(P)).reshape(m, rank, rank) + identity
        sides = (weighted.T @ P).reshape(m, n_outputs, rank).swapaxes(1, 2)
        S = np.linalg.solve(grams, sides)
        both = np.einsum("vrc,vsc->vrs", S, S).reshape(m, -1)
        grams = (weights @ both).reshape(n, rank, rank) + identity
        sides = (weighted @ S.swapaxes(1, 2).reshape(-1, rank))[..., None]
        P = np.linalg.solve(grams, sides)[..., 0]
        error = np.einsum("er,erc->ec", P[known.row], S[known.column]) - known.value
        value = float(known.weight @ (error**2).sum(axis=1))
        value += ridge * float((P**2).sum() + (S**2).sum())
        if before - value <= _SETTLED * value:
            break
        before = value
    return P, S


def _leading(filled: sparse.csr_array, rank: int) -> FloatArray:
    """The leading left singular vectors times roots of the singular values."""
    values, vectors = np.linalg.eigh((filled @ filled.T).toarray())
    values, vectors = values[::-1][:rank], vectors[:, ::-1][:, :rank]
    found = vectors * np.maximum(values, 0.0) ** 0.25
    return np.pad(found, ((0, 0), (0, rank - found.shape[1])))


def _squares(P: FloatArray) -> FloatArray:
    return (P[:, :, None] * P[:, None]).reshape(len(P), -1)


def balanced(
    known: Block, P: FloatArray, S: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Factors in the gauge of the weighted singular vectors, and the singular values."""
    n, m = known.shape
    rows = np.sqrt(np.bincount(known.row, known.weight, n))
    columns = np.sqrt(np.bincount(known.column, known.weight, m))
    rank, n_outputs = S.shape[1:]
    flat = (columns[:, None, None] * S).swapaxes(0, 1).reshape(rank, -1)
    left, upper = np.linalg.qr(rows[:, None] * P)
    right, lower = np.linalg.qr(flat.T)
    a, values, b = np.linalg.svd(upper @ lower.T, full_matrices=False)
    root = np.sqrt(values)
    P = left @ (a * root) / rows[:, None]
    S = ((root[:, None] * b) @ right.T).reshape(-1, m, n_outputs).swapaxes(0, 1)
    return P, S / columns[:, None, None], values


def automaton(known: Block, P: FloatArray, S: FloatArray, n_symbols: int, rank: int) -> Linear:
    r"""The linear automaton of the factors, cut to a rank.

    .. math:: \min_{A_a} \; \sum_u w_{ua} \|P_u A_a - P_{ua}\|^2
              + \sum_v w_{av} \|A_a S_v - S_{av}\|^2
    """
    P, S = P[:, :rank], S[:, :rank]
    rank = P.shape[1]
    n, m = known.shape
    of_rows = np.bincount(known.row, known.weight, n)
    of_columns = np.bincount(known.column, known.weight, m)
    shifts = _shifts(known, n_symbols)
    transitions = np.zeros((n_symbols, rank, rank))
    identity = _RIDGE_OF_CORES * np.eye(rank)
    for symbol, (u, ua, v, av) in enumerate(shifts):
        P0, P1 = P[u], P[ua] * of_rows[ua, None]
        S0 = S[v].swapaxes(0, 1).reshape(rank, -1)
        S1 = (S[av] * of_columns[av, None, None]).swapaxes(0, 1).reshape(rank, -1)
        weighted = (S[v] * of_columns[av, None, None]).swapaxes(0, 1).reshape(rank, -1)
        left = P0.T @ (P0 * of_rows[ua, None]) + identity
        right = S0 @ weighted.T + identity
        transitions[symbol] = solve_sylvester(left, right, P0.T @ P1 + S1 @ S0.T)
    return Linear(P[known.prefixes[()]], transitions, S[known.suffixes[()]])


def _shifts(known: Block, n_symbols: int) -> list[list[IntArray]]:
    """For each symbol a the rows of u and ua, and the columns of v and av."""
    pairs: list[list[list[int]]] = [[[], [], [], []] for _ in range(n_symbols)]
    for string, place in known.prefixes.items():
        if string and string[:-1] in known.prefixes:
            own = pairs[string[-1]]
            own[0].append(known.prefixes[string[:-1]])
            own[1].append(place)
    for string, place in known.suffixes.items():
        if string and string[1:] in known.suffixes:
            own = pairs[string[0]]
            own[2].append(known.suffixes[string[1:]])
            own[3].append(place)
    return [[np.array(one, np.int64) for one in own] for own in pairs]
