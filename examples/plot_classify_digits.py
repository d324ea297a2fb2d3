"""
======================================================
Classify handwritten digits with three tensor networks
======================================================

A tensor train (a recurrent network), a hierarchical Tucker tree (a deep
network) and a canonical polyadic sum (a shallow network) learn the 1,797
digits that come with scikit-learn, each in a pipeline, and a grid search
chooses rank and patches. Run it with::

    python examples/plot_classify_digits.py
"""

import argparse
import sys
import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from sktensornet import CPClassifier, HTClassifier, TTClassifier
from sktensornet.patches import ImagePatches
from sktensornet.solvers import Adam

quick = "--quick" in sys.argv
max_iter = 6 if quick else 60

# %%
# Data
# ----
# Each image is a row of 64 grey values. `ImagePatches` cuts it into overlapping
# patches of 4 x 4 pixels, the sites of the networks. Any transformer may come
# first; here a square root brings out faint strokes. There is no need to scale:
# the local feature maps do so themselves.

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(
    X.astype(np.float32), y, test_size=0.25, stratify=y, random_state=0
)
patches = ImagePatches(image_shape=(8, 8), patch_shape=(4, 4), stride=2)

# %%
# Three formats
# -------------
# They differ in one line. Dropout on the local features keeps them from
# learning the training images by heart; it takes the place of the penalty, so
# ``alpha`` is zero.

common = {
    "patches": patches,
    "feature_map": "affine",
    "alpha": 0.0,
    "solver": Adam(learning_rate=5e-3, dropout=0.3, weight_decay=0.05),
    "max_iter": max_iter,
    "random_state": 0,
}
classifiers = {
    "TT": TTClassifier(rank=12, **common),
    "HT": HTClassifier(rank=12, **common),
    "CP": CPClassifier(rank=64, **common),
}
results = {}
print(f"{'':4}{'accuracy':>9}{'parameters':>12}{'seconds':>9}   ranks")
for name, classifier in classifiers.items():
    model = Pipeline([("contrast", FunctionTransformer(np.sqrt)), ("classify", classifier)])
    started = time.perf_counter()
    model.fit(X_train, y_train)
    seconds = time.perf_counter() - started
    size = classifier.network_.n_parameters + classifier.feature_map_.n_parameters
    ranks = " ".join(str(rank) for rank in classifier.network_.ranks)
    results[name] = (model, model.score(X_test, y_test), size, seconds)
    print(f"{name:4}{results[name][1]:9.4f}{size:12,}{seconds:9.1f}   {ranks}")

# %%
# Choosing rank and patches
# -------------------------
# Nested parameters work in a grid search like those of any other estimator.

search = GridSearchCV(
    Pipeline([("contrast", FunctionTransformer(np.sqrt)), ("classify", HTClassifier(**common))]),
    {
        "classify__rank": [8, 16],
        "classify__patches__patch_shape": [(2, 2), (4, 4)],
    },
    cv=2 if quick else 3,
)
search.set_params(estimator__classify__max_iter=max_iter // 3)
started = time.perf_counter()
search.fit(X_train, y_train)
print(f"\nGrid search over HT, {time.perf_counter() - started:.1f} seconds")
for parameters, score in zip(
    search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True
):
    print("  ", {key.split("__", 1)[1]: value for key, value in parameters.items()}, f"{score:.4f}")
print(f"   test accuracy of the best: {search.score(X_test, y_test):.4f}")

# %%
# What they get wrong
# -------------------
# Below the learning curves, the test images on which most of the three fail.

predicted = {name: result[0].predict(X_test) for name, result in results.items()}
wrong = sum((labels != y_test).astype(int) for labels in predicted.values())
hardest = np.argsort(-wrong, kind="stable")[:12]

colours = {"TT": "#3b6ea8", "HT": "#c8553d", "CP": "#5b8c5a"}
figure = plt.figure(figsize=(9.5, 5.2), layout="constrained")
top, bottom = figure.subfigures(2, 1, height_ratios=[1.5, 1])
left, right = top.subplots(1, 2, width_ratios=[1.3, 1])
for name, (model, accuracy, size, seconds) in results.items():
    curve = model[-1].loss_curve_
    left.semilogy(np.arange(1, len(curve) + 1), curve, color=colours[name], lw=2, label=name)
    right.barh(name, 100 * (1 - accuracy), color=colours[name], height=0.6)
    right.text(
        100 * (1 - accuracy),
        name,
        f"  {100 * (1 - accuracy):.1f} %   {size / 1000:.0f} k parameters, {seconds:.1f} s",
        va="center",
    )
left.set(xlabel="pass over the data", ylabel="training loss", title="Learning curves")
left.legend(frameon=False)
right.set(xlabel="test error in %", title="Test error")
right.invert_yaxis()
right.set_xlim(0, right.get_xlim()[1] * 2.6)
for axis in (left, right):
    axis.spines[["top", "right"]].set_visible(False)
images = bottom.subplots(2, 6)
for axis, index in zip(images.ravel(), hardest, strict=True):
    axis.imshow(X_test[index].reshape(8, 8), cmap="gray_r")
    said = " ".join(f"{name} {labels[index]}" for name, labels in predicted.items())
    axis.set_title(f"is {y_test[index]}: {said}", fontsize=7)
    axis.set_axis_off()

# %%
# As a script
# -----------
# Run by ``python``, it saves the picture; ``--output`` names the file.

parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("--quick", action="store_true", help="fewer passes over the data")
parser.add_argument("--output", default="classify_digits.png", help="file of the picture")
arguments, _ = parser.parse_known_args()
figure.savefig(arguments.output, dpi=120)
