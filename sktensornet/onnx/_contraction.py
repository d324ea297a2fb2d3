"""Networks as nodes: the upward pass over the tree."""

from __future__ import annotations

import math

import numpy as np

from ..networks import TensorNetwork
from ..networks._cores import message_cores
from ..networks._passes._pass import SCORE_EXPONENT
from ..networks._passes._plan import visits
from ..networks._passes._steps import LEAVES_BETWEEN_CHECKS
from ._graph import Graph

_SMALLEST = 1e-30
"""Keeps the logarithm of a message of zeros finite, in single precision too."""


class _Messages:
    """Messages (1 or b, n_samples, r), and the powers of two taken out of them."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.exponent: str | None = None

    def rescale(self, message: str) -> str:
        """Bring each sample's message near one."""
        graph = self.graph
        largest = graph("ReduceMax", graph("Abs", message), np.array([-1]), keepdims=1)
        mantissa, exponent = self._split(message, largest)
        carried = self.exponent
        self.exponent = exponent if carried is None else graph("Add", carried, exponent)
        return mantissa

    def _split(self, value: str, size: str) -> tuple[str, str]:
        """The value over the power of two above a size, about, and its exponent."""
        graph = self.graph
        logarithm = graph("Log", graph("Max", size, _SMALLEST))
        exponent = graph("Ceil", graph("Mul", logarithm, 1 / np.log(2)))
        return graph("Mul", value, graph("Pow", 2.0, graph("Neg", exponent))), exponent

    def multiply(self, messages: list[str]) -> str:
        """The element-wise product of all of them."""
        product = messages[0]
        for j, message in enumerate(messages[1:], start=1):
            if j % LEAVES_BETWEEN_CHECKS == 0:
                product = self.rescale(product)
            product = self.graph("Mul", product, message)
        return product

    def apply(self, core: np.ndarray, messages: list[str]) -> str:
        """The message of a core (b, i_1, ..., i_k, o)."""
        graph = self.graph
        paired = messages[:2]
        design = paired[0]
        n_rows = math.prod(core.shape[1 : 1 + len(paired)])
        # All lengths are given: with -1 a batch of no samples has no shape.
        if len(paired) == 2:
            x, y = graph.unsqueeze(paired[0], -1), graph.unsqueeze(paired[1], -2)
            design = graph("Reshape", graph("Mul", x, y), [0, 0, n_rows])
        result = graph("MatMul", design, core.reshape(len(core), n_rows, -1))
        for place, message in enumerate(messages[2:], start=3):
            length, rest = core.shape[place], math.prod(core.shape[place + 1 :])
            result = graph("Reshape", result, [0, 0, length, rest])
            result = graph("MatMul", graph.unsqueeze(message, -2), result)
            result = graph("Squeeze", result, np.array([2]))
        return result

    def saturate(self, message: str) -> str:
        """The message with its powers of two, limited as the scores of an estimator are."""
        graph = self.graph
        if self.exponent is None:
            return message
        limit = float(SCORE_EXPONENT[graph.dtype])
        mantissa, own = self._split(message, graph("Abs", message))
        exponent = graph("Clip", graph("Add", own, self.exponent), -limit, limit)
        return graph("Mul", mantissa, graph("Pow", 2.0, exponent))


def add_scores(graph: Graph, network: TensorNetwork, features: list[str]) -> str:
    """The scores (n_samples, n_outputs), by name, from the features of every site.

    Messages are rescaled at the nodes where the passes look whether they
    need to be, always, since a graph cannot branch cheaply.
    """
    tree = network.tree
    cores = message_cores(network, network.dtype)
    work = _Messages(graph)
    messages = {
        index: graph.unsqueeze(features[node.site], 0)
        for index, node in enumerate(tree.nodes)
        if node.site is not None
    }
    for index, children, position, checked, _ in visits(tree):
        own = [messages[child] for child in children]
        message = work.multiply(own) if position is None else work.apply(cores[position], own)
        messages[index] = work.rescale(message) if checked else message
    scores = work.saturate(messages[tree.root])
    if network.batched:
        return graph("Transpose", graph("Squeeze", scores, np.array([2])), perm=[1, 0])
    return graph("Squeeze", scores, np.array([0]))
