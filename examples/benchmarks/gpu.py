"""Training steps on any device against its GEMM peak, torch autograd and TensorKrowch.

At each shape (d, m, r) of ``step.py`` all contenders take turns on the same device;
figures are medians of the ratios within a turn, and the share of the peak counts
nominal flops, 6 n d r^2 m and the map. On a device short calls are what costs, so
the calls of a step are counted too::

    python examples/benchmarks/gpu.py                    # the first GPU, or the processor
    python examples/benchmarks/gpu.py --device cpu --batch 1024 --threads 1
    python examples/benchmarks/gpu.py --mnist --data DIR # and seconds to 98.5 and 99 %
    python examples/benchmarks/gpu.py --mnist --data DIR --table docs/benchmarks/gpu.md

The name of the device is printed with the table; ``--table`` writes all of it as the
documentation shows it. TensorKrowch is left out with a note where it is not installed
(see requirements.txt). DIR holds ``mnist.npz``.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable
from itertools import product
from pathlib import Path

os.environ.setdefault("SCIPY_ARRAY_API", "1")

import numpy as np
import torch
from mnist import MODELS, load
from race import Clock, seconds_to, torch_train
from sklearn import config_context
from speed_shapes import (
    SHAPES,
    array_runs,
    paired,
    tensorkrowch_steps,
    torch_step,
)
from torch.utils._python_dispatch import TorchDispatchMode

from sktensornet._arrays._namespace import restored

GOALS = (0.985, 0.99)
CONTENDERS = ("HT", "TT", "torch autograd", "TensorKrowch, inline")


def first_device() -> str:
    """A GPU, if there is one."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def named(device: str) -> str:
    """What it is."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    return f"{device} ({platform.processor() or platform.machine()})"


def waiting(run: Callable[[], object], device: str) -> Callable[[], object]:
    """A run that ends when the device has done it."""
    library = getattr(torch, device.partition(":")[0])
    if device.startswith("cpu"):
        return run

    def wait() -> None:
        run()
        library.synchronize()

    return wait


def gemm(device: str) -> tuple[Callable[[], object], float]:
    """Square float32 matrix products on the device, and their flops."""
    size, repeats = (1536, 3) if device.startswith("cpu") else (8192, 10)
    a, b = torch.randn(2, size, size, device=device)
    out = torch.empty_like(a)

    def run() -> None:
        for _ in range(repeats):
            torch.matmul(a, b, out=out)

    return run, 2.0 * repeats * size**3


class Calls(TorchDispatchMode):
    """Counts what torch is told to compute; views of memory are not counted."""

    def __init__(self) -> None:
        super().__init__()
        self.n = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        """Count a call."""
        self.n += not func.is_view
        return func(*args, **(kwargs or {}))


def calls(run: Callable[[], object]) -> int:
    """Number of calls of torch in a run."""
    with Calls() as counted:
        run()
    return counted.n


def measure(shape, n: int, arguments, notes: set[str]) -> dict:
    """Images per second, shares of the peak, calls, and how many times faster than each peer."""
    device, threads = arguments.device, arguments.threads
    own = array_runs(shape, n, restored("torch", device))
    peers = {"torch autograd": torch_step(shape, n, threads, device)}
    try:
        peers |= tensorkrowch_steps(shape, n, threads, device)
    except ImportError:
        notes.add("tensorkrowch is not installed: left out.")
    peak, flops = gemm(device)
    runs = {name: waiting(run, device) for name, run in {"peak": peak, **own, **peers}.items()}
    column = dict(zip(runs, paired(runs, arguments.repeats).T, strict=True))
    rate = flops / column["peak"]
    return {
        "peak_tflops": float(np.median(rate)) / 1e12,
        "images_per_second": float(np.median(n / column["step"])),
        "step_share": float(np.median(shape.flops(n, True) / column["step"] / rate)),
        "predict_share": float(np.median(shape.flops(n, False) / column["predict"] / rate)),
        "times_faster_than": {
            name: float(np.median(column[name] / column["step"])) for name in peers
        },
        "calls": {name: calls(run) for name, run in {"step": own["step"], **peers}.items()},
    }


def own_curve(name: str, epochs: int, images, device: str):
    """Accuracy by seconds of one of the models of ``mnist.py``."""
    X, y, X_test, y_test = (torch.as_tensor(one).to(device) for one in images)
    clock = Clock(X_test, y_test)
    model = MODELS[name].set_params(max_iter=epochs, random_state=0)
    with config_context(array_api_dispatch=True):
        model.set_callbacks(clock).fit(X, y)
    return clock.curve


def race(arguments, notes: set[str]) -> dict[str, dict[str, float | None]]:
    """Seconds of training until accuracies on the test images of MNIST."""
    images = [
        one[: arguments.images] if k < 2 else one for k, one in enumerate(load(arguments.data))
    ]
    found = {}
    for name in arguments.contenders:
        try:
            if name in MODELS:
                curve = own_curve(name, arguments.epochs, images, arguments.device)
            else:
                curve = torch_train(name, arguments.epochs, images, 0, arguments.device)
        except ImportError:
            notes.add(f"{name} is not installed: left out.")
            continue
        found[name] = {f"{100 * goal:g} %": seconds_to(curve, goal) for goal in GOALS}
        found[name] |= {"best": max(accuracy for _, accuracy in curve), "seconds": curve[-1][0]}
        print(f"{name:22}", found[name], flush=True)
    return found


def as_table(rows: dict, mnist: dict, arguments) -> str:
    """All figures in Markdown."""
    peers = sorted({name for row in rows.values() for name in row["times_faster_than"]})
    head = ["(d, m, r)", "batch", "images a second", "share of the peak", "prediction"]
    lines = [
        f"`python gpu.py` on {named(arguments.device)}, torch {torch.__version__}, "
        f"{arguments.threads} threads, float32:",
        "",
        _line([*head, *(f"{name}, times as slow" for name in peers), "calls", "of autograd"]),
        _line(["---"] * (len(head) + len(peers) + 2)),
    ]
    for (name, n), row in rows.items():
        times = [row["times_faster_than"].get(peer) for peer in peers]
        cells = [name, f"{n:,}", f"{row['images_per_second']:,.0f}"]
        cells += [f"{row['step_share']:.2f}", f"{row['predict_share']:.2f}"]
        cells += ["-" if one is None else f"{one:.1f}" for one in times]
        cells += [f"{row['calls'][one]:,}" for one in ("step", "torch autograd")]
        lines.append(_line(cells))
    if mnist:
        goals = [f"{100 * goal:g} %" for goal in GOALS]
        lines += ["", f"Seconds of training on {arguments.images:,} images of MNIST, of "]
        lines[-1] += f"{arguments.epochs} epochs in all, until a test accuracy:"
        lines += ["", _line(["", *goals, "best", "seconds in all"]), _line(["---"] * 5)]
        for name, row in mnist.items():
            times = ["-" if row[goal] is None else f"{row[goal]:.1f}" for goal in goals]
            lines.append(_line([name, *times, f"{row['best']:.4f}", f"{row['seconds']:.1f}"]))
    return "\n".join(lines) + "\n"


def _line(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure all shapes, and MNIST if asked, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--device", default=first_device(), help="such as cuda:0, mps or cpu")
    parser.add_argument(
        "--batch", type=int, nargs="+", help="8192 and 128 on a GPU, 1024 and 128 on a processor"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of a processor")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--shapes", type=int, nargs="*", default=list(range(len(SHAPES))))
    parser.add_argument("--mnist", action="store_true")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--images", type=int, default=60_000, help="fewer for a trial")
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    parser.add_argument("--data", default=os.environ.get("SKTENSORNET_DATA"))
    parser.add_argument("--output", help="write the figures to this JSON file")
    parser.add_argument("--table", help="write them to this Markdown file")
    arguments = parser.parse_args()
    device = arguments.device
    torch.set_num_threads(arguments.threads)
    torch.set_float32_matmul_precision("highest")
    batches = arguments.batch or [1024 if device.startswith("cpu") else 8192, 128]
    rows, notes = {}, set()
    print(f"{named(device)}, torch {torch.__version__}, float32, {arguments.threads} threads")
    for n, index in product(batches, arguments.shapes):
        shape = SHAPES[index]
        row = rows[shape.name, n] = measure(shape, n, arguments, notes)
        ratios = "  ".join(f"{k} {v:.2f}x" for k, v in row["times_faster_than"].items())
        print(
            f"{shape.name:14} batch {n}  peak {row['peak_tflops']:.2f} TFLOP/s  step "
            f"{row['images_per_second']:,.0f} images/s = {row['step_share']:.2f} of the peak  "
            f"predict {row['predict_share']:.2f}  faster than {ratios}  calls {row['calls']}",
            flush=True,
        )
    mnist = race(arguments, notes) if arguments.mnist else {}
    for note in sorted(notes):
        print(note)
    if arguments.output:
        figures = {f"{name} batch {n}": row for (name, n), row in rows.items()}
        figures |= {"device": named(device), "arguments": vars(arguments), "mnist": mnist}
        Path(arguments.output).write_text(json.dumps(figures, indent=1))
    if arguments.table:
        Path(arguments.table).write_text(as_table(rows, mnist, arguments))


if __name__ == "__main__":
    main()
