"""The bundled digits by five-fold cross-validation, over several seeds.

Prints mean and spread over seeds of the cross-validated accuracy, the size and
the time of a fit::

    python examples/benchmarks/digits.py
    python examples/benchmarks/digits.py --choose

The folds are ``StratifiedKFold(5, shuffle=True, random_state=0)``. ``--choose``
compares dropout rates by three-fold cross-validation inside the training part of
the first fold, with seed 0; one rate serves all three models.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold, cross_val_score

from sktensornet import CPClassifier, HTClassifier, TTClassifier
from sktensornet.feature_maps import AffineMap
from sktensornet.patches import ImagePatches
from sktensornet.solvers import Adam

COMMON = {
    "patches": ImagePatches((8, 8), (4, 4), stride=2),
    "feature_map": AffineMap(32),
    "alpha": 0.0,
    "solver": Adam(learning_rate=5e-3, dropout=0.4, weight_decay=0.05),
    "max_iter": 100,
}
MODELS = {
    "TT": TTClassifier(rank=12, **COMMON),
    "HT": HTClassifier(rank=16, **COMMON),
    "CP": CPClassifier(rank=128, **COMMON),
}


def main() -> None:
    """Run the cross-validation and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--choose", action="store_true")
    arguments = parser.parse_args()
    X, y = load_digits(return_X_y=True)
    X = X.astype(np.float32)
    folds = list(StratifiedKFold(5, shuffle=True, random_state=0).split(X, y))
    if arguments.choose:
        rows = folds[0][0]
        for name, model in MODELS.items():
            for rate in (0.2, 0.3, 0.4, 0.5):
                model.set_params(solver__dropout=rate, random_state=0)
                inner = StratifiedKFold(3, shuffle=True, random_state=1)
                scores = cross_val_score(model, X[rows], y[rows], cv=inner)
                print(f"{name} dropout {rate}: {scores.mean():.4f}", flush=True)
        return
    for name, model in MODELS.items():
        accuracies, seconds = [], []
        for seed in range(arguments.seeds):
            model.set_params(random_state=seed)
            scores = []
            for train, test in folds:
                started = time.perf_counter()
                model.fit(X[train], y[train])
                seconds.append(time.perf_counter() - started)
                scores.append(model.score(X[test], y[test]))
            accuracies.append(np.mean(scores))
        parameters = model.network_.n_parameters + model.feature_map_.n_parameters
        print(
            f"{name} accuracy {np.mean(accuracies):.4f} +- {np.std(accuracies, ddof=1):.4f}"
            f"  parameters {parameters:,}  seconds per fold {np.median(seconds):.1f}"
            f" ({max(seconds):.1f} at most)",
            flush=True,
        )


if __name__ == "__main__":
    main()
