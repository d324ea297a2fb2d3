"""Pictures of shares of variance."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from .._support._checks import check_integer
from ._drawing import AS_IT_IS, BLUE, GREY, PALE, BaseDisplay, heat_map, tidy
from ._variance import VarianceShares, variance_shares


class VarianceSharesDisplay(BaseDisplay):
    """Shares of the variance of the scores by column, by order or by pair.

    Parameters
    ----------
    shares : VarianceShares
        What `variance_shares` returns. Several outputs are drawn by the shares
        of their variance together.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    variance_shares : The numbers.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktensornet import TTClassifier
    >>> from sktensornet.inspection import VarianceSharesDisplay
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> clf = TTClassifier(alpha=1e-3).fit(X, y)
    >>> display = VarianceSharesDisplay.from_estimator(clf, X, kind="orders")
    >>> display.ax_.get_xlabel()
    'order of interaction'
    """

    _KINDS = ("columns", "orders", "pairs")

    def __init__(self, shares: VarianceShares) -> None:
        self.shares = shares

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        kind: str = "columns",
        max_order: int = 3,
        max_columns: int = 20,
        output: Any = None,
        feature_names: Any = None,
        ax: Any = None,
    ) -> Self:
        """Find the shares for a fitted estimator and draw them.

        Parameters
        ----------
        estimator : object
            A fitted estimator of the package.
        X : array-like of shape (n_samples, n_features)
            Samples whose columns have the marginals.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Their weights.
        kind : {"columns", "orders", "pairs"}, default="columns"
            What to draw.
        max_order : int, default=3
            Orders above it share one number.
        max_columns : int, default=20
            Number of columns to draw, those with the largest total shares.
        output : object or None, default=None
            The class or the index of the output; None is all together.
        feature_names : sequence of str or None, default=None
            Names of the columns.
        ax : matplotlib Axes or None, default=None
            Where to draw; None is a new figure.

        Returns
        -------
        VarianceSharesDisplay
            The display, drawn.
        """
        cls._check_kind(kind)
        shares = variance_shares(
            estimator,
            X,
            sample_weight,
            max_order=max_order,
            pairs=kind == "pairs",
            output=output,
            feature_names=feature_names,
        )
        return cls(shares).plot(ax, kind=kind, max_columns=max_columns)

    def plot(self, ax: Any = None, *, kind: str = "columns", max_columns: int = 20) -> Self:
        """Draw the shares.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None is a new figure.
        kind : {"columns", "orders", "pairs"}, default="columns"
            "columns": the share of each column alone and with all it takes part
            in. "orders": of each order of interaction. "pairs": of each pair,
            and of the columns alone on the diagonal.
        max_columns : int, default=20
            Number of columns to draw, those with the largest total shares.

        Returns
        -------
        self : object
            The display, which holds what it drew.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If there are no shares of pairs to draw.
        """
        self._check_kind(kind)
        count = check_integer("max_columns", max_columns, 1)
        shares = self.shares if len(self.shares.outputs) == 1 else self.shares.pooled()
        shown = np.argsort(-shares.total[0], kind="stable")[:count]
        if kind == "pairs" and shares.pairs is None:
            raise ValueError(
                "kind='pairs' needs shares of pairs: variance_shares(..., pairs=True)."
            )
        return self._drawn(ax, kind=kind, shares=shares, shown=shown)

    def _size(self, kind, shares, shown):
        if kind == "orders":
            return 2.4 + 0.8 * (shares.max_order + 1), 3.6
        return 6.4, 1.4 + 0.32 * max(len(shown), 4)

    def _draw_orders(self, shares: VarianceShares, shown: np.ndarray) -> None:
        heights = 100 * shares.by_order[0]
        colours = [BLUE] * shares.max_order + [GREY]
        bars = self.ax_.bar(range(len(heights)), heights, color=colours, width=0.7)
        self.ax_.bar_label(bars, [f"{height:.1f}%" for height in heights], padding=2)
        names = [*map(str, range(1, shares.max_order + 1)), f"above {shares.max_order}"]
        self.ax_.set_xticks(range(len(heights)), names)
        self.ax_.set(xlabel="order of interaction", ylabel="share of variance")
        self.ax_.yaxis.set_major_formatter("{x:g}%")
        self.ax_.margins(y=0.12)
        tidy(self.ax_, "bottom")

    def _draw_columns(self, shares: VarianceShares, shown: np.ndarray) -> None:
        places = np.arange(len(shown))
        main, total = 100 * shares.main[0, shown], 100 * shares.total[0, shown]
        self.ax_.barh(places, main, color=BLUE, height=0.7, label="alone")
        rest = np.maximum(total - main, 0)
        self.ax_.barh(places, rest, left=main, color=PALE, height=0.7, label="with others")
        self.ax_.set_yticks(places, [shares.columns[k] for k in shown], **AS_IT_IS)
        self.ax_.invert_yaxis()
        self.ax_.xaxis.set_major_formatter("{x:g}%")
        self.ax_.set(xlabel="share of variance", xlim=(0, None))
        self.ax_.legend(frameon=False, loc="lower right")
        tidy(self.ax_, "bottom", grid="x")

    def _draw_pairs(self, shares: VarianceShares, shown: np.ndarray) -> None:
        from matplotlib.colors import PowerNorm

        assert shares.pairs is not None
        values = 100 * shares.pairs[0][np.ix_(shown, shown)]
        np.fill_diagonal(values, 100 * shares.main[0, shown])
        values[np.triu_indices(len(shown), 1)] = np.nan
        names = [shares.columns[k] for k in shown]
        largest = np.nanmax(values, initial=1e-3)
        # Colours grow as the root, since pairs are small beside columns.
        norm = PowerNorm(0.5, 0, largest)
        label = "share of variance (%)"
        heat_map(self.figure_, self.ax_, values, names, names, cmap="Blues", norm=norm, label=label)
        for i, j in np.argwhere(values >= 0.05):
            colour = "white" if values[i, j] > 0.4 * largest else "black"
            text = f"{values[i, j]:.1f}"
            self.ax_.text(j, i, text, ha="center", va="center", color=colour, fontsize=8)
