"""Whether fits that run at the same time disturb one another.

Runs a grid search over made data with one and with several workers, each fit on
one thread, in turns, and compares fits per second::

    python examples/benchmarks/grid_search.py --workers 2 --output grid.json --plot grid.png
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from sklearn.model_selection import GridSearchCV

from sktensornet import TTClassifier
from sktensornet.feature_maps import AffineMap
from sktensornet.patches import ImagePatches
from sktensornet.solvers import Adam


def seconds_of_a_search(workers: int, X: np.ndarray, y: np.ndarray) -> float:
    """Wall time of a search over eight settings with three folds."""
    model = TTClassifier(
        rank=24,
        patches=ImagePatches((28, 28), (7, 7)),
        feature_map=AffineMap(32),
        solver=Adam(batch_size=256),
        alpha=0.0,
        max_iter=3,
        n_jobs=1,
        random_state=0,
    )
    grid = {"solver__learning_rate": np.geomspace(1e-3, 4e-3, 4), "rank": [16, 24]}
    search = GridSearchCV(model, grid, cv=3, n_jobs=workers, refit=False)
    started = time.perf_counter()
    search.fit(X, y)
    return time.perf_counter() - started


def plot(times: np.ndarray, counts: tuple[int, int], path: str) -> None:
    """Throughput of each repeat against that of one worker."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(5, 3.5), layout="constrained")
    ratios = times[:, 0] / times[:, 1]
    axes.bar(np.arange(len(ratios)) + 1, ratios, 0.6, label="measured")
    axes.axhline(counts[1], color="black", linestyle="--", label="ideal")
    axes.set(
        xlabel="repeat",
        xticks=np.arange(len(ratios)) + 1,
        ylabel="times the throughput of one worker",
        title=f"Grid search, {counts[1]} workers",
    )
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=150)


def main() -> None:
    """Print the throughput of several workers against that of one."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--samples", type=int, default=3_000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--output", help="write the seconds to this JSON file")
    parser.add_argument("--plot", help="write a bar chart to this file")
    arguments = parser.parse_args()
    rng = np.random.default_rng(0)
    X = rng.standard_normal((arguments.samples, 784)).astype(np.float32)
    y = rng.integers(0, 10, arguments.samples)
    counts = (1, arguments.workers)
    for workers in counts:
        seconds_of_a_search(workers, X[:300], y[:300])
    times = np.array(
        [[seconds_of_a_search(k, X, y) for k in counts] for _ in range(arguments.repeats)]
    )
    ratio = np.median(times[:, 0] / times[:, 1])
    one, several = np.median(times, axis=0)
    print(
        f"1 worker {one:.1f} s, {arguments.workers} workers {several:.1f} s: "
        f"{ratio:.2f} times the throughput, {ratio / arguments.workers:.0%} of the ideal"
    )
    if arguments.output:
        found = {"workers": counts, "samples": arguments.samples, "seconds": times.tolist()}
        Path(arguments.output).write_text(json.dumps(found, indent=1))
    if arguments.plot:
        plot(times, counts, arguments.plot)


if __name__ == "__main__":
    main()
