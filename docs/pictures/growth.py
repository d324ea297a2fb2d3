"""How many numbers the weights need, against the number of sites."""

import matplotlib.pyplot as plt
import numpy as np

from sktensornet.networks import balanced, canonical_polyadic, hierarchical_tucker, tensor_train

m, r, n_classes = 4, 8, 10
d = np.array([2, 4, 8, 16, 32, 64, 128, 256])


def parameters(make, rank):
    counts = []
    for sites in d.tolist():
        tree = make(sites)
        shapes = tree.core_shapes(tree.message_sizes((m,) * sites, rank, n_classes))
        counts.append(sum(int(np.prod(shape)) for shape in shapes))
    return counts


figure, axis = plt.subplots(figsize=(6.4, 3.5), layout="constrained")
short = np.linspace(2, 24, 50)
axis.loglog(short, n_classes * float(m) ** short, color="#777777", lw=2)
axis.text(24, 6e14, "  all weights, $m^d$", va="center", color="#555555")
for name, make, rank, colour in (
    ("HT, rank 8", lambda n: hierarchical_tucker(balanced(n)), r, "#c8553d"),
    ("TT, rank 8", tensor_train, r, "#3b6ea8"),
    ("CP, rank 32", canonical_polyadic, 4 * r, "#5b8c5a"),
):
    counts = parameters(make, rank)
    axis.loglog(d, counts, "o-", ms=4, color=colour, lw=2, label=name)
axis.set(xlabel="number of sites d", ylabel="numbers to store", ylim=(10, 1e16))
axis.set_xticks([2, 4, 8, 16, 32, 64, 128, 256], [2, 4, 8, 16, 32, 64, 128, 256])
axis.minorticks_off()
axis.legend(frameon=False, loc="upper left", title="m = 4 features, 10 classes")
axis.spines[["top", "right"]].set_visible(False)
