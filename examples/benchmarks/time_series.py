"""Time series: tensor trains over windows, beside what the field uses.

The default, and one trained setting for all sets that was chosen by validation
inside their training parts. Accuracy on the test part that comes with each set; mean
and standard deviation over seeds, which all but two peers have::

    python examples/benchmarks/time_series.py --data DIR --markdown docs/benchmarks/series.md
    python examples/benchmarks/time_series.py --data DIR --choose

DIR holds ``ts/*.npz``, each with x_train (n, channels, length), y_train, x_test
and y_test, and may be given as SKTENSORNET_DATA. ``--choose`` compares settings
on five splits of each training part. Dynamic time warping, over the whole length without
a band, and MiniRocket are those of `aeon` (see requirements.txt beside this file). The
last column puts MiniRocket's features, by their principal components, before a tensor
train over columns.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.decomposition import PCA
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


COMPONENTS = 16
"""Principal components of random convolutions; not tuned."""

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
    from aeon.classification.distance_based import KNeighborsTimeSeriesClassifier

    return KNeighborsTimeSeriesClassifier(n_neighbors=1, distance="dtw")


def rocket(seed):
    """Random convolutions, and a linear classifier of what they find."""
    from aeon.classification.convolution_based import MiniRocketClassifier

    return MiniRocketClassifier(random_state=seed)


def rocket_before_train(seed):
    """Random convolutions, and a tensor train over their principal components."""
    from aeon.transformations.collection.convolution_based import MiniRocket

    features = MiniRocket(random_state=seed), StandardScaler(), PCA(COMPONENTS)
    return make_pipeline(*features, TTClassifier(random_state=seed))


def default(shape, seed):
    """Nothing but the number of channels."""
    return TTClassifier(patches=SequencePatches(n_channels=shape[0]), random_state=seed)


def flat(series):
    """Rows of X, channel by channel."""
    return series.reshape(len(series), -1)


def whole(series):
    """Series as they are."""
    return series


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
    parser.add_argument("--markdown", type=Path, help="write the table to this file")
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
    models = {
        "default": (default, whole, arguments.seeds),
        "trained": (
            lambda shape, seed: make(shape, **settings).set_params(random_state=seed),
            flat,
            arguments.seeds,
        ),
        "logistic": (lambda shape, seed: logistic(), flat, 1),
        "1-NN DTW": (lambda shape, seed: dtw(), whole, 1),
        "MiniRocket": (lambda shape, seed: rocket(seed), whole, arguments.seeds),
        "MiniRocket, train": (
            lambda shape, seed: rocket_before_train(seed),
            whole,
            arguments.seeds,
        ),
    }
    lines = [
        "| set | rows | channels x length | classes | " + " | ".join(models) + " |",
        "|---" * (4 + len(models)) + "|",
    ]
    print("\n".join(lines))
    means = []
    for name, parts in data.items():
        x, x_test, y, _ = parts
        cells, own = [], []
        for model, prepare, n_seeds in models.values():
            found = [timed(model(x.shape[1:], seed), prepare, parts) for seed in range(n_seeds)]
            scores, seconds = np.transpose(found)
            own.append(scores.mean())
            spread = f" ± {scores.std(ddof=1):.3f}" if n_seeds > 1 else ""
            cells.append(f"{scores.mean():.3f}{spread} ({np.median(seconds):.1f} s)")
        means.append(own)
        lines.append(
            f"| {name} | {len(x)} / {len(x_test)} | {x.shape[1]} x {x.shape[2]} |"
            f" {len(np.unique(y))} | " + " | ".join(cells) + " |"
        )
        print(lines[-1], flush=True)
    lines.append(f"| mean | | | | {' | '.join(f'{one:.3f}' for one in np.mean(means, axis=0))} |")
    print(lines[-1])
    if arguments.markdown is not None:
        arguments.markdown.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
