"""A digit, cut into patches, and three orders in which a chain may visit them."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Rectangle
from sklearn.datasets import load_digits

from sktensornet.patches import ImagePatches

image = load_digits().images[2]
figure, axes = plt.subplots(1, 5, figsize=(10.5, 2.3), layout="constrained")
cuts = [
    ("4 patches of 4 x 4", ImagePatches((8, 8), (4, 4))),
    ("9 patches, stride 2", ImagePatches((8, 8), (4, 4), stride=2)),
]
colours = plt.colormaps["tab10"]
for axis, (title, cut) in zip(axes[:2], cuts, strict=True):
    axis.imshow(image, cmap="gray_r", alpha=0.55)
    sites = cut.fit(64)
    overlap = sites.n_sites > 4
    for k, columns in enumerate(sites.columns):
        row, column = divmod(int(columns[0]), 8)
        shift = 0.05 * (k % 3 - 1) if overlap else 0
        axis.add_patch(
            Rectangle(
                (column - 0.44 + shift, row - 0.44 + shift),
                3.88,
                3.88,
                fill=False,
                edgecolor=colours(k),
                lw=1.4,
            )
        )
        if not overlap:
            axis.text(
                column + 1.5,
                row + 1.5,
                str(k),
                color=colours(k),
                ha="center",
                va="center",
                size=15,
                weight="bold",
            )
    axis.set_title(title, size=10)
    axis.set_axis_off()
for axis, order in zip(axes[2:], ("raster", "snake", "hilbert"), strict=True):
    grid = ImagePatches((8, 8), (2, 2), order=order).fit(64).grid
    places = np.array([np.argwhere(grid == k)[0] for k in range(grid.size)])
    axis.imshow(image, cmap="gray_r", alpha=0.25, extent=(-0.5, 3.5, 3.5, -0.5))
    axis.plot(places[:, 1], places[:, 0], "o-", color="#3b6ea8", lw=1.8, ms=4)
    axis.plot(places[0, 1], places[0, 0], "o", color="#c8553d", ms=8)
    axis.set_title(f'order="{order}"', size=10)
    axis.set_axis_off()
