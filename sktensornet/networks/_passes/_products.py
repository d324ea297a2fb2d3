"""What a node does with two numbers that meet: products of generalized networks.

A multilinear network multiplies. Any other associative and commutative
operation xi gives a network of the same shape, with the adjoint below.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import reduce
from typing import TypeAlias

import numpy as np

from ..._arrays._typing import FloatArray, IntArray
from ..._arrays._workspace import Workspace
from ._steps import add_exponents, in_range

_FACTORS_BETWEEN_CHECKS = 8

_Step: TypeAlias = "tuple[FloatArray, IntArray | None]"


def khatri_rao(x: FloatArray, y: FloatArray) -> FloatArray:
    """Row-wise Kronecker product, (b, n, i) and (b, n, j) to (b, n, i * j)."""
    z = x[..., :, None] * y[..., None, :]
    return z.reshape(*z.shape[:-2], -1)


class Product(ABC):
    r"""An associative and commutative operation in place of the product.

    .. math:: \text{rule (i):} \; z_o = \sum_{i_1 \dots i_k} G_{i_1 \dots i_k o}
              \, \xi(x^1_{i_1}, \dots, x^k_{i_k}), \qquad
              \text{rule (ii):} \; z_i = \xi(x^1_i, \dots, x^k_i)

    One message alone is passed on as it is by rule (i), and meets the unit of xi
    in rule (ii).

    Attributes
    ----------
    is_multilinear : bool
        Whether scores are linear in each core and in the features of each site.
    """

    is_multilinear = False

    @abstractmethod
    def combine(
        self, messages: Sequence[FloatArray], work: Workspace, wants_tape: bool = True
    ) -> tuple[FloatArray, list[_Step], IntArray | None]:
        """Entry by entry (b, r, n); the result, what the adjoint needs, exponents taken out."""

    @abstractmethod
    def combine_adjoint(
        self,
        messages: Sequence[FloatArray],
        steps: Sequence[_Step],
        result: FloatArray,
        gradient: FloatArray,
        into: Sequence[FloatArray | None],
        work: Workspace,
    ) -> None:
        """Adjoint of `combine`, written into an array for each message, or not where None."""


class Multiply(Product):
    r""":math:`\xi(x, y) = x y`, with messages rescaled on the way."""

    is_multilinear = True

    def combine(self, messages, work, wants_tape=True):
        prefix, exponent = messages[0], None
        steps: list[_Step] = []
        for j, message in enumerate(messages[1:], start=1):
            shift = None
            if j % _FACTORS_BETWEEN_CHECKS == 0:
                prefix, shift = in_range(prefix, work)
                exponent = add_exponents(exponent, shift)
            steps.append((prefix, shift))
            shape = np.broadcast_shapes(prefix.shape, message.shape)
            # Without a tape nothing reads the prefix before last again.
            reuses = j > 2 and not wants_tape and steps[j - 2][0].shape == shape
            target = steps[j - 2][0] if reuses else work.keep(shape, prefix.dtype)
            prefix = work.run(np.multiply, prefix, message, out=target)
        return prefix, steps, exponent

    def combine_adjoint(self, messages, steps, result, gradient, into, work):
        if not steps and into[0] is not None:
            work.run(np.positive, gradient, out=into[0])
        # In turn, since compiled code is slow where a result lies in its operand.
        spare = [work.spare(gradient.shape, gradient.dtype) for _ in steps[:2]]
        for j in range(len(steps), 0, -1):
            prefix, shift = steps[j - 1]
            if into[j] is not None:
                work.run(np.multiply, prefix, gradient, out=into[j])
            target = spare[j % len(spare)] if j > 1 or shift is not None else into[0]
            if target is not None:
                gradient = work.run(np.multiply, messages[j], gradient, out=target)
            if shift is not None:
                gradient = np.ldexp(gradient, -shift.mT, out=target if j > 1 else into[0])


class Elementwise(Product):
    """Operations given by `join` and `parts`, which take arrays that broadcast."""

    @abstractmethod
    def join(self, messages: Sequence[FloatArray]) -> FloatArray:
        """Xi of all messages and the unit."""

    @abstractmethod
    def parts(
        self, messages: Sequence[FloatArray], result: FloatArray, gradient: FloatArray
    ) -> Sequence[FloatArray]:
        """Derivative times gradient for each message, before broadcasting is summed."""

    def outer(self, messages: Sequence[FloatArray]) -> FloatArray:
        """All pairs of entries, row by row: (b, n, i), (b, n, j), ... to (b, n, i * j ...)."""
        if len(messages) == 1:
            return messages[0]
        joined = self.join(self._spread(messages))
        return joined.reshape(*joined.shape[:2], -1)

    def outer_adjoint(
        self, messages: Sequence[FloatArray], design: FloatArray, gradient: FloatArray, wanted
    ) -> list[FloatArray | None]:
        """Adjoint of `outer` for at least two messages; `design` is its result."""
        spread = self._spread(messages)
        lengths = [message.shape[-1] for message in messages]
        parts = self.parts(
            spread,
            design.reshape(*design.shape[:2], *lengths),
            gradient.reshape(*gradient.shape[:2], *lengths),
        )
        axes = range(2, 2 + len(messages))
        return [
            part.sum(axis=tuple(axis for axis in axes if axis != own)) if want else None
            for own, part, want in zip(axes, parts, wanted, strict=True)
        ]

    def combine(self, messages, work, wants_tape=True):
        return self.join(messages), [], None

    def combine_adjoint(self, messages, steps, result, gradient, into, work):
        for part, target in zip(self.parts(messages, result, gradient), into, strict=True):
            if target is not None:
                target[...] = part

    @staticmethod
    def _spread(messages):
        """Each message along an axis of its own after (b, n)."""
        k = len(messages)
        return [
            message.reshape(*message.shape[:2], *(1,) * j, -1, *(1,) * (k - 1 - j))
            for j, message in enumerate(messages)
        ]


class Maximum(Elementwise):
    r""":math:`\xi(x, y) = \max(x, y, 0)`, the rectifier; ties go to the first."""

    def join(self, messages):
        return reduce(np.maximum, messages, messages[0].dtype.type(0))

    def parts(self, messages, result, gradient):
        gradient = gradient * (result > 0)
        parts = []
        for message in messages[:-1]:
            part = gradient * (message == result)
            gradient = gradient - part
            parts.append(part)
        return [*parts, gradient * (messages[-1] == result)]


class LogAddExp(Elementwise):
    r""":math:`\xi(x, y) = \ln(e^x + e^y)`, whose unit is minus infinity."""

    def join(self, messages):
        if len(messages) == 1:
            return messages[0]
        largest = reduce(np.maximum, messages)
        total = sum(np.exp(message - largest) for message in messages)
        return np.log(total, out=total) + largest

    def parts(self, messages, result, gradient):
        return [np.exp(message - result) * gradient for message in messages]


class Add(Elementwise):
    r""":math:`\xi(x, y) = x + y`."""

    def join(self, messages):
        return reduce(np.add, messages)

    def parts(self, messages, result, gradient):
        return [gradient] * len(messages)


class Hypot(Elementwise):
    r""":math:`\xi(x, y) = \sqrt{x^2 + y^2}`; the derivative at the origin is taken as 0."""

    def join(self, messages):
        return np.abs(messages[0]) if len(messages) == 1 else reduce(np.hypot, messages)

    def parts(self, messages, result, gradient):
        share = gradient / np.maximum(result, np.finfo(result.dtype).tiny ** 0.5)
        return [message * share for message in messages]


PRODUCTS: dict[str, Product] = {
    "multiply": Multiply(),
    "max": Maximum(),
    "logaddexp": LogAddExp(),
    "add": Add(),
    "hypot": Hypot(),
}
"""The products by the names that ``product`` takes."""
