"""CIFAR-10 in a modern setting: overlapping patches, many features, dropout.

A CP network over 49 overlapping patches of 8 x 8 pixels and 64 features each,
trained on all images and their mirror images; test accuracy of the image, and of
the mean of the log-probabilities of the image and its mirror image::

    python examples/benchmarks/cifar10.py --data DIR
    python examples/benchmarks/cifar10.py --data DIR --validate

DIR holds ``cifar10_jpeg.npz``, whose images were encoded as JPEG again, so that
figures are not those of the original; decoding needs Pillow. ``--validate`` trains
on 40,000 images and scores the other 10,000, by which the settings were chosen.
Seconds depend on the threads, which OMP_NUM_THREADS limits.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
from products import FORMATS, cifar10

from sktensornet.feature_maps import AffineMap
from sktensornet.patches import ImagePatches
from sktensornet.solvers import Adam

SETTINGS = {"TT": (32, 1e-3), "HT": (24, 1e-3), "CP": (320, 2e-3)}
"""Rank and learning rate of each format."""


def mirrored(X: np.ndarray) -> np.ndarray:
    """The mirror images."""
    return X.reshape(-1, 32, 32, 3)[:, :, ::-1].reshape(len(X), -1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--data", default=os.environ.get("SKTENSORNET_DATA"))
    parser.add_argument("--formats", nargs="+", choices=list(SETTINGS), default=["CP"])
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--validate", action="store_true")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("--data or SKTENSORNET_DATA must name the folder of the data")
    X, y, X_test, y_test = cifar10(Path(arguments.data))
    if arguments.validate:
        X, X_test, y, y_test = X[:40_000], X[40_000:], y[:40_000], y[40_000:]
    X, y = np.concatenate([X, mirrored(X)]), np.concatenate([y, y])
    for kind in arguments.formats:
        rank, rate = SETTINGS[kind]
        for seed in range(arguments.seeds):
            clf = FORMATS[kind](
                rank=rank,
                patches=ImagePatches((32, 32, 3), (8, 8), stride=4),
                feature_map=AffineMap(64),
                alpha=0.0,
                solver=Adam(rate, batch_size=256, dropout=0.2, weight_decay=0.05),
                max_iter=arguments.epochs,
                random_state=seed,
            )
            start = time.perf_counter()
            clf.fit(X, y)
            seconds = time.perf_counter() - start
            one = clf.predict_log_proba(X_test)
            both = one + clf.predict_log_proba(mirrored(X_test))
            accuracy, of_both = (
                np.mean(clf.classes_[scores.argmax(axis=1)] == y_test) for scores in (one, both)
            )
            size = clf.network_.n_parameters + clf.feature_map_.n_parameters
            print(
                f"{kind} rank {rank}, seed {seed}: {accuracy:.4f},"
                f" with mirror images {of_both:.4f}, {size:,} weights,"
                f" {seconds:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
