"""Picture of the scores of several models against their sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from ..networks import TensorNetwork
from ._drawing import AS_IT_IS, BLUE, GREY, BaseDisplay, tidy
from ._fitted import fitted_network


class ParetoDisplay(BaseDisplay):
    """Scores against numbers of parameters, with the best for their size joined.

    Parameters
    ----------
    sizes : sequence of int
        Number of entries of all cores of each model.
    scores : sequence of float
        The larger the better.
    names : sequence of str
        Names of the models.

    Attributes
    ----------
    best : ndarray of bool, shape (n_models,)
        Models that no other one beats in score without being larger.
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Raises
    ------
    ValueError
        If there are no models, or not as many of each.

    Examples
    --------
    >>> from sktensornet.inspection import ParetoDisplay
    >>> display = ParetoDisplay([10, 20, 30], [0.8, 0.7, 0.9], ["a", "b", "c"])
    >>> display.best
    array([ True, False,  True])
    """

    def __init__(self, sizes: Any, scores: Any, names: Any) -> None:
        self.sizes = np.asarray(sizes)
        self.scores = np.asarray(scores, float)
        self.names = [str(name) for name in names]
        if not len(self.sizes) == len(self.scores) == len(self.names) > 0:
            raise ValueError(
                f"sizes, scores and names have lengths {len(self.sizes)}, {len(self.scores)} and "
                f"{len(self.names)}; they must have one entry for each of at least one model."
            )
        self.best = np.array(
            [
                not np.any(
                    (self.sizes <= size)
                    & (self.scores >= score)
                    & ((self.sizes < size) | (self.scores > score))
                )
                for size, score in zip(self.sizes, self.scores, strict=True)
            ]
        )

    @classmethod
    def from_estimators(
        cls,
        estimators: Mapping[str, Any] | Sequence[Any],
        X: ArrayLike,
        y: ArrayLike,
        *,
        ax: Any = None,
    ) -> Self:
        """Score fitted estimators and draw them.

        Parameters
        ----------
        estimators : dict of str to object, or list of object
            Fitted estimators of the package, by their names. Those of a list are named by
            format and largest rank.
        X : array-like of shape (n_samples, n_features)
            Samples to score on, preferably not those of the training.
        y : array-like of shape (n_samples,)
            Their targets.
        ax : matplotlib Axes or None, default=None
            Where to draw; None is a new figure.

        Returns
        -------
        ParetoDisplay
            The display, drawn.
        """
        if isinstance(estimators, Mapping):
            names, models = list(estimators), list(estimators.values())
        else:
            models = list(estimators)
            names = [_name(fitted_network(one)) for one in models]
        sizes = [fitted_network(one).n_parameters for one in models]
        scores = [one.score(X, y) for one in models]
        return cls(sizes, scores, names).plot(ax)

    def _size(self):
        return 6.4, 4.2

    def _draw(self):
        best = np.flatnonzero(self.best)
        best = best[np.argsort(self.sizes[best], kind="stable")]
        self.ax_.plot(self.sizes[best], self.scores[best], color=BLUE, lw=1.2, zorder=1)
        smallest = self.sizes.min()
        colours = [BLUE if own else GREY for own in self.best]
        self.ax_.scatter(self.sizes, self.scores, c=colours, s=45, zorder=2)
        for size, score, name, own, colour in zip(
            self.sizes, self.scores, self.names, self.best, colours, strict=True
        ):
            # The line rises: above it on the left there is room for what lies on it, and below
            # it on the right for the others and for the smallest, left of which is the axis.
            above = own and size > smallest
            place, align = ((-7, 6), "right") if above else ((7, -11), "left")
            options = {"xytext": place, "textcoords": "offset points", "ha": align, **AS_IT_IS}
            self.ax_.annotate(name, (size, score), color=colour, fontsize=9, **options)
        self.ax_.set(xscale="log", xlabel="parameters of the network", ylabel="score")
        self.ax_.xaxis.get_major_locator().set_params(subs=(1, 2, 5))
        self.ax_.xaxis.set_major_formatter("{x:,.0f}")
        self.ax_.xaxis.set_minor_formatter("")
        self.ax_.margins(0.12)
        tidy(self.ax_, "bottom", "left", grid="both")


def _name(network: TensorNetwork) -> str:
    """Format and largest rank."""
    return f"{network.format}, rank {max(network.ranks, default=1)}"
