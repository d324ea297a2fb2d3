"""The floors of the package, as the import contracts in pyproject.toml say."""

import tomllib
from pathlib import Path

import matplotlib.pyplot as plt
from matplotlib.patches import FancyBboxPatch

for folder in (Path.cwd(), *Path.cwd().parents):
    if (folder / "sktensornet").is_dir() and (folder / "pyproject.toml").exists():
        break
contracts = tomllib.loads((folder / "pyproject.toml").read_text())["tool"]["importlinter"]
layers = next(one["layers"] for one in contracts["contracts"] if one["type"] == "layers")
floors = [
    [name.strip().removeprefix("sktensornet.") for name in layer.split("|")] for layer in layers
]
figure, axis = plt.subplots(figsize=(9, 0.52 * len(floors) + 0.2), layout="constrained")
for level, names in enumerate(floors):
    top = -level
    widths = [0.3 + 0.075 * len(name) for name in names]
    gap = 0.12
    x = -(sum(widths) + gap * (len(widths) - 1)) / 2
    for name, width in zip(names, widths, strict=True):
        public = not name.startswith("_")
        axis.add_patch(
            FancyBboxPatch(
                (x, top - 0.33),
                width,
                0.66,
                boxstyle="round,pad=0,rounding_size=0.12",
                facecolor="#3b6ea8" if public else "#e8e3d9",
                edgecolor="none",
            )
        )
        axis.text(
            x + width / 2,
            top,
            name,
            ha="center",
            va="center",
            family="monospace",
            size=8.5,
            color="white" if public else "#333333",
        )
        x += width + gap
axis.set(xlim=(-3.3, 3.3), ylim=(-len(floors) + 0.4, 0.6))
axis.set_axis_off()
