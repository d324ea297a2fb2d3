"""A solver of one's own: Nesterov's accelerated gradient with backtracking."""

import numpy as np
from sklearn.datasets import load_iris

from sktensornet import TTClassifier
from sktensornet.solvers import Outcome, Solver


class Nesterov(Solver):
    """Accelerated gradient descent on all samples; each step halves until it descends."""

    default_max_iter = 200

    def __init__(self, step=1.0, grow=1.5):
        self.step = step
        self.grow = grow

    def check(self):
        if not self.step > 0:
            raise ValueError(f"step={self.step!r} must be a number > 0.")
        if not self.grow >= 1:
            raise ValueError(f"grow={self.grow!r} must be a number >= 1.")

    def minimize(self, problem, start, *, max_iter, tol, patience, random_state, monitor):
        # A problem is a function of a flat vector; formats, maps and losses are unknown here.
        point, ahead, momentum, step = start, start, 1.0, float(self.step)
        values = []
        for _ in range(max_iter):
            value, gradient = problem.value_and_gradient(ahead)
            steepness = float(gradient @ gradient)
            while True:
                after = ahead - step * gradient
                value_after, _ = problem.value_and_gradient(after)
                if value_after <= value - 0.5 * step * steepness or step < 1e-12:
                    break
                step /= 2
            momentum, before = (1 + np.sqrt(1 + 4 * momentum**2)) / 2, momentum
            ahead = after + (before - 1) / momentum * (after - point)
            if values and value_after > values[-1]:  # restart where it overshot
                ahead, momentum = after, 1.0
            point, step = after, step * self.grow
            values.append(value_after)
            # The monitor keeps the curve, calls callbacks, and may ask to stop.
            stop = monitor(point, value_after)
            settled = len(values) > patience and values[-1 - patience] - value_after <= tol
            if stop or settled:
                return Outcome(point, converged=True)
        return Outcome(point, converged=False)


X, y = load_iris(return_X_y=True)
common = {"rank": 3, "feature_map": "polynomial", "alpha": 1e-3, "random_state": 0}
for solver in (Nesterov(), "lbfgs"):
    clf = TTClassifier(solver=solver, **common).fit(X, y)
    print(f"{solver}: objective {clf.loss_curve_[-1]:.4f} after {clf.n_iter_} iterations")
