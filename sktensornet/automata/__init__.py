r"""Linear automata: tensor trains of equal cores as functions of sequences of any length.

A linear (weighted) automaton gives a sequence the number, or numbers,

.. math:: f(x_1 \dots x_T) = \alpha^T A_{x_1} \cdots A_{x_T} \, B

which is what a train of equal cores computes of indicators of symbols. The least number of its
states is the rank of its Hankel matrix f(uv), beginnings u against ends v.
"""

from ._automaton import Automaton, from_automaton, to_automaton
from ._minimal import distance, equivalent, hankel_rank, minimise

__all__ = [
    "Automaton",
    "distance",
    "equivalent",
    "from_automaton",
    "hankel_rank",
    "minimise",
    "to_automaton",
]
