"""Parts of the samples to fit to, and to judge by."""

from __future__ import annotations

import numpy as np

from .._data._samples import Samples

Fold = tuple[Samples, Samples]
"""To train on, and to judge by."""

_FOLDS, _FOLDED_ROWS = 3, 1_000
"""With more rows one part in four is held out once: it tells as much as three folds of fewer. Three
such parts lower the RMSE of sixteen made tables of steps by 0.2 %, in half more time."""
FEWEST_ROWS = 10
"""So few observations tell no two settings apart; folds need twice as many. Not tuned."""


def deal(samples: Samples) -> list[Fold]:
    """Folds of samples; classes are shared by them evenly.

    The observations that a row stands for are dealt in turn, so that a row may
    be on both sides with parts of its weight.
    """
    n = len(samples)
    has_classes = samples.y.ndim == 1
    order = np.argsort(samples.y, kind="stable") if has_classes else np.arange(n)
    n_folds = _FOLDS if n <= _FOLDED_ROWS else _FOLDS + 1
    copies = samples.copies
    ends = np.empty(n, np.int64)
    ends[order] = np.cumsum(copies[order])
    judged = range(n_folds) if n_folds == _FOLDS else [0]
    folds = []
    for k in judged:
        # Of the numbers 0, 1, ... those that are k modulo the number of folds.
        below = (ends + n_folds - 1 - k) // n_folds
        before = (ends - copies + n_folds - 1 - k) // n_folds
        share = (below - before) / copies
        folds.append((samples.part(1.0 - share), samples.part(share)))
    return folds
