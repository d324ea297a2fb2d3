"""What people see of a network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from itertools import groupby
from typing import Any

_MOST_RUNS = 9
"""As many as fit into a line."""


def summary_rows(network: Any) -> dict[str, str]:
    """What there is to say of a `TensorNetwork`, by name."""
    modes, n_outputs = network.mode_sizes, network.n_outputs
    each = "one tensor each" if network.batched else "one tensor"
    dense = sum(math.log10(m) for m in modes) + math.log10(n_outputs)
    return {
        "format": network.format,
        "sites": f"{network.n_sites}",
        "mode sizes": runs(modes),
        "outputs": f"{n_outputs}, {each}",
        "ranks": runs(network.ranks) or "none",
        "parameters": f"{network.n_parameters:,}, dense {_power(dense)}",
        "memory": f"{_bytes(network.nbytes)} as {network.dtype}",
    }


def as_text(rows: dict[str, str]) -> str:
    """Rows below one another."""
    width = max(map(len, rows))
    return "\n".join(f"{name:{width}}  {value}" for name, value in rows.items())


def as_html(title: str, rows: dict[str, str]) -> str:
    """Rows as a table, as notebooks show it."""
    cells = "".join(
        f'<tr><th style="text-align:left">{escape(name)}</th>'
        f'<td style="text-align:left">{escape(value)}</td></tr>'
        for name, value in rows.items()
    )
    return f"<table><caption>{escape(title)}</caption><tbody>{cells}</tbody></table>"


def runs(numbers: Sequence[int]) -> str:
    """Numbers in their order, repetitions counted, the middle left out if they are many."""
    found = [(number, len(list(same))) for number, same in groupby(numbers)]
    shown = [f"{number} (x {n})" if n > 1 else f"{number}" for number, n in found]
    if len(shown) > _MOST_RUNS:
        shown = [*shown[:4], f"... up to {max(numbers)} ...", *shown[-4:]]
    return ", ".join(shown)


def _power(log_size: float) -> str:
    return f"{round(10**log_size):,}" if log_size < 9 else f"10^{log_size:.1f}"


def _bytes(n: float) -> str:
    for unit in ("bytes", "kB", "MB"):
        if n < 1000:
            return f"{n:.3g} {unit}"
        n /= 1000
    return f"{n:.3g} GB"
