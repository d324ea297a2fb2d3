r"""
=======================================
Accuracy against width and against size
=======================================

A tensor train of width r can stand for functions that need a shallow network
(a canonical polyadic sum) of width r^(d/2). Does that show in practice? Here
TT, HT and CP networks of growing width learn the same images, with few local
features (m = 4), as in the paper, and training and test accuracy are drawn
against the rank and against the number of weights. Run it with::

    python examples/plot_accuracy_by_width.py                           # digits
    python examples/plot_accuracy_by_width.py --full --data DIR         # MNIST
    python examples/plot_accuracy_by_width.py --full --data DIR --set cifar10
    python examples/plot_accuracy_by_width.py --full --data DIR --set cifar10 --modern

DIR holds ``mnist.npz`` and ``cifar10_jpeg.npz``. The images of the latter were
encoded as JPEG again, so that its figures are not those of the original.

**What the paper says** (Khrulkov, Novikov, Oseledets, ICLR 2018, section 5): on
CIFAR-10 with m = 4 and no regulariser the training accuracy of TT networks
grows faster with rank and with the number of parameters than that of CP
networks, which sometimes get worse as the rank grows; the best test accuracies
are 0.45 (TT) and 0.20 (CP); in practice TT is "only polynomially" better.
"""

import argparse
import io
import os
import time
import warnings
from itertools import pairwise
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from sktensornet import CPClassifier, HTClassifier, TTClassifier
from sktensornet.feature_maps import AffineMap
from sktensornet.patches import ImagePatches
from sktensornet.solvers import Adam

# %%
# Command line
# ------------
# ``--output`` says where the picture goes; the numbers are written as CSV beside
# it.

parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("--quick", action="store_true", help="fewer widths and passes")
parser.add_argument("--full", action="store_true", help="a set of --data instead of the digits")
parser.add_argument("--data", default=os.environ.get("SKTENSORNET_DATA"), help="folder of the sets")
parser.add_argument("--set", choices=["mnist", "cifar10"], default="mnist")
parser.add_argument("--modern", action="store_true", help="overlapping patches, m = 64, dropout")
parser.add_argument("--train", type=int, help="number of training images")
parser.add_argument("--epochs", type=int, help="passes over the training images")
parser.add_argument("--ranks", type=int, nargs="*", help="widths; those of CP are 8 times larger")
parser.add_argument("--formats", nargs="*", default=["TT", "HT", "CP"])
parser.add_argument("--seeds", type=int, default=1)
parser.add_argument("--output", default="accuracy_by_width.png", help="file of the picture")
arguments, _ = parser.parse_known_args()
if arguments.full and arguments.data is None:
    parser.error("--full needs --data or SKTENSORNET_DATA, the folder of the sets")
# How long to train is chosen here, not by convergence.
warnings.simplefilter("ignore", ConvergenceWarning)

# %%
# Data
# ----
# Every image is cut into patches; a patch is a site with m = 4 features, the
# ReLU of a trained affine map that all sites share.


def digits():
    X, y = load_digits(return_X_y=True)
    return train_test_split(X.astype("f4"), y, test_size=0.25, stratify=y, random_state=0)


def mnist():
    with np.load(Path(arguments.data) / "mnist.npz") as data:
        X = [data[f"x_{part}"].reshape(-1, 784).astype("f4") / 255 for part in ("train", "test")]
        return *X, data["y_train"], data["y_test"]


def cifar10():
    from PIL import Image

    with np.load(Path(arguments.data) / "cifar10_jpeg.npz") as data:
        bounds, stored = data["offsets"], data["data"]
        X = np.empty((len(bounds) - 1, 32 * 32 * 3), "f4")
        for row, (a, b) in zip(X, pairwise(bounds), strict=True):
            row[:] = np.asarray(Image.open(io.BytesIO(stored[a:b].tobytes()))).ravel()
        return X[:50_000] / 255, X[50_000:] / 255, data["y_train"], data["y_test"]


if not arguments.full:
    X_train, X_test, y_train, y_test = digits()
    patches = ImagePatches((8, 8), (2, 2))
    ranks, epochs = [1, 2, 4, 8], 30
elif arguments.set == "mnist":
    X_train, X_test, y_train, y_test = mnist()
    patches = ImagePatches((28, 28), (7, 7))
    ranks, epochs = [1, 2, 4, 8, 16, 32], 10
else:
    X_train, X_test, y_train, y_test = cifar10()
    patches = ImagePatches((32, 32, 3), (8, 8))
    ranks, epochs = [2, 4, 8, 16, 32, 64], 10
