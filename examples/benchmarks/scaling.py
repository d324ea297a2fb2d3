"""How time and memory of a fit grow with n, d, m and r.

Fits a TTClassifier by Adam on made data of growing size, each fit in a process of
its own, and fits the exponents of ``seconds ~ n^a`` and so on. Memory is the peak
of the process above what it held before the fit::

    python examples/benchmarks/scaling.py --output scaling.json --plot scaling.png
    python examples/benchmarks/scaling.py --only memory

The last row is the fit whose memory is promised: 60,000 x 784 float32, the peak
with X in it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

BASE = {"n": 4096, "d": 64, "m": 16, "r": 16}
GRID = {
    "n": (2_000, 6_300, 20_000, 63_000, 200_000),
    "d": (8, 25, 80, 250, 800),
    "m": (2, 6, 20, 64, 200),
    "r": (2, 6, 20, 64, 200),
}
LARGEST = {"n": 60_000, "d": 784, "m": 2, "r": 10}


def fit(n: int, d: int, m: int, r: int, epochs: int) -> dict[str, float]:
    """Seconds of a fit in this process, and its peak memory in MB."""
    from sktensornet import TTClassifier
    from sktensornet.feature_maps import AffineMap
    from sktensornet.solvers import Adam

    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, d), dtype=np.float32)
    y = (X[:, 0] * X[:, -1] > 0).astype(int)
    model = TTClassifier(
        rank=r,
        feature_map=AffineMap(m),
        solver=Adam(1e-3, batch_size=1024),
        alpha=0.0,
        max_iter=epochs,
        random_state=0,
    )
    model.fit(X[:1024], y[:1024])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    model.fit(X, y)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "seconds": seconds / epochs,
        "extra_mb": (peak - before) / 1024,
        "peak_mb": peak / 1024,
        "data_mb": X.nbytes / 1e6,
    }


def in_a_process(sizes: dict[str, int], epochs: int) -> dict[str, float]:
    """The same in a fresh process."""
    command = [sys.executable, __file__, "--one", json.dumps([sizes, epochs])]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    return json.loads(done.stdout.splitlines()[-1])


def plot(rows: dict, path: str) -> None:
    """Times against each size, on logarithmic axes."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(1, len(rows), figsize=(12, 3), layout="constrained", sharey=True)
    for axes, (name, row) in zip(panels, rows.items(), strict=True):
        axes.loglog(row["sizes"], row["seconds"], "o-")
        axes.set(xlabel=name, title=f"time ~ {name}^{row['time_exponent']:.2f}")
    panels[0].set_ylabel("seconds of an epoch")
    figure.savefig(path, dpi=150)


def main() -> None:
    """Print the table and the exponents."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--only", choices=["time", "memory"])
    parser.add_argument("--output", help="write the figures to this JSON file")
    parser.add_argument("--plot", help="write the curves to this file")
    arguments = parser.parse_args()
    if arguments.one:
        sizes, epochs = json.loads(arguments.one)
        print(json.dumps(fit(**sizes, epochs=epochs)))
        return
    rows: dict[str, dict] = {}
    for name, sizes in GRID.items() if arguments.only != "memory" else ():
        found = [in_a_process(BASE | {name: size}, arguments.epochs) for size in sizes]
        seconds = [one["seconds"] for one in found]
        exponent = float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
        rows[name] = {
            "sizes": sizes,
            "seconds": seconds,
            "extra_mb": [one["extra_mb"] for one in found],
            "time_exponent": exponent,
        }
        print(
            f"{name} = {', '.join(map(str, sizes)):26} seconds an epoch "
            f"{' '.join(f'{t:.3f}' for t in seconds)}  ~ {name}^{exponent:.2f}   extra MB "
            f"{' '.join(f'{mb:.0f}' for mb in rows[name]['extra_mb'])}",
            flush=True,
        )
    result: dict = {"base": BASE, "growth": rows}
    if arguments.only != "time":
        largest = result["largest"] = in_a_process(LARGEST, 1) | LARGEST
        print(
            f"60,000 x 784: X {largest['data_mb']:.0f} MB, fit adds {largest['extra_mb']:.0f} MB "
            f"to what a small fit takes, peak of the process {largest['peak_mb']:.0f} MB"
        )
    if arguments.output:
        Path(arguments.output).write_text(json.dumps(result, indent=1))
    if arguments.plot and rows:
        plot(rows, arguments.plot)


if __name__ == "__main__":
    main()
