"""The classic: sweeps over a tensor train on MNIST at 14 x 14 pixels.

Images are reduced by 2 x 2 means, pixels mapped to [cos, sin], and a tensor
train of 196 cores is trained by ALS on all 60,000 images, as in Stoudenmire and
Schwab, "Supervised Learning with Tensor Networks", NIPS 2016 (test errors 5 %,
2 % and 0.97 % at rank 10, 20 and 120)::

    python examples/benchmarks/mnist_sweeps.py --ranks 10 10
    python examples/benchmarks/mnist_sweeps.py --ranks 10 20 30 --moved --validate

makes one sweep at each rank and prints its objective, test error, truncation and seconds.
``--moved`` adds copies of the training images that are moved by one of their 28 pixels in
each of four directions, half a pixel of the smaller ones; ``--validate`` judges by 10,000
training images that are held out instead of the test images.
``--data DIR`` (or SKTENSORNET_DATA) is a folder with mnist.npz; without it the
images come from OpenML.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sktensornet import TTClassifier
from sktensornet.feature_maps import TrigonometricMap
from sktensornet.solvers import ALS

DIRECTIONS = (1, 0), (-1, 0), (0, 1), (0, -1)


def load(folder: str | None) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training and test images of 28 x 28 pixels, and their labels."""
    if folder is not None:
        with np.load(Path(folder) / "mnist.npz") as data:
            X = np.concatenate([data["x_train"], data["x_test"]])
            y = np.concatenate([data["y_train"], data["y_test"]])
    else:
        from sklearn.datasets import fetch_openml

        X, y = fetch_openml("mnist_784", return_X_y=True, as_frame=False)
    X, y = X.reshape(-1, 28, 28), y.astype(int)
    return X[:60_000], y[:60_000], X[60_000:], y[60_000:]


def reduced(images: np.ndarray) -> np.ndarray:
    """Rows of 14 x 14 means in [0, 1]."""
    means = images.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))
    return (means / 255).reshape(-1, 196).astype(np.float32)


def moved(images: np.ndarray, down: int, right: int) -> np.ndarray:
    """Images moved by some pixels, with nothing where they came from."""
    padded = np.pad(images, ((0, 0), (1, 1), (1, 1)))
    return padded[:, 1 - down : 29 - down, 1 - right : 29 - right]


def main() -> None:
    """Train and print a line for every sweep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--data", default=os.environ.get("SKTENSORNET_DATA"))
    parser.add_argument("--ranks", type=int, nargs="+", default=[10], help="one for each sweep")
    parser.add_argument("--scale", type=float, default=0.2)
    parser.add_argument("--alpha", type=float, default=1e-3)
    parser.add_argument("--loss", default="log_loss", choices=["log_loss", "squared_error"])
    parser.add_argument("--sweep", default="one_site", choices=["one_site", "two_site"])
    parser.add_argument("--local-iter", type=int, default=4)
    parser.add_argument("--samples", type=int, default=None, help="training images to use")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--moved", action="store_true")
    parser.add_argument("--validate", action="store_true")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    X, y, X_test, y_test = load(arguments.data)
    if arguments.validate:
        order = np.random.RandomState(0).permutation(len(X))
        X_test, y_test = X[order[50_000:]], y[order[50_000:]]
        X, y = X[order[:50_000]], y[order[:50_000]]
    X, y = X[: arguments.samples], y[: arguments.samples]
    copies = [moved(X, *step) for step in DIRECTIONS] if arguments.moved else []
    y = np.tile(y, 1 + len(copies))
    X, X_test = np.concatenate([reduced(own) for own in (X, *copies)]), reduced(X_test)
    print(vars(arguments), flush=True)
    errors = []
    for seed in range(arguments.seeds):
        model = TTClassifier(
            feature_map=TrigonometricMap(arguments.scale),
            loss=arguments.loss,
            alpha=arguments.alpha,
            solver=ALS(sweep=arguments.sweep, local_iter=arguments.local_iter),
            max_iter=1,
            tol=0.0,
            warm_start=True,
            random_state=seed,
        )
        for rank in arguments.ranks:
            started = time.perf_counter()
            model.set_params(rank=rank).fit(X, y)
            seconds = time.perf_counter() - started
            record = model.sweeps_[-1]
            error = 1 - model.score(X_test, y_test)
            print(
                f"seed {seed} rank {rank}: objective {record.objective:.5f}  error {error:.4f}"
                f"  truncation {record.truncation_loss:.4f}  {seconds:.0f} s",
                flush=True,
            )
        errors.append(error)
    if len(errors) > 1:
        print(f"error {np.mean(errors):.4f} +- {np.std(errors, ddof=1):.4f}")


if __name__ == "__main__":
    main()
