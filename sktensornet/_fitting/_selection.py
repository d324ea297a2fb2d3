"""The penalty and the scale of the features, chosen by what they predict."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from concurrent.futures import Future
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
from ._setting import (
    ABOVE,
    BELOW,
    EXPONENTS,
    MANY_COLUMNS,
    MIDDLE,
    ORDINARY,
    PATCH_SCALES,
    SCALES,
    SMALL_SCALES,
    Setting,
)
from ._walk import Walk, longest_walk

_CLASS_ROWS, _TARGET_ROWS = 400, 600
"""Rows of the kernel, of classes and real targets: their eigenvectors take 10 and 26 ms. With 600
log losses of 33 tables are .6 % higher; with 400 RMSEs of 11 are .5 % higher, eight splits."""
_COMPARED_ROWS = 300
"""Those by which maps, and scales of patches, are compared, with up to sixteen kernels."""
_TRIAL_ROWS = 4_000
"""Bounds the time of the choice for large tables. With 2,000 the validation RMSE of kin8nm is 1 %
and of gss_wages 2 % higher."""
_ROWS_PER_LEVEL, _MOST_TRIAL_ROWS = 40, 20_000
"""Where a site has many features, so many rows for each of them, up to a number that bounds the
time: with fewer rows no level is seen often enough."""
_SINGLE, _BESIDE = 300_000, 1_500_000
"""Products of all samples with a core from which on fits of the walk are in single precision (the
losses of 49 tables are the same to .1 %, in three quarters of the time; small systems lose half of
their digits), and two at a time: .5 to .85 of the time, a third more on wine for Python's lock."""

Judge = Callable[
    [Model, float, Samples, Samples, int | None, bool, TensorNetwork | None],
    tuple[TensorNetwork, float],
]

_Found = tuple[float, Setting]
"""The least loss of the kernel method, and with which setting."""

_ABOUT, _ROUGHLY = 1.01, 1.05
"""Losses within one percent are alike: the noise of a few hundred residuals is larger. For patches
five: of digits the loss of the kernel is 2 % above the least for all small penalties."""
_CLEARLY = 1.08
"""By how much more features must lower the loss of the kernel method: a sweep takes time by the
square of their number. On series where they help it is by 10 to 40 %, on digits by 5 %; by finer
splines on segment by 11 % (log loss 10 %), while nothing is gained on concrete (5 %)."""
_LITTLE = 0.5
"""The share of the variance that the kernel must leave for fits from products."""


