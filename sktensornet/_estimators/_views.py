"""Scores of samples, and of views of them that augmentations make."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .._arrays._namespace import Place, kept_place
from .._arrays._parallel import effective_threads
from .._fitting._augment import Augment
from .._problems._any_length import scores_of_any_length
from ._predictor import predictor_of
from ._reading import read_there


class Views:
    """Mixin of estimators that average predictions over ``n_views`` views of each sample."""

    def _views(self: Any, X: Any, method: str) -> Iterator[tuple[Any, Any]]:
        """Rows and their scores: of the samples as they are, then as ``augment`` changes them."""
        self._check_place(X, method)
        place = kept_place("X", X)
        rows = read_there(self, X, place, any_length=True)
        yield rows, self._scores(rows, place)
        if self.n_views == 1:
            return
        if place is not None:
            raise ValueError(
                f"n_views={self.n_views!r} changes samples in NumPy, which an X of {place} rules "
                "out; use n_views=1, or pass X as an array of NumPy."
            )
        augment: Any = Augment.of(self, self.patches_.patches, rows)
        for view in range(1, self.n_views):
            changed = augment.view(rows, view)
            yield changed, self._scores(changed, place)

    def _scores(self: Any, rows: Any, place: Place | None) -> Any:
        n_threads = effective_threads(self.n_jobs)
        if self.network_.shares_cores and rows.shape[1] != self.n_features_in_:
            sites, feature_map, network = self._parts()
            return scores_of_any_length(sites, feature_map, network, rows, n_threads)
        return predictor_of(self, place).scores(rows, n_threads)

    def _raw_scores(self, X: Any, method: str) -> Any:
        """Of the samples as they are."""
        return next(self._views(X, method))[1]


def mean(values: Iterator[Any]) -> Any:
    """The mean of arrays; the only one itself."""
    found = list(values)
    return found[0] if len(found) == 1 else sum(found) / len(found)
