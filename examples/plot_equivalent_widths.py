r"""
=============================
Widths of equivalent networks
=============================

A recurrent network (tensor train, TT), a deep one (hierarchical Tucker tree, HT)
and a shallow one (canonical polyadic sum, CP) of width r: how wide must one be
to compute what another computes? Table 2 of Khrulkov, Novikov and Oseledets
("Expressive power of recurrent neural networks", ICLR 2018) says, for m >= r:

======  ============  ================  ==========
to      from TT       from HT           from CP
======  ============  ================  ==========
TT      r             r^(log2(d) / 2)   r
HT      r^2           r                 r
CP      >= r^(d / 2)  >= r^(d / 2)      r
======  ============  ================  ==========

Here random networks are converted exactly, and their widths measured, for r = 2
and 3, m = r^2 and d from 2 to 64, a power of two. All widths to trains and trees
are as the table says, but for two points. From HT to TT the exponent is to be
rounded up: for d = 8 the width is r^2, not r^1.5. And the table speaks of one
output: a chain with ten classes on its middle core needs a tree of width 10 r^2.
(At d = 2 a tree needs less, r.) To CP the lower bound of the table holds. For
trees it is the exact rank of the odd against the even sites; for trains that
rank is even r^(d - 1), as many as the terms of the sum that is found by fixing all
bonds: for modes this large, that is *the* width of almost all of them. Run it,
up to 64 sites and rank 3 with ``--full``, in a few seconds::

    python examples/plot_equivalent_widths.py
"""

import argparse
import csv
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sktensornet.expressivity import (
    LARGEST_PRIME,
    cp_rank_lower_bound,
    equivalent_width,
    random_network,
)
from sktensornet.networks import (
    balanced,
    canonical_polyadic,
    convert,
    hierarchical_tucker,
    tensor_train,
)

# %%
# Command line
# ------------
# ``--output`` says where the picture goes; the numbers are written beside it.

parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("--quick", action="store_true", help="up to eight sites")
parser.add_argument("--full", action="store_true", help="up to 64 sites and rank 3")
parser.add_argument("--output", default="equivalent_widths.png", help="file of the picture")
arguments, _ = parser.parse_known_args()
output = Path(arguments.output)
trees = {
    "TT": tensor_train,
    "HT": lambda d: hierarchical_tucker(balanced(d)),
    "CP": canonical_polyadic,
}
names = {"TT": "recurrent (TT)", "HT": "deep (HT)", "CP": "shallow (CP)"}
lengths = (
    [2, 4, 8] if arguments.quick else [2, 4, 8, 16, 32, 64] if arguments.full else [2, 4, 8, 16, 32]
)
widths = [2, 3] if arguments.full else [2]
n_classes = 10
# Up to here odd against even sites are a matrix of a few thousand rows at most.
longest_exact = 8

# %%
# Claimed and measured
# --------------------
# Each network is drawn at random, converted, and its largest rank is measured;
# the modes are r^2 long, so that they limit nothing. To CP it is the exact rank
# of the odd against the even sites, modulo a prime: no sum has fewer terms. The
# sum that `convert` finds is an upper bound.

rows = []
for r in widths:
    for source in trees:
        for target in trees:
            for d in lengths:
                row = {"from": source, "to": target, "r": r, "d": d, "m": r * r}
                row["claimed"] = equivalent_width(source, target, r, d, r * r)
                if target != "CP" or source == "CP":
                    network = random_network(trees[source](d), r * r, r, random_state=0)
                    row["measured"] = max(convert(network, trees[target](d)).ranks)
                elif d <= longest_exact:
                    network = random_network(
                        trees[source](d), r * r, r, prime=LARGEST_PRIME, random_state=0
                    )
                    row["measured"] = cp_rank_lower_bound(network, prime=LARGEST_PRIME)
                    floats = random_network(trees[source](d), r * r, r, random_state=0)
                    row["sum_found"] = convert(floats, canonical_polyadic(d)).ranks[0]
                rows.append(row)
exact = [row for row in rows if "measured" in row and row["to"] != "CP"]
bounds = [row for row in rows if "measured" in row and row["to"] == "CP" != row["from"]]
equal = sum(row["measured"] == row["claimed"] for row in exact)
less = sum(row["measured"] < row["claimed"] for row in exact)
print(f"to TT and HT: {equal} of {len(exact)} widths as claimed, {less} smaller (few sites)")
held = sum(row["measured"] >= row["claimed"] for row in bounds)
print(f"to CP: the rank is at least r^(d/2) in {held} of {len(bounds)}")

