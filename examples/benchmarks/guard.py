"""A guard against losing speed: training steps and epochs as shares of the GEMM peak.

A share is nominal flops by seconds, divided by that of a matrix product in the same
turn: of the step alone, of an epoch through `fit` without a penalty and with the
default one, and of an epoch of the models of mnist.py on made images. They are taken
in processor time of one thread, so that a busy machine matters little. Write those of
a good state, then compare::

    python examples/benchmarks/guard.py --write before.json
    python examples/benchmarks/guard.py --compare before.json

The comparison fails if a figure has fallen by more than ``--tolerance``. With
``--threads 2`` it also measures how many times faster epochs are by so many threads,
as a share of what the matrix product gains, by the clock: for an idle machine.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import numpy as np  # noqa: E402
from mnist import MODELS  # noqa: E402
from speed_shapes import (  # noqa: E402
    N_CLASSES,
    SHAPES,
    data,
    epochs,
    fit_flops,
    gemm,
    own_runs,
    paired,
    seconds,
    trained,
)

SIZE = 768
"""Of the matrices of the peak: 15 ms on one thread."""
LONG = 3
"""How many of the shapes have long steps, so that an epoch should be little more than they."""
FORMATS = ("HT", "TT", "CP")


def step_shares(n: int, repeats: int) -> dict[str, float]:
    """Median share of the peak of the step at each shape."""
    peak, peak_flops = gemm(1, SIZE)
    found = {}
    for shape in SHAPES:
        with own_runs(shape, n, 1) as own:
            runs = {"peak": peak, "step": own["step"]}
            of_peak, of_step = paired(runs, repeats, time.thread_time).T
        ratio = shape.flops(n, True) / of_step / (peak_flops / of_peak)
        found[f"step {shape.name}"] = float(np.median(ratio))
    return found


def images(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Made images in the place of those of MNIST."""
    rng = np.random.default_rng(0)
    return rng.random((n, 784), np.float32), rng.integers(0, N_CLASSES, n)


def epoch_shares(n: int, repeats: int) -> dict[str, float]:
    """Median share of the peak of an epoch through `fit`."""
    _, peak_flops = gemm(1, SIZE)
    cases = {}
    for shape in SHAPES[:LONG]:
        X, y = data(shape, n)
        # Of two classes, since the core in the middle has its entries once for each score.
        y, flops = y % 2, shape.flops(n, True)
        cases[f"epoch {shape.name}"] = trained(shape, 1024, alpha=0.0), X, y, flops
        cases[f"epoch {shape.name}, penalty"] = trained(shape, 1024), X, y, flops
    for name in FORMATS:
        cases[f"epoch {name}"] = MODELS[name], *images(n // 4), None
    found = {}
    for name, (model, X, y, flops) in cases.items():
        of_peak, of_epoch = epochs(model, X, y, 1, repeats, time.thread_time, SIZE).T
        flops = flops or fit_flops(model, len(X))
        found[name] = float(np.median(flops / of_epoch / (peak_flops / of_peak)))
    return found


def gains(n: int, repeats: int, n_threads: int) -> dict[str, float]:
    """How many times faster epochs are by some threads, as a share of the gain of the peak.

    Products are timed between fits and not between epochs: threads of the BLAS go on
    waiting for the next product for a while, on the cores that the epoch needs.
    """
    found = {}
    X, y = images(n)
    for name in FORMATS:
        turns = [
            [
                (
                    seconds(gemm(k)[0]),
                    np.median(epochs(MODELS[name], X, y, k, 3, with_peak=False)[:, 1]),
                )
                for k in (1, n_threads)
            ]
            for _ in range(repeats)
        ]
        of_peak, of_epoch = np.median([np.divide(one, many) for one, many in turns], axis=0)
        found[f"{n_threads} threads {name}"] = float(of_epoch / of_peak)
    return found


def main() -> None:
    """Measure, then write or compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--write", help="write the figures to this JSON file")
    parser.add_argument("--compare", help="compare with the figures in this JSON file")
    parser.add_argument("--tolerance", type=float, default=0.1, help="relative, 0.1 is 10 %%")
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--rows", type=int, default=8192, help="samples of an epoch")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    now = step_shares(arguments.batch, arguments.repeats)
    now |= epoch_shares(arguments.rows, arguments.repeats // 3)
    if arguments.threads > 1:
        now |= gains(arguments.rows, arguments.repeats // 3, arguments.threads)
    before = json.loads(Path(arguments.compare).read_text()) if arguments.compare else {}
    slower = []
    for name, share in now.items():
        change = share / before[name] - 1 if name in before else 0.0
        if change < -arguments.tolerance:
            slower.append(name)
        print(f"{name:30} {share:.3f}" + (f"  {change:+.1%}" if name in before else ""))
    if arguments.write:
        Path(arguments.write).write_text(json.dumps(now, indent=1))
    if slower:
        sys.exit(f"slower than before by more than {arguments.tolerance:.0%}: {', '.join(slower)}")


if __name__ == "__main__":
    main()
