"""What inspection needs of a fitted estimator."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from .._arrays._typing import FloatArray
from .._estimators._array_place import in_numpy
from .._estimators._base import BaseTensorNetwork
from .._estimators._reading import read_input
from .._fitting._feature_moments import FeatureMoments
from ..networks import TensorNetwork, scale_outputs


def fitted_estimator(estimator: Any) -> Any:
    """The fitted estimator of the package, itself or the last step inside."""
    return unwrapped(estimator)[0]


def unwrapped(estimator: Any) -> tuple[Any, list[Any]]:
    """The fitted estimator of the package inside, and the transformers before it.

    Pipelines are their last step, and searches what they refitted.
    """
    inner, before = estimator, []
    while not isinstance(inner, BaseTensorNetwork):
        if isinstance(inner, Pipeline):
            check_is_fitted(inner)
            before += [step for _, step in inner.steps[:-1] if step not in (None, "passthrough")]
            inner = inner.steps[-1][1]
        elif hasattr(inner, "best_estimator_"):
            inner = inner.best_estimator_
        else:
            raise ValueError(
                f"estimator={estimator!r} must be a fitted estimator of sktensornet, such as a "
                "TTClassifier, or a fitted pipeline or search whose last step is one; of anything "
                "else pass the one inside, and X as that one takes it."
            )
    check_is_fitted(inner)
    return in_numpy(inner), before


def transformed(before: list[Any], X: Any) -> Any:
    """X after the steps of a pipeline."""
    for step in before:
        X = step.transform(X)
    return X


def column_index(column: Any, names: Sequence[str], parameter: str) -> int:
    """The index of a column that a parameter names, or has the index of."""
    if isinstance(column, str) and column in names:
        return list(names).index(column)
    if isinstance(column, Integral) and 0 <= int(column) < len(names):
        return int(column)
    raise ValueError(
        f"{parameter} has the column {column!r}; it must be one of {list(names)!r}, or an index "
        f"in [0, {len(names) - 1}]."
    )


def data_frame(columns: dict[str, Any]) -> Any:
    """A table of pandas, which the package itself does without."""
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError("to_frame needs pandas: python -m pip install pandas.") from error
    return pd.DataFrame(columns)


def fitted_network(estimator: Any) -> TensorNetwork:
    """The network of a fitted estimator."""
    return fitted_estimator(estimator).network_


class FittedScores:
    """The scores of a fitted estimator, in the units of the target, with names.

    Parameters
    ----------
    estimator : object
        Any estimator of the package, fitted, or a pipeline or a search that ends in one.
    output : object or None
        The class or the index of the output to take; None is all.
    feature_names : sequence of str or None
        Names of the columns; None takes those of the training data, or x0, x1, ...

    Attributes
    ----------
    network : TensorNetwork
        In float64, of the outputs taken.
    scale, offset : ndarray of shape (n_outputs,)
        The unit of the targets in training, and what is added to the scores of the network.
    outputs : ndarray of shape (n_outputs,)
        Their names.
    names : list of str
        Names of the columns that the estimator of the package takes.
    """

    def __init__(self, estimator: Any, output: Any = None, feature_names: Any = None) -> None:
        estimator, self._before = unwrapped(estimator)
        self.estimator = estimator
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
        if not getattr(estimator._targets.loss, "scales_targets", True):
            # Scores are logarithms of the targets by their mean.
            scale, offset = np.ones(n_outputs), np.log(scale)
        self.scale, self.offset = scale[which], offset[which]
        network = estimator.network_
        network.tree.require_multilinear("inspection of the scores")
        free = TensorNetwork(network.tree.free(), network.cores, network.batched)
        self.network: TensorNetwork = scale_outputs(free, scale, which)
        self.names = self._names(feature_names)

    def _names(self, feature_names: Sequence[str] | None) -> list[str]:
        n_columns = self.estimator.n_features_in_
        if feature_names is None:
            known = self.estimator.columns_.names or self._names_after_steps()
            return list(known) if known else [f"x{k}" for k in range(n_columns)]
        names = [str(name) for name in feature_names]
        if len(names) != n_columns:
            raise ValueError(
                f"feature_names has {len(names)} names; it must have one for each of the "
                f"{n_columns} columns that {type(self.estimator).__name__} was fitted to."
            )
        return names

    def _names_after_steps(self) -> list[str] | None:
        """Names that the steps before give to their columns."""
        names = None
        for step in self._before:
            try:
                names = step.get_feature_names_out(names)
            except AttributeError as error:
                raise ValueError(
                    f"the step {step!r} gives its columns no names; pass feature_names, one for "
                    f"each of the {self.estimator.n_features_in_} columns after it."
                ) from error
        return None if names is None else [str(name) for name in names]

    def read(self, X: Any) -> Any:
        """Samples, as the estimator that was passed takes them, as checked numbers."""
        return read_input(self.estimator, transformed(self._before, X))

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

    def rows(self, X: Any, rows: slice = slice(None)) -> FloatArray:
        """Local features of some rows, those of all sites below each other: (sum of m_k, n)."""
        return np.concatenate([part.T for part in self.features(X, rows)])

    def background(self, background: Any) -> FloatArray:
        """Features to compare with, as from `rows`: the means of the fit, or those of rows."""
        if background is not None:
            data = self.read(background)
            self.check_no_ends(data, "background")
            return self.rows(data)
        moments = self.moments("background=None", "rows, such as 100 of the training data")
        return np.concatenate(moments.means)[:, None]

    def moments(self, what: str, instead: str) -> FeatureMoments:
        """The moments that the fit kept, or an error about what needs them."""
        found = self.estimator._feature_moments
        if found is None:
            raise ValueError(
                f"{what} needs the mean features that a fit keeps, which partial_fit, and a fit "
                f"with samples that end early, do not; pass {instead}."
            )
        return found

    def check_no_ends(self, data: FloatArray, name: str) -> None:
        """Raise if samples are of shorter networks of shared cores, without their last sites."""
        if not self.estimator.network_.tree.labels:
            return
        sites = self.estimator.patches_.extract(data)
        short = np.flatnonzero(self.estimator.feature_map_.missing(sites)[-1])
        if len(short):
            raise ValueError(
                f"{name} has samples without their last site, the first is row {short[0]}: shared "
                "cores skip the steps that are missing at the end, so that their scores are those "
                "of a shorter network; pass samples of full length."
            )

    def shown(self, data: FloatArray) -> FloatArray | None:
        """The columns of checked data by site; None where a site is more than a column."""
        columns = self.estimator.patches_.columns
        return data[:, columns[:, 0]] if columns.shape[1] == 1 else None

    @property
    def levels(self) -> tuple[tuple[str, ...], ...]:
        """For each site the names of its categories; of numbers there are none."""
        known, columns = self.estimator.columns_, self.estimator.patches_.columns
        if columns.shape[1] > 1 or known.encoder is None:
            return ((),) * len(columns)
        by_column = dict(zip(known.categorical, known.encoder.categories_, strict=True))
        return tuple(tuple(map(str, by_column.get(k, ()))) for k in columns[:, 0].tolist())
