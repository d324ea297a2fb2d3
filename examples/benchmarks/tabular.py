"""Tables: the default estimators beside what people use, at their defaults.

Classification: accuracy on five random 70/30 splits, stratified. Regression:
root mean squared error in units of the target's deviation, on the first five of
the splits that come with the sets. HIV-1 cleavage: area under the curve by
10-fold cross-validation. The peers are in scikit-learn's usual pipelines:
missing values imputed (gradient boosting takes them as they are), numbers
scaled, categories one-hot (gradient boosting takes them as categories)::

    python examples/benchmarks/tabular.py --data DIR classification
    python examples/benchmarks/tabular.py --data DIR regression --models TT HGB
    python examples/benchmarks/tabular.py --data DIR hiv

DIR holds ``uci/*.npz`` and may be given as SKTENSORNET_DATA. Results are kept
in a JSON file (``--results``), so that a run goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.base import is_classifier
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
)
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler
from sklearn.svm import SVC, SVR, LinearSVC

import sktensornet

CLASSIFICATION = [
    "adult",
    "balance_scale",
    "car",
    "credit_g",
    "diabetes",
    "hiv_1625",
    "hiv_746",
    "nursery",
    "optdigits",
    "segment",
    "sonar",
    "spambase",
    "splice",
    "tic_tac_toe",
    "wine",
]
REGRESSION = [
    "airfoil",
    "bike",
    "elevators",
    "raw_concrete",
    "raw_energy",
    "raw_kin8nm",
    "raw_yacht",
]
HIV = ["hiv_746", "hiv_1625"]
GAUSSIAN_PROCESS_ROWS = 2_000
"""Beyond this many rows its n x n matrices and n^3 operations do not fit."""


def scaled(model):
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer(
        (words, make_column_selector(dtype_include="category")), remainder=numbers
    )
    return make_pipeline(columns, model)


def gaussian_process():
    kernel = ConstantKernel() * RBF() + WhiteKernel()
    return GaussianProcessRegressor(kernel, normalize_y=True)


CLASSIFIERS: dict[str, Callable] = {
    "TT": lambda seed: sktensornet.TTClassifier(random_state=seed),
    "HT": lambda seed: sktensornet.HTClassifier(random_state=seed),
    "CP": lambda seed: sktensornet.CPClassifier(random_state=seed),
    "HGB": lambda seed: HistGradientBoostingClassifier(random_state=seed),
    "LR": lambda seed: scaled(LogisticRegression(max_iter=1000)),
    "SVC": lambda seed: scaled(SVC()),
    "RF": lambda seed: scaled(RandomForestClassifier(random_state=seed)),
    "MLP": lambda seed: scaled(MLPClassifier(max_iter=500, random_state=seed)),
}
REGRESSORS: dict[str, Callable] = {
    "TT": lambda seed: sktensornet.TTRegressor(random_state=seed),
    "HT": lambda seed: sktensornet.HTRegressor(random_state=seed),
    "CP": lambda seed: sktensornet.CPRegressor(random_state=seed),
    "HGB": lambda seed: HistGradientBoostingRegressor(random_state=seed),
    "SVR": lambda seed: scaled(SVR()),
    "GP": lambda seed: gaussian_process(),
    "Ridge2": lambda seed: make_pipeline(
        StandardScaler(), PolynomialFeatures(2), RidgeCV(np.logspace(-3, 3, 7))
    ),
}
CLEAVAGE: dict[str, Callable] = {
    "TT": lambda seed: sktensornet.TTClassifier(random_state=seed),
    "HGB": lambda seed: HistGradientBoostingClassifier(random_state=seed),
    "linear SVM": lambda seed: scaled(LinearSVC()),
}


def load(folder: Path, name: str, kind: str) -> tuple[pd.DataFrame, np.ndarray, dict]:
    """Columns with their types, targets, and what else the file holds."""
    with np.load(folder / "uci" / f"{kind}_{name}.npz", allow_pickle=False) as file:
        held = dict(file)
    X = held["X"].astype(np.float64)
    names = held.get("feature_names", np.array([f"x{k}" for k in range(X.shape[1])]))
    frame = pd.DataFrame(X, columns=[str(name) for name in names])
    nominal = held.get("nominal", np.full(X.shape[1], name in HIV))
    for column in frame.columns[nominal]:
        frame[column] = frame[column].astype("Int64").astype("category")
    return frame, held["y"], held


def fit(model, X, y) -> float:
    """Seconds."""
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(X, y)
    return time.perf_counter() - start


def splits(name: str, task: str, X, y, held: dict):
    """Pairs of training and test rows."""
    everything = np.arange(len(y))
    if task == "regression":
        for mask in held["test_mask"].T[:5].astype(bool):
            yield everything[~mask], everything[mask]
    elif task == "hiv":
        yield from StratifiedKFold(10, shuffle=True, random_state=0).split(X, y)
    else:
        size = int(held["is_test"].sum()) if name == "adult" else 0.3
        for seed in range(5):
            yield train_test_split(everything, test_size=size, stratify=y, random_state=seed)


def judge(task: str, model, X, y) -> float:
    if task == "regression":
        return float(np.sqrt(np.mean((model.predict(X) - y) ** 2)))
    if task == "hiv":
        proba = hasattr(model, "predict_proba")
        return roc_auc_score(
            y, model.predict_proba(X)[:, 1] if proba else model.decision_function(X)
        )
    return float(model.score(X, y))


def measure(task: str, name: str, model_name: str, make, data) -> dict | None:
    X, y, held = data
    scores, seconds = [], []
    scale = np.std(y) if task == "regression" else 1.0
    for seed, (train, test) in enumerate(splits(name, task, X, y, held)):
        model = make(seed)
        if model_name == "GP" and len(train) > GAUSSIAN_PROCESS_ROWS:
            return None
        assert is_classifier(model) == (task != "regression")
        seconds.append(fit(model, X.iloc[train], y[train] / scale))
        scores.append(judge(task, model, X.iloc[test], y[test] / scale))
    return {"scores": scores, "seconds": seconds}


def table(results: dict, task: str, sets: list[str], models: list[str]) -> str:
    """Markdown: mean and spread of each set, and the mean rank over the sets."""
    lines = ["| set | " + " | ".join(models) + " |", "|---" * (len(models) + 1) + "|"]
    ranks = []
    for name in sets:
        found = [results.get(f"{task}/{name}/{model}") for model in models]
        means = [np.mean(one["scores"]) if one else np.nan for one in found]
        cells = [
            f"{np.mean(one['scores']):.4f} ± {np.std(one['scores'], ddof=1):.4f} "
            f"({np.mean(one['seconds']):.2f} s)"
            if one
            else "-"
            for one in found
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
        sign = 1.0 if task == "regression" else -1.0
        ranks.append(rankdata(np.round(sign * np.array(means), 6), nan_policy="omit"))
    lines.append(
        "| mean rank | " + " | ".join(f"{r:.2f}" for r in np.nanmean(ranks, axis=0)) + " |"
    )
    values = np.array(
        [
            [
                np.mean(results[key]["scores"])
                if (key := f"{task}/{name}/{m}") in results and results[key]
                else np.nan
                for m in models
            ]
            for name in sets
        ]
    )
    lines.append("| mean | " + " | ".join(f"{v:.4f}" for v in values.mean(axis=0)) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("task", choices=["classification", "regression", "hiv"])
    parser.add_argument("--data", default=os.environ.get("SKTENSORNET_DATA"), required=False)
    parser.add_argument("--sets", nargs="*")
    parser.add_argument("--models", nargs="*")
    parser.add_argument("--results", type=Path, default=Path("tabular.json"))
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("pass --data DIR or set SKTENSORNET_DATA")
    task = arguments.task
    known = {"classification": CLASSIFIERS, "regression": REGRESSORS, "hiv": CLEAVAGE}[task]
    models = arguments.models or list(known)
    every = {"classification": CLASSIFICATION, "regression": REGRESSION, "hiv": HIV}[task]
    sets = arguments.sets or every
    results = json.loads(arguments.results.read_text()) if arguments.results.exists() else {}
    for name in sets:
        data = load(Path(arguments.data), name, "reg" if task == "regression" else "clf")
        for model in models:
            key = f"{task}/{name}/{model}"
            if key not in results:
                results[key] = measure(task, name, model, known[model], data)
                arguments.results.write_text(json.dumps(results, indent=1))
                found = results[key]
                shown = "-" if found is None else f"{np.mean(found['scores']):.4f}"
                print(f"{key}: {shown}", flush=True)
    print(table(results, task, sets, models))


if __name__ == "__main__":
    main()
