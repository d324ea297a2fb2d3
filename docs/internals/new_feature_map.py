"""A feature map of one's own: the sign and the order of magnitude of a column."""

from dataclasses import dataclass

import numpy as np

from sktensornet import TTRegressor
from sktensornet.feature_maps import FeatureMap, FittedMap


# The specification: parameters as they are given, as in any scikit-learn class.
class MagnitudeMap(FeatureMap):
    r"""Sign and order of magnitude: f(x) = (1, sign(x) log(1 + |x| / u))."""

    allow_nan = True

    def __init__(self, unit=1.0):
        self.unit = unit

    def fit(self, X, columns, sample_weight, random_state):
        if not self.unit > 0:
            raise ValueError(f"unit={self.unit!r} must be a number > 0.")
        n_sites, site_size = columns.shape
        size = 1 + site_size
        covector = np.eye(1, size, dtype=X.dtype)[0]
        return FittedMagnitudeMap(
            mode_sizes=(size,) * n_sites,
            # For each site a covector u with <u, f(x)> = 1: starts and penalties use it.
            constants=(covector,) * n_sites,
            has_constant=True,
            unit=float(self.unit),
        )


# What fit makes of it: immutable, and able to turn sites into features.
@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class FittedMagnitudeMap(FittedMap):
    """Fitted `MagnitudeMap`."""

    unit: float

    def forward(self, parameters, sites):
        # (n_sites, n_samples, n_columns_per_site) -> (n_sites, n_samples, m), same dtype.
        z = np.sign(sites) * np.log1p(np.abs(sites) / self.unit)
        z[np.isnan(z)] = 0  # what is missing says nothing
        one = np.ones((*z.shape[:2], 1), dtype=z.dtype)
        return np.concatenate([one, z], axis=2), None


# It is a parameter like the maps of the package, nested parameters included.
rng = np.random.default_rng(0)
X = rng.standard_normal((400, 3)) * 10.0 ** rng.integers(-1, 4, (400, 3))
z = np.sign(X) * np.log1p(np.abs(X))
y = z[:, 0] * z[:, 1] + z[:, 2] + 0.1 * rng.standard_normal(400)
model = TTRegressor(rank=4, feature_map=MagnitudeMap(), random_state=0)
model.fit(X[:300], y[:300])
score = model.score(X[300:], y[300:])
linear = TTRegressor(rank=4, feature_map="polynomial", random_state=0)
reference = linear.fit(X[:300], y[:300]).score(X[300:], y[300:])
print(f"R^2 with MagnitudeMap {score:.3f}, with [1, x] {reference:.3f}")
model.set_params(feature_map__unit=10.0)
