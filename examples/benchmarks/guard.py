"""A guard against losing speed: the training step as a share of the GEMM peak.

Step and peak take turns in processor time of one thread, so that a busy machine
matters little. Write the shares of a good state, then compare::

    python examples/benchmarks/guard.py --write before.json
    python examples/benchmarks/guard.py --compare before.json

The comparison fails if a share has fallen by more than ``--tolerance``.
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
from speed_shapes import SHAPES, gemm, own_runs, paired  # noqa: E402


def shares(n: int, repeats: int) -> dict[str, float]:
    """Median share of the peak at each shape."""
    peak, peak_flops = gemm(1, size=768)
    found = {}
    for shape in SHAPES:
        with own_runs(shape, n, 1) as own:
            runs = {"peak": peak, "step": own["step"]}
            of_peak, of_step = paired(runs, repeats, time.thread_time).T
        ratio = shape.flops(n, True) / of_step / (peak_flops / of_peak)
        found[shape.name] = float(np.median(ratio))
    return found


def main() -> None:
    """Measure, then write or compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0], allow_abbrev=False)
    parser.add_argument("--write", help="write the shares to this JSON file")
    parser.add_argument("--compare", help="compare with the shares in this JSON file")
    parser.add_argument("--tolerance", type=float, default=0.1, help="relative, 0.1 is 10 %%")
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    now = shares(arguments.batch, arguments.repeats)
    before = json.loads(Path(arguments.compare).read_text()) if arguments.compare else {}
    slower = []
    for name, share in now.items():
        change = share / before[name] - 1 if name in before else 0.0
        if change < -arguments.tolerance:
            slower.append(name)
        print(f"{name:14} {share:.3f} of the peak" + (f"  {change:+.1%}" if before else ""))
    if arguments.write:
        Path(arguments.write).write_text(json.dumps(now, indent=1))
    if slower:
        sys.exit(f"slower than before by more than {arguments.tolerance:.0%}: {', '.join(slower)}")


if __name__ == "__main__":
    main()
