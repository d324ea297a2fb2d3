"""
=========================================
Series that only make sense with a memory
=========================================

A sensor sends a pulse, up or down, on one of two channels, some time in the
first half of a series. Later another pulse answers: the same one, or one of the
other three. Neither says anything on its own, at no time, so every linear model
must guess. A tensor train reads the series window by window and carries a small
vector along, as a recurrent network does, in which it can remember what it saw.
Run it with::

    python examples/plot_time_series.py
"""

import argparse
import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from sktensornet import TTClassifier
from sktensornet.feature_maps import PCAMap
from sktensornet.patches import SequencePatches

quick = "--quick" in sys.argv

# %%
# Data
# ----
# Two channels of 64 steps with noise. A row of X is the whole first channel,
# then the whole second one.

LENGTH = 64


def make_series(n, rng):
    """Series (n, 2, length), the kinds 0..3 of both pulses, and their times, (n, 2) each."""
    first = rng.integers(0, 4, n)
    same = rng.integers(0, 2, n)
    second = (first + (1 - same) * rng.integers(1, 4, n)) % 4
    times = np.column_stack([rng.integers(5, 28, n), rng.integers(36, 59, n)])
    series = 0.2 * rng.standard_normal((n, 2, LENGTH))
    for kind, time in ((first, times[:, 0]), (second, times[:, 1])):
        pulse = np.exp(-0.5 * ((np.arange(LENGTH) - time[:, None]) / 2.0) ** 2)
        series[np.arange(n), kind // 2] += np.where(kind % 2, 1.0, -1.0)[:, None] * pulse
    return series, np.column_stack([first, second]), times


rng = np.random.default_rng(0)
n_train = 400 if quick else 1500
series, kinds, times = make_series(n_train + 1000, rng)
y = (kinds[:, 0] == kinds[:, 1]).astype(int)
X = series.reshape(len(series), -1)
X_train, X_test, y_train, y_test = X[:n_train], X[n_train:], y[:n_train], y[n_train:]

# %%
# How much memory?
# ----------------
# Windows of eight steps of both channels, side by side: a chain of eight sites,
# each described by the leading principal components of a window. The rank is
# size of the memory between two windows. A memory of three numbers is enough: a
# constant, and one signed number for each channel.

patches = SequencePatches(window=8, n_channels=2)
ranks = [1, 2, 3, 4, 6]
models = {}
for rank in ranks:
    models[rank] = TTClassifier(
        rank=rank,
        patches=patches,
        feature_map=PCAMap(8),
        solver="als",
        max_iter=20,
        tol=1e-3,
        alpha=1e-3,
        random_state=0,
    ).fit(X_train, y_train)
scores = [models[rank].score(X_test, y_test) for rank in ranks]
linear = LogisticRegression().fit(X_train, y_train).score(X_test, y_test)
kernel = SVC().fit(X_train, y_train).score(X_test, y_test)
for rank, score in zip(ranks, scores, strict=True):
    print(f"TTClassifier, rank {rank}: accuracy {score:.3f}")
print(f"LogisticRegression:   accuracy {linear:.3f}\nSVC:                  accuracy {kernel:.3f}")

# %%
# While it happens
# ----------------
# What has not been measured yet is missing (NaN), so the model can be asked at
# any time. No answer counts as another one until the same pulse comes; its
# opposite makes the model surer still.

model = models[3]
seen = np.arange(0, LENGTH + 1, 2)
same_channel = kinds[:, 0] // 2 == kinds[:, 1] // 2
cases = {
    "the same pulse": y == 1,
    "its opposite": (y == 0) & same_channel,
    "one on the other channel": ~same_channel,
}
examples = [n_train + np.flatnonzero(case[n_train:])[0] for case in cases.values()]
probabilities = []
for example in examples:
    unfolding = np.repeat(series[example][None], len(seen), axis=0)
    unfolding = np.where(np.arange(LENGTH) < seen[:, None, None], unfolding, np.nan)
    probabilities.append(model.predict_proba(unfolding.reshape(len(seen), -1))[:, 1])

# %%
# Pictures
# --------
# Three series with the windows shaded, what the model thinks of them as they
# unfold, and the accuracy by rank.

blue, red, green = "#3b6ea8", "#c8553d", "#5b8c5a"
figure, axes = plt.subplot_mosaic(
    "abcd;efgd",
    figsize=(12, 4.6),
    layout="constrained",
    width_ratios=[1, 1, 1, 1.35],
    height_ratios=[1.5, 1],
)
for k, (example, probability) in enumerate(zip(examples, probabilities, strict=True)):
    top, bottom = axes["abc"[k]], axes["efg"[k]]
    for axis in (top, bottom):
        for start in range(0, LENGTH, 16):
            axis.axvspan(start, start + 8, color="0.95", lw=0)
        for time in times[example]:
            axis.axvline(time, color="0.6", lw=1, ls=":")
        axis.set_xlim(0, LENGTH)
    for channel, colour in enumerate((blue, green)):
        top.plot(series[example, channel] - 3 * channel, color=colour, lw=1.3)
    title = list(cases)[k]
    top.set(title=title, yticks=[0, -3], yticklabels=[], ylim=(-4.8, 1.8), xticklabels=[])
    bottom.plot(seen, probability, color=red, lw=2)
    bottom.set(ylim=(-0.05, 1.05), yticks=[0, 0.5, 1], xlabel="steps seen")
axes["a"].set_yticklabels(["channel 1", "channel 2"])
axes["e"].set_ylabel("P(the same)")
right = axes["d"]
right.plot(ranks, scores, "o-", color=red, lw=2, label="TTClassifier")
right.axhline(kernel, color=blue, ls="--", label="SVC, radial kernel")
right.axhline(linear, color=green, ls="--", label="LogisticRegression")
right.set(xlabel="rank", ylabel="test accuracy", xticks=ranks, ylim=(0.45, 1.02))
right.set_title("Three numbers to remember")
right.legend(frameon=False, loc="center right")
for axis in axes.values():
    axis.spines[["top", "right"]].set_visible(False)

# %%
# As a script
# -----------
# Run by ``python``, it saves the picture; ``--output`` names the file.

parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("--quick", action="store_true", help="fewer series")
parser.add_argument("--output", default="time_series.png", help="file of the picture")
arguments, _ = parser.parse_known_args()
figure.savefig(arguments.output, dpi=120)
