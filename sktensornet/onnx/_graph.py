"""Nodes of an ONNX graph, one after the other."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._support._optional import require

OPSET = 18
_IR_VERSION = 9
"""Operators of onnx 1.13 in files of 1.14: runtimes refuse what is newer than they are."""


class Graph:
    """A graph in the making; values are called by the names of tensors.

    Parameters
    ----------
    dtype : dtype
        Type of all floats, float32 or float64.
    """

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = np.dtype(dtype)
        self._onnx = require("onnx", "onnx", "to_onnx")
        self._nodes: list[Any] = []
        self._constants: dict[tuple, Any] = {}
        self._known: dict[tuple, str] = {}

    def __call__(self, operator: str, *inputs: Any, **attributes: Any) -> str:
        """The name of what an operator gives; arrays become constants, equal nodes are one."""
        names = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        key = (operator, *names, str(sorted(attributes.items())))
        if key not in self._known:
            self._known[key] = name = f"{operator}_{len(self._nodes)}"
            node = self._onnx.helper.make_node(operator, names, [name], name=name, **attributes)
            self._nodes.append(node)
        return self._known[key]

    def constant(self, value: Any) -> str:
        """The name of a constant: floats in the graph's dtype, integers as int64."""
        array = np.asarray(value)
        if array.dtype.kind == "f":
            array = array.astype(self.dtype)
        elif array.dtype.kind in "iu":
            array = array.astype(np.int64)
        return self._keep(np.ascontiguousarray(array).reshape(array.shape))

    def labels(self, classes: np.ndarray) -> str:
        """The name of a constant that holds class labels, as they are."""
        return self._keep(classes.astype(object) if classes.dtype.kind in "OU" else classes)

    def _keep(self, array: np.ndarray) -> str:
        content = tuple(array.tolist()) if array.dtype == object else array.tobytes()
        key = (array.dtype.str, array.shape, content)
        if key not in self._constants:
            name = f"constant_{len(self._constants)}"
            self._constants[key] = self._onnx.numpy_helper.from_array(array, name)
        return self._constants[key].name

    def cast(self, value: str, dtype: Any) -> str:
        """Add a node that changes the type of a value."""
        return self("Cast", value, to=self._onnx.helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def fill_nan(self, value: str, other: Any) -> str:
        """Add nodes that put `other` where a value is NaN."""
        return self("Where", self("IsNaN", value), other, value)

    def subtract(self, value: str, other: Any) -> str:
        """Add nodes for a value minus constants, of which no digit is lost.

        What rounding to the graph's dtype takes from the constants is subtracted
        too; where these lie close to the value, the difference has all digits.
        """
        other = np.asarray(other, np.float64)
        with np.errstate(over="ignore"):
            rounded = other.astype(self.dtype)
        rest = np.zeros_like(other)
        np.subtract(other, rounded, out=rest, where=np.isfinite(rounded))
        difference = self("Sub", value, rounded)
        return self("Sub", difference, rest) if rest.any() else difference

    def remainder(self, value: str, period: Any) -> str:
        """Add nodes for a value less whole periods, of which no digit is lost.

        The remainder by the rounded period is exact; what rounding takes from the
        period counts once for each.
        """
        period = np.asarray(period, np.float64)
        rounded = period.astype(self.dtype)
        remainder = self("Mod", value, rounded, fmod=1)
        rest = period - rounded
        if not rest.any():
            return remainder
        times = self("Round", self("Div", self("Sub", value, remainder), rounded))
        return self("Sub", remainder, self("Mul", times, rest))

    def unsqueeze(self, value: str, axis: int) -> str:
        """Add a node that gives a value another axis of length one."""
        return self("Unsqueeze", value, np.array([axis]))

    def model(self, n_features: int, outputs: dict[str, tuple[str, Any, list]], name: str) -> Any:
        """The model of an input X (n_samples, n_features).

        Parameters
        ----------
        n_features : int
        outputs : dict
            Name of each output, to the value, its dtype and its shape.
        name : str
        """
        helper = self._onnx.helper

        def info(name: str, dtype: Any, shape: list) -> Any:
            is_text = np.dtype(dtype).kind in "OU"
            kind = helper.np_dtype_to_tensor_dtype(np.dtype(object if is_text else dtype))
            return helper.make_tensor_value_info(name, kind, shape)

        for output, (value, _, _) in outputs.items():
            self._nodes.append(helper.make_node("Identity", [value], [output], name=output))
        graph = helper.make_graph(
            self._nodes,
            name,
            [info("X", self.dtype, ["n_samples", n_features])],
            [info(output, dtype, shape) for output, (_, dtype, shape) in outputs.items()],
            list(self._constants.values()),
        )
        model = helper.make_model(
            graph,
            producer_name="sktensornet",
            opset_imports=[helper.make_opsetid("", OPSET)],
            ir_version=_IR_VERSION,
        )
        self._onnx.checker.check_model(model)
        return model
