"""
=========================
Watch and stop a training
=========================

Estimators take the callbacks of scikit-learn: objects that are called after
each iteration with the model as it is then. One shows progress, one keeps
scores, and a few lines make one's own, which may stop the training. Run it
with::

    python examples/plot_callbacks.py
"""

import argparse
import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from sktensornet import HTClassifier
from sktensornet.patches import ImagePatches
from sktensornet.solvers import Adam

quick = "--quick" in sys.argv

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X.astype(np.float32), y, test_size=0.5, stratify=y, random_state=0
)

# %%
# A callback of one's own
# -----------------------
# ``on_fit_task_end`` is called at the end of each pass, sweep or step, and of
# the fit as a whole, which has no parent. ``fitted_estimator`` is a copy of the
# model at that point: it predicts, and does not change later. Returning True
# stops the training.


class Watch:
    """Follow some images, and stop when the test error is low enough."""

    def __init__(self, X, y, followed, enough):
        self.X, self.y, self.followed, self.enough = X, y, followed, enough
        self.errors, self.probabilities = [], []

    def setup(self, estimator, context):
        """Begin a fit."""

    def teardown(self, estimator, context):
        """End a fit."""

    def on_fit_task_begin(self, estimator, context):
        """Begin a fit or one of its iterations."""

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        """End a fit or one of its iterations; True stops."""
        if context.parent is None:
            return False
        self.errors.append(1 - fitted_estimator.score(self.X, self.y))
        self.probabilities.append(fitted_estimator.predict_proba(self.X[self.followed]))
        return self.errors[-1] <= self.enough


# %%
# A training that is watched
# --------------------------
# ``verbose=10`` prints the loss after every tenth pass, with the callback
# `LossLog`. `LossProgressBar` shows a bar with the loss and the time that is left,
# and ``ScoringMonitor(scoring="accuracy")`` of scikit-learn keeps a table of scores::
#
#     clf.set_callbacks(watch, LossProgressBar())

followed = [np.flatnonzero(y_test == digit)[2] for digit in (3, 8, 9)]
watch = Watch(X_test, y_test, followed, enough=0.02)
clf = HTClassifier(
    rank=12,
    patches=ImagePatches(image_shape=(8, 8), patch_shape=(4, 4), stride=2),
    alpha=0.0,
    solver=Adam(learning_rate=4e-3, dropout=0.2, weight_decay=0.05),
    max_iter=12 if quick else 40,
    verbose=10,
    random_state=0,
)
clf.set_callbacks(watch).fit(X_train, y_train)
print(f"stopped after {clf.n_iter_} of {clf.max_iter} passes, test error {watch.errors[-1]:.3f}")

# %%
# What was seen
# -------------
# The error falls; three images become what they are, one pass after the other.

figure, axes = plt.subplots(
    2,
    4,
    figsize=(9.5, 4.2),
    width_ratios=[2.4, 1, 1, 1],
    height_ratios=[1, 2.2],
    layout="constrained",
)
for axis in axes[:, 0]:
    axis.remove()
curve = figure.add_subplot(axes[0, 0].get_gridspec()[:, 0])
passes = np.arange(1, len(watch.errors) + 1)
curve.semilogy(passes, 100 * np.array(watch.errors), color="#c8553d", lw=2)
curve.axhline(100 * watch.enough, color="0.6", ls="--", lw=1)
curve.text(1, 100 * watch.enough, "enough", va="bottom", color="0.45")
curve.set(xlabel="pass over the data", ylabel="test error in %", title="Error")
curve.yaxis.get_major_locator().set_params(subs=(1, 2, 5))
curve.yaxis.set_major_formatter("{x:g}")
curve.yaxis.set_minor_formatter("")
curve.xaxis.get_major_locator().set_params(integer=True)
curve.spines[["top", "right"]].set_visible(False)
for column, index in enumerate(followed, start=1):
    axes[0, column].imshow(X_test[index].reshape(8, 8), cmap="gray_r")
    axes[0, column].set_axis_off()
    history = np.array([probability[column - 1] for probability in watch.probabilities])
    # The first pass is number 1.
    extent = (-0.5, 9.5, len(passes) + 0.5, 0.5)
    options = {"cmap": "Blues", "aspect": "auto", "extent": extent, "vmin": 0, "vmax": 1}
    axes[1, column].imshow(history, **options)
    axes[1, column].set_xticks(range(10))
    axes[1, column].set_yticks([1, *passes[4::5]] if column == 1 else [])
    axes[1, column].tick_params(labelsize=8, length=0)
    axes[1, column].spines[:].set_color("0.8")
    axes[1, column].set_xlabel("digit")
axes[1, 1].set_ylabel("pass")
axes[0, 2].set_title("Probabilities of three images")

# %%
# As a script
# -----------
# Run by ``python``, it saves the picture; ``--output`` names the file.

parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("--quick", action="store_true", help="fewer passes over the data")
parser.add_argument("--output", default="callbacks.png", help="file of the picture")
arguments, _ = parser.parse_known_args()
figure.savefig(arguments.output, dpi=120)
