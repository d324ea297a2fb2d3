"""Where training starts: from nothing, from a linear model, from moments, from a network."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from .._arrays._indicators import Indicators
from .._arrays._typing import FloatArray, IntArray
from .._data._samples import Samples
from .._data._targets import Targets
from .._problems._model import Model
from .._problems._sequence_problem import SequenceProblem
from ..losses import Loss
from ..networks import TensorNetwork
from ..networks._starts._identity import identity_start

INITS = ("identity", "linear", "moments", "interactions", "orthogonal")
GATHERED_INITS = ("linear", "moments", "orthogonal")
"""Those that need the features of all samples at one place."""
_LEAST_ALPHA = 1e-6
"""Logistic regression of classes that a plane tells apart has no optimum without a penalty."""
_MOST_COMPARED = 20_000
"""Correlations of so many samples are known to 0.007."""
_ROUNDING = 1e-12
"""Moments below, beside the targets, are sums that cancel but for rounding."""

Start = Callable[["np.random.RandomState | None"], FloatArray]
"""Parameters to start from; with None, without the noise."""


def make_start(
    init: str | TensorNetwork,
    model: Model,
    targets: Targets,
    samples: Samples,
    alpha: float,
    random_state: np.random.RandomState,
) -> Start:
    """The start that an estimator's ``init`` asks for.

    Parameters
    ----------
    init : {"identity", "linear", "moments", "interactions", "orthogonal"} or TensorNetwork
    model : Model
    targets : Targets
    samples : Samples
    alpha : float
        Penalty of the linear model.
    random_state : RandomState
        For the samples of the moments and the interactions.

    Returns
    -------
    callable
        ``start(random_state)`` gives a parameter vector; None leaves noise out.
    """
    loss, (X, y, weight) = targets.loss, samples
    bias = targets.baseline(y, weight)
    bias = bias[:, None] if targets.are_separate else bias[None]
    contraction, constants = model.contraction, model.feature_map.constants
    if isinstance(init, TensorNetwork):
        fixed = model.theta_of(init, model.feature_map)
        return lambda _: fixed
    if init == "orthogonal":
        turned = orthogonal_start(model, loss, X, y, weight, random_state)
        return lambda _: turned
    moments = _class_moments(y, weight, bias.size) if init == "moments" else None
    if moments is not None and _tell_apart(moments, y):
        from ..networks._starts._moments import moment_start

        features = model.features(X)
        cores = moment_start(contraction, features, moments, random_state)
        return lambda _: model.pack(cores, model.feature_map.parameters)
    if init == "interactions":
        terms = _telling_terms(model, loss, X, y, weight, bias.size, random_state)
        return lambda noise: _pack(model, terms(noise), True)
    if init == "linear":
        from ..networks._starts._linear import linear_start

        weights, offset = _linear_model(model, loss, X, y, weight, alpha, bias.ravel())
        return lambda noise: _pack(
            model, linear_start(contraction, constants, weights, offset, noise), True
        )
    begin: Callable[..., list[FloatArray]] = identity_start
    if not model.tree.is_multilinear:
        from ..networks._starts._generalized import generalized_start

        begin = generalized_start
    return lambda noise: _pack(model, begin(contraction, constants, bias, noise), noise is not None)


def orthogonal_start(
    model: Model, loss: Loss, X, y, weight: FloatArray, random_state: np.random.RandomState
) -> FloatArray:
    """Random orthogonal transitions of symbols, or of features on average of norm one.

    As `orthogonal` has them; a missing step leaves the state alone where the features of symbols
    do not say what it does.
    """
    # Loaded here, where sequences are.
    from .._hankel._linear import Sequences
    from .._hankel._starts import orthogonal

    problem = SequenceProblem(model, loss, X, y, weight, rank=0, alpha=0.0)
    found = problem.symbols()
    steps: Any = problem.features() if found is None else found[0]
    targets = np.zeros((len(steps), problem.n_scores))
    sequences = Sequences(steps, problem.lengths, targets, problem.weight)
    linear = orthogonal(sequences, model.core_shapes[0][-1], random_state)
    network = problem.point(*linear, None if found is None else found[1])
    return model.theta_of(network, model.feature_map)


def check_network(init: TensorNetwork, model: Model) -> None:
    """Raise if a network cannot be where this model starts."""
    sizes = init.mode_sizes, init.n_outputs, init.batched
    n_outputs = model.contraction.n_batch * model.message_sizes[-1]
    wanted = model.feature_map.mode_sizes, n_outputs, model.batched
    if init.tree != model.tree or sizes != wanted:
        raise ValueError(
            f"init={init!r} does not fit: the data and parameters ask for a {model.tree.format} "
            f"over {model.tree.n_sites} site(s) with mode sizes {sorted(set(wanted[0]))}, "
            f"{wanted[1]} output(s) and class_tensors="
            f"{'separate' if model.batched else 'joint'!r}."
        )


def _pack(model: Model, cores: list[FloatArray], keeps_map: bool) -> FloatArray:
    parameters = model.feature_map.parameters
    if not keeps_map:
        parameters = tuple(np.zeros_like(array) for array in parameters)
    return model.pack(cores, parameters)


def _class_moments(y: IntArray, weight: FloatArray, n_scores: int) -> FloatArray:
    """Weights of the samples whose sums of features the start spans.

    The mean over each class less that over all, or the covariance with each
    real target.
    """
    if y.ndim == 2:
        centred = (y - np.average(y, axis=0, weights=weight)) * weight[:, None]
        return centred / weight.sum()
    classes = np.arange(n_scores) if n_scores > 1 else np.array([1])
    share = (y[:, None] == classes) * weight[:, None]
    totals = share.sum(axis=0)
    return share / np.where(totals > 0, totals, 1.0) - (weight / weight.sum())[:, None]


def _tell_apart(moments: FloatArray, y: IntArray) -> bool:
    """Whether moments are more than rounding, as those of one class or target are not."""
    size = 1.0 if y.ndim == 1 else np.abs(y).max()
    return bool(np.abs(moments).sum(axis=0).max() > _ROUNDING * size)


def _telling_terms(model: Model, loss: Loss, X, y, weight, n_scores: int, random_state):
    """The start from the products of features that correlate most with the targets."""
    if not model.feature_map.has_constant:
        raise ValueError(
            'init="interactions" needs a feature map with a constant feature; use '
            'feature_map="polynomial", "spline" or "one_hot", or init="moments".'
        )
    if model.feature_map.parameters:
        raise ValueError(
            'init="interactions" compares fixed features with the targets, which a trained '
            'feature map has not; use feature_map="polynomial" or "spline", or init="identity".'
        )
    from ..networks._starts._interactions import interaction_start

    if len(X) > _MOST_COMPARED:
        rows = random_state.choice(len(X), _MOST_COMPARED, replace=False)
        X, y, weight = X[rows], y[rows], weight[rows]
    features, targets = model.features(X), loss.linear_targets(y, n_scores)
    constants = model.feature_map.constants
    return lambda noise: interaction_start(
        model.contraction, constants, features, targets, weight, noise
    )


def _linear_model(
    model: Model,
    loss: Loss,
    X: FloatArray,
    y: IntArray,
    weight: FloatArray,
    alpha: float,
    bias: FloatArray,
) -> tuple[list[FloatArray], FloatArray]:
    """Weights (m_k, n_scores) of each site and offsets, by scikit-learn."""
    # Loaded here: it takes a thirtieth of the time of importing the package.
    from sklearn.linear_model import LogisticRegression, Ridge

    first = int(model.feature_map.has_constant)
    features = model.features(X)
    sizes = [feature.shape[1] - first for feature in features]
    columns = [
        feature.sparse()[:, first:] if isinstance(feature, Indicators) else feature[:, first:]
        for feature in features
    ]
    is_sparse = any(isinstance(feature, Indicators) for feature in features)
    design = sparse.hstack(columns, format="csr") if is_sparse else np.hstack(columns)
    n_scores = len(bias)
    strength = max(alpha, _LEAST_ALPHA) * weight.sum()
    weights, offset = np.zeros((design.shape[1], n_scores)), bias.astype(np.float64)
    learnable = design.shape[1] > 0 and len(np.unique(y[weight > 0], axis=0)) > 1
    if learnable and loss.has_probabilities and not loss.is_quadratic and y.ndim == 1:
        linear = LogisticRegression(C=1 / strength, max_iter=500)
        with warnings.catch_warnings():
            # A start need not be the optimum.
            warnings.simplefilter("ignore", ConvergenceWarning)
            linear.fit(design, y, sample_weight=weight)
        found = np.flatnonzero(np.isin(np.arange(max(n_scores, 2)), linear.classes_))
        if len(linear.coef_) == 1 and n_scores > 1:
            # Two of more classes are here: half the margin up for one, down for the other.
            coefficients = np.vstack([-linear.coef_, linear.coef_]) / 2
            weights[:, found] = coefficients.T
        elif n_scores == 1:
            weights[:, 0], offset = linear.coef_[0], linear.intercept_.astype(np.float64)
        else:
            weights[:, found], offset[found] = linear.coef_.T, linear.intercept_
    elif learnable:
        targets = loss.linear_targets(y, n_scores)
        ridge = Ridge(alpha=strength).fit(design, targets, sample_weight=weight)
        weights = np.reshape(ridge.coef_, (n_scores, -1)).T
        offset = np.reshape(ridge.intercept_, n_scores)
    parts = np.split(weights.astype(np.float64), np.cumsum(sizes)[:-1])
    return [np.vstack([np.zeros((first, n_scores)), part]) for part in parts], offset
