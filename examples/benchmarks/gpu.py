"""Training steps on any device against its GEMM peak, torch autograd and TensorKrowch.

At each shape (d, m, r) of ``step.py`` all contenders take turns on the same device;
figures are medians of the ratios within a turn, and the share of the peak counts
nominal flops, 6 n d r^2 m and the map::

    python examples/benchmarks/gpu.py                    # the first GPU, or the processor
    python examples/benchmarks/gpu.py --device cpu --batch 1024 --threads 1
    python examples/benchmarks/gpu.py --mnist --data DIR # and seconds to 98.5 and 99 %

The name of the device is printed with the table. TensorKrowch is left out with a note
where it is not installed (see requirements.txt).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("SCIPY_ARRAY_API", "1")

import numpy as np
import torch
from sklearn import config_context
from speed_shapes import (
    SHAPES,
    array_runs,
    paired,
    tensorkrowch_steps,
    torch_step,
)

from sktensornet._arrays._namespace import restored

GOALS = (0.985, 0.99)


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


def measure(shape, n: int, device: str, threads: int, repeats: int, notes: set[str]) -> dict:
    """Images per second, shares of the peak, and how many times faster than each peer."""
    place = restored("torch", device)
    own = array_runs(shape, n, place)
    peers = {"torch autograd": torch_step(shape, n, threads, device)}
    try:
        peers |= tensorkrowch_steps(shape, n, threads, device)
    except ImportError:
        notes.add("tensorkrowch is not installed: left out.")
    peak, flops = gemm(device)
    runs = {name: waiting(run, device) for name, run in {"peak": peak, **own, **peers}.items()}
    column = dict(zip(runs, paired(runs, repeats).T, strict=True))
    rate = flops / column["peak"]
    return {
        "peak_tflops": float(np.median(rate)) / 1e12,
        "images_per_second": float(np.median(n / column["step"])),
        "step_share": float(np.median(shape.flops(n, True) / column["step"] / rate)),
        "predict_share": float(np.median(shape.flops(n, False) / column["predict"] / rate)),
        "times_faster_than": {
            name: float(np.median(column[name] / column["step"])) for name in peers
        },
    }


def race(folder: str | None, device: str, epochs: int) -> dict[str, dict[str, float | None]]:
    """Seconds of training until accuracies on the test images of MNIST."""
    from mnist import MODELS, load
    from race import Clock, seconds_to

    X, y, X_test, y_test = (torch.from_numpy(one).to(device) for one in load(folder))
    found = {}
    for name in ("HT", "TT"):
        clock = Clock(X_test, y_test)
        model = MODELS[name].set_params(max_iter=epochs, random_state=0)
        with config_context(array_api_dispatch=True):
            model.set_callbacks(clock).fit(X, y)
        found[name] = {f"{100 * goal:g} %": seconds_to(clock.curve, goal) for goal in GOALS}
        print(name, found[name], f"best {max(accuracy for _, accuracy in clock.curve):.4f}")
    return found


def main() -> None:
    """Measure all shapes, and MNIST if asked, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default=first_device(), help="such as cuda:0, mps or cpu")
    parser.add_argument("--batch", type=int, help="8192 on a GPU and 1024 on a processor")
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of a processor")
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--shapes", type=int, nargs="+", default=list(range(len(SHAPES))))
    parser.add_argument("--mnist", action="store_true")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--data", help="folder of mnist.npz")
    parser.add_argument("--output", help="write the figures to this JSON file")
    arguments = parser.parse_args()
    device = arguments.device
    torch.set_num_threads(arguments.threads)
    torch.set_float32_matmul_precision("highest")
    n = arguments.batch or (1024 if device.startswith("cpu") else 8192)
    rows, notes = {}, set()
    print(f"{named(device)}, torch {torch.__version__}, float32, batch {n}")
    for index in arguments.shapes:
        shape = SHAPES[index]
        row = measure(shape, n, device, arguments.threads, arguments.repeats, notes)
        rows[shape.name] = row
        ratios = "  ".join(f"{k} {v:.2f}x" for k, v in row["times_faster_than"].items())
        print(
            f"{shape.name:14} peak {row['peak_tflops']:.2f} TFLOP/s  step "
            f"{row['images_per_second']:,.0f} images/s = {row['step_share']:.2f} of the peak  "
            f"predict {row['predict_share']:.2f}  faster than {ratios}",
            flush=True,
        )
    for note in sorted(notes):
        print(note)
    found = race(arguments.data, device, arguments.epochs) if arguments.mnist else {}
    if arguments.output:
        figures = {"device": named(device), "arguments": vars(arguments), **rows, "mnist": found}
        Path(arguments.output).write_text(json.dumps(figures))


if __name__ == "__main__":
    main()
