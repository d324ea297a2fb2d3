"""Predictions with intervals that hold nine tenths of new targets."""

import matplotlib.pyplot as plt
import numpy as np

from sktensornet import TTRegressor

rng = np.random.default_rng(0)
X = rng.uniform(-2, 2, (400, 2))
y = np.sin(2 * X[:, 0]) + 0.15 * (1.2 + X[:, 0]).clip(0.3) * rng.standard_normal(400)
reg = TTRegressor(rank=3, random_state=0).fit(X, y)
grid = np.column_stack([np.linspace(-2, 2, 80), np.zeros(80)])
lower, upper = reg.predict_interval(grid, coverage=0.9).T

figure, axis = plt.subplots(figsize=(6.4, 3.5), layout="constrained")
axis.plot(X[:, 0], y, ".", color="0.6", ms=3)
axis.fill_between(grid[:, 0], lower, upper, color="#3b6ea8", alpha=0.25, lw=0)
axis.plot(grid[:, 0], reg.predict(grid), color="#3b6ea8", lw=2)
axis.set(xlabel="a column", ylabel="target", title="intervals of nine tenths")
axis.spines[["top", "right"]].set_visible(False)
