"""Picture of the largest interactions."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from .._support._checks import check_integer
from ._drawing import AS_IT_IS, BLUE, RED, BaseDisplay, heat_map, tidy
from ._interactions import Interactions, interactions


class InteractionsDisplay(BaseDisplay):
    """Coefficients of the largest terms, as bars, or as a heat map for several outputs.

    Parameters
    ----------
    interactions : Interactions
        What `interactions` returns.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    bars_ : matplotlib BarContainer or None
        The bars of a single output.
    image_ : matplotlib AxesImage or None
        The heat map of several outputs.

    See Also
    --------
    interactions : The numbers.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktensornet import TTClassifier
    >>> from sktensornet.inspection import InteractionsDisplay
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> clf = TTClassifier(feature_map="polynomial", alpha=1e-3).fit(X, y)
    >>> display = InteractionsDisplay.from_estimator(clf, max_terms=8)
    >>> len(display.ax_.get_yticklabels())
    8
    """

    def __init__(self, interactions: Interactions) -> None:
        self.interactions = interactions

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        order: int = 2,
        *,
        max_terms: int = 15,
        by: str = "columns",
        units: str = "standardized",
        output: Any = None,
        feature_names: Any = None,
        ax: Any = None,
    ) -> Self:
        """Find the largest terms of a fitted estimator and draw them.

        Parameters
        ----------
        estimator : object
            A fitted estimator, as for `interactions`.
        order : int, default=2
            Largest order.
        max_terms : int, default=15
            Number of terms.
        by : {"columns", "functions"}, default="columns"
            Whether a term is a set of columns or a product of functions of them.
        units : {"standardized", "original"}, default="standardized"
            What the functions are.
        output : object or None, default=None
            The class or the index of the output; None is all.
        feature_names : sequence of str or None, default=None
            Names of the columns.
        ax : matplotlib Axes or None, default=None
            Where to draw; None is a new figure.

        Returns
        -------
        InteractionsDisplay
            The display, drawn.
        """
        found = interactions(
            estimator,
            order,
            by=by,
            units=units,
            top=check_integer("max_terms", max_terms, 1),
            output=output,
            feature_names=feature_names,
        )
        return cls(found).plot(ax, max_terms=max_terms)

    def plot(self, ax: Any = None, *, max_terms: int = 15) -> Self:
        """Draw the largest terms.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None is a new figure.
        max_terms : int, default=15
            Number of terms.

        Returns
        -------
        self : object
            The display, which holds what it drew.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        n_terms = min(len(self.interactions), check_integer("max_terms", max_terms, 1))
        names = [self.interactions.name(term) for term in range(n_terms)]
        return self._drawn(ax, names=names)

    def _size(self, names):
        n_outputs = len(self.interactions.outputs)
        width = 4.2 + 0.06 * max(map(len, names), default=0)
        wide = 0.0 if n_outputs == 1 else 0.45 * n_outputs
        return width + wide, 1.2 + 0.3 * max(len(names), 3)

    def _draw(self, names):
        found = self.interactions
        values = found.coefficients[: len(names)]
        self.bars_ = self.image_ = None
        label = f"coefficient, {found.units} units"
        if found.units == "deviations":
            label = "standard deviation of the score"
        if len(found.outputs) == 1:
            places = np.arange(len(names))
            colours = [BLUE if value > 0 else RED for value in values[:, 0]]
            self.bars_ = self.ax_.barh(places, values[:, 0], color=colours, height=0.7)
            self.ax_.set_yticks(places, names, **AS_IT_IS)
            self.ax_.invert_yaxis()
            self.ax_.axvline(0, color="black", lw=0.8)
            self.ax_.set_xlabel(label)
            tidy(self.ax_, "bottom", grid="x")
        else:
            limit = float(np.abs(values).max(initial=1e-300))
            outputs = [str(name) for name in found.outputs]
            options = {"cmap": "RdBu", "vmin": -limit, "vmax": limit, "label": label}
            self.image_ = heat_map(self.figure_, self.ax_, values, names, outputs, **options)
            self.ax_.set_xlabel("output")
