"""What targets mean: the numbers that a loss takes, and what is made of its scores."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from .._arrays._typing import FloatArray, IntArray


class Targets(ABC):
    """What was learnt of y, and the loss, for as long as an estimator is fitted.

    Attributes
    ----------
    loss : Loss
    n_scores : int
        Number of scores of a sample.
    are_separate : bool
        Whether each score has a weight tensor of its own.
    are_classes : bool
        Whether y says which class, or which labels, a sample has.
    """

    loss: Any
    are_separate: bool
    are_classes: ClassVar[bool] = True

    @property
    @abstractmethod
    def n_scores(self) -> int: ...

    @abstractmethod
    def encode(self, y: np.ndarray) -> np.ndarray:
        """Targets as the loss takes them; raise if they are unlike those learnt from."""

    def weigh(
        self, y: np.ndarray, weight: FloatArray, class_weight: dict | str | None = None
    ) -> FloatArray:
        """Weights of samples with encoded targets, from their own and those of classes."""
        return weight

    @abstractmethod
    def hold_out(
        self, y: np.ndarray, fraction: float, random_state: np.random.RandomState
    ) -> tuple[IntArray, IntArray]:
        """Rows to train on, and a fraction of all to validate with."""

    def with_loss(self, loss: Any) -> Any:
        """The same targets with another loss."""
        return replace(self, loss=loss)  # type: ignore[type-var]

    @abstractmethod
    def baseline(self, y: np.ndarray, weight: FloatArray) -> FloatArray:
        """The best constant scores."""

    @abstractmethod
    def score(self, scores: FloatArray, y: np.ndarray, weight: FloatArray) -> float:
        """What early stopping judges scores by."""
