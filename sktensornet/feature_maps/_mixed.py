"""Another map for each group of sites."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from .._arrays._namespace import each, rows_of
from .._arrays._typing import Features, FloatArray, IntArray
from ._base import FeatureMap, FittedMap


class MixedMap(FeatureMap):
    r"""Different feature maps for different sites.

    .. math:: f_k(x) = f^{(g)}(x) \quad \text{for sites } k \text{ of group } g

    Estimators make it from ``feature_map={"age": "spline", ...}``, and for
    tables that have categories.

    Parameters
    ----------
    maps : sequence of FeatureMap
        One for each group.
    groups : sequence of sequence of int
        The sites of each group; each site is in one of them.

    Examples
    --------
    >>> import numpy as np
    >>> from sktensornet.feature_maps import MixedMap, OneHotMap, PolynomialMap
    >>> X = np.array([[0.0, 1.0], [2.0, 1.0], [4.0, 2.0]])
    >>> mixed = MixedMap([PolynomialMap(), OneHotMap()], [[0], [1]])
    >>> mixed.fit(X, np.array([[0], [1]]), None, None).mode_sizes
    (2, 3)
    """

    def __init__(self, maps: Sequence[FeatureMap], groups: Sequence[Sequence[int]]) -> None:
        self.maps = maps
        self.groups = groups

    @property
    def allow_nan(self) -> bool:  # type: ignore[override]
        return all(one.allow_nan for one in self.maps)

    @property
    def array_api_support(self) -> bool:  # type: ignore[override]
        return all(one.array_api_support for one in self.maps)

    @property
    def trainable(self) -> bool:  # type: ignore[override]
        return any(one.trainable for one in self.maps)

    @property
    def has_free_scale(self) -> bool:
        return any(one.has_free_scale for one in self.maps)

    def fit(self, X, columns, sample_weight, random_state) -> FittedMap:
        groups = tuple(np.asarray(group, dtype=np.intp) for group in self.groups)
        sites = np.concatenate(groups) if groups else np.empty(0, np.intp)
        if not np.array_equal(np.sort(sites), np.arange(len(columns))):
            raise ValueError(
                f"groups={self.groups!r} must contain each of the {len(columns)} sites once."
            )
        fitted = tuple(
            one.fit(X, columns[group], sample_weight, random_state)
            for one, group in zip(self.maps, groups, strict=True)
        )
        place = np.argsort(sites)
        sizes = [size for one in fitted for size in one.mode_sizes]
        constants = [u for one in fitted for u in one.constants]
        return FittedMixedMap(
            mode_sizes=tuple(sizes[k] for k in place),
            constants=tuple(constants[k] for k in place),
            has_constant=all(one.has_constant for one in fitted),
            parameters=tuple(array for one in fitted for array in one.parameters),
            maps=fitted,
            groups=groups,
            place=place,
            has_free_scale=self.has_free_scale,
        )


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class FittedMixedMap(FittedMap):
    """Fitted `MixedMap`; ``maps`` are the fitted maps of the ``groups`` of sites."""

    maps: tuple[FittedMap, ...]
    groups: tuple[IntArray, ...]
    place: IntArray

    @property
    def indexed_sites(self) -> frozenset[int]:
        groups = zip(self.maps, self.groups, strict=True)
        return frozenset(int(group[k]) for one, group in groups for k in one.indexed_sites)

    def with_scale(self, scale: float) -> FittedMap:
        return replace(self, maps=tuple(one.with_scale(scale) for one in self.maps))

    def repeated(self, n_sites: int) -> FittedMap:
        raise ValueError("a map for each column says nothing of other columns.")

    def scale_at(self, site: int) -> float:
        groups = zip(self.maps, self.groups, strict=True)
        return next(
            one.scale_at(int(np.flatnonzero(group == site)[0]))
            for one, group in groups
            if site in group
        )

    def same_kind(self, other: FittedMap) -> bool:
        return (
            isinstance(other, FittedMixedMap)
            and len(self.maps) == len(other.maps)
            and all(a.same_kind(b) for a, b in zip(self.maps, other.maps, strict=True))
            and all(np.array_equal(a, b) for a, b in zip(self.groups, other.groups, strict=True))
        )

    def forward(self, parameters, sites) -> tuple[Features, Any]:
        features: list[FloatArray] = []
        saved = []
        for one, group, own in zip(self.maps, self.groups, self._own(parameters), strict=True):
            found, kept = one.forward(own, rows_of(sites, group))
            features.extend(each(found))
            saved.append(kept)
        return [features[k] for k in self.place], saved

    def backward(self, parameters, saved, gradient) -> list[FloatArray]:
        derivatives: list[FloatArray] = []
        groups = zip(self.maps, self.groups, self._own(parameters), saved, strict=True)
        gradient = each(gradient)
        for one, group, own, kept in groups:
            if own:
                derivatives += one.backward(own, kept, [gradient[k] for k in group])
        return derivatives

    def _own(self, parameters: Sequence[FloatArray]) -> list[Sequence[FloatArray]]:
        """The parameters of each group."""
        bounds = np.cumsum([0, *(len(one.parameters) for one in self.maps)])
        return [parameters[a:b] for a, b in pairwise(bounds)]
