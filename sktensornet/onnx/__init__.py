"""Fitted estimators as ONNX graphs, which run without Python."""

from ._export import to_onnx

__all__ = ["to_onnx"]
