"""What a node adds to the plan whose product with the features of a site is looked up."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..._arrays._typing import FloatArray
from ._matrix_split import Split
from ._rules import CoreRule
from ._steps import Builder, Kind, View


class LookupRule(CoreRule):
    """As `CoreRule`, at a site whose product with the core comes in instead of its features.

    Parameters
    ----------
    sizes : sequence of int
    out : int
        As for `CoreRule`.
    place : int
        Which child the site is.
    n_batch : int
    """

    def __init__(self, sizes: Sequence[int], out: int, place: int, n_batch: int) -> None:
        rest = tuple(j for j in range(len(sizes)) if j != place)
        self._place, self._n_batch = place, n_batch
        self._sizes = tuple(sizes)
        self._up = self._down = Split((place,), rest, sizes, out)
        self.n_looked_up = n_batch * self._up.shape[0]
        kept = sum(math.prod(sizes[j] for j in rest[k:]) for k in range(len(rest)))
        self.entries = (2 + kept) * out

    def matrices(self, core: FloatArray) -> tuple[FloatArray, ...]:
        """A copy of a core (b, children..., out) as (features, all that is looked up)."""
        return (np.array(self._matrix(core), order="C"),)

    def refresh(self, matrices: tuple[FloatArray, ...], core: FloatArray) -> None:
        """Write another core into what `matrices` gave."""
        matrices[0][...] = self._matrix(core)

    def _matrix(self, core: FloatArray) -> FloatArray:
        matrix = self._up.matrix(core).transpose(2, 0, 1)
        return matrix.reshape(len(matrix), -1)

    def core(self, matrix: FloatArray) -> FloatArray:
        """The inverse of `matrices`."""
        split = matrix.reshape(len(matrix), self._n_batch, -1).transpose(1, 2, 0)
        lengths = [self._sizes[j] for j in self._up.rest]
        whole = split.reshape(self._n_batch, *lengths, -1, len(matrix))
        return np.moveaxis(whole, -1, 1 + self._place)

    def _looked_up(self, view: View) -> View:
        """(1, all that is looked up) as (b, rest and out)."""
        split = view.split(1, self._n_batch, self._up.shape[0])
        return split._replace(shape=split.shape[1:], strides=split.strides[1:])

    def up(
        self, build: Builder, position: int, messages: Sequence[View], wants_tape: bool
    ) -> tuple[View, list[View]]:
        """See the module."""
        result = self._looked_up(messages[self._place])
        partial: list[View] = []
        for j in self._up.rest:
            each = self._up.by_message(result, messages[j].shape[1])
            partial.append(each)
            result = build.keep(build.n_batch, each.shape[1])
            build.add(Kind.CONTRACT, each, messages[j], out=result)
        return result, partial

    def down(  # type: ignore[override]
        self,
        build: Builder,
        position: int,
        messages: Sequence[View],
        saved: Sequence[View],
        message: View,
        gradient: View,
        into: Sequence[View | None],
    ) -> None:
        """See the module; the derivative by the core is left to who looked it up."""
        split = self._up
        for j, each in zip(reversed(split.rest), reversed(saved)):
            target, size = into[j], messages[j].shape[1]
            if target is not None:
                build.add(Kind.CONTRACT, each.mT, gradient, out=target)
            spread = build.spare(build.n_batch, size * gradient.shape[1])
            factors = messages[j].expand(2), gradient.expand(1)
            build.add(Kind.MULTIPLY, *factors, out=split.by_message(spread, size).mT)
            gradient = spread
        target = into[self._place]
        if target is not None:
            build.add(Kind.COPY, gradient, out=self._looked_up(target))
