"""A core applied to the messages of its children with another product than "multiply"."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..._arrays._typing import FloatArray
from ..._arrays._workspace import Workspace
from ._products import Elementwise


class ProductKernel:
    r"""The rule of one node: a matrix product with all joined entries.

    .. math:: y_o = \sum_{i_1 \dots i_k} G_{i_1 \dots i_k o} \,
              \xi(x^1_{i_1}, \dots, x^k_{i_k})

    Parameters
    ----------
    product : Elementwise
        The operation xi.
    out : int
        Length of the outgoing message.
    """

    def __init__(self, product: Elementwise, out: int) -> None:
        self.product = product
        self.entries = 2 * out

    def matrices(self, core: FloatArray) -> tuple[FloatArray]:
        """A copy of the core as (b, out, joined)."""
        return (np.array(self._matrix(core), order="C"),)

    def refresh(self, matrices: tuple[FloatArray], core: FloatArray) -> None:
        """Write another core into what `matrices` gave."""
        matrices[0][...] = self._matrix(core)

    def _matrix(self, core: FloatArray) -> FloatArray:
        return core.reshape(len(core), -1, core.shape[-1]).mT

    def apply(
        self,
        matrices: tuple[FloatArray],
        messages: Sequence[FloatArray],
        work: Workspace,
        wants_tape: bool = True,
    ) -> tuple[FloatArray, list[FloatArray]]:
        """As `CoreKernel.apply`."""
        design = self.product.outer([message.mT for message in messages])
        return np.matmul(design, matrices[0].mT).mT, [design]

    def adjoint(
        self,
        matrices: tuple[FloatArray],
        messages: Sequence[FloatArray],
        partial: Sequence[FloatArray],
        gradient: FloatArray,
        into: Sequence[FloatArray | None],
        work: Workspace,
    ) -> FloatArray:
        """As `CoreKernel.adjoint`."""
        design = partial[0]
        core_gradient = np.matmul(gradient, design)
        wanted = [target is not None for target in into]
        if any(wanted):
            back = np.matmul(gradient.mT, matrices[0])
            rows = [message.mT for message in messages]
            parts = (
                [back]
                if len(messages) == 1
                else self.product.outer_adjoint(rows, design, back, wanted)
            )
            for part, target in zip(parts, into, strict=True):
                if target is not None and part is not None:
                    target[...] = part.mT
        lengths = [message.shape[1] for message in messages]
        return core_gradient.mT.reshape(len(core_gradient), *lengths, -1)
