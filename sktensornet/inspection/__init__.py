"""Explanations that only a multilinear model can give."""

from ._interactions import Interactions, interactions
from ._interactions_display import InteractionsDisplay
from ._variance import VarianceShares, variance_shares
from ._variance_display import VarianceSharesDisplay

__all__ = [
    "Interactions",
    "InteractionsDisplay",
    "VarianceShares",
    "VarianceSharesDisplay",
    "interactions",
    "variance_shares",
]
