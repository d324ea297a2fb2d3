"""The penalty and the scale of the features, chosen by what they predict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from .._arrays._samples import merged_rows
from .._arrays._typing import FloatArray
from .._data._samples import Samples
from .._problems._model import Model
from ..networks import TensorNetwork
from ._folds import FEWEST_ROWS, Fold, deal
from ._held_out import HeldOut
from ._leave_out import least_squares_left_out
from ._search import Trial
from ._setting import ABOVE, BELOW, EXPONENTS, MIDDLE, ORDINARY, PATCH_SCALES, SCALES, Setting

_KERNEL_ROWS = 600
"""Eigenvalues of a kernel of 600 rows take 0.1 s, and time grows with the cube."""
_COMPARED_ROWS = 300
"""Those by which maps and scales of patches are compared, with up to sixteen kernels."""
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

Judge = Callable[
    [Model, float, Samples, Samples, int | None, bool, TensorNetwork | None],
    tuple[TensorNetwork, float],
]

_ABOUT, _ROUGHLY = 1.01, 1.05
"""Losses within one percent are alike: the noise of a few hundred residuals is larger. For patches
five: of digits the loss of the kernel is 2 % above the least for all small penalties."""
_CLEARLY = 1.08
"""By how much more features must lower the loss of the kernel method: a sweep takes time by the
square of their number. On series where they help it is by 10 to 40 %, on digits by 5 %."""
_WIDE, _NARROW = 3, (-8, 1)
"""From this scale on the walk first tries the other end: alpha 10^-4 s^2 at s = 0.1."""
_PRODUCTS, _LITTLE = (-10, 5), 0.5
"""Where fits from products begin, and the share of the variance that the kernel must leave for
them: with 4 to 9 rows for each level half a decade less overfits some folds, one more shrinks."""


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
    their first sweeps predict better than all before. The walk is as long as
    eight trials, or shorter for many sites and folds; where it would be shorter than
    three there is none.

    Patches begin at a scale of 0.5, with the penalty of the kernel method. Two settings
    are compared by fits: this one, and that of the scale and the feature map which are best
    for the kernel method.

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
    of_patches : bool, default=False
        Whether sites are patches. Then the kernel method gives the middle of the penalties
        about as good, and not the largest: a limit on the ranks does a part of what the
        penalty does.
    others : sequence of Model, default=()
        With other feature maps.

    Attributes
    ----------
    trials : list of Trial
        All that was tried.
    networks : list of TensorNetwork
        What the walk fitted with the chosen setting to the first folds.
    uses_all : bool
        Whether these are folds of all samples.
    rank : int or None
        Its rank, where that was chosen.
    place : int
        Of the chosen feature map: 0 for that of `model`, or one more than among `others`.

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
        of_patches: bool = False,
        others: Sequence[Model] = (),
    ) -> None:
        self._of_patches = of_patches
        self._scales = PATCH_SCALES if of_patches else SCALES
        self._ranks = ranks if alpha is None else None
        self._default_alpha = default_alpha if alpha is None else alpha
        self._alpha_given = alpha
        self._model = model.as_type(np.float64)
        self._models = [self._model, *(one.as_type(np.float64) for one in others)]
        self._free = model.feature_map.has_free_scale
        X, y, weight = samples
        size = samples.unit.max()
        rows, weights = merged_rows(X, y, weight / size)
        self._total = weights.sum()
        widest = max(model.feature_map.mode_sizes)
        wanted = min(_ROWS_PER_LEVEL * widest, _MOST_TRIAL_ROWS)
        first = slice(max(_TRIAL_ROWS, wanted))
        self.uses_all = len(rows[first]) == len(rows)
        rows, weights = rows[first], weights[first]
        used = Samples(X[rows], y[rows], weights, samples.unit[rows] / size)
        self._samples = used.in_float64()
        self._kernel_samples = self._samples.take(slice(_KERNEL_ROWS))
        _, y, weight = self._kernel_samples
        found = targets(y)
        self._targets = found - weight @ found / weight.sum()
        self._start: Setting | None = None
        self._other: Setting | None = None
        self.place = 0
        self.trials: list[Trial] = []
        self.networks: list[TensorNetwork] = []
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
        at = partial(self._at, curvature)
        if self._of_patches and self._free:
            loss, setting = at(ORDINARY)
            best = self._best_map(partial(at, rows=_COMPARED_ROWS), over)
            self._other = self._curved(curvature, *best)
        else:
            loss, setting = self._best_scale(at, over)
        if not np.isfinite(loss):
            return self._default()
        self._start, self._kernel_loss = self._curved(curvature, loss, setting), loss
        return self._keep(self._start, loss)

    def _curved(
        self, curvature: Callable[[float], float], loss: float, setting: Setting
    ) -> Setting:
        """The setting with a penalty for the curvature that the loss has there."""
        if self._alpha_given is not None or not np.isfinite(loss):
            return setting
        shrink = 2 * np.log10(self._flatness(curvature, loss))
        return replace(setting, exponent=max(setting.exponent + round(shrink), EXPONENTS[-1]))

    @staticmethod
    def _flatness(curvature: Callable[[float], float], loss: float) -> float:
        return max(curvature(loss), 1e-3)

    def _at(
        self,
        curvature: Callable[[float], float],
        scale: int,
        place: int = 0,
        rows: int = _KERNEL_ROWS,
    ) -> tuple[float, Setting]:
        """The least loss of the kernel method with a scale and a map, for the first rows."""
        samples, setting = self._kernel_samples.take(slice(rows)), Setting(0, scale, place=place)
        loss = self._leave_one_out(scale, place, samples)
        if loss is None:
            return np.inf, setting
        # The penalty is a prior, which does not grow with the samples.
        total = self._kernel_samples.weight.sum()
        if self._alpha_given is not None:
            penalty = self._strength(setting) * total
            # By the curvature where it is steepest, then where that leads.
            return loss(penalty / self._flatness(curvature, loss(penalty))), setting
        penalties = [self._penalty(replace(setting, exponent=k)) * total for k in EXPONENTS]
        losses = np.array([loss(penalty) for penalty in penalties])
        # The penalties fall; those that are about as good.
        about = _ROUGHLY if self._of_patches else _ABOUT
        good = np.flatnonzero(losses <= about * losses.min())
        is_middle = self._of_patches and (not self._free or scale == ORDINARY)
        k = int(good[len(good) // 2 if is_middle else 0])
        return float(losses[k]), replace(setting, exponent=EXPONENTS[k])

    def _best_scale(self, at: Callable, over: Callable) -> tuple[float, Setting]:
        """The least loss of the kernel method, going up or down from a scale in pairs."""
        if not self._free:
            return at(len(self._scales) - 1)
        low, high = over(at, MIDDLE)
        best, others = (high, ABOVE) if high[0] < low[0] else (low, BELOW)
        for found in over(at, others):
            if not found[0] < best[0]:
                break
            best = found
        return best

    def _best_map(self, at: Callable, over: Callable) -> tuple[float, Setting]:
        """The least loss with any map and scale; of maps a later one must be clearly better."""
        best = self._best_scale(at, over)
        for place in range(1, len(self._models)):
            found = self._best_scale(partial(at, place=place), over)
            if found[0] * _CLEARLY < best[0]:
                best = found
        return best

    def _default(self) -> Trial:
        scale = PATCH_SCALES[ORDINARY] if self._of_patches else 1.0
        self.trials.append(Trial(self._default_alpha, scale if self._free else None, np.nan))
        return self.trials[-1]

    def _leave_one_out(
        self, scale: int, place: int, samples: Samples
    ) -> Callable[[float], float] | None:
        """Mean squared residual for every penalty; None where products overflow or are all one."""
        X, _, weight = samples
        feature_map = self._models[place].feature_map.with_scale(self._scales[scale])
        sites = self._model.sites.extract(X)
        features = feature_map.forward(feature_map.parameters, sites)[0]
        return least_squares_left_out(features, self._targets[: len(samples)], weight, samples.unit)

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
        trials = HeldOut(folds, partial(self._judge, judge), Setting.leads_to)
        place = self._start
        if self._of_patches:
            trials.loss(place, 1)
            if self._other not in (None, place) and trials.gains(self._other, place):
                place = self._other
            return self._settle(trials, place)
        most = min(_MOST_TRIALS, _MOST_SOLVES // (len(folds) * self._model.sites.n_sites))
        if most < _FEWEST_TRIALS:
            return self.trials[-1]
        gains = trials.gains

        def climb(place: Setting, exponent: int = 0, scale: int = 0) -> Setting:
            while len(trials) < most:
                after = replace(
                    place, exponent=place.exponent + exponent, scale=place.scale + scale
                )
                inside = after.exponent in EXPONENTS and 0 <= after.scale < len(self._scales)
                if not inside or not gains(after, place):
                    break
                place = after
            return place

        trials.loss(place, 1)
        if self._free:
            wide = replace(place, scale=len(self._scales) - 1)
            far = self._narrow if place.scale >= _WIDE else wide
            if gains(far, place):
                place = far
        if self._alpha_given is None:
            smaller = climb(place, exponent=-2)
            place = smaller if smaller != place else climb(place, exponent=2)
        if self._free:
            wider = climb(place, scale=1)
            place = wider if wider != place else climb(place, scale=-1)
        if self._ranks is not None and self._hides_products:
            products = Setting(*_PRODUCTS, rank=self._ranks[0])
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
        return self._settle(trials, place)

    def _settle(self, trials: HeldOut[Setting], setting: Setting) -> Trial:
        """Keep what was tried, and take one setting."""
        losses = trials.losses()
        for tried, loss in losses.items():
            self._keep(tried, loss)
        self.networks = trials.networks(setting)
        self.rank, self.place = setting.rank, setting.place
        return self._as_trial(setting, losses[setting])

    def _judge(
        self, judge: Judge, setting: Setting, fold: Fold, start: TensorNetwork | None
    ) -> tuple[TensorNetwork, float]:
        model = self._models[setting.place]
        model = model.with_map(model.feature_map.with_scale(self._scales[setting.scale]))
        train, held = fold
        alpha = self._alpha(setting, train.weight.sum())
        return judge(model, alpha, train, held, setting.rank, setting.is_glance, start)

    @property
    def _hides_products(self) -> bool:
        """Whether the kernel method, to which all products look alike, explains little."""
        weight = self._kernel_samples.weight
        variance = np.average(np.square(self._targets).mean(axis=1), weights=weight)
        return self._kernel_loss > _LITTLE * variance

    @property
    def _narrow(self) -> Setting:
        """What else is tried where the kernel method chose a wide scale."""
        return Setting(*_NARROW) if self._alpha_given is None else Setting(0, _NARROW[1])

    def _penalty(self, setting: Setting) -> float:
        # Patches take the middle of what is as good, which the ends of the grid decide: it is
        # the same at all scales.
        unit = 1.0 if self._of_patches else self._scales[setting.scale] ** 2
        return 10.0 ** (0.5 * setting.exponent) * unit

    def _strength(self, setting: Setting) -> float:
        """The penalty for as many samples as the kernel method has."""
        if self._alpha_given is None:
            return self._penalty(setting)
        return self._alpha_given * self._total / self._kernel_samples.weight.sum()

    def _alpha(self, setting: Setting, weight: float) -> float:
        """Alpha for samples of a total weight: a prior that more data outweigh."""
        return self._strength(setting) * self._kernel_samples.weight.sum() / weight

    def _as_trial(self, setting: Setting, loss: float) -> Trial:
        scale = self._scales[setting.scale] if self._free else None
        sizes = self._models[setting.place].feature_map.mode_sizes
        chosen = max(sizes) if len(self._models) > 1 else None
        return Trial(float(self._alpha(setting, self._total)), scale, float(loss), chosen)

    def _keep(self, setting: Setting, loss: float) -> Trial:
        self.trials.append(self._as_trial(setting, loss))
        return self.trials[-1]
