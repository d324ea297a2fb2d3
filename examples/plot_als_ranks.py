"""
===========================
Sweeps that find their rank
===========================

Alternating sweeps optimise one or two cores at a time in closed form. With two
at a time, each bond is rebuilt at every visit and keeps as many channels as a
tolerance asks for: the ranks adapt to the data. Run it with::

    python examples/plot_als_ranks.py
"""

import argparse
import sys
import warnings

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from sktensornet import TTClassifier
from sktensornet.feature_maps import PCAMap
from sktensornet.patches import ImagePatches
from sktensornet.solvers import ALS

quick = "--quick" in sys.argv
n_sweeps = 2 if quick else 4
# The number of sweeps is chosen here, not by convergence.
warnings.simplefilter("ignore", ConvergenceWarning)

# %%
# Data
# ----
# Nine overlapping patches of each image, each described by its leading
# principal components: ALS needs a feature map that is not trained.

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.25, stratify=y, random_state=0
)
patches = ImagePatches(image_shape=(8, 8), patch_shape=(4, 4), stride=2)

# %%
# Three tolerances
# ----------------
# ``rank`` is only a cap. After each sweep `sweeps_` has the objective, the
# ranks and the singular values at every bond that was split.

tolerances = [0.3, 0.2, 0.1]
models = {}
for tolerance in tolerances:
    models[tolerance] = model = TTClassifier(
        rank=24,
        patches=patches,
        feature_map=PCAMap(6),
        loss="squared_error",
        alpha=1e-3,
        solver=ALS(sweep="two_site", rank_tol=tolerance),
        max_iter=n_sweeps,
        tol=0.0,
        random_state=0,
    ).fit(X_train, y_train)
    print(
        f"rank_tol {tolerance:4}: ranks {' '.join(map(str, model.network_.ranks)):24}"
        f" {model.network_.n_parameters:6,} parameters,"
        f" accuracy {model.score(X_test, y_test):.4f}"
    )

# %%
# Ranks and spectra
# -----------------
# On the left the ranks along the chain after each sweep; on the right the
# singular values of the bond in the middle, in the norm in which the sweep
# truncates: the change of the scores. The tolerance cuts where the tail's root
# of the sum of squares falls below its share of the whole.

colours = ["#3b6ea8", "#c8553d", "#5b8c5a"]
figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
for (tolerance, model), colour in zip(models.items(), colours, strict=True):
    for index, record in enumerate(model.sweeps_):
        last = index == len(model.sweeps_) - 1
        bonds = np.arange(1, len(record.ranks) + 1)
        left.plot(
            bonds,
            record.ranks,
            color=colour,
            alpha=0.25 + 0.75 * (index + 1) / len(model.sweeps_),
            lw=2.5 if last else 1,
            marker="o" if last else None,
            label=f"rank_tol {tolerance}" if last else None,
        )
    spectrum = model.sweeps_[-1].spectra[len(model.sweeps_[-1].spectra) // 2][0]
    right.semilogy(np.arange(1, len(spectrum) + 1), spectrum / spectrum[0], color=colour, lw=2)
left.set(xlabel="bond", ylabel="rank", title="Ranks; fainter lines are earlier sweeps")
left.legend(frameon=False)
right.set(xlabel="index", ylabel="singular value, relative", title="Spectrum at one bond")
left.yaxis.get_major_locator().set_params(integer=True)
for axis in (left, right):
    axis.spines[["top", "right"]].set_visible(False)

# %%
# As a script
# -----------
# Run by ``python``, it saves the picture; ``--output`` names the file.

parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("--quick", action="store_true", help="fewer sweeps")
parser.add_argument("--output", default="als_ranks.png", help="file of the picture")
arguments, _ = parser.parse_known_args()
figure.savefig(arguments.output, dpi=120)
