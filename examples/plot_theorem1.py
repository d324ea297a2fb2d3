r"""
==================================
How wide a shallow network must be
==================================

How wide must a shallow network, a canonical polyadic (CP) sum, be to compute
what a recurrent one, a tensor train of rank r, computes? Theorem 1 of Khrulkov,
Novikov and Oseledets ("Expressive power of recurrent neural networks", ICLR
2018) says that for almost every train of d sites and mode size n it needs at
least q^(d/2) terms, q = min(n, r), because the matrix of the odd against the
even sites has at least that rank. They conjecture the same where the inner
cores are equal, as in a network that is truly recurrent, and support it by
random draws for d = 6, n from 2 to 10 and r from 2 to 20.

A random draw with a numerical rank depends on a threshold. Here every setting
gets one exact certificate instead: whole-number cores, and a rank modulo a
prime. That rank is at most the true one, and rank only falls on a set of
measure zero, so one draw proves the claim for almost all trains of the setting.

What came out, for all 171 settings and both kinds of cores: the first draw has a
rank *equal* to the min-cut of the chain, the least product of legs (n) and bonds
(r) that parts odd from even sites. That is never less than q^(d/2), and more in
the 36 settings with r < n and n > 2. Claim and conjecture hold, and the min-cut
sharpens both. Of 114,000 draws in floating point all but three have the rank of
the min-cut, too. In these three, with equal cores, rounding hides a singular
value; computed exactly, their rank is the same. Run it with::

    python examples/plot_theorem1.py

and for all settings and 1,000 draws of each with ``--full``, in about a minute.
"""

import argparse
import csv
import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from sktensornet.expressivity import (
    LARGEST_PRIME,
    equivalent_width,
    matricization_rank,
    matricization_singular_values,
    min_cut,
    random_network,
)
from sktensornet.networks import TensorNetwork, tensor_train

quick = "--quick" in sys.argv
full = "--full" in sys.argv
n_sites, odd = 6, range(0, 6, 2)
if full:
    modes, ranks, n_draws = range(2, 11), range(2, 21), 1000
elif quick:
    modes, ranks, n_draws = [2, 3, 4], [2, 4, 8], 20
else:
    modes, ranks, n_draws = [2, 3, 4, 6, 8], [2, 3, 4, 5, 6, 8, 10, 14, 20], 100
kinds = {"distinct": False, "equal": True}
chain = tensor_train(n_sites)

# %%
# Exact certificates
# ------------------
# The first seed whose rank modulo the prime is the min-cut; it is the first of
# all unless chance, about one in a million, has it otherwise.

certificates = []
for kind, equal_cores in kinds.items():
    for n in modes:
        for r in ranks:
            for seed in range(3):
                network = random_network(
                    chain, n, r, equal_cores=equal_cores, prime=LARGEST_PRIME, random_state=seed
                )
                rank = matricization_rank(network, odd, prime=LARGEST_PRIME)
                cut = min_cut(network, odd)
                if rank == cut:
                    break
            bound = equivalent_width("TT", "CP", r, n_sites, n)
            certificates.append(
                {
                    "cores": kind,
                    "n": n,
                    "r": r,
                    "prime": LARGEST_PRIME,
                    "seed": seed,
                    "rank": rank,
                    "min_cut": cut,
                    "bound": bound,
                }
            )
attained = sum(row["rank"] == row["min_cut"] for row in certificates)
held = sum(row["rank"] >= row["bound"] for row in certificates)
sharper = sum(row["rank"] > row["bound"] for row in certificates)
print(f"{len(certificates)} settings: rank >= q^(d/2) in {held}, rank = min-cut in {attained},")
print(f"rank > q^(d/2) in {sharper}; seeds used: {sorted({row['seed'] for row in certificates})}")

# %%
# Draws in floating point
# -----------------------
# For n up to 4 many draws as well, as in the paper. The numerical rank counts
# the singular values above the rounding of the largest, as NumPy does by
# default. How close a draw comes to losing rank is seen from the smallest
# singular value that the min-cut allows. Draws that seem to have less are
# looked at again exactly: floating-point numbers are whole ones over powers of
# two, so they have residues modulo a prime.


