r"""The operation of a generalized network: accuracy of each on images and texts.

Table 1 of Khrulkov, Hrinchuk, Oseledets, "Generalized Tensor Models for
Recurrent Neural Networks" (ICLR 2019) compares recurrent networks whose
multiplication is replaced by another operation, on MNIST and CIFAR-10 (16
patches, 32 features, rank 64) and on IMDB (100 words, 50 features, rank 50)::

    python examples/benchmarks/products.py --data DIR
    python examples/benchmarks/products.py --sets mnist --train 20000 --epochs 2

DIR holds ``mnist.npz``, ``cifar10_jpeg.npz`` (images encoded as JPEG again, so
that its figures are not those of the original; needs Pillow) and
``imdb_reviews.csv.gz``, and may be given as SKTENSORNET_DATA. Reviews are the
first 100 words, of a vocabulary of the 20,000 most frequent ones in training,
and their networks share cores unless ``--distinct-cores`` is given; images are
cut into a row-wise chain of 16 patches and do not share them. The learning rate
of trains, 1e-4, is that of the paper: the cores of rank 64 sum 4096 numbers of
mostly one sign, and larger rates make the sums and norms diverge. At rank 16
trains of all products train at 1e-3, in a few minutes for all of MNIST::

    python examples/benchmarks/products.py --sets mnist --rank 16 \
        --learning-rate 1e-3 --batch-size 100 --epochs 5
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import json
import os
import re
import time
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np

from sktensornet import CPClassifier, HTClassifier, TTClassifier
from sktensornet.feature_maps import AffineMap, EmbeddingMap
from sktensornet.patches import ImagePatches
from sktensornet.solvers import Adam

LEARNING_RATES = {"TT": 1e-4, "HT": 1e-3, "CP": 1e-2}
FORMATS = {"TT": TTClassifier, "HT": HTClassifier, "CP": CPClassifier}
PRODUCTS = ["multiply", "max", "logaddexp", "add", "hypot"]
VOCABULARY, LENGTH = 20_000, 100


def mnist(folder: Path):
    """Images as rows of float32 in [0, 1], training set first, and their labels."""
    with np.load(folder / "mnist.npz") as data:
        X_train, X_test = (data[f"x_{part}"].reshape(-1, 784) for part in ("train", "test"))
        y_train, y_test = data["y_train"], data["y_test"]
    return (X_train / 255).astype("f4"), y_train, (X_test / 255).astype("f4"), y_test


def cifar10(folder: Path):
    """The same for colour images, decoded from JPEG."""
    from PIL import Image

    with np.load(folder / "cifar10_jpeg.npz") as data:
        bounds, stored = data["offsets"], data["data"]
        y_train, y_test = data["y_train"], data["y_test"]
        images = [
            np.asarray(Image.open(io.BytesIO(stored[a:b].tobytes())), np.float32).ravel() / 255
            for a, b in pairwise(bounds)
        ]
    X = np.stack(images)
    return X[:50_000], y_train, X[50_000:], y_test


def imdb(folder: Path, length: int = LENGTH, last: bool = False):
    """Ids of the first or last words of each review, -1 behind its end, and its label."""
    texts: dict[str, list] = {"train": [], "test": []}
    labels: dict[str, list] = {"train": [], "test": []}
    with gzip.open(folder / "imdb_reviews.csv.gz", "rt", encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            words = re.findall(r"[a-z']+", row["text"].lower().replace("<br />", " "))
            texts[row["split"]].append(words)
            labels[row["split"]].append(row["label"])
    count = Counter(word for words in texts["train"] for word in words)
    ids = {word: k for k, (word, _) in enumerate(count.most_common(VOCABULARY))}
    parts = []
    for split in ("train", "test"):
        X = np.full((len(texts[split]), length), -1, np.float32)
        for row, words in zip(X, texts[split], strict=True):
            known = [ids[word] for word in words if word in ids]
            known = known[-length:] if last else known[:length]
            row[: len(known)] = known
        parts += [X, np.array(labels[split])]
    return tuple(parts)


SETS = {"mnist": mnist, "cifar10": cifar10, "imdb": imdb}


def settings(name: str, shared: bool) -> dict:
    """Parameters of the estimator for a set."""
    if name == "imdb":
        return {"rank": 50, "feature_map": EmbeddingMap(VOCABULARY, 50), "shared_cores": shared}
    size, channels = (28, 1) if name == "mnist" else (32, 3)
    shape = (size, size) if channels == 1 else (size, size, channels)
    patches = ImagePatches(shape, (size // 4, size // 4))
    return {"rank": 64, "feature_map": AffineMap(32), "patches": patches}


def main() -> None:
    """Fit each product on each set and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--data", default=os.environ.get("SKTENSORNET_DATA"))
    parser.add_argument("--sets", nargs="+", choices=list(SETS), default=list(SETS))
    parser.add_argument("--formats", nargs="+", choices=list(FORMATS), default=["TT"])
    parser.add_argument("--products", nargs="+", choices=PRODUCTS, default=PRODUCTS)
    parser.add_argument("--distinct-cores", action="store_true")
    parser.add_argument("--train", type=int, help="number of training samples")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--rank", type=int)
    parser.add_argument("--learning-rate", type=float, help="the same for all formats")
    parser.add_argument("--batch-size", type=int, default=250)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="2000 samples, rank 8, one pass")
    parser.add_argument("--output", help="write the figures to this JSON file")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("--data or SKTENSORNET_DATA must name the folder of the data")
    if arguments.quick:
        arguments.train, arguments.rank, arguments.epochs = 2_000, 8, 1
        arguments.learning_rate = arguments.learning_rate or 3e-3

    rows = []
    for name in arguments.sets:
        X_train, y_train, X_test, y_test = SETS[name](Path(arguments.data))
        order = np.random.RandomState(arguments.seed).permutation(len(X_train))[: arguments.train]
        shared = not arguments.distinct_cores
        for kind in arguments.formats:
            for product in arguments.products:
                model = FORMATS[kind](
                    product=product,
                    alpha=0.0,
                    solver=Adam(
                        arguments.learning_rate or LEARNING_RATES[kind],
                        batch_size=arguments.batch_size,
                    ),
                    max_iter=arguments.epochs,
                    random_state=arguments.seed,
                    **settings(name, shared),
                )
                if arguments.rank:
                    model.set_params(rank=arguments.rank)
                started = time.perf_counter()
                model.fit(X_train[order], y_train[order])
                row = {
                    "set": name,
                    "format": kind,
                    "product": product,
                    "train": len(order),
                    "accuracy_train": model.score(X_train[order[:5000]], y_train[order[:5000]]),
                    "accuracy": model.score(X_test, y_test),
                    "parameters": model.network_.n_parameters,
                    "seconds": time.perf_counter() - started,
                }
                rows.append(row)
                print(
                    f"{name:8} {kind} {product:10} accuracy {row['accuracy']:.4f}"
                    f" (training {row['accuracy_train']:.4f})"
                    f"  parameters {row['parameters']:,}  seconds {row['seconds']:.0f}",
                    flush=True,
                )
    if arguments.output:
        Path(arguments.output).write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
