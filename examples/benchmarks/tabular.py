"""Tables: the default estimators beside what people use, at their defaults.

Random 70/30 splits, stratified for classes. Peers are in their usual pipelines:
missing values imputed, numbers scaled, categories one-hot, but where a model
takes missing values or categories as they are. Each result is kept in a JSON
file as it comes, so that a run goes on where it was stopped, and peers run once; those of the
documentation are in ``docs/benchmarks/tabular.json``::

    python examples/benchmarks/tabular.py run --data DIR --results tabular.json
    python examples/benchmarks/tabular.py run --data DIR --models TT HGB --sets wine
    python examples/benchmarks/tabular.py report --results tabular.json --output docs/benchmarks

DIR holds ``uci/*.npz`` and ``tables/*.csv.gz`` with ``tables.json``, and may be
given as SKTENSORNET_DATA; without it sets come from OpenML by their names. Peers
that are not installed are left out with a note. Seconds depend on what else runs:
``time`` measures a fit of each model in turn on an idle machine.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.datasets import fetch_openml
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import LabelEncoder, OneHotEncoder, StandardScaler
from sklearn.svm import SVC, SVR

import sktensornet

OPENML = {
    "adult": ("clf", "adult"),
    "balance_scale": ("clf", "balance-scale"),
    "car": ("clf", "car"),
    "credit_g": ("clf", "credit-g"),
    "diabetes": ("clf", "diabetes"),
    "optdigits": ("clf", "optdigits"),
    "phoneme": ("clf", "phoneme"),
    "satimage": ("clf", "satimage"),
    "segment": ("clf", "segment"),
    "sonar": ("clf", "sonar"),
    "spambase": ("clf", "spambase"),
    "splice": ("clf", "splice"),
    "texture": ("clf", "texture"),
    "tic_tac_toe": ("clf", "tic-tac-toe"),
    "wine": ("clf", "wine"),
    "diamonds": ("reg", "diamonds"),
    "elevators": ("reg", "elevators"),
    "kin8nm": ("reg", "kin8nm"),
}
"""Where there is no folder: kind and name."""

ALL_CATEGORIES = "hiv_746", "hiv_1625"
CONFIRMING = (
    "banana",
    "caravan",
    "contraceptive",
    "crx",
    "magic",
    "monk_2",
    "pd_speech",
    "saheart",
)
"""Classification sets that no choice of this package was made on."""
MOST_SHARED = 1e-6
"""Scores closer than this share a rank."""


def prepared(model):
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    words = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    columns = make_column_transformer(
        (words, make_column_selector(dtype_include="category")), remainder=numbers
    )
    return make_pipeline(columns, model)


class Spelled:
    """For boosting libraries: categories as text, plain names, and which columns are categories."""

    def __init__(self, make: Callable, dtype: str = "str") -> None:
        self._make = make
        self._dtype: Any = dtype
        self._known: dict = {}

    def _text(self, X: pd.DataFrame) -> pd.DataFrame:
        X = X.set_axis([f"x{k}" for k in range(X.shape[1])], axis=1)
        for name in X.columns[X.dtypes == "category"]:
            text = X[name].astype(object).where(X[name].notna(), "missing").astype(str)
            X[name] = text.astype(self._known.get(name, self._dtype))
        return X

    def fit(self, X, y):
        X, places = self._text(X), np.flatnonzero(X.dtypes == "category")
        # What training has not seen is missing.
        self._known = dict(X.dtypes.iloc[places])
        self._model = self._make(X, list(X.columns[places])).fit(X, y)
        return self

    def predict(self, X):
        return self._model.predict(self._text(X))

    def predict_proba(self, X):
        return self._model.predict_proba(self._text(X))


def catboost(kind: str, seed: int):
    import catboost

    cls = catboost.CatBoostClassifier if kind == "clf" else catboost.CatBoostRegressor
    options = {"random_seed": seed, "verbose": False, "allow_writing_files": False}
    return Spelled(lambda X, words: cls(cat_features=words, **options))


def boosting_machine(kind: str, seed: int):
    from interpret.glassbox import ExplainableBoostingClassifier, ExplainableBoostingRegressor

    cls = ExplainableBoostingClassifier if kind == "clf" else ExplainableBoostingRegressor

    def make(X, words):
        types = ["nominal" if name in words else "continuous" for name in X.columns]
        return cls(feature_types=types, random_state=seed)

    return Spelled(make)


def lightgbm(kind: str, seed: int):
    import lightgbm

    cls = lightgbm.LGBMClassifier if kind == "clf" else lightgbm.LGBMRegressor
    return Spelled(lambda X, words: cls(random_state=seed, verbosity=-1), "category")


def xgboost(kind: str, seed: int):
    import xgboost

    cls = xgboost.XGBClassifier if kind == "clf" else xgboost.XGBRegressor
    options = {"random_state": seed, "enable_categorical": True}
    return Spelled(lambda X, words: cls(**options), "category")


def either(classifier: Callable, regressor: Callable) -> Callable:
    return lambda kind, seed: (classifier if kind == "clf" else regressor)(seed)


def own(name: str) -> Callable:
    def make(kind: str, seed: int):
        suffix = "Classifier" if kind == "clf" else "Regressor"
        return getattr(sktensornet, name + suffix)(random_state=seed)

    return make


MODELS: dict[str, Callable] = {
    "TT": own("TT"),
    "HT": own("HT"),
    "CP": own("CP"),
    "HGB": either(
        lambda seed: HistGradientBoostingClassifier(random_state=seed),
        lambda seed: HistGradientBoostingRegressor(random_state=seed),
    ),
    "LightGBM": lightgbm,
    "XGBoost": xgboost,
    "CatBoost": catboost,
    "EBM": boosting_machine,
    "forest": either(
        lambda seed: prepared(RandomForestClassifier(random_state=seed)),
        lambda seed: prepared(RandomForestRegressor(random_state=seed)),
    ),
    "SVM": either(
        lambda seed: prepared(CalibratedClassifierCV(SVC(), ensemble=False)),
        lambda seed: prepared(SVR()),
    ),
    "MLP": either(
        lambda seed: prepared(MLPClassifier(max_iter=500, random_state=seed)),
        lambda seed: prepared(MLPRegressor(max_iter=500, random_state=seed)),
    ),
    "linear": either(
        lambda seed: prepared(LogisticRegression(max_iter=1000)),
        lambda seed: prepared(RidgeCV(np.logspace(-3, 3, 7))),
    ),
}
NEEDS = {"LightGBM": "lightgbm", "XGBoost": "xgboost", "CatBoost": "catboost", "EBM": "interpret"}


def sets_of(folder: Path | None) -> dict[str, str]:
    """Whether each set is one of classes ("clf") or of real targets ("reg")."""
    if folder is None:
        return {name: kind for name, (kind, _) in OPENML.items()}
    found = {path.stem[4:]: path.stem[:3] for path in sorted((folder / "uci").glob("*.npz"))}
    listed = folder / "tables" / "tables.json"
    if listed.exists():
        found |= {name: one["task"] for name, one in json.loads(listed.read_text()).items()}
    return found


def load(folder: Path | None, name: str) -> tuple[str, pd.DataFrame, np.ndarray]:
    """Its kind, columns with their types, and targets: classes 0, 1, ..., or of deviation one."""
    if folder is None:
        kind, title = OPENML[name]
        X, y = fetch_openml(title, version=1, return_X_y=True, as_frame=True, parser="auto")
        y = y.to_numpy()
    elif (path := next((folder / "uci").glob(f"???_{name}.npz"), None)) is not None:
        kind = path.stem[:3]
        X, y = read_arrays(path, name)
    else:
        about = json.loads((folder / "tables" / "tables.json").read_text())[name]
        kind = about["task"]
        X = pd.read_csv(folder / "tables" / f"{name}.csv.gz")
        y = X.pop(about["target"]).to_numpy()
        for column in about["categories"]:
            text = X[column].astype("string") if X[column].dtype == object else X[column]
            X[column] = text.astype("category")
    y = LabelEncoder().fit_transform(y) if kind == "clf" else y / np.std(y)
    return kind, X, y


def read_arrays(path: Path, name: str) -> tuple[pd.DataFrame, np.ndarray]:
    with np.load(path, allow_pickle=False) as file:
        held = dict(file)
    X = held["X"].astype(np.float64)
    names = held.get("feature_names", np.array([f"x{k}" for k in range(X.shape[1])]))
    frame = pd.DataFrame(X, columns=[str(name) for name in names])
    nominal = held.get("nominal", np.full(X.shape[1], name in ALL_CATEGORIES))
    for column in frame.columns[nominal]:
        frame[column] = frame[column].astype("Int64").astype("category")
    return frame, held["y"]


def split(kind: str, y: np.ndarray, seed: int) -> list[np.ndarray]:
    rows = np.arange(len(y))
    # A class of one row cannot be on both sides.
    stratify = y if kind == "clf" and np.bincount(y).min() > 1 else None
    return train_test_split(rows, test_size=0.3, random_state=seed, stratify=stratify)


def judge(kind: str, model, X, y: np.ndarray, n_classes: int) -> dict[str, float]:
    if kind == "reg":
        return {"rmse": float(np.sqrt(np.mean((np.ravel(model.predict(X)) - y) ** 2)))}
    found = model.predict_proba(X)
    classes = model.classes_ if hasattr(model, "classes_") else model._model.classes_
    proba = np.zeros((len(y), n_classes))
    proba[:, np.asarray(classes, int)] = found
    proba /= proba.sum(axis=1, keepdims=True)
    hot = np.eye(n_classes)[y]
    guess = proba.argmax(axis=1)
    right = guess == y
    order = np.argsort(proba.max(axis=1), kind="stable")
    bins = np.array_split(order, 10)
    gaps = [abs(right[one].mean() - proba.max(axis=1)[one].mean()) for one in bins if len(one)]
    scores = {
        "accuracy": float(right.mean()),
        "log_loss": float(-np.log(np.maximum(proba[np.arange(len(y)), y], 1e-15)).mean()),
        "brier": float(np.square(proba - hot).sum(axis=1).mean()),
        "calibration": float(np.mean(gaps)),
    }
    if len(np.unique(y)) == n_classes:
        scores["auc"] = float(
            roc_auc_score(y, proba[:, 1])
            if n_classes == 2
            else roc_auc_score(y, proba, multi_class="ovr")
        )
    return scores


def measure(make: Callable, data, seed: int) -> dict[str, float]:
    kind, X, y = data
    train, test = split(kind, y, seed)
    model = make(kind, seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        start = time.perf_counter()
        model.fit(X.iloc[train], y[train])
        seconds = time.perf_counter() - start
        found = judge(kind, model, X.iloc[test], y[test], int(y.max()) + 1 if kind == "clf" else 0)
    return {name: float(f"{value:.6g}") for name, value in {"seconds": seconds, **found}.items()}


def run(arguments, folder: Path | None) -> None:
    results = read(arguments.results)
    known = sets_of(folder)
    for name in arguments.sets or known:
        data = None
        for model in arguments.models or MODELS:
            if find_spec(NEEDS.get(model, "numpy")) is None:
                print(f"{model} is not installed: left out.")
                continue
            for seed in arguments.seeds:
                key = f"{known[name]}/{name}/{model}/{seed}"
                if key in results:
                    continue
                data = data or load(folder, name)
                try:
                    results[key] = measure(MODELS[model], data, seed)
                except (ValueError, MemoryError) as error:
                    results[key] = {"error": str(error)[:200]}
                print(key, results[key], flush=True)
                arguments.results.write_text(json.dumps(results, indent=0))


def time_fits(arguments, folder: Path | None) -> None:
    """Seconds of one fit of each model, in turn, the least of two."""
    results = read(arguments.results)
    for name in arguments.sets or sets_of(folder):
        data = load(folder, name)
        for model in arguments.models or ("TT", "HGB", "CatBoost"):
            found = [measure(MODELS[model], data, 0)["seconds"] for _ in range(2)]
            results[f"time/{name}/{model}"] = {"seconds": min(found)}
            print(name, model, f"{min(found):.2f} s", flush=True)
        arguments.results.write_text(json.dumps(results, indent=0))


def read(path: Path) -> dict:
    return json.loads(path.read_text()) if path.exists() else {}


def means(results: dict, kind: str, metric: str) -> pd.DataFrame:
    """A row for each set, a column for each model: means over the splits."""
    rows: dict[str, dict[str, list[float]]] = {}
    for key, found in results.items():
        own_kind, name, model, *_ = key.split("/")
        if own_kind == kind and metric in found:
            rows.setdefault(name, {}).setdefault(model, []).append(found[metric])
    frame = pd.DataFrame({n: {m: np.mean(v) for m, v in r.items()} for n, r in rows.items()}).T
    return frame[[model for model in MODELS if model in frame]]


def ranks(frame: pd.DataFrame, larger_is_better: bool) -> pd.Series:
    """Mean ranks over the sets that all models ran on."""
    whole = frame.dropna()
    signed = np.round((-1.0 if larger_is_better else 1.0) * whole / MOST_SHARED) * MOST_SHARED
    return pd.Series(rankdata(signed, axis=1).mean(axis=0), frame.columns)


def markdown(frame: pd.DataFrame, digits: int, best: str) -> str:
    lines = ["| set | " + " | ".join(frame) + " |", "|---" * (frame.shape[1] + 1) + "|"]
    for name, row in frame.iterrows():
        top = getattr(row.round(digits), best)()
        cells = [
            "-"
            if np.isnan(value)
            else f"**{value:.{digits}f}**"
            if round(value, digits) == top
            else f"{value:.{digits}f}"
            for value in row
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def summary(results: dict, sets: list[str] | None = None) -> str:
    """Mean ranks of all models by each measure."""
    parts = []
    for metric, better, title in (
        ("accuracy", True, "accuracy"),
        ("log_loss", False, "log loss"),
        ("brier", False, "Brier score"),
        ("auc", True, "AUC"),
        ("calibration", False, "calibration error"),
        ("rmse", False, "RMSE"),
    ):
        kind = "reg" if metric == "rmse" else "clf"
        frame = means(results, kind, metric)
        if sets is not None:
            frame = frame.loc[[name for name in sets if name in frame.index]]
        if len(frame):
            parts.append(ranks(frame, better).rename(f"{title} ({len(frame.dropna())} sets)"))
    return markdown(pd.DataFrame(parts), 2, "min").replace("| set |", "| mean rank by |", 1)


def seconds(results: dict) -> str:
    """Seconds of fits in turn on an idle machine, and the ratios to gradient boosting."""
    frame = means(results, "time", "seconds")
    ratio = frame.div(frame["HGB"], axis=0).median()
    lines = markdown(frame, 2, "min")
    shown = ", ".join(f"{model} {value:.1f}" for model, value in ratio.items())
    return f"{lines}\n\nMedian of the ratios to HGB: {shown}."


def plot(results: dict, path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 3, figsize=(10, 3.2), constrained_layout=True)
    for axis, (kind, metric, better, title) in zip(
        axes,
        (
            ("clf", "log_loss", False, "log loss"),
            ("clf", "accuracy", True, "accuracy"),
            ("reg", "rmse", False, "RMSE"),
        ),
        strict=True,
    ):
        frame = means(results, kind, metric)
        found = ranks(frame, better).sort_values(ascending=False)
        colours = ["C1" if model in ("TT", "HT", "CP") else "C0" for model in found.index]
        axis.barh(found.index, found, color=colours)
        axis.set(title=f"{title}, {len(frame.dropna())} sets", xlabel="mean rank (1 is best)")
    figure.savefig(path, metadata={"Date": None})


def report(arguments) -> None:
    """Write tables and a plot into a folder; no figure is copied by hand."""
    results = read(arguments.results)
    folder = arguments.output
    folder.mkdir(parents=True, exist_ok=True)
    accuracy = means(results, "clf", "accuracy")
    confirming = [name for name in CONFIRMING if name in accuracy.index]
    parts = {
        "ranks": summary(results),
        "confirming": summary(results, confirming) if confirming else "",
        "log_loss": markdown(means(results, "clf", "log_loss"), 3, "min"),
        "accuracy": markdown(accuracy, 3, "max"),
        "rmse": markdown(means(results, "reg", "rmse"), 3, "min"),
        "seconds": seconds(results) if any(key.startswith("time/") for key in results) else "",
    }
    for name, text in parts.items():
        (folder / f"tabular_{name}.md").write_text(text + "\n")
    plot(results, folder / "tabular_ranks.svg")
    print(parts["ranks"])
    print(parts["confirming"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("command", choices=["run", "time", "report"])
    parser.add_argument("--data", type=Path, default=os.environ.get("SKTENSORNET_DATA"))
    parser.add_argument("--sets", nargs="*")
    parser.add_argument("--models", nargs="*", choices=list(MODELS))
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--results", type=Path, default=Path("tabular.json"))
    parser.add_argument("--output", type=Path, default=Path("docs/benchmarks"))
    arguments = parser.parse_args()
    folder = None if arguments.data is None else Path(arguments.data)
    if arguments.command == "run":
        run(arguments, folder)
    elif arguments.command == "time":
        time_fits(arguments, folder)
    else:
        report(arguments)


if __name__ == "__main__":
    main()
