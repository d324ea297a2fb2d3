"""What the displays share."""

from __future__ import annotations

from typing import Any

BLUE, RED, GREY, PALE = "#3b6ea8", "#c8553d", "#8a8f98", "#b9cbe0"


def new_axes(ax: Any, size: tuple[float, float]) -> tuple[Any, Any]:
    """The figure and axes to draw on; new ones of a size in inches where there are none."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            'plots need matplotlib: python -m pip install "sktensornet[plots]".'
        ) from error
    if ax is not None:
        return ax.figure, ax
    return plt.subplots(figsize=size, layout="constrained")


def tidy(ax: Any, *sides: str) -> None:
    """Take away the frame, but for some sides."""
    for side, spine in ax.spines.items():
        spine.set_visible(side in sides)
    ax.tick_params(length=0)


def heat_map(figure: Any, ax: Any, values: Any, rows: Any, columns: Any, **options: Any) -> Any:
    """A matrix with named rows and columns and a bar of its colours."""
    label = options.pop("label")
    image = ax.imshow(values, aspect="auto", **options)
    ax.set_yticks(range(len(rows)), rows)
    rotated = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"}
    wide = sum(map(len, columns)) > 40
    ax.set_xticks(range(len(columns)), columns, **(rotated if wide else {}))
    tidy(ax)
    bar = figure.colorbar(image, ax=ax, fraction=0.05, pad=0.03, label=label)
    bar.outline.set_visible(False)
    return image
