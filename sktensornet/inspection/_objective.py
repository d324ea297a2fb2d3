"""What an estimator minimises, as a function of its parameters."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from .._arrays._parallel import ChunkPool, effective_threads
from .._arrays._typing import FloatArray, IntArray
from .._estimators._reading import read_arrays
from .._problems._model import Model
from .._problems._objective import Objective
from ..feature_maps import FittedMap
from ..networks import TensorNetwork
from ._fitted import transformed, unwrapped


class TrainingObjective:
    r"""The objective of a fitted estimator, with its derivative, on any samples.

    .. math:: F(\theta) = \frac{\sum_i w_i \, \ell(s(X_i), y_i)}{\sum_i w_i}
              + \frac{\alpha}{2} R(\theta)

    with the estimator's loss, ``alpha_`` and penalty; ``penalty="start"`` pulls
    towards `point` here. It is what `solvers.Problem` describes, so that any
    gradient solver takes it, of the samples as they are. Use it as a context manager, which
    keeps threads.

    Parameters
    ----------
    estimator : fitted estimator of this package
        The estimator, which does not change.
    X : array-like of shape (n_samples, n_features)
        The samples.
    y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        Their targets.
    sample_weight : array-like of shape (n_samples,) or None, default=None
        Their weights.
    network : TensorNetwork or None, default=None
        Another network over the same features, in the place of ``network_``.

    Attributes
    ----------
    point, origin : ndarray of float64, shape (n_parameters,)
        The parameters of the network, shared cores once, and of the feature map.
    n_samples : int
        Number of samples.
    dtype : dtype
        Type in which the objective is computed.

    Raises
    ------
    ValueError
        If data, or the network, do not go with the estimator.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sktensornet import TTClassifier
    >>> from sktensornet.inspection import TrainingObjective
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = TTClassifier(rank=3, solver="lbfgs", alpha=1e-3, random_state=0).fit(X, y)
    >>> with TrainingObjective(clf, X, y) as objective:
    ...     value, gradient = objective.value_and_gradient(objective.point)
    >>> bool(np.isclose(value, clf.loss_curve_[-1])), bool(np.abs(gradient).max() < 1e-2)
    (True, True)
    """

    def __init__(
        self,
        estimator: Any,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        network: TensorNetwork | None = None,
    ) -> None:
        estimator, before = unwrapped(estimator)
        X = transformed(before, X)
        data, labels, weight = read_arrays(estimator, X, y, sample_weight, reset=False)
        samples = estimator._samples(estimator._targets, data, labels, weight)
        network = estimator.network_ if network is None else network
        if network.mode_sizes != estimator.network_.mode_sizes:
            raise ValueError(
                f"network={network!r} has mode sizes {network.mode_sizes}, but the features of "
                f"the estimator have {estimator.network_.mode_sizes}."
            )
        if network.n_outputs != estimator.network_.n_outputs:
            raise ValueError(
                f"network={network!r} has {network.n_outputs} output(s), but the estimator has "
                f"{estimator.network_.n_outputs}."
            )
        self._model = Model.from_fitted(estimator.patches_, estimator.feature_map_, network)
        self.point = self.origin = self._model.theta_of(network, estimator.feature_map_)
        self._pool = ChunkPool(effective_threads(estimator.n_jobs))
        self._objective = Objective(
            self._model,
            estimator._targets.loss,
            samples.X.astype(network.dtype, copy=False),
            samples.y,
            samples.weight,
            alpha=estimator.alpha_,
            penalty=estimator.penalty,
            origin=self.origin,
            pool=self._pool,
        )
        self.n_samples, self.dtype = len(samples), self._model.dtype

    def __enter__(self) -> Self:
        self._pool.__enter__()
        return self

    def __exit__(self, *exception: Any) -> None:
        self._pool.__exit__(*exception)

    def value_and_gradient(
        self,
        theta: FloatArray,
        rows: IntArray | None = None,
        dropout: float = 0.0,
        seed: int = 0,
    ) -> tuple[float, FloatArray]:
        """Objective and its derivative at a point.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
            The point.
        rows : ndarray of int or None, default=None
            The samples of a mini-batch; None takes all.
        dropout : float, default=0.0
            Probability that a local feature is zeroed.
        seed : int, default=0
            Draws the features that are.

        Returns
        -------
        value : float
            The objective.
        gradient : ndarray of shape (n_parameters,)
            Its derivative.
        """
        return self._objective.value_and_gradient(theta, rows, dropout, seed)

    def scores(self, theta: FloatArray, X: ArrayLike) -> FloatArray:
        """Scores at a point, for samples of numbers.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
            The point.
        X : ndarray of shape (n_samples, n_features)
            The samples, with the codes of categories where there are such columns.

        Returns
        -------
        ndarray of shape (n_samples, n_outputs)
            The scores, in the dtype of the network.
        """
        return self._model.scores(theta, np.asarray(X), self._pool.n_threads)

    def fitted(self, theta: FloatArray) -> tuple[TensorNetwork, FittedMap]:
        """The network and the feature map at a point.

        Parameters
        ----------
        theta : ndarray of shape (n_parameters,)
            The point.

        Returns
        -------
        network : TensorNetwork
            The network.
        feature_map : FittedMap
            The map.
        """
        return self._objective.fitted(theta)
