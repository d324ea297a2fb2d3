"""A loss of one's own: the logarithm of the hyperbolic cosine, smooth and robust."""

import numpy as np

from sktensornet import TTRegressor
from sktensornet.losses import RegressionLoss


class LogCosh(RegressionLoss):
    r"""Sum over the outputs of log cosh(s - y): a parabola near 0, |s - y| far away."""

    def value_and_gradient(self, scores, y):
        residual = scores - y
        size = np.abs(residual)
        value = size + np.log1p(np.exp(-2 * size)) - np.log(2)
        return value.sum(axis=1), np.tanh(residual)

    def curvature(self, scores, y, direction):
        # Of a parabola that touches here and lies above elsewhere: tanh(t) / t.
        residual = np.maximum(np.abs(scores - y), 1e-8)
        return (np.tanh(residual) / residual * direction * direction).sum(axis=1)

    def curvature_bound(self, n_outputs):
        return 1.0


# The derivative against finite differences, as the tests of the package do it.
rng = np.random.default_rng(0)
scores, y, step = rng.standard_normal((5, 1)), rng.standard_normal((5, 1)), 1e-6
loss = LogCosh()
above, below = (loss.value_and_gradient(scores + sign * step, y)[0] for sign in (1, -1))
_, gradient = loss.value_and_gradient(scores, y)
np.testing.assert_allclose(gradient[:, 0], (above - below) / (2 * step), rtol=1e-6)

# The parabola of `curvature` lies above the loss.
far = scores + np.linspace(-5, 5, 5)[:, None]
move = far - scores
bound = loss.value_and_gradient(scores, y)[0] + (gradient * move)[:, 0]
bound += 0.5 * loss.curvature(scores, y, move)
assert (loss.value_and_gradient(far, y)[0] <= bound + 1e-12).all()


# In the package, one line in `REGRESSION_LOSSES` makes it loss="log_cosh".
# Outside, a subclass says which loss it takes.
class LogCoshRegressor(TTRegressor):
    """Tensor train with the loss `LogCosh`."""

    def _loss(self):
        return LogCosh()


X = rng.standard_normal((300, 4))
clean = X[:, 0] * X[:, 1]
noisy = clean + 0.1 * rng.standard_normal(300)
noisy[::10] += 30  # outliers
common = {
    "rank": 3,
    "feature_map": "polynomial",
    "alpha": 1e-4,
    "solver": "lbfgs",
    "random_state": 0,
}
errors = []
for model in (LogCoshRegressor(**common), TTRegressor(**common)):
    errors.append(np.median(np.abs(model.fit(X, noisy).predict(X) - clean)))
    print(f"{type(model).__name__}: median error {errors[-1]:.2f}")
assert errors[0] < 0.5 * errors[1]
