"""How the time of an ALS sweep grows with the number of samples and of sites.

Times a sweep on made data, fits the best of three, and finds the exponents of
``seconds ~ n_samples^a`` and ``seconds ~ n_sites^b``::

    python examples/benchmarks/als_scaling.py --output als_scaling.json --plot als_scaling.png
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from sktensornet import CPClassifier, HTClassifier, TTClassifier
from sktensornet.feature_maps import PolynomialMap

SAMPLES = (4_000, 8_000, 16_000, 32_000)
SITES = (32, 64, 128, 256)
MODELS = {
    "TT rank 8": TTClassifier(rank=8),
    "HT rank 6": HTClassifier(rank=6),
    "CP rank 32": CPClassifier(rank=32),
}


def seconds_of_a_sweep(model, n_samples: int, n_sites: int) -> float:
    """Seconds of a later sweep: half the difference between fits of three and of one."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, n_sites)).astype(np.float32)
    y = (X[:, : n_sites // 2].sum(axis=1) * X[:, -1] > 0).astype(int) + 2 * (X[:, 0] > 0)
    model.set_params(
        solver="als",
        loss="squared_error",
        alpha=1e-3,
        feature_map=PolynomialMap(scale=0.2),
        tol=0.0,
        random_state=0,
    )
    best = {1: np.inf, 3: np.inf}
    for _ in range(3):
        for sweeps in best:
            model.set_params(max_iter=sweeps)
            started = time.perf_counter()
            model.fit(X, y)
            best[sweeps] = min(best[sweeps], time.perf_counter() - started)
    return (best[3] - best[1]) / 2


def plot(rows: dict[str, dict], path: str) -> None:
    """Seconds against each size, on logarithmic axes."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.ticker import LogLocator

    figure, panels = plt.subplots(1, 2, figsize=(8, 3.5), layout="constrained", sharey=True)
    for axes, name in zip(panels, ("samples", "sites"), strict=True):
        for model, row in rows.items():
            sizes, seconds, exponent = row[name].values()
            axes.loglog(sizes, seconds, "o-", label=f"{model}: ~ {name}$^{{{exponent:.2f}}}$")
        axes.set(xlabel=f"number of {name}", xticks=sizes, xticklabels=[f"{n:,}" for n in sizes])
        axes.yaxis.set(major_locator=LogLocator(subs=(1, 2, 5)), major_formatter="{x:g}")
        axes.minorticks_off()
        axes.legend()
    panels[0].set_ylabel("seconds of a sweep")
    figure.savefig(path, dpi=150)


def main() -> None:
    """Print times and exponents."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--samples", type=int, nargs="+", default=SAMPLES, help="with 64 sites")
    parser.add_argument("--sites", type=int, nargs="+", default=SITES, help="with 8,000 samples")
    parser.add_argument("--output", help="write the figures to this JSON file")
    parser.add_argument("--plot", help="write the curves to this file")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    rows: dict[str, dict] = {}
    for name, model in MODELS.items():
        times = {
            "samples": [seconds_of_a_sweep(model, n, 64) for n in arguments.samples],
            "sites": [seconds_of_a_sweep(model, 8_000, d) for d in arguments.sites],
        }
        rows[name] = {}
        print(f"{name:12}", end="")
        for key, seconds in times.items():
            sizes = getattr(arguments, key)
            exponent = float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
            rows[name][key] = {"sizes": sizes, "seconds": seconds, "time_exponent": exponent}
            print(f"  {key}^{exponent:.2f}: {' '.join(f'{t:.2f}' for t in seconds)} s", end="")
        print(flush=True)
    if arguments.output:
        Path(arguments.output).write_text(json.dumps(rows, indent=1))
    if arguments.plot:
        plot(rows, arguments.plot)


if __name__ == "__main__":
    main()
