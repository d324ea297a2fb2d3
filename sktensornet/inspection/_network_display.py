"""Picture of a tensor network."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from ..networks import TensorNetwork, Tree
from ._drawing import BLUE, GREY, RED, BaseDisplay
from ._fitted import fitted_network

_MOST_LABELS = 40
"""More of them overlap in a figure of the usual width."""


class NetworkDisplay(BaseDisplay):
    """A network as a diagram: cores, their sites, and bonds with their ranks.

    Squares are cores, diamonds element-wise products, small circles sites; the
    red line is the class leg. Bonds are drawn wider the larger their rank is.

    Parameters
    ----------
    network : TensorNetwork
        Any topology.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktensornet import HTClassifier
    >>> from sktensornet.inspection import NetworkDisplay
    >>> clf = HTClassifier(rank=3, alpha=1e-3).fit(*load_iris(return_X_y=True))
    >>> display = NetworkDisplay.from_estimator(clf)
    >>> [text.get_text() for text in display.ax_.texts][-1]
    '3'
    """

    def __init__(self, network: TensorNetwork) -> None:
        self.network = network

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None) -> Self:
        """Draw the network of a fitted estimator.

        Parameters
        ----------
        estimator : object
            A fitted estimator of the package.
        ax : matplotlib Axes or None, default=None
            Where to draw; None is a new figure.

        Returns
        -------
        NetworkDisplay
            The display, drawn.
        """
        return cls(fitted_network(estimator)).plot(ax)

    def _size(self):
        tree = self.network.tree
        height = _places(tree)[:, 1].max()
        return min(14.0, 1.5 + 0.75 * tree.n_sites), 1.4 + 0.8 * (height + 0.8)

    def _draw(self):
        tree, sizes = self.network.tree, self.network.message_sizes
        places = _places(tree)
        labelled = len(tree.nodes) <= 2 * _MOST_LABELS
        for index, node in enumerate(tree.nodes):
            for child in node.children:
                ends = places[[child, index]]
                colour = GREY if tree.nodes[child].site is not None else BLUE
                self.ax_.plot(*ends.T, color=colour, lw=0.8 + np.log2(sizes[child]) / 2, zorder=1)
                if labelled and not node.is_product:
                    self._label(ends.mean(axis=0), sizes[child])
        top = places[-1] + [[0, 0], [0, 0.7]]
        self.ax_.plot(*top.T, color=RED, lw=2, zorder=1)
        shapes = {"s": (110, BLUE), "D": (60, "white"), "o": (22, GREY)}
        kinds = [
            "o" if node.site is not None else "D" if node.is_product else "s" for node in tree.nodes
        ]
        for marker, (area, colour) in shapes.items():
            own = places[[kind == marker for kind in kinds]]
            face = {"c": colour, "edgecolors": BLUE if marker == "D" else colour}
            self.ax_.scatter(*own.T, s=area, marker=marker, zorder=2, **face)
        self._label(top.mean(axis=0), self.network.n_outputs)
        self.ax_.set_axis_off()
        self.ax_.set_xlim(-0.7, tree.n_sites - 0.3)
        self.ax_.set_ylim(-0.4, places[:, 1].max() + 0.9)

    def _label(self, place: np.ndarray, size: int) -> None:
        box = {"boxstyle": "round,pad=0.1", "fc": "white", "ec": "none"}
        options = {"ha": "center", "va": "center", "fontsize": 8, "bbox": box}
        self.ax_.text(*place, str(size), **options)


def _places(tree: Tree) -> np.ndarray:
    """Where to draw each node: sites in a row, cores above their sites or children."""
    order: list[int] = []
    stack = [tree.root]
    while stack:
        index = stack.pop()
        if tree.nodes[index].site is not None:
            order.append(index)
        stack.extend(reversed(tree.nodes[index].children))
    spots = {index: float(k) for k, index in enumerate(order)}
    places = np.zeros((len(tree.nodes), 2))
    for index, node in enumerate(tree.nodes):
        sites = [child for child in node.children if tree.nodes[child].site is not None]
        if node.site is not None:
            places[index] = spots[index], 0.0
        elif sites:
            places[index] = places[sites, 0].mean(), 1.0
        else:
            children = list(node.children)
            places[index] = places[children, 0].mean(), 1.0 + places[children, 1].max()
    return places
