"""Why a network of random cores says nothing, and one near the identity does."""

import matplotlib.pyplot as plt
import numpy as np

rng = np.random.default_rng(0)
d, m, r, n = 64, 4, 8, 200
f = np.concatenate([np.ones((d, n, 1)), 0.5 * rng.standard_normal((d, n, m - 1))], axis=2)


def walk(cores):
    """Messages of a chain along the sites, for all samples."""
    h, found = np.eye(1, r).repeat(n, axis=0), []
    for features, core in zip(f, cores, strict=True):
        h = np.einsum("na,aib,ni->nb", h, core, features)
        found.append(h)
    return found


figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.3), layout="constrained")
pass_on = np.zeros((d, r, m, r))
pass_on[:, :, 0] = np.eye(r)
starts = {
    "random cores": (rng.standard_normal((d, r, m, r)) / np.sqrt(r * np.mean(f**2) * m), "#999999"),
    "identity and noise": (pass_on + 0.02 * rng.standard_normal((d, r, m, r)), "#3b6ea8"),
}
for name, (cores, colour) in starts.items():
    sizes = np.array([np.linalg.norm(h, axis=1) for h in walk(cores)])
    low, middle, high = np.quantile(sizes, [0.1, 0.5, 0.9], axis=1)
    site = np.arange(1, d + 1)
    left.fill_between(site, low, high, color=colour, alpha=0.25, lw=0)
    left.semilogy(site, middle, color=colour, lw=2, label=name)
left.set(xlabel="site", ylabel="length of the message", title="A message through 64 cores")
left.legend(frameon=False, loc="lower left")
orders = np.arange(1, 7)
for scale, colour in ((0.1, "#c8553d"), (0.3, "#5b8c5a"), (1.0, "#3b6ea8")):
    right.semilogy(orders, scale ** (-2.0 * orders), "o-", color=colour, lw=2, label=f"s = {scale}")
right.set(
    xlabel="columns that act together",
    ylabel="penalty on the same effect",
    title="What an interaction costs: $s^{-2k}$",
)
right.legend(frameon=False)
for axis in (left, right):
    axis.spines[["top", "right"]].set_visible(False)
