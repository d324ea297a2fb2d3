"""
============================
Make a trained model smaller
============================

A trained tensor network can be truncated afterwards. `compress` does so by the
weights alone, or with data by the effect on the scores and a polishing sweep.
Run it with::

    python examples/plot_compress.py
"""

import argparse
import sys
import time

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sktensornet import CPClassifier, HTClassifier, TTClassifier
from sktensornet.patches import ImagePatches
from sktensornet.solvers import Adam

quick = "--quick" in sys.argv

# %%
# Train large models
# ------------------
# Networks of generous rank, by mini-batches and with a trained feature map.

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X, y, test_size=0.25, stratify=y, random_state=0
)
common = {
    "patches": ImagePatches(image_shape=(8, 8), patch_shape=(4, 4), stride=2),
    "alpha": 0.0,
    "solver": Adam(learning_rate=5e-3, dropout=0.3, weight_decay=0.05),
    "max_iter": 4 if quick else 50,
    "random_state": 0,
}
models = {
    "TT": TTClassifier(rank=16, **common).fit(X_train, y_train),
    "HT": HTClassifier(rank=16, **common).fit(X_train, y_train),
    "CP": CPClassifier(rank=96, **common).fit(X_train, y_train),
}

# %%
# Compress them
# -------------
# Each call returns a new classifier; the old one does not change.

colours = {"TT": "#3b6ea8", "HT": "#c8553d", "CP": "#5b8c5a"}
shares = [1 / 4, 1 / 2] if quick else [1 / 6, 1 / 4, 1 / 3, 1 / 2, 3 / 4]
figure, axis = plt.subplots(figsize=(7.5, 4.2), layout="constrained")
print(f"{'':4}{'rank':>5}{'parameters':>12}{'plain':>9}{'with data':>11}{'seconds':>9}")
for name, model in models.items():
    full = model.score(X_test, y_test)
    sizes, plain, polished = [], [], []
    for share in shares:
        rank = round(model.rank * share)
        rounded = model.compress(rank=rank)
        started = time.perf_counter()
        fitted = model.compress(rank=rank, X=X_train, y=y_train)
        seconds = time.perf_counter() - started
        sizes.append(fitted.network_.n_parameters)
        plain.append(rounded.score(X_test, y_test))
        polished.append(fitted.score(X_test, y_test))
        print(f"{name:4}{rank:5}{sizes[-1]:12,}{plain[-1]:9.4f}{polished[-1]:11.4f}{seconds:9.2f}")
    sizes.append(model.network_.n_parameters)
    print(f"{name:4}{model.rank:5}{sizes[-1]:12,}{full:9.4f}")
    colour = colours[name]
    axis.semilogx(sizes, [*polished, full], "o-", color=colour, lw=2, label=f"{name}, with data")
    axis.semilogx(sizes, [*plain, full], "o:", color=colour, lw=1.2, label=f"{name}, by weights")
axis.set(
    xlabel="parameters of the network",
    ylabel="test accuracy",
    title="Accuracy against size",
    ylim=(0.75, 1.0),
)
axis.legend(frameon=False, ncols=3, loc="lower right")
axis.spines[["top", "right"]].set_visible(False)

# %%
# As a script
# -----------
# Run by ``python``, it saves the picture; ``--output`` names the file.

parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("--quick", action="store_true", help="fewer passes over the data and sizes")
parser.add_argument("--output", default="compress.png", help="file of the picture")
arguments, _ = parser.parse_known_args()
figure.savefig(arguments.output, dpi=120)
