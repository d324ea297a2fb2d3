"""Run every example of the gallery, short, from the installed package.

Each runs in a process of its own, forked from this one, which has imported what all of them import:
that takes as long as most of them do.
"""

import importlib
import multiprocessing
import runpy
import sys
from multiprocessing.connection import wait
from pathlib import Path

COMMON = "matplotlib.pyplot", "sklearn.model_selection", "sktensornet"
N_PROCESSES = 2


def run(example, picture):
    """The example as a script, which has to leave a picture."""
    sys.argv = [str(example), "--quick", "--output", str(picture)]
    runpy.run_path(str(example), run_name="__main__")
    assert picture.stat().st_size > 0, picture


def main(folder):
    """Start them one after the other, as many at once as there may be."""
    for name in COMMON:
        importlib.import_module(name)
    context = multiprocessing.get_context("fork")
    waiting = sorted(Path("examples").glob("plot_*.py"), reverse=True)
    running, failed = {}, []
    while waiting or running:
        while waiting and len(running) < N_PROCESSES:
            example = waiting.pop()
            process = context.Process(target=run, args=(example, folder / f"{example.stem}.png"))
            process.start()
            running[process.sentinel] = example, process
        for ended in wait(running):
            example, process = running.pop(ended)
            process.join()
            if process.exitcode:
                failed.append(example.name)
    sys.exit(f"failed: {', '.join(failed)}" if failed else 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
