"""Solvers: strangers to formats, maps and losses."""

from ._adam import Adam
from ._als import ALS
from ._base import Outcome, Problem, Solver
from ._lbfgs import LBFGS
from ._spectral import Spectral

SOLVERS: dict[str, type[Solver]] = {
    "lbfgs": LBFGS,
    "adam": Adam,
    "als": ALS,
    "spectral": Spectral,
}
"""The solvers by the names that ``solver`` takes."""

__all__ = ["ALS", "LBFGS", "SOLVERS", "Adam", "Outcome", "Problem", "Solver", "Spectral"]
