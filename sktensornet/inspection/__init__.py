"""Explanations that only a multilinear model can give, and pictures of fitted models."""

from ._entanglement_display import EntanglementDisplay
from ._filters_display import FiltersDisplay
from ._hidden_states import HiddenStates
from ._interactions import Interactions, interactions
from ._interactions_display import InteractionsDisplay
from ._network_display import NetworkDisplay
from ._objective import TrainingObjective
from ._pareto_display import ParetoDisplay
from ._partial_dependence import partial_dependence
from ._rank_curve import RankCurve, RankCurveDisplay, rank_curve
from ._shapley import ShapleyValues, shapley_values
from ._shapley_display import ShapleyDisplay
from ._shapley_interactions import ShapleyInteractions, shapley_interactions
from ._training_display import TrainingDisplay
from ._variance import VarianceShares, variance_shares
from ._variance_display import VarianceSharesDisplay

__all__ = [
    "EntanglementDisplay",
    "FiltersDisplay",
    "HiddenStates",
    "Interactions",
    "InteractionsDisplay",
    "NetworkDisplay",
    "ParetoDisplay",
    "RankCurve",
    "RankCurveDisplay",
    "ShapleyDisplay",
    "ShapleyInteractions",
    "ShapleyValues",
    "TrainingDisplay",
    "TrainingObjective",
    "VarianceShares",
    "VarianceSharesDisplay",
    "interactions",
    "partial_dependence",
    "rank_curve",
    "shapley_interactions",
    "shapley_values",
    "variance_shares",
]
