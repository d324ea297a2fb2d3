"""Tables of the benchmarks as pictures: each figure is read from the page that states it."""

import re
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

PAGES = Path("../benchmarks")  # pictures are drawn in the folder of this file
OWN, OTHERS = "#c8553d", "#3b6ea8"


def table(page, first):
    """Rows of cells of the table on a page whose head contains a text."""
    lines = iter((PAGES / page).read_text().splitlines())
    head = next(line for line in lines if line.startswith("|") and first in line)
    next(lines)
    rows = [head]
    for line in lines:
        if not line.startswith("|"):
            break
        rows.append(line)
    return [[cell.strip(" `") for cell in row.strip("|").split("|")] for row in rows]


def number(cell):
    """The first number of a cell, or NaN."""
    found = re.search(r"\d[\d,]*\.?\d*", cell)
    return float(found[0].replace(",", "")) if found else np.nan


def is_own(name):
    return re.search(r"(TT|HT|CP)Classifier|the same", name) is not None


def mnist():
    """Errors of the test images, and the seconds of a fit beside them."""
    _, *rows = table("mnist.md", "test accuracy")
    rows.sort(key=lambda row: -number(row[1]))
    errors = [100 * (1 - number(row[1])) for row in rows]
    names = [row[0].replace("`", "").replace("the same", "rank 4") for row in rows]
    _, axis = plt.subplots(figsize=(7.6, 0.6 + 0.35 * len(rows)), layout="constrained")
    bars = axis.barh(names, errors, color=[OWN if is_own(row[0]) else OTHERS for row in rows])
    axis.bar_label(bars, [f"{e:.2f} %, {row[3]} s" for e, row in zip(errors, rows)], padding=4)
    axis.invert_yaxis()
    axis.set_xticks([])
    axis.margins(x=0.2)
    axis.set_title("test error, and seconds of a fit", fontsize=10)
    axis.tick_params(length=0)
    axis.spines[["top", "right", "bottom"]].set_visible(False)


def race():
    """Seconds until the test accuracy first reaches a goal."""
    head, *rows = table("speed.md", "97 %")
    goals = [cell for cell in head if "%" in cell]
    _, axis = plt.subplots(figsize=(7.6, 3.6), layout="constrained")
    markers = iter("osD^v<>P")
    for name, *cells in rows:
        seconds = [number(cell) for cell in cells[: len(goals)]]
        colour = OWN if is_own(name) else OTHERS
        style = {"color": colour, "marker": next(markers), "ms": 5, "lw": 1.5}
        axis.semilogy(range(len(goals)), seconds, label=name, **style)
    axis.set(xlabel="test accuracy", ylabel="seconds")
    axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    axis.set_xticks(range(len(goals)), goals)
    axis.yaxis.set_major_formatter("{x:g}")
    axis.spines[["top", "right"]].set_visible(False)


def time_series():
    """Test accuracy of each set."""
    head, *rows = table("series.md", "1-NN DTW")
    rows = [row for row in rows if row[0] != "mean"]
    _, axis = plt.subplots(figsize=(7.6, 3.2), layout="constrained")
    marks = ((4, "o", OWN), (6, "s", OTHERS), (7, "^", "#777777"), (8, "D", "#b0b0b0"))
    for column, marker, colour in marks:
        values = [number(row[column]) for row in rows]
        axis.plot(values, range(len(rows)), marker, color=colour, label=head[column])
    axis.set_yticks(range(len(rows)), [row[0] for row in rows])
    axis.invert_yaxis()
    axis.grid(axis="y", color="0.9")
    axis.set(xlabel="test accuracy")
    axis.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    axis.spines[["top", "right"]].set_visible(False)
