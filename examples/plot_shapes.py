"""
====================================
Images and series as they are stored
====================================

Colour images come as a block of numbers with four axes, movements of a sensor as one
with three. Neither has to be flattened: ``patches`` says what the axes mean, and the
rest is chosen. Run it with::

    python examples/plot_shapes.py
"""

import argparse
import sys

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktensornet import HTClassifier, TTClassifier
from sktensornet.patches import ImagePatches, SequencePatches

quick = "--quick" in sys.argv
rng = np.random.default_rng(0)

# %%
# Colour images
# -------------
# Digits in one colour on a ground of another, 8 x 8 pixels of three channels, as bytes.

digits, y = load_digits(return_X_y=True)
if quick:
    digits, y = digits[:200], y[:200]
ink, paper = rng.integers(128, 256, (len(y), 3)), rng.integers(0, 128, (len(y), 3))
share = digits.reshape(-1, 8, 8, 1) / 16
images = (share * ink[:, None, None] + (1 - share) * paper[:, None, None]).astype(np.uint8)
print(images.shape, images.dtype)

patches = ImagePatches(image_shape=(8, 8, 3), patch_shape=4, stride=2)
train, test = train_test_split(np.arange(len(y)), random_state=0)
clf = HTClassifier(patches=patches, random_state=0).fit(images[train], y[train])
rows = images.reshape(len(images), -1)
linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
linear.fit(rows[train], y[train])
print(f"HTClassifier:       {clf.score(images[test], y[test]):.3f}")
print(f"LogisticRegression: {linear.score(rows[test], y[test]):.3f}")

# %%
# Channels may come first, as in torch; one word says so.

first = ImagePatches((8, 8, 3), 4, stride=2, channels="first")
same = HTClassifier(patches=first, random_state=0)
same.fit(images[train].transpose(0, 3, 1, 2), y[train])
print(f"channels first:     {same.score(images[test].transpose(0, 3, 1, 2), y[test]):.3f}")

# %%
# Series of three channels
# ------------------------
# A made accelerometer: in one kind of movement the first axis leads the second by a
# quarter of a period, in another it lags, in the third both move together. The third
# axis is noise, and phases are random, so that no single time says anything.

LENGTH = 24 if quick else 48
kinds = rng.integers(0, 3, 200 if quick else 900)
phase = rng.uniform(0, 2 * np.pi, (len(kinds), 1))
time = 2 * np.pi * np.arange(LENGTH) / 16
lag = np.array([np.pi / 2, -np.pi / 2, 0.0])[kinds][:, None]
series = np.stack(
    [np.sin(time + phase), np.sin(time + phase + lag), np.zeros((len(kinds), LENGTH))], axis=1
)
series += 0.5 * rng.standard_normal(series.shape)
print(series.shape)

train, test = train_test_split(np.arange(len(kinds)), random_state=0)
movement = TTClassifier(patches=SequencePatches(n_channels=3), random_state=0)
movement.fit(series[train], kinds[train])
flat = series.reshape(len(series), -1)
linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
linear.fit(flat[train], kinds[train])
scores = movement.score(series[test], kinds[test]), linear.score(flat[test], kinds[test])
print(f"TTClassifier:       {scores[0]:.3f}\nLogisticRegression: {scores[1]:.3f}")

# %%
# Pictures
# --------

figure, axes = plt.subplots(1, 6, figsize=(12, 2.4), layout="constrained")
for axis, image, label in zip(axes[:3], images, y, strict=False):
    axis.imshow(image)
    axis.set(title=f"digit {label}", xticks=[], yticks=[])
for kind, axis in enumerate(axes[3:]):
    example = series[np.flatnonzero(kinds == kind)[0]]
    for channel, colour in enumerate(("#3b6ea8", "#c8553d", "#5b8c5a")):
        axis.plot(example[channel] - 3 * channel, color=colour, lw=1.3)
    axis.set(title=("leads", "lags", "together")[kind], yticks=[], xlabel="time")
    axis.spines[["top", "right", "left"]].set_visible(False)

# %%
# As a script
# -----------
# Run by ``python``, it saves the picture; ``--output`` names the file.

parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("--quick", action="store_true", help="fewer images and series")
parser.add_argument("--output", default="shapes.png", help="file of the picture")
arguments, _ = parser.parse_known_args()
figure.savefig(arguments.output, dpi=120)
