"""Widths that replace a tensor train: of a shallow network, and of a tree with a class leg."""

import matplotlib.pyplot as plt

from sktensornet.expressivity import (
    LARGEST_PRIME,
    cp_rank_lower_bound,
    equivalent_width,
    random_network,
)
from sktensornet.networks import balanced, convert, hierarchical_tucker, tensor_train

TT, HT, CP = "#3b6ea8", "#c8553d", "#5b8c5a"
figure, (left, right) = plt.subplots(1, 2, figsize=(10.5, 3.7), layout="constrained")

lengths = range(2, 21, 2)
for rank, shade in ((2, 0.4), (3, 0.7), (4, 1.0)):
    bounds = [equivalent_width("TT", "CP", rank, d, rank) for d in lengths]
    left.semilogy(lengths, bounds, color=CP, alpha=shade)
    left.text(20.4, bounds[-1], f"rank {rank}", color=CP, va="center", size=9)
    for d in (2, 4, 6, 8):
        train = random_network(tensor_train(d), rank, rank, prime=LARGEST_PRIME, random_state=0)
        found = cp_rank_lower_bound(train, prime=LARGEST_PRIME)
        left.semilogy(d, found, "o", color=CP, alpha=shade, mfc="white", ms=6)
left.semilogy(lengths, [4] * len(lengths), color=TT)
left.text(20.4, 4, "the trains", color=TT, va="center", size=9)
left.set(
    title="a shallow network in place of a train",
    xlabel="sites",
    ylabel="width",
    xlim=(1.5, 24.5),
)
left.set_xticks(list(lengths)[::2])

sizes = range(2, 19)
for batched, name, style in (
    (False, "one tensor with a class leg", "o-"),
    (True, "one each", "s--"),
):
    widths = []
    for m in sizes:
        train = random_network(tensor_train(8), m, 2, 10, batched=batched, random_state=0)
        widths.append(max(convert(train, hierarchical_tucker(balanced(8))).ranks))
    right.plot(sizes, widths, style, color=HT, ms=5, mfc="white")
    right.text(18.4, widths[-1], name, color=HT, va="center", size=9)
right.set(
    title="a tree in place of a train of rank 2,\n8 sites, 10 classes",
    xlabel="features a site, m",
    ylabel="width",
    xlim=(1, 29),
    ylim=(0, 44),
)
right.set_xticks([2, 6, 10, 14, 18])
for axis in (left, right):
    axis.spines[["top", "right"]].set_visible(False)
