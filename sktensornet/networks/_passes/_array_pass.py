"""Both passes over n samples on the device of another library."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

from ..._arrays._namespace import Place
from ._array_steps import (
    ArrayMemory,
    Call,
    all_safe,
    bind,
    by_sample,
    exponent_of,
    times_power,
)
from ._pass import SCORE_EXPONENT, Prepared
from ._plan import Plan
from ._steps import Part


class _Way:
    """One way of a plan bound to memory, with and without what rescales messages."""

    def __init__(self, part: Part, memory: ArrayMemory, shifts: dict[int, Any]) -> None:
        self._part, self._memory, self._shifts = part, memory, shifts
        self._calls: dict[bool, list[Call]] = {}
        self._peaks: list[Any] = []

    def run(self, rescales: bool) -> bool:
        """Take all steps; whether messages stayed in a safe range, as they do if rescaled."""
        if rescales not in self._calls:
            shifts = self._shifts if rescales else None
            self._calls[rescales] = bind(self._part, self._memory, shifts, self._peaks)
        self._peaks.clear()
        for call in self._calls[rescales]:
            call()
        return all_safe(self._memory, self._peaks)


class ArrayPass:
    """A plan bound to memory for n samples, as `Pass` is, of another library.

    Parameters
    ----------
    plan : Plan
    prepared : Prepared
        With matrices there.
    n : int
        Number of samples.
    place : Place
    """

    def __init__(self, plan: Plan, prepared: Prepared, n: int, place: Place) -> None:
        self.plan, self.prepared = plan, prepared
        self.shifts: dict[int, Any] = {}
        """Exponents that were taken out of messages, by check."""
        self._place, self._dtype = place, place.numpy_dtype(prepared.cores[0])
        self._limit = SCORE_EXPONENT[self._dtype]
        self._memory = ArrayMemory(plan.up, prepared.matrices, n, place, self._dtype)
        self._up = _Way(plan.up, self._memory, self.shifts)
        self._features = self._memory.array(plan.features)[0, ...]
        self._scores = self._memory.array(plan.messages[-1])
        self._rescales = False
        self._down: dict[tuple[bool, bool], tuple[_Way, Any, list[Any], Any]] = {}

    def forward(self, features: Any, mode_sizes: Sequence[int]) -> Any:
        """Scores (b, n, n_outputs), given features (n, m_k) of all sites."""
        xp, rows = self._place.xp, self._features
        if isinstance(features, list | tuple):
            for part, size, end in zip(features, mode_sizes, accumulate(mode_sizes), strict=True):
                rows[end - size : end, ...] = part.mT
        else:
            d, n, m = features.shape
            xp.reshape(rows, (d, m, n))[...] = features.mT
        # Once messages had to be rescaled, they will have to be again.
        self._rescales = self._rescales or not self._up.run(False)
        if not self._rescales:
            return xp.clip(self._scores, -(2.0**self._limit), 2.0**self._limit).mT
        self._up.run(True)
        own = exponent_of(xp, xp.abs(self._scores))
        total = xp.clip(own + self.exponent(), -self._limit, self._limit)
        return times_power(times_power(self._scores, -own, xp), total, xp).mT

    def exponent(self) -> Any:
        """The exponent (b, 1, n) of the scores: that of all messages."""
        return sum(by_sample(self._place.xp, own) for own in self.shifts.values())

    def backward(
        self, score_gradient: Any, wants_features: bool, wants_cores: bool = True
    ) -> tuple[list[Any], Any]:
        """Derivatives by each core, and by the features as (all m_k in turn, n)."""
        key = wants_features, wants_cores
        if key not in self._down:
            down, n = self.plan.down(wants_features, wants_cores), self._memory.n
            memory = ArrayMemory(
                down.part, self.prepared.matrices, n, self._place, self._dtype, self._memory
            )
            rows = None if down.by_feature is None else memory.array(down.by_feature)[0, ...]
            by_core = [memory.array(view) for view in down.by_core if view is not None]
            way = _Way(down.part, memory, self.shifts)
            self._down[key] = way, memory.array(down.scores), by_core, rows
        way, target, by_core, rows = self._down[key]
        xp, gradient = self._place.xp, score_gradient.mT
        if self._rescales:
            exponent = self.exponent()
            inside = xp.abs(exponent) <= self._limit
            nothing = xp.zeros_like(exponent)
            gradient = times_power(
                xp.where(inside, gradient, xp.zeros_like(gradient)),
                xp.where(inside, exponent, nothing),
                xp,
            )
        target[...] = gradient
        way.run(self._rescales)
        return by_core, rows
