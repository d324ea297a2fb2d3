"""Time series: a tensor train over windows, beside 1-NN with dynamic time warping.

One setting for all sets, chosen by validation inside their training parts.
Accuracy on the test part that comes with each set; mean and standard deviation
over seeds of the start. The two peers do not depend on a seed::

    python examples/benchmarks/time_series.py --data DIR
    python examples/benchmarks/time_series.py --data DIR --choose

DIR holds ``ts/*.npz``, each with x_train (n, channels, length), y_train, x_test
and y_test, and may be given as SKTENSORNET_DATA. ``--choose`` compares settings
on five splits of each training part. Dynamic time warping is that of `tslearn`
(see requirements.txt beside this file), over the whole length, without a band.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktensornet import TTClassifier
from sktensornet.feature_maps import AffineMap, PCAMap
from sktensornet.patches import SequencePatches
from sktensornet.solvers import Adam


def windows(shape: tuple[int, int], n_windows: int, overlap: int = 1) -> SequencePatches:
    """Windows that cover series of (channels, length), ``overlap`` strides of each shared."""
    channels, length = shape
    stride = max(1, length // (n_windows + overlap))
    return SequencePatches(length - (n_windows - 1) * stride, stride, channels)


def swept(shape, n_windows=8, rank=4, m=8, alpha=1e-2, loss="squared_error", scale=0.5):
    """Sweeps over principal components."""
    return TTClassifier(
        rank=rank,
        patches=windows(shape, n_windows),
        feature_map=PCAMap(m, scale=scale),
        solver="als",
        loss=loss,
        alpha=alpha,
        max_iter=3,
    )


def trained(
    shape,
    n_windows=8,
    overlap=1,
    rank=4,
    m=16,
    dropout=0.3,
    decay=0.05,
    activation="relu",
    max_iter=100,
):
    """Mini-batches, with a map that is trained."""
    return TTClassifier(
        rank=rank,
        patches=windows(shape, n_windows, overlap),
        feature_map=AffineMap(m, activation),
        solver=Adam(dropout=dropout, weight_decay=decay),
        alpha=0,
        max_iter=max_iter,
    )


CHOSEN = (trained, {"rank": 6, "overlap": 2, "max_iter": 300})
"""What ``--choose`` found best on the mean over the seven sets of docs/benchmarks."""


def candidates():
    """Settings that ``--choose`` compares."""
    for n_windows in (4, 8):
        for rank in (2, 6):
            for m in (6, 12):
                for alpha in (1e-3, 1e-2, 1e-1):
                    yield swept, {"n_windows": n_windows, "rank": rank, "m": m, "alpha": alpha}
    for n_windows in (4, 8):
        for rank in (2, 6):
            for dropout in (0.0, 0.3, 0.5):
                yield trained, {"n_windows": n_windows, "rank": rank, "dropout": dropout}
    for n_windows in (8, 12, 16):
        for rank in (6, 12):
            for m in (16, 32):
                yield trained, {"n_windows": n_windows, "rank": rank, "m": m}
    for overlap in (0, 2, 4):
        yield trained, {"rank": 6, "overlap": overlap}
    for dropout in (0.2, 0.4):
        yield trained, {"rank": 6, "dropout": dropout}
    for decay in (0.0, 0.2):
        yield trained, {"rank": 6, "decay": decay}
    yield trained, {"rank": 6, "activation": "tanh"}
    for max_iter in (300, 600):
        for overlap in (1, 2):
            yield trained, {"rank": 6, "max_iter": max_iter, "overlap": overlap}


def logistic():
    """Logistic regression on standardised values at its default penalty."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000))


def dtw():
    """The nearest neighbour by dynamic time warping."""
    from tslearn.neighbors import KNeighborsTimeSeriesClassifier

    return KNeighborsTimeSeriesClassifier(n_neighbors=1, metric="dtw")


def flat(series):
    """Rows of X, channel by channel."""
    return series.reshape(len(series), -1)


def timed(model, prepare, parts) -> tuple[float, float]:
    """Test accuracy, and seconds of fit and prediction."""
    x_train, x_test, y_train, y_test = parts
    started = time.perf_counter()
    score = model.fit(prepare(x_train), y_train).score(prepare(x_test), y_test)
    return score, time.perf_counter() - started


def choose(data: dict) -> None:
    """Mean accuracy of each setting on validation parts of the training data."""
    print("sets:", " ".join(data))
    for make, settings in candidates():
        by_set = []
        for parts in data.values():
            x, _, y, _ = parts
            model = make(x.shape[1:], **settings)
            splits = [
                train_test_split(x, y, test_size=0.3, stratify=y, random_state=k) for k in range(5)
            ]
            scores = [timed(model.set_params(random_state=0), flat, split)[0] for split in splits]
            by_set.append(np.mean(scores))
        text = " ".join(f"{value}={settings[value]}" for value in settings)
        each = " ".join(f"{score:.3f}" for score in by_set)
        print(f"{np.mean(by_set):.4f}  {make.__name__} {text}  ({each})", flush=True)


def main() -> None:
    """Fit all models on all sets and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--data", default=os.environ.get("SKTENSORNET_DATA"), required=False)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--choose", action="store_true")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("--data or SKTENSORNET_DATA must say where ts/*.npz are")
    warnings.simplefilter("ignore", ConvergenceWarning)
    data = {}
    for path in sorted(Path(arguments.data, "ts").glob("*.npz")):
        with np.load(path) as file:
            data[path.stem] = [file[name] for name in ("x_train", "x_test", "y_train", "y_test")]
    if arguments.choose:
        choose(data)
        return
    make, settings = CHOSEN
    print("| set | rows | channels x length | classes | `TTClassifier` | logistic | 1-NN DTW |")
    print("|---|---|---|---|---|---|---|")
    all_scores = []
    for name, parts in data.items():
        x, x_test, y, _ = parts
        model = make(x.shape[1:], **settings)
        scores, seconds = np.transpose(
            [
                timed(model.set_params(random_state=seed), flat, parts)
                for seed in range(arguments.seeds)
            ]
        )
        linear, linear_seconds = timed(logistic(), flat, parts)
        warped, warped_seconds = timed(dtw(), lambda series: series.transpose(0, 2, 1), parts)
        all_scores.append((scores.mean(), linear, warped))
        print(
            f"| {name} | {len(x)} / {len(x_test)} | {x.shape[1]} x {x.shape[2]} |"
            f" {len(np.unique(y))} | {scores.mean():.3f} ± {scores.std(ddof=1):.3f}"
            f" ({np.median(seconds):.1f} s) | {linear:.3f} ({linear_seconds:.1f} s) |"
            f" {warped:.3f} ({warped_seconds:.1f} s) |",
            flush=True,
        )
    means = " | ".join(f"{score:.3f}" for score in np.mean(all_scores, axis=0))
    print(f"| mean | | | | {means} |")


if __name__ == "__main__":
    main()
