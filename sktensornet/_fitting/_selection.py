"""The penalty and the scale of the features, chosen by what they predict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from .._arrays._samples import merged_rows
from .._arrays._typing import FloatArray
from .._data._samples import Samples
from .._problems._model import Model
from ..networks import TensorNetwork
from ._folds import FEWEST_ROWS, Fold, deal
from ._held_out import HeldOut
from ._leave_out import left_out_loss, product_kernel
from ._search import Trial

_SCALES = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
"""By factors of about two, down to where an interaction costs 400 times an effect; not finer, since
a scale matters less than alpha."""
_BELOW, _MIDDLE, _ABOVE = (1, 0), (2, 3), (4, 5)
"""Of these the ones in the middle are compared first, then those on the better side."""
_EXPONENTS = range(2, -13, -1)
"""Penalties of an effect of one column, in half decades."""
_KERNEL_ROWS = 600
"""Eigenvalues of a kernel of 600 rows take 0.1 s, and time grows with the cube."""
_TRIAL_ROWS = 4_000
"""Bounds the time of the choice for large tables. With 2,000 the validation RMSE of kin8nm is 1 %
and of gss_wages 2 % higher."""
_ROWS_PER_LEVEL, _MOST_TRIAL_ROWS = 40, 20_000
"""Where a site has many features, so many rows for each of them, up to a number that bounds the
time: with fewer rows no level is seen often enough."""
_FEWEST_TRIALS, _MOST_TRIALS = 3, 8
"""A walk with fewer cannot compare two steps; with more, the choice takes longer than the fit."""
_MOST_SOLVES = 500
"""Solves of cores in all trials: with three folds, three trials of 55 sites."""
_FEW_SITES = 10
"""Up to which a limit on the ranks takes too little for a larger penalty to make up for it."""
_ROUNDING = 1e-12
"""A kernel that varies by no more than this share of itself is constant up to rounding."""
_LARGEST_KERNEL = 1e12
"""Beyond, small penalties are lost beside the kernel in double precision."""

Judge = Callable[
    [Model, float, Samples, Samples, int | None, bool, TensorNetwork | None],
    tuple[TensorNetwork, float],
]

_ABOUT, _ROUGHLY = 1.01, 1.05
"""Losses within one percent are alike: the noise of a few hundred residuals is larger. For patches
five: of digits the loss of the kernel is 2 % above the least for all small penalties."""
_WIDE, _NARROW = 3, (-8, 1)
"""From this scale on the walk first tries the other end: alpha 10^-4 s^2 at s = 0.1."""
_PRODUCTS, _LITTLE = (-10, 5), 0.5
"""Where fits from products begin, and the share of the variance that the kernel must leave for
them: with 4 to 9 rows for each level half a decade less overfits some folds, one more shrinks."""


@dataclass(frozen=True)
class _Setting:
    """A place on the grid: alpha = 10^(exponent / 2) scale^2, unless that is given."""

    exponent: int
    scale: int
    rank: int | None = None
    """From products of features, at this rank; None starts as the plan says."""
    is_glance: bool = False
    """Whether only the first sweeps of such a fit are made."""

    def leads_to(self, other: _Setting) -> bool:
        """Whether a network with this setting can start one with another."""
        return self.scale == other.scale and self.rank is None and other.rank is None

    @property
    def alpha(self) -> float:
        return 10.0 ** (0.5 * self.exponent) * _SCALES[self.scale] ** 2


class Selection:
    r"""Choose alpha and the scale s of the features for the samples of a table.

    Without a limit on the ranks, the penalty makes the model a kernel method:
    the minimum over all tensors W is that of a ridge regression with

    .. math:: K_{ij} = \prod_k \langle f(x_{ik}), f(x_{jk}) \rangle,

    whose residuals, each with one observation left out, `left_out_loss` gives
    for all alpha at once, for each s, over at most 600 samples; of six s, four are
    tried, those above 0.2 or those below 0.4. From the best of these a walk over
    held-out losses of the estimator itself goes on, first to another end of the scales,
    then to smaller or larger penalties, whose fits go on from one another, and to other
    scales: what a limit on the ranks allows. Where the kernel leaves more than half of
    the variance, it ends with fits from products of features, at a rank that begins
    small, since to the kernel all products of an order look alike; these go on only where
    their first sweeps predict better than all before. For classes and more
    than ten sites a larger scale comes with a larger penalty. The walk is as long as
    eight trials, or shorter for many sites and folds; where it would be shorter than
    three there is none.

    The samples that are used are the first by a hash of their values, with equal
    ones merged, so that weights are repetitions and no random numbers are used. A
    merged row leaves out, and deals to the folds, one observation at a time. All is
    in float64, since rounding would choose between settings about as good.

    Parameters
    ----------
    model : Model
        With features of scale 1 where the scale is free.
    samples : Samples
        Classes are shared by the folds evenly.
    targets : callable
        From y to what the kernel method regresses on, (n_samples, n_outputs).
    default_alpha : float, default=1e-4
        Where samples are too few to choose.
    alpha : float or None, default=None
        The penalty, for as many samples as there are in all, where only the scale
        is chosen.
    ranks : (int, int) or None, default=None
        The least and the largest rank of fits from products of features; None tries none.
    takes_middle : bool, default=False
        Whether the kernel method gives the middle of the penalties about as good, and not the
        largest. For patches a limit on the ranks does a part of what the penalty does.

    Attributes
    ----------
    trials : list of Trial
        All that was tried.
    network : TensorNetwork or None
        What the walk fitted with the chosen setting, to part of the samples.
    rank : int or None
        Its rank, where that was chosen.

    References
    ----------
    Rasmussen, Williams, "Gaussian Processes for Machine Learning", MIT Press
    2006, section 5.4.2 (leave-one-out residuals); Stoudenmire, Schwab,
    "Supervised Learning with Tensor Networks", NIPS 2016 (the kernel).
    """

    def __init__(
        self,
        model: Model,
        samples: Samples,
        targets: Callable[[np.ndarray], FloatArray],
        default_alpha: float = 1e-4,
        alpha: float | None = None,
        ranks: tuple[int, int] | None = None,
        takes_middle: bool = False,
    ) -> None:
        self._takes_middle = takes_middle
        self._ranks = ranks if alpha is None else None
        self._default_alpha = default_alpha if alpha is None else alpha
        self._alpha_given = alpha
        self._model = model.as_type(np.float64)
        self._free = model.feature_map.has_free_scale
        self._has_classes = samples.y.ndim == 1
        X, y, weight = samples
        size = samples.unit.max()
        rows, weights = merged_rows(X, y, weight / size)
        self._total = weights.sum()
        widest = max(model.feature_map.mode_sizes)
        wanted = min(_ROWS_PER_LEVEL * widest, _MOST_TRIAL_ROWS)
        first = slice(max(_TRIAL_ROWS, wanted))
        rows, weights = rows[first], weights[first]
        used = Samples(X[rows], y[rows], weights, samples.unit[rows] / size)
        self._samples = used.in_float64()
        self._kernel_samples = self._samples.take(slice(_KERNEL_ROWS))
        _, y, weight = self._kernel_samples
        found = targets(y)
        self._targets = found - weight @ found / weight.sum()
        self._start: _Setting | None = None
        self.trials: list[Trial] = []
        self.network: TensorNetwork | None = None
        self.rank: int | None = None

    def by_kernel(self, curvature: Callable[[float], float], over: Callable = map) -> Trial:
        """The best setting of the kernel method.

        Parameters
        ----------
        curvature : callable
            From the mean squared residual to the typical second derivative of
            the loss, by which alpha is multiplied.
        over : callable
            ``over(function, items)`` is a map, perhaps on several threads.
        """
        if self._kernel_samples.copies.sum() < FEWEST_ROWS:
            return self._default()
        loss, setting = self._least_by_kernel(curvature, over)
        if not np.isfinite(loss):
            return self._default()
        if self._alpha_given is None:
            shrink = 2 * np.log10(self._flatness(curvature, loss))
            exponent = max(setting.exponent + round(shrink), _EXPONENTS[-1])
            setting = replace(setting, exponent=exponent)
        self._start, self._kernel_loss = setting, loss
        return self._keep(self._start, loss)

    @staticmethod
    def _flatness(curvature: Callable[[float], float], loss: float) -> float:
        return max(curvature(loss), 1e-3)

    def _least_by_kernel(self, curvature, over: Callable) -> tuple[float, _Setting]:
        """The least loss of the kernel method, going up or down from a scale in pairs."""

        def at(scale: int) -> tuple[float, _Setting]:
            loss = self._leave_one_out(scale)
            if loss is None:
                return np.inf, _Setting(0, scale)
            if self._alpha_given is not None:
                setting = _Setting(0, scale)
                penalty = self._strength(setting) * self._kernel_samples.weight.sum()
                # By the curvature where it is steepest, then where that leads.
                return loss(penalty / self._flatness(curvature, loss(penalty))), setting
            total = self._kernel_samples.weight.sum()
            losses = np.array([loss(_Setting(k, scale).alpha * total) for k in _EXPONENTS])
            # The penalties fall; those that are about as good.
            about = _ROUGHLY if self._takes_middle else _ABOUT
            good = np.flatnonzero(losses <= about * losses.min())
            k = int(good[len(good) // 2 if self._takes_middle else 0])
            return float(losses[k]), _Setting(_EXPONENTS[k], scale)

        if not self._free:
            return at(len(_SCALES) - 1)
        low, high = over(at, _MIDDLE)
        best, others = (high, _ABOVE) if high[0] < low[0] else (low, _BELOW)
        for found in over(at, others):
            if not found[0] < best[0]:
                break
            best = found
        return best

    def _default(self) -> Trial:
        self.trials.append(Trial(self._default_alpha, 1.0 if self._free else None, np.nan))
        return self.trials[-1]

    def _leave_one_out(self, scale: int) -> Callable[[float], float] | None:
        """Mean squared residual for every penalty; None where products overflow or are all one."""
        X, _, weight = self._kernel_samples
        feature_map = self._model.feature_map.with_scale(_SCALES[scale])
        sites = self._model.sites.extract(X)
        kernel = product_kernel(feature_map.forward(feature_map.parameters, sites)[0])
        largest = np.abs(kernel).max()
        # Of features that are all constants nothing can be learnt, whatever the penalty.
        if not largest <= _LARGEST_KERNEL or np.ptp(kernel) <= _ROUNDING * largest:
            return None
        return left_out_loss(kernel, self._targets, weight, self._kernel_samples.unit)

    def walk(self, judge: Judge) -> Trial:
        """Go on from the kernel method's setting by held-out losses.

        Parameters
        ----------
        judge : callable
            ``judge(model, alpha, train, held, rank, is_glance, start)`` is a network
            that was fitted, and the sum of its weighted losses of held-out samples. A
            rank asks for a start from products of features at that rank, of which a
            glance makes the first sweeps only; `start` is gone on from, if it is a
            network.
        """
        if self._start is None or self._samples.copies.sum() < 2 * FEWEST_ROWS:
            return self.trials[-1]
        folds = deal(self._samples)
        most = min(_MOST_TRIALS, _MOST_SOLVES // (len(folds) * self._model.sites.n_sites))
        if most < _FEWEST_TRIALS:
            return self.trials[-1]
        trials = HeldOut(folds, partial(self._judge, judge), _Setting.leads_to)
        gains = trials.gains

        def climb(place: _Setting, **step: int) -> _Setting:
            while len(trials) < most:
                after = replace(
                    place, **{name: getattr(place, name) + by for name, by in step.items()}
                )
                inside = after.exponent in _EXPONENTS and 0 <= after.scale < len(_SCALES)
                if not inside or not gains(after, place):
                    break
                place = after
            return place

        place = self._start
        trials.loss(place, 1)
        if self._free:
            far = self._narrow if place.scale >= _WIDE else replace(place, scale=len(_SCALES) - 1)
            if gains(far, place):
                place = far
        if self._alpha_given is None:
            smaller = climb(place, exponent=-2)
            place = smaller if smaller != place else climb(place, exponent=2)
        if self._free:
            wider = climb(place, scale=1, exponent=2 if self._grows_with_scale else 0)
            place = wider if wider != place else climb(place, scale=-1)
        if self._ranks is not None and self._hides_products:
            products = _Setting(*_PRODUCTS, rank=self._ranks[0])
            glance = replace(products, is_glance=True)
            seen = trials.loss(glance, 1) < trials.loss(place, 1)
            if seen:
                trials.loss(products, 1, glance)
            if seen and gains(products, place):
                most = len(trials) + _FEWEST_TRIALS
                smaller = climb(products, exponent=-2)
                place = smaller if smaller != products else climb(products, exponent=2)
                while len(trials) < most and place.rank is not None and place.rank < self._ranks[1]:
                    larger = replace(place, rank=min(2 * place.rank, self._ranks[1]))
                    if not gains(larger, place):
                        break
                    place = larger
        losses = trials.losses()
        for setting, loss in losses.items():
            self._keep(setting, loss)
        self.network, self.rank = trials.network(place), place.rank
        return self._as_trial(place, losses[place])

    def _judge(
        self, judge: Judge, setting: _Setting, fold: Fold, start: TensorNetwork | None
    ) -> tuple[TensorNetwork, float]:
        feature_map = self._model.feature_map.with_scale(_SCALES[setting.scale])
        train, held = fold
        model = self._model.with_map(feature_map)
        alpha = self._alpha(setting, train.weight.sum())
        return judge(model, alpha, train, held, setting.rank, setting.is_glance, start)

    @property
    def _hides_products(self) -> bool:
        """Whether the kernel method, to which all products look alike, explains little."""
        weight = self._kernel_samples.weight
        variance = np.average(np.square(self._targets).mean(axis=1), weights=weight)
        return self._kernel_loss > _LITTLE * variance

    @property
    def _narrow(self) -> _Setting:
        """What else is tried where the kernel method chose a wide scale."""
        return _Setting(*_NARROW) if self._alpha_given is None else _Setting(0, _NARROW[1])

    @property
    def _grows_with_scale(self) -> bool:
        """Whether the penalty of an effect of one column grows with the scale."""
        many = self._has_classes and self._model.sites.n_sites > _FEW_SITES
        return many and self._alpha_given is None

    def _strength(self, setting: _Setting) -> float:
        """The penalty for as many samples as the kernel method has."""
        if self._alpha_given is None:
            return setting.alpha
        return self._alpha_given * self._total / self._kernel_samples.weight.sum()

    def _alpha(self, setting: _Setting, weight: float) -> float:
        """Alpha for samples of a total weight: a prior that more data outweigh."""
        return self._strength(setting) * self._kernel_samples.weight.sum() / weight

    def _as_trial(self, setting: _Setting, loss: float) -> Trial:
        scale = _SCALES[setting.scale] if self._free else None
        return Trial(float(self._alpha(setting, self._total)), scale, float(loss))

    def _keep(self, setting: _Setting, loss: float) -> Trial:
        self.trials.append(self._as_trial(setting, loss))
        return self.trials[-1]
