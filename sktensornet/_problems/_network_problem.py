"""What problems share whose points are networks, with a feature map that stays."""

from __future__ import annotations

from typing import Any

from .._arrays._typing import FloatArray
from ..feature_maps import FittedMap
from ..networks import TensorNetwork
from ._model import Model


class NetworkProblem:
    """Points of a solver as networks of any rank."""

    model: Model

    def start(self, theta: FloatArray) -> TensorNetwork:
        """The point of a parameter vector of the model."""
        return self.model.network(theta)

    def minimize(self, solver: Any, start: Any, **options: Any) -> Any:
        """What ``solver.minimize`` gives."""
        return solver.minimize(self, start, **options)

    def fitted(self, point: TensorNetwork) -> tuple[TensorNetwork, FittedMap]:
        """The network and the feature map at a point."""
        return point, self.model.feature_map

    def scores(self, point: TensorNetwork, X: FloatArray) -> FloatArray:
        """Scores of other samples at a point."""
        model = self.model
        if point.message_sizes != model.message_sizes:
            model = Model.from_fitted(model.sites, model.feature_map, point)
        return model.scores(model.theta_of(point, model.feature_map), X, 1)
