"""Memory of a fit on a dask array that is larger than what the workers hold.

Two worker processes of one thread fit blocks that are made anew whenever they are
read, as if they lay on a disk. For each number of blocks a new cluster starts; what
is measured is the peak of the resident memory of each worker over what it was with
everything imported, in blocks.

    python examples/benchmarks/dask_memory.py --rows 100000 --features 128 --blocks 2 4 8
"""

import argparse
import json
import time
import warnings
from importlib import import_module
from pathlib import Path

import dask.array as da
import numpy as np
from distributed import Client, LocalCluster
from sklearn.exceptions import ConvergenceWarning

from sktensornet import TTClassifier


def made(block, block_info=None):
    """A block of normal numbers, from nothing."""
    place = block_info[0]["chunk-location"][0]
    rows, n_features = block_info[None]["chunk-shape"]
    return np.random.default_rng(place).standard_normal((rows, n_features), dtype=np.float32)


def peak():
    """Peak of the resident memory of this process in bytes; Linux only."""
    # A worker has it in memory, whatever else is in a process.
    import_module("sktensornet")
    # Not getrusage, whose peak a process inherits from the one that started it.
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def measure(rows, n_features, n_blocks, n_steps):
    """One fit; memory in blocks."""
    chunks = ((rows,) * n_blocks, (n_features,))
    X = da.zeros((rows * n_blocks, n_features), chunks=chunks, dtype=np.float32)
    X = X.map_blocks(made, meta=np.empty((0, 0), np.float32))
    y = np.random.default_rng(0).integers(0, 2, rows * n_blocks)
    model = TTClassifier(
        rank=4, feature_map="polynomial", alpha=1e-3, max_iter=n_steps, random_state=0
    )
    size = rows * n_features * 4
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore", ConvergenceWarning)
        before = client.run(peak)
        start = time.perf_counter()
        model.fit(X, y)
        seconds = time.perf_counter() - start
        after = client.run(peak)
    return {
        "blocks": n_blocks,
        "X_MB": size * n_blocks / 1e6,
        "block_MB": size / 1e6,
        "worker_peaks_MB": [(after[name] - before[name]) / 1e6 for name in after],
        "worker_peak_blocks": max(after[name] - before[name] for name in after) / size,
        "seconds": seconds,
        "steps": model.n_iter_,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--features", type=int, default=128)
    parser.add_argument("--blocks", type=int, nargs="+", default=[2, 4, 8])
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--json", help="a file for the results")
    args = parser.parse_args()
    results = []
    print(f"{'blocks':>6} {'X MB':>7} {'block MB':>8} {'peak/worker in blocks':>22} {'s':>6}")
    for n_blocks in args.blocks:
        one = measure(args.rows, args.features, n_blocks, args.steps)
        results.append(one)
        print(
            f"{one['blocks']:6} {one['X_MB']:7.0f} {one['block_MB']:8.1f} "
            f"{one['worker_peak_blocks']:22.2f} {one['seconds']:6.1f}",
            flush=True,
        )
    if args.json:
        Path(args.json).write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
