"""
==========================
Search over rank and sites
==========================

How wide the network is and how the input is cut into sites are the two choices
that matter most. Both are parameters like any other, so `GridSearchCV` can make
them. Run it with::

    python examples/plot_grid_search.py
"""

import argparse
import sys
import warnings

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV, train_test_split

from sktensornet import TTClassifier
from sktensornet.patches import ImagePatches

quick = "--quick" in sys.argv
ranks = [2, 6] if quick else [2, 4, 6, 10]
# Two sweeps each are enough here; they need not have converged.
warnings.simplefilter("ignore", ConvergenceWarning)

# %%
# The grid
# --------
# A patch of an image is one site. `ImagePatches` is a parameter object, so that
# whole objects can be listed, as here, or single settings of it, such as
# ``patches__stride``.

X, y = load_digits(return_X_y=True)
if quick:
    X, y = X[:500], y[:500]
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.5, stratify=y, random_state=0)
cuts = {
    "16 of 2 x 2": ImagePatches((8, 8), (2, 2)),
    "4 of 4 x 4": ImagePatches((8, 8), (4, 4)),
    "9 of 4 x 4": ImagePatches((8, 8), (4, 4), stride=2),
    "25 of 4 x 4": ImagePatches((8, 8), (4, 4), stride=1),
}
if quick:
    cuts = dict(list(cuts.items())[:2])
search = GridSearchCV(
    TTClassifier(
        solver="als", loss="squared_error", max_iter=2, alpha=1e-4, n_jobs=1, random_state=0
    ),
    {"rank": ranks, "patches": list(cuts.values())},
    cv=2 if quick else 3,
)
search.fit(X_train, y_train)
results = search.cv_results_
accuracy = np.array(results["mean_test_score"]).reshape(len(cuts), len(ranks))
best = search.best_params_
print(f"best: rank {best['rank']}, {best['patches']}")
print(f"test accuracy of the best, refitted: {search.score(X_test, y_test):.4f}")

# %%
# What the grid says
# ------------------
# Each row is one way to cut the image, drawn on the left. Wider networks do
# better until they learn the training images by heart, and patches that overlap
# do better than patches side by side.

rows = len(cuts)
figure = plt.figure(figsize=(8.5, 1.25 * rows + 0.6), layout="constrained")
left, right = figure.subfigures(1, 2, width_ratios=[1, 4])
for axis, cut in zip(left.subplots(rows, 1), cuts.values(), strict=True):
    axis.imshow(X_train[1].reshape(8, 8), cmap="gray_r")
    height, width = cut.patch_shape
    for columns in cut.fit(64).columns:
        top, start = divmod(columns[0], 8)
        axis.add_patch(
            Rectangle((start - 0.5, top - 0.5), width, height, fill=False, color="#c8553d", lw=0.8)
        )
    axis.set_axis_off()
axis = right.subplots()
error = 100 * (1 - accuracy)
picture = axis.imshow(error, cmap="YlGnBu_r", aspect="auto", norm="log")
for row in range(rows):
    for column in range(len(ranks)):
        value = error[row, column]
        dark = value < np.sqrt(error.min() * error.max())
        axis.text(
            column,
            row,
            f"{value:.1f}",
            ha="center",
            va="center",
            color="white" if dark else "black",
            weight="bold" if value == error.min() else "normal",
        )
axis.set_xticks(range(len(ranks)), ranks)
axis.set_yticks(range(rows), cuts)
axis.set(xlabel="rank", title="Error in cross-validation, in %")
axis.spines[:].set_visible(False)

# %%
# As a script
# -----------
# Run by ``python``, it saves the picture; ``--output`` names the file.

parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("--quick", action="store_true", help="a smaller grid, fewer images")
parser.add_argument("--output", default="grid_search.png", help="file of the picture")
arguments, _ = parser.parse_known_args()
figure.savefig(arguments.output, dpi=120)