n_features, dropout, decay, rate = 4, 0.0, 0.0, 4e-3
if arguments.modern:
    n_features, dropout, decay, rate = 64, 0.2, 0.05, 1e-3
    stride = {64: 2, 784: 4, 3072: 4}[X_train.shape[1]]
    patches = ImagePatches(patches.image_shape, (4, 4) if stride == 2 else (8, 8), stride=stride)
if arguments.quick:
    ranks, epochs = [1, 4], 2
ranks = arguments.ranks or ranks
epochs = arguments.epochs or epochs
X_train, y_train = X_train[: arguments.train], y_train[: arguments.train]

# %%
# Training
# --------
# Each format at each width, once as one tensor with a class leg and once as one
# tensor per class, as in the paper. A CP network of width r is much smaller than
# the others, so its widths are eight times as large.

FORMATS = {"TT": TTClassifier, "HT": HTClassifier, "CP": CPClassifier}
rows = []
for kind in arguments.formats:
    for class_tensors in ("joint", "separate"):
        for rank in ranks:
            for seed in range(arguments.seeds):
                clf = FORMATS[kind](
                    rank=8 * rank if kind == "CP" else rank,
                    patches=patches,
                    feature_map=AffineMap(n_features),
                    class_tensors=class_tensors,
                    alpha=0.0,
                    solver=Adam(
                        learning_rate=rate, batch_size=100, dropout=dropout, weight_decay=decay
                    ),
                    max_iter=epochs,
                    random_state=seed,
                )
                start = time.perf_counter()
                with warnings.catch_warnings():
                    warnings.filterwarnings("ignore", message="rank=.* is less than")
                    clf.fit(X_train, y_train)
                seconds = time.perf_counter() - start
                part = slice(0, 10_000)
                accuracies = clf.score(X_train[part], y_train[part]), clf.score(X_test, y_test)
                size = clf.network_.n_parameters + clf.feature_map_.n_parameters
                rows.append((kind, class_tensors, clf.rank, seed, size, *accuracies, seconds))
                print(
                    f"{kind} {class_tensors:9} rank {clf.rank:4} {size:9,} weights:"
                    f" training {accuracies[0]:.4f}, test {accuracies[1]:.4f} ({seconds:.0f} s)",
                    flush=True,
                )

columns = ["format", "class_tensors", "rank", "seed", "n_parameters", "train", "test", "seconds"]
pd.DataFrame(rows, columns=columns).to_csv(Path(arguments.output).with_suffix(".csv"), index=False)

# %%
# What came out
# -------------
# On the digits (seed 0) the widths of one tensor per class, the form of the
# paper, tell the formats apart at rank one only: a rank-one tensor per class
# reaches 0.6, rank two 0.94 for TT and HT. Per weight, CP is the best of all here:
# 607 weights give 0.94, for which a train needs about 2,000. CP does not get
# worse as its rank grows, unlike in the paper; it starts near a linear model.
# So the theorem, that almost all trains need wide CP networks, does not mean that
# images do, which the paper says, too.

colours = {"TT": "tab:blue", "HT": "tab:green", "CP": "tab:red"}
figure, axes = plt.subplots(2, 2, figsize=(9, 6.4), sharey="row", layout="constrained")
for column, (place, label) in enumerate([(2, "rank"), (4, "number of weights")]):
    for row, (part, what) in enumerate([(5, "training"), (6, "test")]):
        panel = axes[row, column]
        for kind in arguments.formats:
            for class_tensors, style in (("joint", "o-"), ("separate", "s--")):
                own = [r for r in rows if r[:2] == (kind, class_tensors)]
                x = sorted({r[place] for r in own})
                y = [np.mean([r[part] for r in own if r[place] == value]) for value in x]
                panel.plot(
                    x,
                    y,
                    style,
                    color=colours[kind],
                    mfc=colours[kind] if style == "o-" else "white",
                    ms=4.5,
                    lw=1.3,
                    label=f"{kind}, {'one tensor' if style == 'o-' else 'one per class'}",
                )
        panel.set_xscale("log", base=2 if column == 0 else 10)
        panel.spines[["top", "right"]].set_visible(False)
        if row:
            panel.set_xlabel(label)
        if not column:
            panel.set_ylabel(f"{what} accuracy")
axes[0, 0].legend(frameon=False, fontsize="small", loc="lower right")
figure.savefig(arguments.output, dpi=120)
plt.show()