class Selection:
    r"""Choose alpha and the scale s of the features for the samples of a table.

    Without a limit on the ranks, the penalty makes the model a kernel method:
    the minimum over all tensors W is that of a ridge regression with

    .. math:: K_{ij} = \prod_k \langle f(x_{ik}), f(x_{jk}) \rangle,

    whose residuals, each with one observation left out, `left_out_loss` gives
    for all alpha at once, for each s, over at most 600 samples, 400 of classes; of six s,
    four are tried, those above 0.2 or those below 0.4, or a quarter of all that where there
    are 400 columns or more. From the best of these a walk over
    held-out losses of the estimator itself goes on, first to another end of the scales,
    then to smaller or larger penalties, whose fits go on from one another, and to other
    scales: what a limit on the ranks allows. Another feature map is taken where the
    kernel method is clearly better with it. Where the kernel leaves more than half of
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
    merged row leaves out, and deals to the folds, one observation at a time. The kernel
    method is in float64, since rounding would choose between settings about as good, and
    so are the walk's fits but for large tables.

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
        With other feature maps, which have more features.

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
        self._free = model.feature_map.has_free_scale
        is_wide = self._free and model.sites.n_sites >= MANY_COLUMNS
        self._scales = PATCH_SCALES if of_patches else SMALL_SCALES if is_wide else SCALES
        self._ranks = ranks if alpha is None else None
        self._default_alpha = default_alpha if alpha is None else alpha
        self._alpha_given = alpha
        self._model = model.as_type(np.float64)
        self._models = [self._model, *(one.as_type(np.float64) for one in others)]
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
        n_rows = _CLASS_ROWS if samples.y.ndim == 1 else _TARGET_ROWS
        self._kernel_samples = self._samples.take(slice(n_rows))
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
            loss, setting = self._other_map(at, over, self._best_scale(at, over))
        if not np.isfinite(loss):
            return self._default(self._scales[0])
        self.place = setting.place
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
        rows: int = _TARGET_ROWS,
    ) -> _Found:
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

    def _best_scale(self, at: Callable, over: Callable) -> _Found:
        """The least loss of the kernel method, going up or down from a scale in pairs."""
        if not self._free:
            return at(len(self._scales) - 1)
        low, high = over(at, MIDDLE)
        best, others = (high, ABOVE) if high[0] < low[0] else (low, BELOW)
        for found in over(at, others):
            # Of many columns products overflow, but not those of small features.
            if found[0] >= best[0] and np.isfinite(best[0]):
                break
            best = found
        return best

    def _best_map(self, at: Callable, over: Callable) -> _Found:
        """The least loss with any map and scale; of maps a later one must be clearly better."""
        best = self._best_scale(at, over)
        for place in range(1, len(self._models)):
            found = self._best_scale(partial(at, place=place), over)
            if found[0] * _CLEARLY < best[0]:
                best = found
        return best

    def _other_map(self, at: Callable, over: Callable, found: _Found) -> _Found:
        """What was found, or with another map at its scale, where that is clearly better."""
        scale = found[1].scale
        for place in range(1, len(self._models)):
            here, there = over(partial(at, scale, rows=_COMPARED_ROWS), (found[1].place, place))
            if there[0] * _CLEARLY < here[0]:
                found = min(found, at(scale, place), key=lambda one: one[0])
        return found

    def _default(self, scale: float = 1.0) -> Trial:
        scale = PATCH_SCALES[ORDINARY] if self._of_patches else scale
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

    def walk(
        self, judge: Judge, beside: Judge | None = None, submit: Callable[..., Future] | None = None
    ) -> Trial:
        """Go on from the kernel method's setting by held-out losses.

        Parameters
        ----------
        judge : callable
            ``judge(model, alpha, train, held, rank, is_glance, start)`` is a network
            that was fitted, and the sum of its weighted losses of held-out samples. A
            rank asks for a start from products of features at that rank, of which a
            glance makes the first sweeps only; `start` is gone on from, if it is a
            network.
        beside : callable or None, default=None
            The same, for fits that are made beside one another.
        submit : callable or None, default=None
            ``submit(function, *arguments)`` is a `Future`, where fits may be made so.
        """
        if self._start is None or self._samples.copies.sum() < 2 * FEWEST_ROWS:
            return self.trials[-1]
        folds = deal(self._samples)
        ahead = None
        if beside is not None and submit is not None and self._products(folds[0][0]) > _BESIDE:
            ahead = partial(submit, partial(self._judge, beside))
        trials = HeldOut(folds, partial(self._judge, judge), Setting.leads_to, ahead)
        place = self._start
        if self._of_patches:
            other = place if self._other is None else self._other
            if other != place:
                trials.expect((place, None), (other, None))
            trials.loss(place, 1)
            if other != place and trials.gains(other, place):
                place = other
            return self._settle(trials, place)
        most = longest_walk(len(folds), self._model.sites.n_sites)
        if not most:
            return self.trials[-1]
        walk = Walk(trials, most, self._alpha_given is None, self._free)
        place = walk.settled(place)
        if self._ranks is not None and self._hides_products:
            place = walk.by_products(place, *self._ranks)
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
        model, (train, held) = self._models[setting.place], fold
        if self._products(train) > _SINGLE:
            model = model.as_type(np.float32)
        model = model.with_map(model.feature_map.with_scale(self._scales[setting.scale]))
        alpha = self._alpha(setting, train.weight.sum())
        return judge(model, alpha, train, held, setting.rank, setting.is_glance, start)

    def _products(self, train: Samples) -> float:
        """About how many a contraction of all samples with a core takes."""
        sizes = [math.prod(shape) for shape in self._model.core_shapes]
        return len(train) * sum(sizes) / len(sizes)

    @property
    def _hides_products(self) -> bool:
        """Whether the kernel method, to which all products look alike, explains little."""
        weight = self._kernel_samples.weight
        variance = np.average(np.square(self._targets).mean(axis=1), weights=weight)
        return self._kernel_loss > _LITTLE * variance

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
        sizes = zip(*(model.feature_map.mode_sizes for model in self._models), strict=True)
        # Maps may have as many features of some columns, such as categories.
        differing = max(sizes, key=lambda own: len(set(own)))
        chosen = differing[setting.place] if len(self._models) > 1 else None
        return Trial(float(self._alpha(setting, self._total)), scale, float(loss), chosen)

    def _keep(self, setting: Setting, loss: float) -> Trial:
        self.trials.append(self._as_trial(setting, loss))
        return self.trials[-1]
