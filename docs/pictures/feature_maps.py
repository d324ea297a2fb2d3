"""What the maps of a column look like on a column with a long tail."""

import matplotlib.pyplot as plt
import numpy as np

from sktensornet.feature_maps import (
    FourierMap,
    OneHotMap,
    PolynomialMap,
    QuantileMap,
    SplineMap,
    TrigonometricMap,
)

column = np.random.default_rng(0).gamma(2.0, 1.0, 400)[:, None]
line = np.linspace(column.min(), column.max(), 300)
maps = [
    PolynomialMap(degree=2),
    SplineMap(),
    QuantileMap(),
    FourierMap(3),
    TrigonometricMap(),
    OneHotMap(),
]
figure, axes = plt.subplots(2, 3, figsize=(10.5, 4.3), layout="constrained")
for axis, one in zip(axes.ravel(), maps, strict=True):
    values, where = column, line
    if isinstance(one, OneHotMap):
        values, where = column.round().clip(0, 3), np.arange(4.0)
    fitted = one.fit(values, np.array([[0]]), None, np.random.RandomState(0))
    features = fitted.transform(where[None, :, None])[0]
    for feature in features.T[::-1]:
        constant = np.ptp(feature) == 0
        style = {"color": "#999999", "ls": "--"} if constant else {"lw": 1.8}
        if isinstance(one, OneHotMap):
            axis.step(where, feature, where="mid", **style)
        else:
            axis.plot(where, feature, **style)
    axis.plot(values[:150, 0], np.full(150, axis.get_ylim()[0]), "|", color="0.6", ms=5)
    axis.set_title(type(one).__name__, size=10)
    axis.spines[["top", "right"]].set_visible(False)
    axis.tick_params(labelsize=8)
