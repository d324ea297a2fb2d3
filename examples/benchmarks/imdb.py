"""IMDB reviews as sequences of tokens, read by recurrent and shallow networks.

The last T words of each review, of a vocabulary of the 20,000 most frequent ones
in training, with trained embeddings of 50 numbers and shared cores; test accuracy
over seeds::

    python examples/benchmarks/imdb.py --data DIR --seeds 3
    python examples/benchmarks/imdb.py --data DIR --formats TT --validate

DIR holds ``imdb_reviews.csv.gz``. ``--validate`` trains on 20,000 of the 25,000
training reviews and scores the others, by which the settings were chosen.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
from products import FORMATS, VOCABULARY, imdb

from sktensornet.feature_maps import EmbeddingMap
from sktensornet.solvers import Adam

SETTINGS = {
    "CP": (50, Adam(5e-3, batch_size=250, dropout=0.5, weight_decay=0.05)),
    "TT": (8, Adam(1e-3, batch_size=250, dropout=0.3, weight_decay=0.02)),
}
"""Rank and solver of each format."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("SKTENSORNET_DATA"))
    parser.add_argument("--formats", nargs="+", choices=list(SETTINGS), default=list(SETTINGS))
    parser.add_argument("--length", type=int, default=100, help="number T of words")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--validate", action="store_true")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("--data or SKTENSORNET_DATA must name the folder of the data")
    X, y, X_test, y_test = imdb(Path(arguments.data), arguments.length, last=True)
    order = np.random.RandomState(0).permutation(len(y))
    X, y = X[order], y[order]
    if arguments.validate:
        X, X_test, y, y_test = X[:20_000], X[20_000:], y[:20_000], y[20_000:]
    for kind in arguments.formats:
        rank, solver = SETTINGS[kind]
        accuracies, seconds = [], []
        for seed in range(arguments.seeds):
            clf = FORMATS[kind](
                rank=rank,
                feature_map=EmbeddingMap(VOCABULARY, 50),
                shared_cores=True,
                alpha=0.0,
                solver=solver,
                max_iter=arguments.epochs,
                random_state=seed,
            )
            start = time.perf_counter()
            clf.fit(X, y)
            seconds.append(time.perf_counter() - start)
            accuracies.append(clf.score(X_test, y_test))
        spread = f" ± {np.std(accuracies, ddof=1):.4f}" if arguments.seeds > 1 else ""
        print(
            f"{kind} rank {rank}, T = {arguments.length}: {np.mean(accuracies):.4f}{spread}"
            f" ({max(seconds):.0f} s)",
            flush=True,
        )


if __name__ == "__main__":
    main()
