"""Fitted estimators as ONNX graphs, which run without Python."""

from ._converter import register_converters
from ._export import to_onnx

__all__ = ["register_converters", "to_onnx"]
