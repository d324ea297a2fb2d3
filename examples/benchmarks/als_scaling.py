"""How the time of an ALS sweep grows with the number of samples and of sites.

Times a sweep on made data, the best of three, and fits the exponents of
``seconds ~ n_samples^a`` and ``seconds ~ n_sites^b``::

    python examples/benchmarks/als_scaling.py
"""

from __future__ import annotations

import time
import warnings

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
    """Seconds of the second sweep, as the difference between fits of two and of one."""
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
    best = np.inf
    for _ in range(3):
        times = []
        for sweeps in (1, 3):
            model.set_params(max_iter=sweeps)
            started = time.perf_counter()
            model.fit(X, y)
            times.append(time.perf_counter() - started)
        best = min(best, (times[1] - times[0]) / 2)
    return best


def main() -> None:
    """Print times and exponents."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    for name, model in MODELS.items():
        by_samples = [seconds_of_a_sweep(model, n, 64) for n in SAMPLES]
        by_sites = [seconds_of_a_sweep(model, 8_000, d) for d in SITES]
        exponents = [
            np.polyfit(np.log(sizes), np.log(times), 1)[0]
            for sizes, times in ((SAMPLES, by_samples), (SITES, by_sites))
        ]
        print(
            f"{name:12} samples^{exponents[0]:.2f}  sites^{exponents[1]:.2f}   "
            f"seconds by samples {' '.join(f'{t:.2f}' for t in by_samples)}"
            f"  by sites {' '.join(f'{t:.2f}' for t in by_sites)}",
            flush=True,
        )


if __name__ == "__main__":
    main()
