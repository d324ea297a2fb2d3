"""What the displays share."""

from __future__ import annotations

from typing import Any, ClassVar, Self

from .._support._checks import check_option
from .._support._optional import require

BLUE, RED, GREY, PALE = "#3b6ea8", "#c8553d", "#8a8f98", "#b9cbe0"
AS_IT_IS = {"parse_math": False}
"""For text that users give, such as names of columns, in which $ is no mathematics."""


class BaseDisplay:
    """What is drawn on ``ax_`` of ``figure_``, new ones of `_size` unless others are given.

    Options of `plot` are passed on to `_size` and `_draw`. A display of several
    `_KINDS` draws each by a method of its own, such as ``_draw_spectrum``.
    """

    _KINDS: ClassVar[tuple[str, ...]] = ()
    ax_: Any
    figure_: Any

    def _size(self, *args: Any, **kwargs: Any) -> tuple[float, float]:
        """Width and height of a new figure in inches."""
        return 6.4, 3.6

    def _draw(self, *args: Any, **kwargs: Any) -> None:
        """Draw on ``ax_``."""
        getattr(self, f"_draw_{kwargs.pop('kind')}")(*args, **kwargs)

    def plot(self, ax: Any = None) -> Self:
        """Draw it.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            Where to draw; None is a new figure.

        Returns
        -------
        self : object
            The display, which holds what it drew.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        return self._drawn(ax)

    def _drawn(self, ax: Any, **options: Any) -> Self:
        """The display, once it is drawn."""
        self.figure_, self.ax_ = new_axes(ax, self._size(**options))
        self._draw(**options)
        return self

    @classmethod
    def _check_kind(cls, kind: str) -> str:
        """Return `kind` if it is one of `_KINDS`, or raise."""
        return check_option("kind", kind, cls._KINDS)


def new_axes(ax: Any, size: tuple[float, float]) -> tuple[Any, Any]:
    """The figure and axes to draw on; new ones of a size in inches where there are none."""
    pyplot = require("matplotlib.pyplot", "plots", "a display")
    if ax is not None:
        return ax.figure, ax
    return pyplot.subplots(figsize=size, layout="constrained")


def tidy(ax: Any, *sides: str, grid: str | None = None) -> None:
    """Take away the frame, but for some sides; draw a pale grid, "x", "y" or "both"."""
    for side, spine in ax.spines.items():
        spine.set_visible(side in sides)
    ax.tick_params(length=0)
    if grid is not None:
        ax.grid(axis=grid, color="0.9")
        ax.set_axisbelow(True)


def whole_numbers(*axes: Any) -> None:
    """Have ticks of an axis at whole numbers only."""
    for axis in axes:
        axis.get_major_locator().set_params(integer=True)


def heat_map(figure: Any, ax: Any, values: Any, rows: Any, columns: Any, **options: Any) -> Any:
    """A matrix with named rows and columns and a bar of its colours."""
    label = options.pop("label")
    image = ax.imshow(values, aspect="auto", **options)
    ax.set_yticks(range(len(rows)), rows, **AS_IT_IS)
    rotated = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    wide = sum(map(len, columns)) > 40
    ax.set_xticks(range(len(columns)), columns, **AS_IT_IS, **(rotated if wide else {}))
    tidy(ax)
    bar = figure.colorbar(image, ax=ax, fraction=0.05, pad=0.03, label=label)
    bar.outline.set_visible(False)
    return image
