"""Pictures of Shapley values."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from .._arrays._typing import FloatArray
from .._support._checks import check_integer
from ._drawing import BLUE, GREY, RED, BaseDisplay, tidy
from ._shapley import ShapleyValues, shapley_values

_BINS = 40
"""Places along the axis at which points of a swarm are piled up."""


class ShapleyDisplay(BaseDisplay):
    """Shapley values of one sample as a waterfall, or of many as swarms.

    Parameters
    ----------
    shapley : ShapleyValues
        What `shapley_values` returns.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure

    See Also
    --------
    shapley_values : The numbers.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from sktensornet import TTRegressor
    >>> from sktensornet.inspection import ShapleyDisplay
    >>> X, y = load_diabetes(return_X_y=True, as_frame=True)
    >>> reg = TTRegressor(feature_map="polynomial", rank=3).fit(X, y)
    >>> display = ShapleyDisplay.from_estimator(reg, X[:1], max_columns=4)
    >>> [label.get_text() for label in display.ax_.get_yticklabels()][-1]
    '6 other columns'
    """

    _KINDS = ("auto", "waterfall", "beeswarm")

    def __init__(self, shapley: ShapleyValues) -> None:
        self.shapley = shapley

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        background: ArrayLike | None = None,
        *,
        kind: str = "auto",
        row: int = 0,
        max_columns: int = 12,
        output: Any = None,
        feature_names: Any = None,
        ax: Any = None,
    ) -> Self:
        """Find the values for a fitted estimator and draw them.

        Parameters
        ----------
        estimator : object
            A fitted estimator, as for `shapley_values`.
        X : array-like of shape (n_samples, n_features)
            The samples.
        background : array-like of shape (n_background, n_features) or None, default=None
            As for `shapley_values`.
        kind : {"auto", "waterfall", "beeswarm"}, default="auto"
            What to draw.
        row : int, default=0
            The sample of a waterfall.
        max_columns : int, default=12
            Number of columns to draw.
        output : object or None, default=None
            The class or the index of the output; None is the last one.
        feature_names : sequence of str or None, default=None
            Names of the columns.
        ax : matplotlib Axes or None, default=None
            Where to draw; None is a new figure.

        Returns
        -------
        ShapleyDisplay
            The display, drawn.
        """
        found = shapley_values(estimator, X, background, output=output, feature_names=feature_names)
        return cls(found).plot(ax, kind=kind, row=row, max_columns=max_columns)

    def plot(
        self,
        ax: Any = None,
        *,
        kind: str = "auto",
        row: int = 0,
        max_columns: int = 12,
        output: Any = None,
    ) -> Self:
        """Draw the values.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None is a new figure.
        kind : {"auto", "waterfall", "beeswarm"}, default="auto"
            "waterfall": from the base value to the score of one sample, column by
            column, the largest on top. "beeswarm": the values of all samples, a
            line for each column, coloured by the value of the column. "auto" is a
            waterfall of a single sample, and swarms of several.
        row : int, default=0
            The sample of a waterfall.
        max_columns : int, default=12
            Number of columns to draw, those with the largest values; in a waterfall
            the others are one bar.
        output : object or None, default=None
            The class or the index of the output to draw; None is the last one.

        Returns
        -------
        self : object
            The display, which holds what it drew.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        ValueError
            If a parameter is not usable.
        """
        self._check_kind(kind)
        if kind == "auto":
            kind = "waterfall" if len(self.shapley) == 1 else "beeswarm"
        most = check_integer("max_columns", max_columns, 1)
        row = check_integer("row", row, 0)
        if row >= len(self.shapley):
            raise ValueError(f"row={row} must be less than the {len(self.shapley)} samples.")
        known = self.shapley.outputs.tolist()
        if output is not None and output not in known:
            raise ValueError(f"output={output!r} must be one of {known!r}.")
        place = len(known) - 1 if output is None else known.index(output)
        values = self.shapley.values[..., place]
        if kind == "waterfall":
            values = values[row : row + 1]
        shown = np.argsort(-np.abs(values).mean(axis=0), kind="stable")[:most]
        options = {"values": values, "shown": shown, "place": place, "row": row}
        return self._drawn(ax, kind=kind, **options)

    def _size(self, kind, values, shown, **options):
        return 6.8, 1.5 + 0.34 * max(len(shown) + 1, 4)

    def _axis(self, place: int) -> str:
        several = len(self.shapley.outputs) > 1
        return f"score of {self.shapley.outputs[place]}" if several else "score"

    def _label(self, row: int, column: int) -> str:
        """A column with its value."""
        name, data = self.shapley.columns[column], self.shapley.data
        if data is None:
            return name
        value, levels = data[row, column], self.shapley.levels[column]
        if np.isnan(value):
            return f"{name} missing"
        return f"{name} = {levels[int(value)] if levels else format(value, '.4g')}"

    def _draw_waterfall(self, values: FloatArray, shown, place: int, row: int) -> None:
        base = float(self.shapley.base_values[place])
        steps = [float(values[0, k]) for k in shown]
        labels = [self._label(row, k) for k in shown]
        n_others = values.shape[1] - len(shown)
        if n_others:
            steps.append(float(values[0].sum() - sum(steps)))
            labels.append(f"{n_others} other columns")
        # The sum begins at the base value at the bottom and ends at the score on top.
        starts = base + np.cumsum(steps[::-1])[::-1] - steps
        places = np.arange(len(steps))
        colours = [BLUE if step >= 0 else RED for step in steps]
        bars = self.ax_.barh(places, steps, left=starts, color=colours, height=0.7)
        self.ax_.bar_label(bars, [f"{step:+.3g}" for step in steps], padding=3, fontsize=8)
        ends = starts + steps
        for k in places[1:]:
            self.ax_.plot([ends[k]] * 2, [k - 0.65, k + 0.35], color=GREY, lw=0.8)
        self.ax_.axvline(base, color=GREY, lw=0.8, ls=":")
        self.ax_.set_yticks(places, labels)
        self.ax_.invert_yaxis()
        self.ax_.use_sticky_edges = False
        self.ax_.margins(x=0.16)
        total = base + float(values[0].sum())
        self.ax_.set(xlabel=f"{self._axis(place)}: from {base:.4g} to {total:.4g}")
        tidy(self.ax_, "bottom", grid="x")

    def _draw_beeswarm(self, values: FloatArray, shown, place: int, row: int) -> None:
        low, high = float(values[:, shown].min()), float(values[:, shown].max())
        width = max(high - low, np.finfo(float).tiny) / _BINS
        for line, k in enumerate(shown):
            own = values[:, k]
            heights = line + _piled(np.floor((own - low) / width).astype(int))
            options: dict[str, Any] = {"s": 9, "linewidths": 0, "zorder": 2}
            ranks = self._ranks(k)
            if ranks is None:
                self.ax_.scatter(own, heights, color=GREY, **options)
                continue
            known = ~np.isnan(ranks)
            self.ax_.scatter(own[~known], heights[~known], color="0.75", **options)
            colours = {"c": ranks[known], "cmap": "coolwarm", "vmin": 0, "vmax": 1}
            image = self.ax_.scatter(own[known], heights[known], **colours, **options)
        self.ax_.axvline(0, color="black", lw=0.8)
        self.ax_.set_yticks(range(len(shown)), [self.shapley.columns[k] for k in shown])
        self.ax_.set_ylim(len(shown) - 0.5, -0.5)
        self.ax_.set_xlabel(f"Shapley value, {self._axis(place)}")
        if self.shapley.data is not None:
            bar = self.figure_.colorbar(image, ax=self.ax_, fraction=0.03, pad=0.02)
            bar.set_ticks([0, 1], labels=["low", "high"])
            bar.set_label("value of the column")
            bar.outline.set_visible(False)
        tidy(self.ax_, "bottom", grid="y")

    def _ranks(self, column: int) -> FloatArray | None:
        """Ranks of the values of a column in [0, 1], NaN where missing."""
        if self.shapley.data is None:
            return None
        data = self.shapley.data[:, column].astype(float)
        distinct, codes = np.unique(data[~np.isnan(data)], return_inverse=True)
        ranks = np.full(len(data), np.nan)
        ranks[~np.isnan(data)] = codes / max(len(distinct) - 1, 1)
        return ranks


def _piled(bins: np.ndarray) -> FloatArray:
    """Offsets within 0.4 of a line, those of a bin next to each other on either side."""
    order = np.argsort(bins, kind="stable")
    first = np.searchsorted(bins[order], bins[order])
    place = np.empty(len(bins))
    place[order] = np.arange(len(bins)) - first
    side = np.where(place % 2 == 1, 1.0, -1.0)
    steps = side * np.ceil(place / 2)
    return steps * 0.4 / max(float(np.abs(steps).max(initial=0.0)), 4.0)
