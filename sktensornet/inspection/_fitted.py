"""What inspection needs of a fitted estimator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from .._arrays._typing import FloatArray
from .._estimators._base import BaseTensorNetwork
from ..networks import TensorNetwork, scale_outputs


def fitted_estimator(estimator: Any) -> Any:
    """The estimator, if it is a fitted one of the package."""
    if not isinstance(estimator, BaseTensorNetwork):
        raise ValueError(
            f"estimator={estimator!r} must be a fitted estimator of sktensornet, such as a "
            "TTClassifier; of a pipeline or a search pass the one inside."
        )
    check_is_fitted(estimator)
    return estimator


def fitted_network(estimator: Any) -> TensorNetwork:
    """The network of a fitted estimator."""
    return fitted_estimator(estimator).network_


class FittedScores:
    """The scores of a fitted estimator, in the units of the target, with names.

    Parameters
    ----------
    estimator : object
        Any estimator of the package, fitted.
    output : object or None
        The class or the index of the output to take; None is all.
    feature_names : sequence of str or None
        Names of the columns; None takes those of the training data, or x0, x1, ...

    Attributes
    ----------
    network : TensorNetwork
        In float64, of the outputs taken.
    offset : ndarray of shape (n_outputs,)
        What is added to the scores of the network.
    outputs : ndarray of shape (n_outputs,)
        Their names.
    names : list of str
        Names of the columns of X.
    """

    def __init__(self, estimator: Any, output: Any = None, feature_names: Any = None) -> None:
        self.estimator = fitted_estimator(estimator)
        n_outputs = estimator.network_.n_outputs
        classes = getattr(estimator, "classes_", None)
        if classes is None:
            every, known = np.arange(n_outputs), "an index of"
        else:
            every, known = (classes[1:] if n_outputs == 1 else classes), "one of"
        which = np.arange(n_outputs)
        if output is not None:
            which = np.array([k for k, name in enumerate(every.tolist()) if name == output], int)
            if not len(which):
                raise ValueError(
                    f"output={output!r} must be {known} the outputs with a score, "
                    f"{every.tolist()!r}."
                )
        self.outputs = every[which]
        scale = np.asarray(getattr(estimator, "target_scale_", np.ones(n_outputs)))
        offset = np.asarray(getattr(estimator, "target_mean_", np.zeros(n_outputs)))
        if estimator.loss == "poisson":
            # Scores are logarithms of the targets by their mean.
            scale, offset = np.ones(n_outputs), np.log(scale)
        self.offset = offset[which]
        network = estimator.network_
        network.tree.require_multilinear("inspection of the scores")
        free = TensorNetwork(network.tree.free(), network.cores, network.batched)
        self.network: TensorNetwork = scale_outputs(free, scale, which)
        self.names = self._names(feature_names)

    def _names(self, feature_names: Sequence[str] | None) -> list[str]:
        n_columns = self.estimator.n_features_in_
        if feature_names is None:
            known = self.estimator.columns_.names
            return list(known) if known else [f"x{k}" for k in range(n_columns)]
        names = [str(name) for name in feature_names]
        if len(names) != n_columns:
            raise ValueError(
                f"feature_names has {len(names)} names; it must have one for each of the "
                f"{n_columns} columns of X."
            )
        return names

    @property
    def site_names(self) -> list[str]:
        """Names of the columns, or the numbers of patches."""
        sites = self.estimator.patches_
        if sites.site_size == 1:
            return [self.names[k] for k in sites.columns[:, 0]]
        return [f"patch {k}" for k in range(sites.n_sites)]

    def category(self, column: int, code: float) -> str:
        """The name of a category."""
        known = self.estimator.columns_
        if column not in known.categorical:
            return f"{code:g}"
        return str(known.encoder.categories_[known.categorical.index(column)][int(code)])

    def features(self, X: Any, rows: slice) -> Sequence[FloatArray]:
        """Local features of some rows of checked data, in float64."""
        sites = self.estimator.patches_.extract(X[rows])
        found = self.estimator.feature_map_.transform(sites)
        return [part.astype(np.float64) for part in found]
