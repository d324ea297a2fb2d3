"""CIFAR-10 in a modern setting: overlapping patches, many features, dropout, changed images.

Networks over 49 overlapping patches of 8 x 8 pixels, trained on images that are
mirrored and shifted at random; test accuracy of the images, and of the mean
probabilities over eight views of each, itself and seven changed ones::

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

from products import FORMATS, cifar10

from sktensornet.augmentation import RandomFlip, RandomShift
from sktensornet.feature_maps import AffineMap
from sktensornet.patches import ImagePatches
from sktensornet.solvers import Adam

SETTINGS = {"TT": (32, 1e-3), "HT": (32, 1e-3), "CP": (320, 2e-3)}
"""Rank and learning rate of each format. Validation accuracies of one seed, over eight views:
HT .768, CP .738; TT was not tried."""
SIZE, VIEWS = 64, 8
"""Features of a patch, and views of an image over which probabilities are averaged."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--data", default=os.environ.get("SKTENSORNET_DATA"))
    parser.add_argument("--formats", nargs="+", choices=list(SETTINGS), default=["HT"])
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--validate", action="store_true")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("--data or SKTENSORNET_DATA must name the folder of the data")
    X, y, X_test, y_test = cifar10(Path(arguments.data))
    if arguments.validate:
        X, X_test, y, y_test = X[:40_000], X[40_000:], y[:40_000], y[40_000:]
    X, X_test = X.reshape(-1, 32, 32, 3), X_test.reshape(-1, 32, 32, 3)
    for kind in arguments.formats:
        rank, rate = SETTINGS[kind]
        for seed in range(arguments.seeds):
            clf = FORMATS[kind](
                rank=rank,
                patches=ImagePatches((32, 32, 3), (8, 8), stride=4),
                feature_map=AffineMap(SIZE),
                alpha=0.0,
                solver=Adam(rate, batch_size=256, dropout=0.2, weight_decay=0.05),
                max_iter=arguments.epochs,
                augment=[RandomFlip(), RandomShift(3, fill="reflect")],
                random_state=seed,
            )
            start = time.perf_counter()
            clf.fit(X, y)
            seconds = time.perf_counter() - start
            accuracy = clf.score(X_test, y_test)
            of_views = clf.set_params(n_views=VIEWS).score(X_test, y_test)
            n_weights = clf.network_.n_parameters + clf.feature_map_.n_parameters
            print(
                f"{kind} rank {rank}, seed {seed}: {accuracy:.4f}, over {VIEWS} views"
                f" {of_views:.4f}, {n_weights:,} weights, {seconds:.0f} s",
                flush=True,
            )


if __name__ == "__main__":
    main()
