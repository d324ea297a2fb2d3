"""Picture of a fit."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from ._drawing import BLUE, RED, BaseDisplay, tidy, whole_numbers
from ._fitted import fitted_estimator


class TrainingDisplay(BaseDisplay):
    """The objective after each iteration, or the ranks after each sweep.

    Parameters
    ----------
    loss_curve : sequence of float
        Objective after each iteration.
    validation_scores : sequence of float or None, default=None
        Scores on held-out samples, drawn on a second axis.
    ranks : sequence of tuple of int or None, default=None
        Ranks after each sweep.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktensornet import TTClassifier
    >>> from sktensornet.inspection import TrainingDisplay
    >>> clf = TTClassifier(rank=3, alpha=1e-3).fit(*load_iris(return_X_y=True))
    >>> display = TrainingDisplay.from_estimator(clf)
    >>> len(display.ax_.lines[0].get_xdata()) == clf.n_iter_
    True
    """

    _KINDS = ("loss", "ranks")

    def __init__(self, loss_curve: Any, validation_scores: Any = None, ranks: Any = None) -> None:
        self.loss_curve = loss_curve
        self.validation_scores = validation_scores
        self.ranks = ranks

    @classmethod
    def from_estimator(cls, estimator: Any, *, kind: str = "loss", ax: Any = None) -> Self:
        """Draw how an estimator was fitted.

        Parameters
        ----------
        estimator : object
            A fitted estimator of the package.
        kind : {"loss", "ranks"}, default="loss"
            What to draw.
        ax : matplotlib Axes or None, default=None
            Where to draw; None is a new figure.

        Returns
        -------
        TrainingDisplay
            The display, drawn.
        """
        fitted = fitted_estimator(estimator)
        ranks = None if fitted.sweeps_ is None else [record.ranks for record in fitted.sweeps_]
        display = cls(fitted.loss_curve_, fitted.validation_scores_, ranks)
        return display.plot(ax, kind=kind)

    def plot(self, ax: Any = None, *, kind: str = "loss") -> Self:
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None is a new figure.
        kind : {"loss", "ranks"}, default="loss"
            "loss": the objective, and validation scores where there are any.
            "ranks": the ranks along the bonds, fainter for earlier sweeps.

        Returns
        -------
        self : object
            The display, which holds what it drew.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there are no ranks of sweeps to draw.
        """
        if self._check_kind(kind) == "ranks" and self.ranks is None:
            raise ValueError("kind='ranks' needs a fit by sweeps, solver='als'.")
        return self._drawn(ax, kind=kind)

    def _draw(self, *, kind):
        super()._draw(kind=kind)
        whole_numbers(self.ax_.xaxis)
        tidy(self.ax_, "bottom", grid="y")

    def _draw_ranks(self):
        for sweep, own in enumerate(self.ranks, start=1):
            share = sweep / len(self.ranks)
            style = {"color": BLUE, "alpha": 0.2 + 0.8 * share, "lw": 1 + share}
            last = {"marker": "o", "label": f"sweep {sweep}"} if share == 1 else {}
            self.ax_.plot(np.arange(1, len(own) + 1), own, **style, **last)
        self.ax_.set(xlabel="bond", ylabel="rank", ylim=(0, None))
        whole_numbers(self.ax_.yaxis)
        self.ax_.legend(frameon=False)

    def _draw_loss(self):
        self._curve(self.ax_, self.loss_curve, BLUE)
        self.ax_.set(xlabel="iteration", ylabel="objective")
        if self.validation_scores is not None:
            other = self.ax_.twinx()
            self._curve(other, self.validation_scores, RED)
            other.set_ylabel("validation score", color=RED)
            self.ax_.yaxis.label.set_color(BLUE)
            tidy(other)

    def _curve(self, ax: Any, values: Any, colour: str) -> None:
        marked = {"marker": "o", "ms": 4} if len(self.loss_curve) <= 30 else {}
        ax.plot(np.arange(1, len(values) + 1), values, color=colour, lw=2, **marked)
