"""Settings compared by what fits to some of the samples predict of the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from ..networks import TensorNetwork
from ._folds import Fold

Setting = TypeVar("Setting")

_GAIN = 0.97
"""A setting further from the kernel's must gain three percent, since the best of several trials on
the same held-out rows looks better than it is. Not tuned."""


@dataclass
class _Fits:
    """Networks for the first folds, and sums of losses over what was held out of each."""

    networks: list[TensorNetwork] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    settled: list[float] = field(default_factory=list)
    """After as many sweeps again, as the fits have had that go on from these."""


class HeldOut(Generic[Setting]):
    """Fits of settings to folds, each begun where that of a neighbour ended.

    Few sweeps do not settle a fit, and least with a small penalty; begun anew each time, the
    larger penalty looks better (on bike by a factor of 50: RMSE .046 instead of .019). So a
    setting goes on from the network of its neighbour, which is given as many sweeps
    more before the two are compared.

    Parameters
    ----------
    folds : sequence of (Samples, Samples)
        To train on, and to judge by.
    fit : callable
        ``fit(setting, fold, start)`` is a network, begun from `start` unless that is
        None, and the sum of its weighted losses of held-out samples.
    goes_on : callable
        ``goes_on(before, after)`` says whether a network of one setting can start the other.
    submit : callable or None, default=None
        ``submit(*arguments)`` is a `Future` of what `fit` gives for them; None makes every
        fit when it is asked for. What is found is the same.
    """

    def __init__(
        self,
        folds: Sequence[Fold],
        fit: Callable[[Setting, Fold, TensorNetwork | None], tuple[TensorNetwork, float]],
        goes_on: Callable[[Setting, Setting], bool],
        submit: Callable[..., Future] | None = None,
    ) -> None:
        self._folds = folds
        self._fit = fit
        self._goes_on = goes_on
        self._submit = submit
        self._ahead: dict[tuple[Setting, Setting | None, int], Future] = {}
        self._weights = [held.weight.sum() for _, held in folds]
        self._tried: dict[Setting, _Fits] = {}

    def __len__(self) -> int:
        return len(self._tried)

    def losses(self) -> dict[Setting, float]:
        """The mean loss of each setting over the folds that it was tried on."""
        return {one: self._mean(fits.losses) for one, fits in self._tried.items()}

    def networks(self, setting: Setting) -> list[TensorNetwork]:
        """Those of the first folds."""
        return self._tried[setting].networks

    def expect(self, *fits: tuple[Setting, Setting | None], fold: int = 0) -> None:
        """Begin fits that are going to be asked for, or may be, beside one another.

        Parameters
        ----------
        fits : (setting, setting or None)
            Each with what it goes on from, which has been tried on the fold.
        fold : int, default=0
        """
        new = [fit for fit in fits if not self._is_known(*fit, fold)]
        if self._submit is None or len(new) < 2:
            return
        for setting, before in new:
            found = self._submit(*self._arguments(setting, before, fold))
            self._ahead[setting, before, fold] = found

    def _is_known(self, setting: Setting, before: Setting | None, k: int) -> bool:
        """Whether a fit was made or is."""
        tried = self._tried.get(setting, _Fits())
        made = tried.settled if setting == before else tried.losses
        return len(made) > k or (setting, before, k) in self._ahead

    def _arguments(self, setting: Setting, before: Setting | None, k: int) -> tuple:
        start = None if before is None else self._tried[before].networks[k]
        return setting, self._folds[k], start

    def _found(
        self, setting: Setting, before: Setting | None, k: int
    ) -> tuple[TensorNetwork, float]:
        begun = self._ahead.get((setting, before, k))
        return self._fit(*self._arguments(setting, before, k)) if begun is None else begun.result()

    def loss(self, setting: Setting, n_folds: int, before: Any = None) -> float:
        """The mean loss over the first folds, going on from another setting if there is one."""
        fits = self._tried.setdefault(setting, _Fits())
        while (k := len(fits.losses)) < n_folds:
            network, loss = self._found(setting, before, k)
            fits.networks.append(network)
            fits.losses.append(loss)
        return self._mean(fits.losses[:n_folds])

    def gains(self, after: Setting, before: Setting) -> bool:
        """Whether a setting predicts better than one before on all folds, and by enough.

        A setting that gains nothing on the first folds is not tried on the others.
        """
        warm = self._goes_on(before, after)
        for k in range(1, len(self._folds) + 1):
            known = self.loss(before, k)
            if warm:
                self.expect((before, before), (after, before), fold=k - 1)
                known = self._settled(before, k)
            found = self.loss(after, k, before if warm else None)
            if not found < known:
                return False
        return found < _GAIN * known

    def _settled(self, setting: Setting, n_folds: int) -> float:
        fits = self._tried[setting]
        while (k := len(fits.settled)) < n_folds:
            fits.settled.append(self._found(setting, setting, k)[1])
        return self._mean(fits.settled[:n_folds])

    def _mean(self, losses: list[float]) -> float:
        return sum(losses) / sum(self._weights[: len(losses)])
