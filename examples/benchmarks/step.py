"""A training step and a prediction against the GEMM peak and against peers.

At each shape (d, m, r) all contenders take turns, so that a busy machine is the
same for all; figures are medians of the ratios within a turn. The share of the
peak counts nominal flops, 6 n d r^2 m and the map, whatever was merged::

    python examples/benchmarks/step.py --output step.json --plot step.png

Peers that are not installed (see requirements.txt) are left out with a note.
``--threads 1 --cpu`` counts processor time of one thread, for a busy machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from pathlib import Path

import numpy as np
from speed_shapes import (
    PREDICTED,
    SHAPES,
    gemm,
    own_runs,
    paired,
    tensorkrowch_steps,
    torch_step,
)


def peers(shape, n: int, n_threads: int, notes: set[str]) -> dict:
    """The steps of the peers that can be imported."""
    found = {}
    for name, make in (
        ("torch", lambda: {"torch autograd": torch_step(shape, n, n_threads)}),
        ("tensorkrowch", lambda: tensorkrowch_steps(shape, n, n_threads)),
    ):
        try:
            found |= make()
        except ImportError:
            notes.add(f"{name} is not installed: left out.")
    return found


def measure(shape, arguments, notes: set[str]) -> dict:
    """Shares of the peak, and how many times faster than each peer."""
    clock = time.thread_time if arguments.cpu else time.perf_counter
    n = arguments.batch
    peak, peak_flops = gemm(arguments.threads)
    with own_runs(shape, n, arguments.threads) as own:
        others = {} if arguments.no_peers else peers(shape, n, arguments.threads, notes)
        runs = {"peak": peak, **own, **others}
        times = paired(runs, arguments.repeats, clock)
    column = dict(zip(runs, times.T, strict=True))
    rate = peak_flops / column["peak"]
    return {
        "peak_gflops": float(np.median(rate)) / 1e9,
        "step_seconds": float(np.median(column["step"])),
        "step_share": float(np.median(shape.flops(n, True) / column["step"] / rate)),
        "predict_share": float(
            np.median(shape.flops(PREDICTED * n, False) / column["predict"] / rate)
        ),
        "times_faster_than": {
            name: float(np.median(column[name] / column["step"])) for name in others
        },
        "peer_share": {
            name: float(np.median(shape.flops(n, True) / column[name] / rate)) for name in others
        },
    }


def plot(rows: dict, path: str) -> None:
    """Shares of the peak as bars."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    names = sorted({name for row in rows.values() for name in row["peer_share"]})
    series = {"sktensornet": [row["step_share"] for row in rows.values()]}
    for name in names:
        series[name] = [row["peer_share"].get(name, np.nan) for row in rows.values()]
    figure, axes = plt.subplots(figsize=(9, 4), layout="constrained")
    width = 0.8 / len(series)
    for k, (name, shares) in enumerate(series.items()):
        axes.bar(np.arange(len(rows)) + k * width, shares, width, label=name)
    axes.set_xticks(np.arange(len(rows)) + 0.4 - width / 2, list(rows))
    axes.set(xlabel="(d, m, r)", ylabel="share of the GEMM peak", title="Training step")
    axes.legend()
    figure.savefig(path, dpi=150)


def main() -> None:
    """Measure all shapes and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--shapes", type=int, nargs="+", default=range(len(SHAPES)))
    parser.add_argument("--cpu", action="store_true", help="processor time; needs --threads 1")
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--output", help="write the figures to this JSON file")
    parser.add_argument("--plot", help="write a bar chart to this file")
    arguments = parser.parse_args()
    if arguments.cpu and arguments.threads != 1:
        parser.error("--cpu counts the time of one thread: add --threads 1")
    rows, notes = {}, set()
    print(f"batch {arguments.batch}, {arguments.threads} threads, float32, {platform.machine()}")
    for index in arguments.shapes:
        shape = SHAPES[index]
        row = rows[shape.name] = measure(shape, arguments, notes)
        ratios = "  ".join(f"{k} {v:.2f}x" for k, v in row["times_faster_than"].items())
        print(
            f"{shape.name:14} peak {row['peak_gflops']:4.0f} GFLOP/s  step "
            f"{1e3 * row['step_seconds']:6.1f} ms = {row['step_share']:.2f} of the peak  "
            f"predict {row['predict_share']:.2f}  faster than {ratios or '-'}",
            flush=True,
        )
    for note in sorted(notes):
        print(note)
    if arguments.output:
        Path(arguments.output).write_text(json.dumps({"arguments": vars_of(arguments), **rows}))
    if arguments.plot:
        plot(rows, arguments.plot)


def vars_of(arguments) -> dict:
    """The arguments as JSON can hold them."""
    return {k: list(v) if isinstance(v, range) else v for k, v in vars(arguments).items()}


if __name__ == "__main__":
    main()
