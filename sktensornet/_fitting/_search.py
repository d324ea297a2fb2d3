"""What a search for alpha and the scale of the features may try."""

from __future__ import annotations

from dataclasses import dataclass

from .._problems._model import Model

TRIAL_SWEEPS, SEARCH_SWEEPS = 1, 3
"""Sweeps of every trial, and of a classifier's fit with what they have found, the trial's
included: a third one still gained on validation parts of tables, a fourth did not."""

LEAST_RANK, MOST_SITES = 2, 25
"""A constant and one product; and where twenty sweeps at that rank take as long as the other
trials together."""


@dataclass(frozen=True)
class Search:
    """How alpha and the scale of the features are chosen before the fit.

    Parameters
    ----------
    has_trials : bool
        Whether fits of the estimator itself follow the kernel method.
    alpha : float or None
        The penalty, where only the scale is chosen.
    sweeps : int
        Of a trial.
    ranks : (int, int) or None
        The least and the largest rank of trials from products of features; None is
        without these.
    of_patches : bool
        Whether sites are patches.
    others : tuple of Model
        With feature maps that may be better than that of the plan.
    """

    has_trials: bool
    alpha: float | None = None
    sweeps: int = TRIAL_SWEEPS
    ranks: tuple[int, int] | None = None
    of_patches: bool = False
    others: tuple[Model, ...] = ()


@dataclass(frozen=True)
class Trial:
    """A setting that was tried.

    Parameters
    ----------
    alpha : float
        The penalty, for as many samples as there are in all.
    scale : float or None
        The scale of the features; None where it was not free.
    loss : float
        Mean loss of samples that the trial was not trained on: of each left out
        in turn, squared, for the first one, which is a kernel ridge regression,
        and for others that of the estimator, over as many folds as it took to
        tell.
    mode_size : int or None
        Local features of a site, the first of which maps have another number, where
        the feature map was chosen; None elsewhere.
    """

    alpha: float
    scale: float | None
    loss: float
    mode_size: int | None = None

    def __repr__(self) -> str:
        scale = "None" if self.scale is None else f"{self.scale:.3g}"
        size = "" if self.mode_size is None else f", mode_size={self.mode_size}"
        return f"Trial(alpha={self.alpha:.3g}, scale={scale}, loss={self.loss:.4g}{size})"


def ranks_of_products(n_sites: int, n_joint: int, rank: int) -> tuple[int, int] | None:
    """The least rank of a constant and a product for each joint score, and the largest.

    None where that is as dear as other trials: for many sites or scores.
    """
    if n_sites > MOST_SITES or 2 * n_joint > max(rank, LEAST_RANK):
        return None
    return min(max(LEAST_RANK, n_joint), rank), rank
