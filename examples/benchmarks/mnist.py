"""MNIST with TT, HT and CP, and the setting of the paper.

Fits each model on all 60,000 training images, without augmentation, and prints
mean and spread of the test accuracy over seeds, parameters and time::

    python examples/benchmarks/mnist.py --data DIR
    python examples/benchmarks/mnist.py --models HT --seeds 1 --validate

Progress bars need the extra ``progress``; ``--no-progress`` does without. DIR
holds ``mnist.npz`` (x_train, y_train, x_test, y_test) and may be given as
SKTENSORNET_DATA; without it the data come from OpenML. ``--validate`` trains on
50,000 images and scores the other 10,000 instead of the test set: the settings
below were chosen that way.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
from sklearn.callback import ProgressBar

from sktensornet import CPClassifier, HTClassifier, TTClassifier
from sktensornet.feature_maps import AffineMap
from sktensornet.patches import ImagePatches
from sktensornet.solvers import Adam

OVERLAPPING = ImagePatches((28, 28), (8, 8), stride=4)
PAPER = ImagePatches((28, 28), (7, 7))

MODELS = {
    "HT": HTClassifier(
        rank=24,
        patches=OVERLAPPING,
        feature_map=AffineMap(48),
        alpha=0.0,
        max_iter=20,
        solver=Adam(3e-3, batch_size=256, dropout=0.2, weight_decay=0.05),
    ),
    "CP": CPClassifier(
        rank=320,
        patches=OVERLAPPING,
        feature_map=AffineMap(64),
        alpha=0.0,
        max_iter=20,
        solver=Adam(3e-3, batch_size=256, dropout=0.3, weight_decay=0.05),
    ),
    "TT": TTClassifier(
        rank=24,
        patches=OVERLAPPING,
        feature_map=AffineMap(32),
        alpha=0.0,
        max_iter=18,
        solver=Adam(3e-3, batch_size=256, dropout=0.2, weight_decay=0.05),
    ),
    "paper, rank 4": TTClassifier(
        rank=4,
        patches=PAPER,
        feature_map=AffineMap(32),
        alpha=0.0,
        max_iter=20,
        solver=Adam(2e-3),
    ),
    "paper, rank 4, dropout": TTClassifier(
        rank=4,
        patches=PAPER,
        feature_map=AffineMap(32),
        alpha=0.0,
        max_iter=20,
        solver=Adam(2e-3, dropout=0.2),
    ),
    "paper, rank 4, dropout, separate": TTClassifier(
        rank=4,
        patches=PAPER,
        feature_map=AffineMap(32),
        class_tensors="separate",
        alpha=0.0,
        max_iter=20,
        solver=Adam(2e-3, dropout=0.2),
    ),
}


def load(folder: str | None) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training and test images as rows of float32 in [0, 1], and their labels."""
    if folder is not None:
        with np.load(Path(folder) / "mnist.npz") as data:
            X = np.concatenate([data["x_train"], data["x_test"]]).reshape(70_000, -1)
            y = np.concatenate([data["y_train"], data["y_test"]])
    else:
        from sklearn.datasets import fetch_openml

        X, y = fetch_openml("mnist_784", return_X_y=True, as_frame=False)
    X = (X / 255).astype(np.float32)
    y = y.astype(int)
    return X[:60_000], y[:60_000], X[60_000:], y[60_000:]


def main() -> None:
    """Run the chosen models and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("SKTENSORNET_DATA"))
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--no-progress", action="store_true")
    parser.add_argument("--output", help="write the figures to this JSON file")
    arguments = parser.parse_args()

    X_train, y_train, X_test, y_test = load(arguments.data)
    if arguments.validate:
        order = np.random.RandomState(7).permutation(60_000)
        fit_rows, held_out = order[:50_000], order[50_000:]
        X_test, y_test = X_train[held_out], y_train[held_out]
        X_train, y_train = X_train[fit_rows], y_train[fit_rows]
    rows = {}
    for name in arguments.models:
        accuracies, seconds = [], []
        for seed in range(arguments.seeds):
            model = MODELS[name].set_params(random_state=seed)
            if not arguments.no_progress:
                model.set_callbacks(ProgressBar())
            started = time.perf_counter()
            model.fit(X_train, y_train)
            seconds.append(time.perf_counter() - started)
            accuracies.append(model.score(X_test, y_test))
        rows[name] = {
            "accuracy": float(np.mean(accuracies)),
            "spread": float(np.std(accuracies, ddof=1)) if len(accuracies) > 1 else None,
            "accuracies": accuracies,
            "seconds": seconds,
            "parameters": model.network_.n_parameters + model.feature_map_.n_parameters,
        }
        spread = "" if len(accuracies) == 1 else f" +- {rows[name]['spread']:.4f}"
        print(
            f"{name:34} accuracy {rows[name]['accuracy']:.4f}{spread}"
            f"  parameters {rows[name]['parameters']:,}  seconds {max(seconds):.0f} at most",
            flush=True,
        )
    if arguments.output:
        Path(arguments.output).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
