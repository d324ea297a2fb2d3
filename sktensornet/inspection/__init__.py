"""Explanations that only a multilinear model can give."""

from ._interactions import Interactions, interactions
from ._variance import VarianceShares, variance_shares

__all__ = [
    "Interactions",
    "VarianceShares",
    "interactions",
    "variance_shares",
]
