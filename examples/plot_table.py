"""
=========================================
Tables of categories, known and not known
=========================================

Tic-tac-toe as a table: nine columns with the categories x, o and blank, one row
for each way a game can end, and the question whether x has won. That is three
squares together; what each says alone is only a hint. Some squares may be
unknown. Run it with::

    python examples/plot_table.py
"""

import argparse
import sys

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ShuffleSplit, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from sktensornet import TTClassifier

quick = "--quick" in sys.argv
sizes = [50, 200] if quick else [50, 100, 200, 400, 650]
n_splits = 1 if quick else 2

# %%
# All final boards
# ----------------
# The 958 boards at which a game can end, as a DataFrame of categories. Nothing
# has to be encoded.

LINES = [(0, 1, 2), (3, 4, 5), (6, 7, 8), (0, 3, 6), (1, 4, 7), (2, 5, 8), (0, 4, 8), (2, 4, 6)]


def wins(board, player):
    """Whether a player has three in a row."""
    return any(all(board[k] == player for k in line) for line in LINES)


def play(board, player, found):
    """Collect the boards that can follow, and whether the game ends there."""
    for k in np.flatnonzero(np.array(list(board)) == " "):
        after = board[:k] + player + board[k + 1 :]
        if after not in found:
            found[after] = wins(after, player) or " " not in after
            if not found[after]:
                play(after, "o" if player == "x" else "x", found)
    return found


boards = sorted(board for board, is_final in play(" " * 9, "x", {}).items() if is_final)
names = [f"{row}-{column}" for row in ("top", "middle", "bottom") for column in "abc"]
X = pd.DataFrame([list(board) for board in boards], columns=names).astype("category")
y = np.array(["x wins" if wins(board, "x") else "no" for board in boards])
print(f"{len(boards)} boards, x wins {np.mean(y == 'x wins'):.0%} of them")

# %%
# How many boards does it take?
# -----------------------------
# All models at their defaults, save that the train is told to start from
# products of columns.

models = {
    "TTClassifier": TTClassifier(rank=8, init="interactions", random_state=0),
    "gradient boosting": HistGradientBoostingClassifier(
        categorical_features="from_dtype", random_state=0
    ),
    "logistic regression": make_pipeline(OneHotEncoder(), LogisticRegression()),
}
curves = {name: [] for name in models}
for n_boards in sizes:
    splits = ShuffleSplit(n_splits, train_size=n_boards, test_size=250, random_state=0)
    for name, model in models.items():
        curves[name].append(cross_val_score(model, X, y, cv=splits).mean())
    row = "  ".join(f"{name} {curve[-1]:.3f}" for name, curve in curves.items())
    print(f"{n_boards:4} boards: {row}")

# %%
# Squares that are not known
# --------------------------
# Missing values need no imputation: a column that has some in training gets a
# feature that says so. Here each square is hidden with some probability, in
# training and at prediction alike.

rng = np.random.default_rng(0)
shares = [0.0, 0.2] if quick else [0.0, 0.15, 0.3]
hidden = {name: curves[name][-1:] for name in ("TTClassifier", "gradient boosting")}
splits = ShuffleSplit(n_splits, train_size=sizes[-1], test_size=250, random_state=0)
for share in shares[1:]:
    known = X.mask(rng.random(X.shape) < share)
    for name, curve in hidden.items():
        curve.append(cross_val_score(models[name], known, y, cv=splits).mean())
    row = "  ".join(f"{name} {curve[-1]:.3f}" for name, curve in hidden.items())
    print(f"{share:4.0%} hidden: {row}")

# %%
# Boards, accuracy, and less of the boards
# ----------------------------------------

figure = plt.figure(figsize=(9.5, 5.4), layout="constrained")
top, bottom = figure.subfigures(2, 1, height_ratios=[1, 2.6])
shown = rng.choice(len(X), 8, replace=False)
for axis, board in zip(top.subplots(1, len(shown)), shown, strict=True):
    for k, mark in enumerate(X.iloc[board]):
        colour = "#3b6ea8" if mark == "x" else "#c8553d"
        axis.text(k % 3, 2 - k // 3, mark, ha="center", va="center", color=colour, size=15)
    for edge in (0.5, 1.5):
        axis.plot([edge, edge], [-0.5, 2.5], color="0.7", lw=1)
        axis.plot([-0.5, 2.5], [edge, edge], color="0.7", lw=1)
    axis.set_title(y[board], fontsize=9)
    axis.set_aspect("equal")
    axis.set_axis_off()
left, right = bottom.subplots(1, 2)
colours = {"TTClassifier": "#3b6ea8", "gradient boosting": "0.35", "logistic regression": "0.65"}
for name, curve in curves.items():
    left.plot(sizes, curve, "o-", color=colours[name], lw=2, label=name)
for name, curve in hidden.items():
    right.plot([100 * share for share in shares], curve, "o-", color=colours[name], lw=2)
left.set(xlabel="boards to learn from", ylabel="accuracy", title="Who has won?")
left.legend(frameon=False, loc="lower right")
right.set(xlabel="squares that are hidden, in %", title=f"With {sizes[-1]} boards")
for axis in (left, right):
    axis.spines[["top", "right"]].set_visible(False)

# %%
# As a script
# -----------
# Run by ``python``, it saves the picture; ``--output`` names the file.

parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("--quick", action="store_true", help="fewer boards")
parser.add_argument("--output", default="table.png", help="file of the picture")
arguments, _ = parser.parse_known_args()
figure.savefig(arguments.output, dpi=120)
