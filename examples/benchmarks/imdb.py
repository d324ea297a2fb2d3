"""IMDB reviews as sequences of tokens, beside linear models of words and pairs of words.

Canonical polyadic sums and tensor trains read the last words of a review, up to 400, of a
vocabulary of the 20,000 most frequent ones in training, by trained vectors of 20 or 50 numbers
and shared cores. One run writes the table of the documentation::

    python examples/benchmarks/imdb.py --data DIR --markdown docs/benchmarks/imdb.md
    python examples/benchmarks/imdb.py --data DIR --models TT --seeds 1 --validate

DIR holds ``imdb_reviews.csv.gz``. ``--validate`` trains on 20,000 of the 25,000 training reviews
and scores the others, of other films, by which the settings were chosen. ``--quick`` makes one
pass over 500 reviews, to see that all of it runs.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import os
import time
from pathlib import Path

import numpy as np
from mnist import markdown, spread
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC

from sktensornet import CPClassifier, TTClassifier
from sktensornet.feature_maps import EmbeddingMap
from sktensornet.preprocessing import TokenEncoder
from sktensornet.solvers import Adam

VOCABULARY = 20_000
VALIDATED_FROM = 10_000
"""Of the 12,500 training reviews of each label."""
ESTIMATORS = {
    "CP": (CPClassifier, 50, 20, 5, Adam(2e-3, batch_size=250, dropout=0.7, weight_decay=0.1)),
    "TT": (TTClassifier, 8, 50, 10, Adam(1e-3, batch_size=250, dropout=0.6, weight_decay=0.02)),
}
"""Class, rank, numbers of a word, passes and solver. Validation accuracies of one seed, on 5,000
reviews: CP .871, .867 with 50 numbers, dropout .5 and three passes, .856 with steps of 5e-3; TT
.865, .833 with dropout .5 and four passes."""
LINEAR = {"logistic": LogisticRegression(C=10, max_iter=200), "SVM": LinearSVC()}
TITLES = {
    "CP": "`CPClassifier`, rank 50",
    "TT": "`TTClassifier`, rank 8",
    "logistic": "`LogisticRegression(C=10)`, words and pairs of words",
    "SVM": "`LinearSVC()`, words and pairs of words",
}
"""Of the rows of the table."""

Texts = list[str]


def reviews(folder: Path, validate: bool) -> tuple[Texts, np.ndarray, Texts, np.ndarray]:
    """Texts and labels to train on, in random order, and to test on.

    To validate, the latter are the last fifth of the training reviews of each label. Reviews of a
    film are neighbours, and its name tells the label: with random ones accuracies are brighter by
    .02 than those of the test set, which has other films.
    """
    with gzip.open(folder / "imdb_reviews.csv.gz", "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    train = [row for row in rows if row["split"] == "train"]
    test = [row for row in rows if row["split"] == "test"]
    if validate:
        test = [row for row in train if int(row["id"]) >= VALIDATED_FROM]
        train = [row for row in train if int(row["id"]) < VALIDATED_FROM]
    train = [train[k] for k in np.random.RandomState(0).permutation(len(train))]
    found: list = []
    for part in (train, test):
        found += [[row["text"].replace("<br />", " ") for row in part]]
        found += [np.array([row["label"] for row in part])]
    return tuple(found)


def reader(name: str, length: int, epochs: int | None, seed: int):
    """From texts to classes."""
    if name in LINEAR:
        words = TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
        return make_pipeline(words, LINEAR[name])
    kind, rank, n_numbers, n_passes, solver = ESTIMATORS[name]
    estimator = kind(
        rank=rank,
        feature_map=EmbeddingMap(VOCABULARY + 1, n_numbers),
        shared_cores=True,
        alpha=0.0,
        solver=solver,
        max_iter=epochs or n_passes,
        random_state=seed,
    )
    tokens = TokenEncoder(
        length, keep="last", max_features=VOCABULARY, token_pattern=r"(?u)[a-z']+"
    )
    return make_pipeline(tokens, estimator)


def main() -> None:
    """Run the chosen models, print their figures, and write the table as they come."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--data", default=os.environ.get("SKTENSORNET_DATA"))
    parser.add_argument("--models", nargs="+", choices=list(TITLES), default=list(TITLES))
    parser.add_argument("--length", type=int, default=400, help="number of words")
    parser.add_argument("--epochs", type=int, help="passes, as chosen for each if not given")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--validate", action="store_true")
    parser.add_argument("--quick", action="store_true", help="one pass over 500 reviews")
    parser.add_argument("--markdown", type=Path, help="write the table to this file")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("--data or SKTENSORNET_DATA must name the folder of the data")
    texts, y, test_texts, y_test = reviews(Path(arguments.data), arguments.validate)
    if arguments.quick:
        texts, y, test_texts, y_test = texts[:500], y[:500], test_texts[::50], y_test[::50]
        arguments.epochs = 1
    rows = []
    for name in arguments.models:
        accuracies, seconds = [], []
        for seed in range(1 if name in LINEAR else arguments.seeds):
            model = reader(name, arguments.length, arguments.epochs, seed)
            start = time.perf_counter()
            model.fit(texts, y)
            seconds.append(time.perf_counter() - start)
            accuracies.append(float(model.score(test_texts, y_test)))
        rows.append([TITLES[name], spread(accuracies), f"{max(seconds):.0f}"])
        print(*rows[-1][:2], f"{max(seconds):.0f} s", sep="  ", flush=True)
        if arguments.markdown:
            head = "", "test accuracy", "seconds to fit"
            arguments.markdown.write_text(markdown(head, rows))


if __name__ == "__main__":
    main()
