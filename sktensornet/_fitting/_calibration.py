"""The temperature of probabilities, by samples held out of fits."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from typing import Any

import numpy as np

from .._arrays._parallel import effective_threads
from .._data._targets import Targets
from ..networks._cores import with_dtype
from ._choose_alpha import Choice
from ._folds import FEWEST_ROWS, deal
from ._plan import Plan
from ._problem import working_type

_LEAST_SHARE = 0.03
"""Fits to parts end where another sweep would gain no more: the temperature hardly depends on it,
and the fit to all goes on. Not tuned."""


def with_temperature(
    plan: Plan, choice: Choice, known: Targets | None, carry_out: Callable[[Plan, Choice], Any]
) -> tuple[Plan, Choice]:
    """The plan with the temperature of its loss, and the choice with a network to go on from.

    Fits to parts of the samples predict the others; those of sweeps are not in vain,
    since the fit to all goes on from the first.

    Parameters
    ----------
    plan : Plan
        Whose loss has a temperature.
    choice : Choice
    known : Targets or None
        Those of the fit before, whose temperature a warm start keeps.
    carry_out : callable
        ``carry_out(plan, choice)`` is what is fitted.
    """
    loss, samples = plan.targets.loss, plan.train.by_value()
    if known is not None and known.loss.name == loss.name:
        return replace(plan, targets=known), choice
    if samples.copies.sum() < 2 * FEWEST_ROWS:
        return plan, choice
    n_threads = effective_threads(plan.n_jobs)
    networks, scores, classes, copies = [], [], [], []
    dtype = working_type(plan, choice.model)
    for k, (train, held) in enumerate(deal(samples)):
        # For fewer samples the penalty weighs more: a prior that more data outweigh.
        alpha = choice.alpha * samples.weight.sum() / train.weight.sum()
        part = replace(
            plan,
            train=train,
            held=None,
            least_share=max(plan.least_share, _LEAST_SHARE) if plan.solver.sweeps else 0.0,
            is_short=True,
            random_state=deepcopy(plan.random_state),
        )
        # The choice dealt all samples as it is done here, or else its networks may have seen
        # what is held out.
        start = with_dtype(choice.folds[k], dtype) if k < len(choice.folds) else None
        found = carry_out(part, replace(choice, alpha=alpha, network=start))
        scores.append(found.model.scores(found.theta, held.X, n_threads))
        networks.append(found.network)
        classes.append(held.y)
        copies.append(held.weight / held.unit)
    calibrated = loss.calibrated(*map(np.concatenate, (scores, classes, copies)))
    targets = plan.targets.with_loss(calibrated)
    if plan.solver.sweeps:
        choice = replace(choice, network=with_dtype(networks[0], dtype))
    return replace(plan, targets=targets), choice
