"""How far the transitions of a recurrent train are from keeping the norms of its states."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .._arrays._typing import FloatArray
from ._model import Model

_MOST_STEPS = 256
"""Distinct steps that stand for all: products of matrices for each cost as much as a chunk of
samples of one step."""

_INNER = 1
"""Of the cores in their order: the second is the one between the first and the last."""


class Orthogonality:
    r"""Mean distance of transitions from orthogonal ones.

    .. math:: R = \sum_k p_k \, \|A(x_k)^T A(x_k) - I\|_F^2, \qquad A(x) = \sum_i f_i(x) \, G_i

    over the distinct steps x_k of training samples, with their frequencies p_k; where there
    are more than 256, over so many drawn ones. G is the core between the first and the last.

    Parameters
    ----------
    model : Model
        Of a recurrent train of equal cores over at least three sites.
    X : ndarray of shape (n_samples, n_features)

    References
    ----------
    Vorontsov, Trabelsi, Kadoury, Pal, "On orthogonality and learning recurrent networks with
    long term dependencies", ICML 2017.
    """

    def __init__(self, model: Model, X: FloatArray) -> None:
        self._model, self._map = model, model.feature_map.repeated(1)
        steps = np.concatenate(list(model.sites.extract(X.astype(model.dtype, copy=False))))
        known = steps[~self._map.missing(steps[None])[0]]
        steps, counts = np.unique(known, axis=0, return_counts=True)
        share = counts / max(counts.sum(), 1)
        if len(steps) > _MOST_STEPS:
            rng = np.random.default_rng(0)
            kept = rng.choice(len(steps), _MOST_STEPS, replace=False, p=share)
            steps, share = steps[kept], np.full(_MOST_STEPS, 1 / _MOST_STEPS)
        self._steps, self._share = steps[None], share

    def value_and_gradient(
        self, cores: Sequence[FloatArray], parameters: Sequence[FloatArray]
    ) -> tuple[float, FloatArray]:
        """R, and its derivative by the parameter vector of the model."""
        core = cores[_INNER]
        features, saved = self._map.forward(parameters, self._steps)
        table = np.asarray(features[0], np.float64)
        A = np.einsum("km,brms->bkrs", table, core)
        excess = A.swapaxes(2, 3) @ A - np.eye(core.shape[-1])
        value = float(self._share @ (excess**2).sum(axis=(0, 2, 3)))
        by_A = (4 * self._share)[:, None, None] * (A @ excess)
        by_core = np.einsum("km,bkrs->brms", table, by_A)
        by_table = np.einsum("bkrs,brms->km", by_A, core)
        by_cores = [np.zeros_like(one) for one in cores]
        for place in next(group for group in self._model.groups if _INNER in group):
            by_cores[place] = by_core
        by_map = self._map.backward(parameters, saved, by_table[None])
        return value, self._model.pack(by_cores, by_map)
