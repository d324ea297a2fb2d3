"""Scores of new samples, many times by the same network."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

from .._arrays._namespace import Place
from .._arrays._typing import FloatArray
from .._arrays._workspace import Workspace
from .._problems._model import Model
from ..feature_maps import FittedMap
from ..networks import TensorNetwork
from ..patches import Sites

_KEPT_BYTES = 1_000_000
"""Of work memory between calls: that of some hundred rows, for which the pass is short."""


class Predictor:
    """What scores need beyond the samples, made once: the plan, prepared cores, memory.

    For a row of 13 columns these take half of the time of a call. May be used by several
    threads at once.

    Parameters
    ----------
    sites : Sites
    feature_map : FittedMap
    network : TensorNetwork
    place : Place or None
        Where samples are, if they are arrays of another library: the cores are there too.
    """

    def __init__(
        self, sites: Sites, feature_map: FittedMap, network: TensorNetwork, place: Place | None
    ) -> None:
        self._of = sites, feature_map, network
        self._place = place
        model = Model.from_fitted(sites, feature_map, network)
        theta = model.theta_of(network, feature_map)
        self._model = model if place is None else model.moved(place)
        self._prepared = self._model.prepared(theta)
        self._idle: list[Workspace] = []

    def is_of(self, place: Place | None, *of: Any) -> bool:
        """Whether this is the place, and these are the sites, the map and the network."""
        same = (one is other for one, other in zip(self._of, of, strict=True))
        return place == self._place and all(same)

    def scores(self, X: FloatArray, n_threads: int) -> FloatArray:
        """Scores (n_samples, n_outputs) of all rows, in the dtype of the network."""
        try:
            work = self._idle.pop()
        except IndexError:
            work = Workspace()
        scores = self._model.scores_by(self._prepared, X, n_threads, work)
        # What a device has lent, its library keeps.
        if self._place is None and work.n_bytes <= _KEPT_BYTES:
            self._idle.append(work)
        return scores


_predictors: WeakKeyDictionary[Any, Predictor] = WeakKeyDictionary()


def predictor_of(estimator: Any, place: Place | None = None) -> Predictor:
    """The predictor of a fitted estimator, kept as long as that, its place and what it learnt.

    Not in the estimator, which prediction must not change, and files should not hold.
    """
    of = estimator.patches_, estimator.feature_map_, estimator.network_
    found = _predictors.get(estimator)
    if found is None or not found.is_of(place, *of):
        found = _predictors[estimator] = Predictor(*of, place)
    return found