# %%
# The price of a class leg
# ------------------------
# A chain with ten classes on its middle core, and the same with one tensor for
# each class, as trees.

leg = []
for d in lengths:
    for batched in (False, True):
        network = random_network(tensor_train(d), 16, 2, n_classes, batched=batched, random_state=0)
        leg.append(
            {
                "from": "TT",
                "to": "HT",
                "r": 2,
                "d": d,
                "m": 16,
                "classes": n_classes,
                "class_tensors": "separate" if batched else "joint",
                "measured": max(convert(network, trees["HT"](d)).ranks),
            }
        )

path = output.with_suffix(".csv")
with path.open("w", newline="") as file:
    columns = ["from", "to", "r", "d", "m", "classes", "class_tensors", "claimed", "measured"]
    writer = csv.DictWriter(file, [*columns, "sum_found"])
    writer.writeheader()
    writer.writerows(rows + leg)

# %%
# The picture
# -----------
# Rows and columns are those of the table. Lines are what it claims, dashed
# without rounding the exponent up, dots what was measured; rings are sums that
# are wide enough.

colours = {2: "#3b6ea8", 3: "#c8553d"}
figure, axes = plt.subplots(3, 3, figsize=(9.5, 8), layout="constrained", sharex=True, sharey="row")
x = np.array(lengths)
formulas = {
    ("HT", "TT"): "$r^{\\lceil \\log_2(d)/2 \\rceil}$",
    ("TT", "HT"): "$r^2$",
    ("TT", "CP"): "$\\geq r^{d/2}$",
    ("HT", "CP"): "$\\geq r^{d/2}$",
}
for line, target in zip(axes, trees, strict=True):
    for axis, source in zip(line, trees, strict=True):
        for r in widths:
            own = [row for row in rows if (row["from"], row["to"], row["r"]) == (source, target, r)]
            shown = [row for row in own if row["claimed"] <= 10_000]
            axis.plot(
                [row["d"] for row in shown],
                [row["claimed"] for row in shown],
                color=colours[r],
                lw=1.6,
                alpha=0.6,
            )
            if (source, target) == ("HT", "TT"):
                axis.plot(x, r ** (np.log2(x) / 2), "--", color=colours[r], lw=1.1)
            for column, marker, size in (("measured", "o", 5.5), ("sum_found", "o", 10)):
                points = [(row["d"], row[column]) for row in own if column in row]
                if points:
                    fill = colours[r] if column == "measured" else "none"
                    axis.plot(
                        *zip(*points, strict=True), marker, color=colours[r], ms=size, mfc=fill
                    )
        axis.text(
            0.04,
            0.93,
            formulas.get((source, target), "$r$"),
            transform=axis.transAxes,
            va="top",
            fontsize=13,
        )
        axis.margins(y=0.14)
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(axis="y", color="0.92")
price = [(row["d"], row["measured"]) for row in leg if row["class_tensors"] == "joint"]
axes[1, 0].plot(*zip(*price, strict=True), "s", color="0.35", ms=4.5, mfc="none")
axes[0, 0].set_xscale("log", base=2)
axes[0, 0].set_xticks(x, [str(d) for d in lengths])
for line in axes:
    line[0].set_yscale("log", base=2)
    line[0].yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
for axis, source in zip(axes[0], trees, strict=True):
    axis.set_title(f"from {names[source]}", fontsize=11)
for axis in axes[-1]:
    axis.set_xlabel("number of sites d")
for axis, target in zip(axes[:, 0], trees, strict=True):
    axis.set_ylabel(f"width as {names[target]}")
key = [
    plt.Line2D([], [], color=colours[r], lw=1.6, alpha=0.6, label=f"claimed, r = {r}")
    for r in widths
]
grey = {"color": "0.35", "lw": 0}
key += [
    plt.Line2D([], [], color="0.35", lw=1.1, ls="--", label="exponent not rounded up"),
    plt.Line2D([], [], marker="o", ms=5.5, label="measured (to CP: exact lower bound)", **grey),
    plt.Line2D(
        [],
        [],
        marker="s",
        ms=4.5,
        mfc="none",
        label=f"measured, r = 2, {n_classes} classes",
        **grey,
    ),
    plt.Line2D([], [], marker="o", ms=10, mfc="none", label="terms of a sum found", **grey),
]
figure.legend(handles=key, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
figure.savefig(output, dpi=120)
