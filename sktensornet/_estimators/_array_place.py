"""Where a fitted estimator is: in NumPy, or on a device of another library."""

from __future__ import annotations

from copy import copy
from typing import Any, Self

import numpy as np
from sklearn.utils._array_api import check_same_namespace
from sklearn.utils.validation import check_is_fitted

from .._arrays._namespace import LIBRARIES, Place, place_of, restored, to_numpy
from ..feature_maps import FEATURE_MAPS
from ..solvers import SOLVERS

_ARRAYS = ("classes_", "target_mean_", "target_scale_", "feature_importances_")
"""Fitted attributes that are arrays; the network and the map, which inspection, files and other
formats read, are NumPy's everywhere, and predictions keep the cores on the device."""


def takes_arrays(estimator: Any) -> bool:
    """Whether the parameters allow arrays of other libraries than NumPy."""
    asked = estimator.feature_map
    maps = list(asked.values()) if isinstance(asked, dict) else [asked]
    maps = [FEATURE_MAPS.get(one, one) if isinstance(one, str) else one for one in maps]
    solver = estimator.solver
    solver = SOLVERS.get(solver, solver) if isinstance(solver, str) else solver
    return (
        all(getattr(one, "array_api_support", one == "auto") for one in maps)
        and not getattr(solver, "sweeps", False)
        and estimator.product == "multiply"
        and not estimator.shared_cores
    )


def placed(attributes: dict[str, Any], place: Place | None) -> dict[str, Any]:
    """Fitted attributes at a place, or in NumPy; text stays there."""
    found = dict(attributes)
    for name in _ARRAYS:
        if name in found:
            value = to_numpy(found[name])
            moves = place is not None and value.dtype.kind in "biuf"
            found[name] = place.put(value) if moves and place is not None else value
    if place is not None:
        found["_anchor"] = place.empty((0,), np.float64)
    return found


def _name_of(xp: Any) -> str:
    """The name of a library, or of the functions of the standard around it."""
    return str(getattr(xp, "__name__", xp)).rpartition(".")[2]


def _found(name: str, device: Any) -> Place | None:
    """A device of a library; None is NumPy."""
    if name == "numpy":
        if str(device) == "cpu":
            return None
        raise ValueError(
            f"device={device!r} is not where arrays of NumPy are, which is 'cpu'; name the library "
            "too, such as xp=torch."
        )
    if name not in LIBRARIES:
        raise ValueError(f"xp={name!r} must be one of numpy, {', '.join(LIBRARIES)}.")
    place = restored(name, str(getattr(device, "id", device)))
    if place is None:
        raise ValueError(f"device={device!r} of {name} is not at hand on this machine.")
    return place


def in_numpy(estimator: Any) -> Any:
    """A fitted estimator whose arrays are NumPy's: itself, or a copy."""
    if estimator._place is None:
        return estimator
    moved = copy(estimator)
    moved._settle(None)
    return moved


class ArrayPlace:
    """Mixin of estimators whose arrays follow X, as scikit-learn's ``array_api_dispatch`` asks."""

    _anchor: Any = np.empty(0)
    """An empty array where the estimator is, for scikit-learn to compare with X."""

    @property
    def _place(self) -> Place | None:
        return place_of(self._anchor)

    def _settle(self, place: Place | None) -> None:
        """Be at a place."""
        own = vars(self)
        own.pop("_anchor", None)
        own.update(placed({name: own[name] for name in _ARRAYS if name in own}, place))

    def _check_place(self, X: Any, method: str) -> None:
        """Raise if X is elsewhere, as the estimators of scikit-learn do."""
        check_same_namespace(X, self, attribute="_anchor", method=method)

    def __sklearn_array_api_convert__(self, convert: Any) -> Any:
        """What ``sklearn.utils._array_api.move_estimator_to`` makes of the estimator."""
        moved = copy(self)
        moved._settle(place_of(convert(self._anchor)))
        return moved

    def to(self, device: Any, *, xp: Any = None) -> Self:
        """Return the fitted estimator with its arrays on another device, or in another library.

        It then takes X there, under scikit-learn's ``array_api_dispatch``. What needs
        NumPy, ``network_`` and ``feature_map_``, is the same everywhere.

        Parameters
        ----------
        device : str or device
            Such as "cpu", "cuda:0" or "mps", or what the library gives as ``X.device``.
        xp : module or None, default=None
            The library, such as `numpy` or torch. None keeps that in which the
            estimator is.

        Returns
        -------
        object
            A fitted estimator of the same class; this one does not change.

        Raises
        ------
        ValueError
            If the library is none of those whose arrays are taken, or has no such device.

        Examples
        --------
        >>> import numpy as np
        >>> from sklearn.datasets import load_iris
        >>> from sktensornet import TTClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> clf = TTClassifier(rank=2, alpha=1e-3, max_iter=2, tol=1.0).fit(X, y)
        >>> clf.to("cpu", xp=np).score(X, y) > 0.9
        True
        """
        check_is_fitted(self)
        place = self._place
        name = _name_of(xp) if xp is not None else "numpy" if place is None else place.name
        moved = copy(self)
        moved._settle(_found(name, device))
        return moved

    def __getstate__(self) -> dict:
        """With arrays of NumPy, which can be read on a machine without the device."""
        state: Any = super().__getstate__()
        place = self._place
        if place is not None:
            own = {name: to_numpy(state[name]) for name in _ARRAYS if name in state}
            state = {**state, **own, "_anchor": place.names}
        return state

    def __setstate__(self, state: dict) -> None:
        """Be where the estimator was, or in NumPy where that is not at hand."""
        state = dict(state)
        names = state.pop("_anchor", None)
        super().__setstate__(state)  # type: ignore[misc]
        if names is not None:
            self._settle(restored(*names))
