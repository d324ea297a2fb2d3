"""What a node does with two numbers that meet: products of generalized networks.

A multilinear network multiplies. Any other associative and commutative
operation xi gives a network of the same shape, with the adjoint below.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import numpy as np

from ..._arrays._typing import FloatArray


class Product(ABC):
    r"""An associative and commutative operation in place of the product.

    .. math:: \text{rule (i):} \; z_o = \sum_{i_1 \dots i_k} G_{i_1 \dots i_k o}
              \, \xi(x^1_{i_1}, \dots, x^k_{i_k}), \qquad
              \text{rule (ii):} \; z_i = \xi(x^1_i, \dots, x^k_i)

    One message alone is passed on as it is by rule (i), and meets the unit of xi
    in rule (ii).

    Attributes
    ----------
    unit : float
        What changes no number that it meets; of the rectifier, none that is not negative.
    """

    unit = 0.0

    @abstractmethod
    def join(self, messages: Sequence[FloatArray], out: FloatArray | None = None) -> FloatArray:
        """Xi of all messages, arrays that broadcast, and the unit."""

    @abstractmethod
    def parts(
        self, messages: Sequence[FloatArray], result: FloatArray, gradient: FloatArray
    ) -> Sequence[FloatArray]:
        """Derivative of `join` times gradient for each message, before broadcasting is summed."""


def _reduced(
    operation: np.ufunc, messages: Sequence[FloatArray], out: FloatArray | None
) -> FloatArray:
    """The operation of two or more messages in turn."""
    result = operation(messages[0], messages[1], out=out)
    for message in messages[2:]:
        result = operation(result, message, out=out)
    return result


class Maximum(Product):
    r""":math:`\xi(x, y) = \max(x, y, 0)`, the rectifier; ties go to the first."""

    def join(self, messages, out=None):
        return _reduced(np.maximum, [messages[0].dtype.type(0), *messages], out)

    def parts(self, messages, result, gradient):
        gradient = gradient * (result > 0)
        parts = []
        for message in messages[:-1]:
            part = gradient * (message == result)
            gradient = gradient - part
            parts.append(part)
        return [*parts, gradient * (messages[-1] == result)]


class LogAddExp(Product):
    r""":math:`\xi(x, y) = \ln(e^x + e^y)`, whose unit is minus infinity."""

    unit = -np.inf

    def join(self, messages, out=None):
        if len(messages) == 1:
            return np.positive(messages[0], out=out)
        largest = _reduced(np.maximum, messages, None)
        total = sum(np.exp(message - largest) for message in messages)
        return np.add(np.log(total, out=total), largest, out=out)

    def parts(self, messages, result, gradient):
        return [np.exp(message - result) * gradient for message in messages]


class Add(Product):
    r""":math:`\xi(x, y) = x + y`."""

    def join(self, messages, out=None):
        if len(messages) == 1:
            return np.positive(messages[0], out=out)
        return _reduced(np.add, messages, out)

    def parts(self, messages, result, gradient):
        return [gradient] * len(messages)


class Hypot(Product):
    r""":math:`\xi(x, y) = \sqrt{x^2 + y^2}`; the derivative at the origin is taken as 0."""

    def join(self, messages, out=None):
        if len(messages) == 1:
            return np.abs(messages[0], out=out)
        return _reduced(np.hypot, messages, out)

    def parts(self, messages, result, gradient):
        share = gradient / np.maximum(result, np.finfo(result.dtype).tiny ** 0.5)
        return [message * share for message in messages]


PRODUCTS: dict[str, Product | None] = {
    "multiply": None,
    "max": Maximum(),
    "logaddexp": LogAddExp(),
    "add": Add(),
    "hypot": Hypot(),
}
"""The products by the names that ``product`` takes; None where the network is multilinear."""
