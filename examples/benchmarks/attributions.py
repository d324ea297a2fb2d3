"""Exact Shapley values beside shap's permutation explainer, at the same background.

Time of both, and how far the sampled values are from the exact ones. Needs shap::

    python examples/benchmarks/attributions.py --rows 1000 --columns 30 --background 100
"""

from __future__ import annotations

import argparse
import time
from importlib.util import find_spec

import numpy as np

from sktensornet import CPRegressor, HTRegressor, TTRegressor
from sktensornet.inspection import shapley_interactions, shapley_values

FORMATS = {"TT": TTRegressor, "HT": HTRegressor, "CP": CPRegressor}


def timed(function, *args, **kwargs):
    """The result of a call, and the seconds it took, on the wall and of the processor."""
    wall, processor = time.perf_counter(), time.process_time()
    result = function(*args, **kwargs)
    return result, time.perf_counter() - wall, time.process_time() - processor


def sampled(predict, X, background):
    """Values by shap's permutation explainer with its default number of evaluations."""
    import shap

    masker = shap.maskers.Independent(background, max_samples=len(background))
    explainer = shap.PermutationExplainer(predict, masker, seed=0)
    return explainer(X, silent=True).values


def main():
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--rows", type=int, default=1000)
    parser.add_argument("--columns", type=int, default=30)
    parser.add_argument("--background", type=int, default=100)
    parser.add_argument("--sampled-rows", type=int, default=20, help="rows for shap; 0 is none")
    parser.add_argument("--formats", nargs="+", default=list(FORMATS), choices=list(FORMATS))
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    X = rng.standard_normal((max(arguments.rows, 1000), arguments.columns))
    y = X[:, 0] * X[:, 1] + X[:, 2] * np.sin(X[:, 3]) + X[:, 4] + 0.1 * rng.standard_normal(len(X))
    rows, background = X[: arguments.rows], X[-arguments.background :]
    for name in arguments.formats:
        reg = FORMATS[name](random_state=0).fit(X, y)
        print(f"{name}: {arguments.rows} rows of {arguments.columns} columns, {reg.network_!r}")
        shapley_values(reg, rows[:20], background[:20])
        for label, function, *given in (
            ("means", shapley_values, rows),
            ("background rows", shapley_values, rows, background),
            ("all pairs, means", shapley_interactions, rows),
        ):
            found, wall, processor = timed(function, reg, *given)
            values = found.values if hasattr(found, "values") else found.matrix().sum(axis=2)
            base = (found if hasattr(found, "base_values") else found.shapley).base_values
            scores = reg.predict(rows)
            gap = np.abs(base[0] + values[..., 0].sum(axis=1) - scores).max() / np.abs(scores).max()
            print(f"  {label:18s} {wall:7.2f} s ({processor:.2f} s of processor), gap {gap:.1e}")
        few = rows[: arguments.sampled_rows]
        if len(few) and find_spec("shap") is None:
            print("  shap is not installed: left out.")
        elif len(few):
            exact = shapley_values(reg, few, background).values[..., 0]
            values, wall, processor = timed(sampled, reg.predict, few, background)
            error = np.sqrt(np.mean((values - exact) ** 2)) / np.sqrt(np.mean(exact**2))
            scale = arguments.rows / len(few)
            print(
                f"  shap, {len(few)} rows     {wall:7.2f} s ({processor:.2f} s of processor; "
                f"{scale * wall:.0f} s for all), relative error {error:.1e}"
            )


if __name__ == "__main__":
    main()
