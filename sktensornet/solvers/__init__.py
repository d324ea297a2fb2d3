"""Solvers: strangers to formats, maps and losses."""

from ._adam import Adam
from ._base import Outcome, Problem, Solver
from ._lbfgs import LBFGS

SOLVERS: dict[str, type[Solver]] = {"lbfgs": LBFGS, "adam": Adam}

__all__ = ["LBFGS", "SOLVERS", "Adam", "Outcome", "Problem", "Solver"]
