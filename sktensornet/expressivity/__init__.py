"""Expressive power: ranks, bounds and widths of tensor networks.

What the theorems of Khrulkov, Novikov and Oseledets ("Expressive power of
recurrent neural networks", ICLR 2018) speak of, to be computed: random networks
of each format, ranks of their matricizations in floating point or exactly over
a prime field, lower bounds on the width of shallow networks, and the widths of
equivalent ones.
"""

from ..networks import min_cut
from ._bounds import cp_rank_lower_bound, equivalent_width
from ._grid import grid_tensor, on_templates
from ._matricization import matricization_rank, matricization_singular_values
from ._modular import LARGEST_PRIME, independent_rows
from ._random import random_network

__all__ = [
    "LARGEST_PRIME",
    "cp_rank_lower_bound",
    "equivalent_width",
    "grid_tensor",
    "independent_rows",
    "matricization_rank",
    "matricization_singular_values",
    "min_cut",
    "on_templates",
    "random_network",
]
