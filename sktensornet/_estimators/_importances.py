"""The importances of columns, where a fitted network has any."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._fitting._feature_moments import FeatureMoments, importances, why_no_importances
from ..networks import TensorNetwork
from ..patches import Sites


class ColumnImportances:
    """Mixin of estimators: ``feature_importances_`` is set, or is missing for a reason."""

    network_: TensorNetwork
    patches_: Sites
    _feature_moments: FeatureMoments | None
    feature_importances_: np.ndarray

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            for owner in type(self).__mro__:
                if hasattr(vars(owner).get(name), "__get__"):
                    # A method that is missing says why.
                    return vars(owner)[name].__get__(self, type(self))
            reason = ""
            if name == "feature_importances_" and "network_" in vars(self):
                parts = self.network_, self.patches_, self._feature_moments
                reason = f" {why_no_importances(*parts) or 'before the fit has ended.'}"
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}{reason}"
            )

    def _drop_importances(self) -> None:
        self.__dict__.pop("feature_importances_", None)

    def _set_importances(self) -> None:
        """Set the shares of the columns by the network that is there now."""
        self._drop_importances()
        network, sites, moments = self.network_, self.patches_, self._feature_moments
        if moments is not None and why_no_importances(network, sites, moments) is None:
            self.feature_importances_ = importances(network, moments)
