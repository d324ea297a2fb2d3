"""Linear automata to start from."""

from __future__ import annotations

import numpy as np

from ._linear import Linear, Sequences


def orthogonal(sequences: Sequences, rank: int, rng: np.random.RandomState) -> Linear:
    """Random orthogonal transitions of symbols, or of features on average of norm one."""
    if sequences.are_symbols:
        n = int(sequences.steps.max(initial=0)) + 1
        size = 1.0
    else:
        n = sequences.steps.shape[2]
        known = np.arange(sequences.steps.shape[1]) < sequences.lengths[:, None]
        size = max(float((sequences.steps[known] ** 2).sum(axis=1).mean()), 1e-12) ** -0.5
    transitions = size * np.linalg.qr(rng.standard_normal((n, rank, rank)))[0]
    initial = np.linalg.qr(rng.standard_normal((rank, 1)))[0][:, 0]
    final = rng.standard_normal((rank, sequences.targets.shape[1])) * rank**-0.5
    return Linear(initial, transitions, final)