def exact_rank(networks, index):
    """Rank of one tensor of a batch, modulo the prime."""
    cores = [core[index] for core in networks.cores]
    cores[n_sites // 2] = cores[n_sites // 2][..., None]
    return matricization_rank(TensorNetwork(chain, tuple(cores)), odd, prime=LARGEST_PRIME)


draws, smallest = [], {}
for kind, equal_cores in kinds.items():
    for n in [n for n in modes if n <= 4]:
        for r in ranks:
            networks = random_network(
                chain, n, r, n_draws, batched=True, equal_cores=equal_cores, random_state=0
            )
            values = matricization_singular_values(networks, odd)
            rounding = np.finfo(float).eps * n ** (n_sites // 2)
            found = np.sum(values > rounding * values[:, :1], axis=1)
            cut = min_cut(networks, odd)
            bound = equivalent_width("TT", "CP", r, n_sites, n)
            again = [exact_rank(networks, index) for index in np.flatnonzero(found < cut)]
            smallest.setdefault((kind, n), []).append(values[:, cut - 1] / values[:, 0])
            draws.append(
                {
                    "cores": kind,
                    "n": n,
                    "r": r,
                    "draws": n_draws,
                    "bound": bound,
                    "min_cut": cut,
                    "least_rank": found.min(),
                    "largest_rank": found.max(),
                    "at_least_bound": np.mean(found >= bound),
                    "equal_min_cut": np.mean(found == cut),
                    "exactly_equal": (np.sum(found == cut) + again.count(cut)) / n_draws,
                }
            )
n_all = n_draws * len(draws)
below = sum(round(n_draws * (1 - row["at_least_bound"])) for row in draws)
at_cut = sum(round(n_draws * row["equal_min_cut"]) for row in draws)
exactly = sum(round(n_draws * row["exactly_equal"]) for row in draws)
print(f"{n_all:,} draws in floating point: {below} below q^(d/2), {at_cut:,} at the min-cut,")
print(f"{exactly:,} with those that are looked at again exactly")

# %%
# The picture
# -----------
# Circles and crosses are exact ranks, on lines that are the min-cuts; dotted
# lines are the bounds of the theorem. On the right the distance to a loss of
# rank.

figure, (left, right) = plt.subplots(
    1, 2, figsize=(11.5, 5), layout="constrained", width_ratios=[1.15, 1]
)
shades = dict(zip(modes, plt.cm.viridis(np.linspace(0.0, 0.88, len(modes))), strict=True))
markers = {"distinct": ("o", 6.5), "equal": ("x", 4)}
for n in modes:
    for kind, (marker, size) in markers.items():
        rows = [row for row in certificates if row["cores"] == kind and row["n"] == n]
        r = [row["r"] for row in rows]
        exact = [row["rank"] for row in rows]
        left.plot(r, exact, marker, color=shades[n], ms=size, mfc="none", mew=1.1)
    left.plot(r, [row["min_cut"] for row in rows], "-", color=shades[n], lw=1.2)
    left.plot(r, [row["bound"] for row in rows], ":", color="0.55", lw=1.4, zorder=0)
    left.annotate(
        f"n = {n}",
        (r[-1], exact[-1]),
        xytext=(8, 0),
        textcoords="offset points",
        va="center",
        color=shades[n],
        fontsize=9,
    )
left.set(
    yscale="log",
    xlabel="rank r of the tensor train",
    ylabel="terms that a shallow network needs at least",
    title=f"Exact ranks, {len(certificates)} settings",
    xlim=(min(ranks) - 0.6, max(ranks) + 0.14 * (max(ranks) - min(ranks))),
    ylim=(6.5, 7 * max(row["rank"] for row in certificates)),
)
left.set_xticks([2, 5, 10, 15, 20] if max(ranks) > 10 else list(ranks))
grey = {"color": "0.3", "mfc": "none", "mew": 1.1}
key = [
    plt.Line2D([], [], marker="o", ms=6.5, lw=0, label="one draw, distinct cores", **grey),
    plt.Line2D([], [], marker="x", ms=4, lw=0, label="one draw, equal cores", **grey),
    plt.Line2D([], [], color="0.3", lw=1.2, label="min-cut"),
    plt.Line2D([], [], color="0.55", lw=1.4, ls=":", label="theorem 1: $\\min(n, r)^{3}$"),
]
left.legend(handles=key, frameon=False, fontsize=9, loc="upper left", ncols=2)
colours = {2: "#5b8c5a", 3: "#c8553d", 4: "#3b6ea8"}
edges = np.linspace(-16, 0, 81)
for (kind, n), parts in smallest.items():
    logs = np.log10(np.maximum(np.concatenate(parts), 1e-16))
    right.hist(
        logs,
        edges,
        weights=np.full(len(logs), 100 / len(logs)),
        histtype="step",
        color=colours[n],
        ls="-" if kind == "distinct" else (0, (1.5, 1)),
        lw=1.6,
    )
rounding = np.log10(np.finfo(float).eps * max(n for _, n in smallest) ** 3)
right.axvspan(-16, rounding, color="0.5", alpha=0.2, lw=0)
right.text(
    (rounding - 16) / 2,
    right.get_ylim()[1] * 0.5,
    "rounding",
    rotation=90,
    color="0.35",
    fontsize=9,
    ha="center",
    va="center",
)
right.set(
    xlabel="smallest singular value that the min-cut allows, over the largest",
    ylabel="draws per bin, %",
    title=f"{n_all:,} draws in floating point",
    xlim=(-16, 0),
)
ticks = [-15, -12, -9, -6, -3, 0]
right.set_xticks(ticks, [f"$10^{{{tick}}}$" if tick else "1" for tick in ticks])
key = [plt.Line2D([], [], color=colours[n], lw=1.6, label=f"n = {n}") for n in modes if n <= 4]
key += [
    plt.Line2D([], [], color="0.3", lw=1.6, label="distinct cores"),
    plt.Line2D([], [], color="0.3", lw=1.6, ls=(0, (1.5, 1)), label="equal cores"),
]
right.legend(handles=key, frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(0.14, 1))
for axis in (left, right):
    axis.spines[["top", "right"]].set_visible(False)

# %%
# As a script
# -----------
# Run by ``python``, it saves the picture; ``--output`` names the file.

parser = argparse.ArgumentParser(allow_abbrev=False)
parser.add_argument("--quick", action="store_true", help="few settings")
parser.add_argument("--full", action="store_true", help="all settings and 1,000 draws of each")
parser.add_argument("--output", default="theorem1.png", help="file of the picture")
arguments, _ = parser.parse_known_args()
output = Path(arguments.output)
figure.savefig(output, dpi=120)
for name, rows in (("", certificates), ("_draws", draws)):
    path = output.with_name(f"{output.stem}{name}.csv")
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
