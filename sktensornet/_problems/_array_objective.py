"""The objective of samples on the device of another library."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._arrays._namespace import Place, rows_of, to_numpy
from .._arrays._workspace import Workspace
from ..networks._cores import tied
from ..networks._tensors._frobenius import squared_norm_and_gradient
from ._objective import Objective


class ArrayObjective(Objective):
    """The same objective, with samples, features and passes on a device.

    Points of NumPy, as SciPy has them, get a derivative of NumPy; those that are there
    already, as `Adam` keeps them, one that stays there. As many chunks of `Objective` as
    a device takes at once are one, with the same dropout masks.

    Parameters
    ----------
    *args, **others
        Those of `Objective`, of NumPy.
    place : Place
    """

    def __init__(self, *args: Any, place: Place, **others: Any) -> None:
        super().__init__(*args, **others)
        self._place = place
        self._there = self.model.moved(place)
        self._work = Workspace()
        self.X = self.put(self.X)
        self.y, self.weight = place.put(self.y), place.put(self.weight)
        self._from = place.put(self.origin)
        self._held: tuple[Any, Any] = (None, None)

    def put(self, point: Any) -> Any:
        """A point there, in the type of the model."""
        return self._place.put(point, self.model.dtype)

    def fitted(self, point):
        return super().fitted(to_numpy(point).astype(np.float64, copy=False))

    def scores(self, point, X):
        # Those that early stopping holds out, again and again.
        if self._held[0] is not X:
            self._held = X, self.put(X)
        return to_numpy(self._there.scores(point, self._held[1], 1))

    def value_and_gradient(self, theta, rows=None, dropout=0.0, seed=0):
        there = self._place.put(theta)
        value, total = self.mean_loss(there, rows, dropout, seed)
        if self.alpha:
            value = value + self._add_penalty(there, total)
        if isinstance(theta, np.ndarray):
            return float(value), to_numpy(total).astype(np.float64, copy=False)
        return float(value), total

    def mean_loss(self, theta, rows=None, dropout=0.0, seed=0):
        xp, model = self._place.xp, self._there
        n = self.n_samples if rows is None else len(rows)
        self._cores, parameters = model.prepared(theta, self._cores)
        value: Any = 0.0
        total: Any = None
        for group in self._groups(self._chunks(n, rows is None)):
            part = slice(group[0].start, group[-1].stop)
            where = part if rows is None else self._place.put(rows[part])
            noise = None
            if dropout:
                draws = [np.random.default_rng((seed, own.start)) for own in group]
                lengths = [own.stop - own.start for own in group]
                noise = dropout, list(zip(lengths, draws, strict=True))
            self._work.clear()
            X, y, weight = (rows_of(one, where) for one in (self.X, self.y, self.weight))
            scores, tape = model.forward(self._cores, parameters, X, noise, self._work)
            losses, gradient = self.loss.value_and_gradient(scores, y)
            flat = self._place.empty((model.gradient_size,), model.dtype)
            model.backward(parameters, tape, gradient * (weight / n)[:, None], flat)
            value = value + xp.sum(weight * losses) / n
            own = flat if rows is not None else xp.astype(flat, self._place.widest)
            total = own if total is None else total + own
        return value, model.gradient(self._cores, total)

    def _groups(self, parts: list[slice]) -> list[list[slice]]:
        """Chunks that are taken at once."""
        together = max(1, self._there.chunk_size // parts[0].stop)
        return [parts[k : k + together] for k in range(0, len(parts), together)]

    def _add_penalty(self, theta, total):
        xp, half = self._place.xp, 0.5 * self.alpha
        if self.penalty == "start":
            difference = theta - xp.astype(self._from, theta.dtype, copy=False)
            total += xp.astype(self.alpha * difference, total.dtype, copy=False)
            return half * xp.sum(difference * difference)
        cores, _ = self._there.unpack(theta)
        constants = self.model.feature_map.constants
        norm, gradients = squared_norm_and_gradient(self._there.contraction, cores, constants, half)
        parts = tied(self.model.tree, gradients)
        flat = xp.concat([xp.reshape(part, (-1,)) for part in parts])
        total[: flat.shape[0]] += xp.astype(flat, total.dtype, copy=False)
        return half * norm
