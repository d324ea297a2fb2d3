"""From a fitted estimator to an ONNX model."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.utils.validation import check_is_fitted

from .._data._multilabels import Multilabels
from .._estimators._array_place import in_numpy
from .._estimators._base import BaseTensorNetwork
from .._support._checks import check_option
from ._contraction import add_scores
from ._features import add_features, add_lengths
from ._graph import Graph


def to_onnx(estimator: Any, dtype: str = "float32") -> Any:
    r"""Write a fitted estimator as an ONNX model.

    .. math:: s_c(X) = \langle W_c, f_1(x_1) \otimes \dots \otimes f_d(x_d) \rangle

    The graph takes an input ``X`` of shape (n_samples, n_features) and holds
    the patches, the feature map, the contraction of the network and what the
    loss makes of the scores. Any runtime of ONNX can run it, without Python.

    ====================================  ===============================================
    estimator                             outputs
    ====================================  ===============================================
    classifier with probabilities         ``label`` (n_samples,), ``probabilities``
                                          (n_samples, n_classes)
    classifier, another loss              ``label``, ``scores`` as `decision_function`
    regressor                             ``predictions``, shaped as y was
    ====================================  ===============================================

    Parameters
    ----------
    estimator : TTClassifier, HTClassifier, CPClassifier or the regressors
        Fitted, on numbers. All feature maps of the package are supported.
    dtype : {"float32", "float64"}, default="float32"
        Type of the input and of all computations. A float32 input has seven
        digits, which leaves few of a column with a mean far beyond its deviation;
        nothing else is lost of them.

    Returns
    -------
    onnx.ModelProto
        ``model.SerializeToString()`` are the bytes of a file, for
        ``onnxruntime.InferenceSession``, for instance.

    Raises
    ------
    ImportError
        If the package ``onnx`` is missing: ``pip install 'sktensornet[onnx]'``.
    ValueError
        If the estimator is none of this package, was fitted on columns of
        categories, has another ``product`` than "multiply", or a feature map of
        your own.
    sklearn.exceptions.NotFittedError
        If it is not fitted.

    Notes
    -----
    Messages of networks of more than eight sites are rescaled by powers of two,
    as in the estimators, so that deep networks neither overflow nor vanish, and
    scores saturate at 2**100 (float32) or 2**300 (float64).

    Of ``shared_cores=True`` the graph takes samples of the length of the fit, and shorter
    ones filled up with NaN (or -1 for tokens) at the end, which are skipped as in
    ``predict``; longer ones are for ``predict``. Runtimes reject a token beyond the table.

    The input is one matrix of numbers, so categories must be encoded as numbers
    outside, as by ``OrdinalEncoder``, and given to a `OneHotMap` by
    ``feature_map={column: "one_hot"}``. Codes that the fit has not seen, and NaN,
    are taken as missing.

    Examples
    --------
    >>> import numpy as np
    >>> import onnxruntime
    >>> from sklearn.datasets import load_iris
    >>> from sktensornet import TTClassifier
    >>> from sktensornet.onnx import to_onnx
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = TTClassifier(rank=2, alpha=1e-3).fit(X, y)
    >>> saved = to_onnx(clf).SerializeToString()
    >>> session = onnxruntime.InferenceSession(saved)
    >>> label, probabilities = session.run(None, {"X": X.astype(np.float32)})
    >>> bool((label == clf.predict(X)).all())
    True
    >>> bool(np.abs(probabilities - clf.predict_proba(X)).max() < 1e-5)
    True
    """
    return write(estimator, dtype)


def write(estimator: Any, dtype: str, raw_scores: bool = False) -> Any:
    """The model of `to_onnx`; `raw_scores` of a classifier stand for its probabilities.

    They have a column for each class, -s and s where one score tells two apart.
    """
    if not isinstance(estimator, BaseTensorNetwork):
        raise ValueError(
            f"estimator={estimator!r} must be one of this package, such as TTClassifier; take it "
            "out of a pipeline or a search first."
        )
    check_is_fitted(estimator)
    if estimator.n_views > 1:
        raise ValueError(
            f"estimator has n_views={estimator.n_views!r}, random views that a graph has not; set "
            "n_views=1 first, by estimator.set_params(n_views=1)."
        )
    estimator = in_numpy(estimator)
    check_option("dtype", dtype, ("float32", "float64"))
    network = estimator.network_
    if getattr(estimator, "posterior", False):
        raise ValueError(
            "to_onnx writes the scores of the network, which posterior=True averages; set "
            "posterior=False first, or keep the estimator."
        )
    if estimator.columns_.encoder is not None:
        raise ValueError(
            "estimator was fitted on columns of categories, "
            f"{estimator.columns_.labels(estimator.columns_.categorical)!r}, which to_onnx does "
            "not support; encode them before the fit, with OrdinalEncoder, and name the map of "
            "those columns: feature_map={column: 'one_hot'}."
        )
    network.tree.require_multilinear("to_onnx")
    graph = Graph(np.dtype(dtype))
    features = add_features(graph, estimator.feature_map_, estimator.patches_, "X")
    scores = add_scores(graph, network, features)
    if network.shares_cores:
        known = add_lengths(graph, estimator.feature_map_, estimator.patches_, "X")
        for n_sites in network.tree.lengths[-2::-1]:
            shorter = add_scores(graph, network.with_n_sites(n_sites), features[:n_sites])
            scores = graph("Where", graph("LessOrEqual", known, n_sites), shorter, scores)
    if is_classifier(estimator):
        outputs = _classes(graph, estimator, scores, raw_scores)
    else:
        outputs = _targets(graph, estimator, scores)
    return graph.model(estimator.n_features_in_, outputs, type(estimator).__name__)


def _classes(graph: Graph, estimator: Any, scores: str, raw_scores: bool) -> dict:
    """Labels, and probabilities or scores."""
    classes, n_scores = estimator.classes_, estimator.network_.n_outputs
    if isinstance(estimator._targets, Multilabels):
        return _labels(graph, estimator, scores, raw_scores)
    if classes.dtype.kind == "O" and not all(isinstance(label, str) for label in classes):
        raise ValueError(f"classes_={classes!r} must be numbers, booleans or strings for to_onnx.")
    if n_scores == 1:
        flat = graph("Squeeze", scores, np.array([1]))
        winner = graph.cast(graph("Greater", flat, 0.0), np.int64)
    else:
        winner = graph("ArgMax", scores, axis=1, keepdims=0)
    label = graph("Gather", graph.labels(classes), winner)
    outputs = {"label": (label, classes.dtype, ["n_samples"])}
    shape = ["n_samples", len(classes)]
    has_probabilities = estimator._targets.loss.has_probabilities
    if raw_scores or has_probabilities:
        found = scores if raw_scores else _cooled(graph, estimator, scores)
        if n_scores == 1:
            found = graph("Concat", graph("Neg", found), found, axis=1)
        if raw_scores:
            return outputs | {"scores": (found, graph.dtype, shape)}
        found = graph("Sigmoid", found) if n_scores == 1 else graph("Softmax", found, axis=1)
        return outputs | {"probabilities": (found, graph.dtype, shape)}
    if n_scores == 1:
        return outputs | {"scores": (flat, graph.dtype, ["n_samples"])}
    return outputs | {"scores": (scores, graph.dtype, shape)}


def _labels(graph: Graph, estimator: Any, scores: str, raw_scores: bool) -> dict:
    """Zeros and ones of several labels, and their probabilities or scores."""
    shape = ["n_samples", len(estimator.classes_)]
    found = graph.cast(graph("Greater", scores, 0.0), np.int64)
    outputs = {"label": (found, np.dtype(np.int64), shape)}
    if raw_scores or not estimator._targets.loss.has_probabilities:
        return outputs | {"scores": (scores, graph.dtype, shape)}
    found = graph("Sigmoid", _cooled(graph, estimator, scores))
    return outputs | {"probabilities": (found, graph.dtype, shape)}


def _cooled(graph: Graph, estimator: Any, scores: str) -> str:
    """Scores over the temperature of the loss, if it has one."""
    temperature = estimator._targets.loss.temperature
    return scores if temperature is None else graph("Mul", scores, 1.0 / temperature)


def _targets(graph: Graph, estimator: Any, scores: str) -> dict:
    """Predictions in the units of the targets."""
    values = scores if estimator._targets.loss.scales_targets else graph("Exp", scores)
    values = graph("Mul", values, estimator.target_scale_)
    values = graph("Add", values, estimator.target_mean_)
    if estimator._targets.is_flat:
        values = graph("Squeeze", values, np.array([1]))
        return {"predictions": (values, graph.dtype, ["n_samples"])}
    shape = ["n_samples", estimator.network_.n_outputs]
    return {"predictions": (values, graph.dtype, shape)}
