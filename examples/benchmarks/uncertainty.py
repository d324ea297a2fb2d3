"""How sure regressors are: likelihood, coverage and width of intervals on tables.

Prints, over the standard splits, the negative log-likelihood of the test targets
(normal, in their units) with the deviations of ``predict(X, return_std=True)``; the share of
them in ``predict_interval`` at 90 % and its mean width; and the same of plain split conformal
prediction, by the absolute residuals of the same model on a quarter of the training
rows that it does not see::

    python examples/benchmarks/uncertainty.py --data DIR
    python examples/benchmarks/uncertainty.py --data DIR --tables raw_yacht --splits 5

DIR holds ``uci/reg_*.npz`` with ``X``, ``y`` and ``test_mask`` of shape (n_rows,
n_splits), and ``tables/*.csv.gz`` with a ``tables.json`` that names their targets and the
columns of categories, of which a quarter of the rows is drawn for the test; it may be given
as SKTENSORNET_DATA. ``--markdown`` writes the table of the documentation.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.exceptions import ConvergenceWarning

import sktensornet

TABLES = {
    "raw_yacht": 20,
    "raw_energy": 20,
    "raw_concrete": 20,
    "airfoil": 5,
    "raw_kin8nm": 3,
    "elevators": 1,
    "bike": 1,
    "meats": 5,
    "carseats": 5,
    "car_prices": 5,
    "sacramento": 5,
    "ames": 2,
    "chicago": 1,
    "deliveries": 1,
    "diamonds": 1,
    "gss_wages": 1,
}
"""Tables, and how many of their splits are taken where no number is given."""
COVERAGE = 0.9


def make(name: str):
    """The default estimator of a format."""
    return getattr(sktensornet, name)(random_state=0)


def load(folder: Path, table: str, n_splits: int):
    """Rows, targets and masks of the test rows of each split."""
    described = json.loads((folder / "tables" / "tables.json").read_text())
    if table not in described:
        with np.load(folder / "uci" / f"reg_{table}.npz") as file:
            return file["X"], file["y"], file["test_mask"].T[:n_splits].astype(bool)
    about = described[table]
    frame = pd.read_csv(folder / "tables" / f"{table}.csv.gz")
    frame = frame.astype(dict.fromkeys(about["categories"], "category"))
    y = frame.pop(about["target"]).to_numpy(float)
    ranks = [np.random.default_rng(k).permutation(len(y)) for k in range(n_splits)]
    return frame, y, np.array(ranks) < len(y) // 4


def rows_of(X, which: np.ndarray):
    """Some rows of a frame or an array."""
    return X.iloc[which] if isinstance(X, pd.DataFrame) else X[which]


def split_conformal(name: str, X, y, X_test, y_test, seed: int):
    """Coverage and width of plain split conformal prediction with the same model."""
    order = np.random.default_rng(seed).permutation(len(y))
    calibration, proper = order[: len(y) // 4], order[len(y) // 4 :]
    model = make(name).fit(rows_of(X, proper), y[proper])
    residuals = np.sort(np.abs(y[calibration] - model.predict(rows_of(X, calibration))))
    rank = int(np.ceil((len(residuals) + 1) * COVERAGE))
    half = residuals[min(rank, len(residuals)) - 1]
    return np.mean(np.abs(y_test - model.predict(X_test)) <= half), 2 * half


def judge(name: str, X, y, X_test, y_test, seed: int):
    """The row of a split."""
    begin = time.perf_counter()
    model = make(name).fit(X, y)
    fitted = time.perf_counter()
    predicted, std = model.predict(X_test, return_std=True)
    asked = time.perf_counter()
    error = y_test - predicted
    likelihood = np.mean(0.5 * np.log(2 * np.pi * std**2) + 0.5 * (error / std) ** 2)
    lower, upper = model.predict_interval(X_test, COVERAGE).T
    covered = np.mean((lower <= y_test) & (y_test <= upper))
    row = [likelihood, np.sqrt(np.mean(error**2)), covered, np.mean(upper - lower)]
    row += split_conformal(name, X, y, X_test, y_test, seed)
    return [*row, fitted - begin, asked - fitted]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--data", default=os.environ.get("SKTENSORNET_DATA"))
    parser.add_argument("--tables", nargs="+", default=list(TABLES))
    parser.add_argument("--splits", type=int)
    parser.add_argument("--estimator", default="TTRegressor")
    parser.add_argument("--markdown", action="store_true", help="a table for the documentation")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("--data DIR, or SKTENSORNET_DATA, must say where the tables are")
    warnings.simplefilter("ignore", ConvergenceWarning)
    columns = ["table (splits)", "rows", "NLL", "RMSE", "covered", "width", "split conformal"]
    columns += ["its width", "ratio", "fit, std seconds"]
    print("| " + " | ".join(columns) + " |" if arguments.markdown else "  ".join(columns))
    if arguments.markdown:
        print("|" + "---|" * len(columns))
    covered, shorter = [], []
    for table in arguments.tables:
        n_splits = arguments.splits or TABLES[table]
        X, y, masks = load(Path(arguments.data), table, n_splits)
        rows = []
        for k, test in enumerate(masks):
            train, held = np.flatnonzero(~test), np.flatnonzero(test)
            parts = rows_of(X, train), y[train], rows_of(X, held), y[held]
            rows.append(judge(arguments.estimator, *parts, k))
        mean, error = np.mean(rows, axis=0), np.std(rows, axis=0)[0] / np.sqrt(len(rows))
        covered.append(mean[2])
        shorter.append(mean[3] / mean[5])
        cells = [f"{table} ({len(rows)})", str(len(y)), f"{mean[0]:.3f} ± {error:.3f}"]
        cells += [f"{mean[1]:.4g}", f"{mean[2]:.3f}", f"{mean[3]:.4g}", f"{mean[4]:.3f}"]
        cells += [f"{mean[5]:.4g}", f"{shorter[-1]:.2f}", f"{mean[6]:.1f}, {mean[7]:.1f}"]
        print(
            "| " + " | ".join(cells) + " |" if arguments.markdown else "  ".join(cells), flush=True
        )
    few = sum(one <= 0.95 for one in shorter)
    print(
        f"\ncovered on average {np.mean(covered):.3f}; width by that of split conformal: at most "
        f"{max(shorter):.2f}, at most 0.95 on {few} of {len(shorter)} tables"
    )


if __name__ == "__main__":
    main()
