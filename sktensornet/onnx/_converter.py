"""The estimators among those that skl2onnx converts."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import is_classifier

from .._data._multilabels import Multilabels
from .._estimators._array_place import in_numpy
from .._estimators._classifiers import CPClassifier, HTClassifier, TTClassifier
from .._estimators._regressors import CPRegressor, HTRegressor, TTRegressor
from .._support._optional import require
from ._export import write
from ._graph import OPSET

_ESTIMATORS = (TTClassifier, HTClassifier, CPClassifier, TTRegressor, HTRegressor, CPRegressor)
_OPTIONS = {
    # What skl2onnx itself makes of the probabilities, by its own code.
    "zipmap": [True, False, "columns"],
    "nocl": [True, False],
    # What calibration, stacks and votes of pairs ask for in place of probabilities.
    "raw_scores": [True, False],
}


def register_converters() -> None:
    """Let ``skl2onnx.to_onnx`` convert the estimators, also as steps of a pipeline.

    Once called, in this process, `skl2onnx` writes pipelines, stacks and votes that
    hold estimators of this package. Classifiers give labels and probabilities, which
    takes ``loss="log_loss"``, or with the option ``raw_scores`` the scores of any
    loss, a column for each class; regressors give predictions. What else an estimator
    must fulfil is as in `to_onnx`.

    Raises
    ------
    ImportError
        If the package ``skl2onnx`` is missing: ``pip install 'sktensornet[onnx]'``.

    See Also
    --------
    to_onnx : Writes an estimator that stands alone, with nothing but ``onnx``.

    Examples
    --------
    >>> import numpy as np
    >>> import onnxruntime
    >>> import skl2onnx
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.decomposition import PCA
    >>> from sklearn.pipeline import make_pipeline
    >>> from sktensornet import TTClassifier
    >>> from sktensornet.onnx import register_converters
    >>> X, y = load_iris(return_X_y=True)
    >>> X = X.astype(np.float32)
    >>> model = make_pipeline(PCA(3), TTClassifier(rank=2, alpha=1e-3)).fit(X, y)
    >>> register_converters()
    >>> saved = skl2onnx.to_onnx(model, X[:1], options={"zipmap": False}).SerializeToString()
    >>> session = onnxruntime.InferenceSession(saved)
    >>> label, probabilities = session.run(None, {"X": X})
    >>> bool((label == model.predict(X)).all())
    True
    >>> bool(np.abs(probabilities - model.predict_proba(X)).max() < 1e-5)
    True
    """
    skl2onnx = require("skl2onnx", "onnx", "register_converters")
    for cls in _ESTIMATORS:
        alias = f"Sktensornet{cls.__name__}"
        options = _OPTIONS if is_classifier(cls()) else None
        skl2onnx.update_registered_converter(cls, alias, _set_shapes, _convert, options=options)


def _set_shapes(operator: Any) -> None:
    """Types and shapes of the outputs, by the input and the estimator."""
    from skl2onnx.common.data_types import Int64TensorType, StringTensorType

    (data,) = operator.inputs
    floats = _float_type(data)
    estimator, n_samples = in_numpy(operator.raw_operator), data.get_first_dimension()
    if is_classifier(estimator):
        is_text = estimator.classes_.dtype.kind in "OU"
        labels = StringTensorType if is_text else Int64TensorType
        n_labels = len(estimator.classes_)
        shape = (
            [n_samples, n_labels] if isinstance(estimator._targets, Multilabels) else [n_samples]
        )
        operator.outputs[0].type = labels(shape)
        operator.outputs[1].type = floats([n_samples, n_labels])
    else:
        operator.outputs[0].type = floats([n_samples, estimator.network_.n_outputs])


def _convert(scope: Any, operator: Any, container: Any) -> None:
    """Copy the graph of `to_onnx`, with names that are unique, into a container."""
    from onnx import TensorProto, helper, numpy_helper
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType, Int64TensorType

    estimator, (data,) = operator.raw_operator, operator.inputs
    raw = False
    if is_classifier(estimator):
        raw = container.get_options(estimator, {"raw_scores": False})["raw_scores"]
        loss = estimator._targets.loss
        if not (raw or loss.has_probabilities):
            raise ValueError(
                f"{type(estimator).__name__} with loss={loss.name!r} has no probabilities, "
                "which skl2onnx asks of a classifier; take loss='log_loss', "
                "options={'raw_scores': True, 'zipmap': False}, or sktensornet.onnx.to_onnx."
            )
    floats = _float_type(data)
    graph = write(estimator, "float64" if floats is DoubleTensorType else "float32", raw).graph

    def add(operation: str, inputs: list[str], outputs: list[str], **attributes: Any) -> None:
        name = scope.get_unique_operator_name(operation)
        container.add_node(operation, inputs, outputs, op_version=OPSET, name=name, **attributes)

    def keep(values: np.ndarray, kind: int) -> str:
        name = scope.get_unique_variable_name("constant")
        container.add_initializer(name, kind, values.shape, values.ravel())
        return name

    names = {"X": data.onnx_name}
    if not isinstance(data.type, FloatTensorType | DoubleTensorType):
        names["X"] = scope.get_unique_variable_name("X")
        add("Cast", [data.onnx_name], [names["X"]], to=graph.input[0].type.tensor_type.elem_type)
    for constant in graph.initializer:
        names[constant.name] = keep(numpy_helper.to_array(constant), constant.data_type)
    for node in graph.node:
        for name in node.output:
            names[name] = scope.get_unique_variable_name(name)
        attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        inputs, outputs = ([names[name] for name in side] for side in (node.input, node.output))
        add(node.op_type, inputs, outputs, **attributes)
    for ours, theirs in zip(graph.output, operator.outputs, strict=True):
        value, output = names[ours.name], [theirs.onnx_name]
        if not is_classifier(estimator):
            shape = np.array([-1, estimator.network_.n_outputs])
            add("Reshape", [value, keep(shape, TensorProto.INT64)], output)
        elif isinstance(theirs.type, Int64TensorType):
            add("Cast", [value], output, to=TensorProto.INT64)
        else:
            add("Identity", [value], output)


def _float_type(data: Any) -> Any:
    """The type of the floats: double where the input is, else float."""
    from skl2onnx.common.data_types import DoubleTensorType, FloatTensorType

    return DoubleTensorType if isinstance(data.type, DoubleTensorType) else FloatTensorType
