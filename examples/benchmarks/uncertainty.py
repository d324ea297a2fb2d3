"""How sure regressors are: likelihood, coverage and width of intervals on tables.

Prints, over the standard splits, the negative log-likelihood of the test targets
(normal, in their units) with the deviations of ``predict(X, return_std=True)``; the share of
them in ``predict_interval`` at 90 % and its mean width; and the same of plain split conformal
prediction, by the absolute residuals of the same model on a quarter of the training
rows that it does not see::

    python examples/benchmarks/uncertainty.py --data DIR
    python examples/benchmarks/uncertainty.py --data DIR --tables raw_yacht --splits 5

DIR holds ``uci/reg_*.npz`` with ``X``, ``y`` and ``test_mask`` of shape (n_rows,
n_splits), and may be given as SKTENSORNET_DATA.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from pathlib import Path

import numpy as np
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
}
"""Tables, and how many of their splits are taken where no number is given."""
COVERAGE = 0.9


def make(name: str):
    """The default estimator of a format."""
    return getattr(sktensornet, name)(random_state=0)


def split_conformal(name: str, X, y, X_test, y_test, seed: int):
    """Coverage and width of plain split conformal prediction with the same model."""
    order = np.random.default_rng(seed).permutation(len(y))
    calibration, proper = order[: len(y) // 4], order[len(y) // 4 :]
    model = make(name).fit(X[proper], y[proper])
    residuals = np.sort(np.abs(y[calibration] - model.predict(X[calibration])))
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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=os.environ.get("SKTENSORNET_DATA"))
    parser.add_argument("--tables", nargs="+", default=list(TABLES))
    parser.add_argument("--splits", type=int)
    parser.add_argument("--estimator", default="TTRegressor")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("--data DIR, or SKTENSORNET_DATA, must say where the tables are")
    warnings.simplefilter("ignore", ConvergenceWarning)
    print("table         NLL  (s.e.)    RMSE  covered   width | split conformal | fit, std seconds")
    for table in arguments.tables:
        with np.load(Path(arguments.data) / "uci" / f"reg_{table}.npz") as file:
            X, y, masks = file["X"], file["y"], file["test_mask"]
        rows = []
        for k in range(arguments.splits or TABLES[table]):
            test = masks[:, k].astype(bool)
            rows.append(judge(arguments.estimator, X[~test], y[~test], X[test], y[test], k))
        mean, error = np.mean(rows, axis=0), np.std(rows, axis=0)[0] / np.sqrt(len(rows))
        print(
            f"{table:12s} {mean[0]:6.3f} ({error:.3f}) {mean[1]:7.3f}  {mean[2]:.3f}  "
            f"{mean[3]:7.3f} |  {mean[4]:.3f}  {mean[5]:7.3f} | {mean[6]:.1f}, {mean[7]:.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
