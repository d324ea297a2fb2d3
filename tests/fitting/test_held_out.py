"""Settings that are compared after as many sweeps, and on all folds."""

from types import SimpleNamespace

import numpy as np
import pytest

from sktensornet._fitting._held_out import HeldOut


def folds(n):
    held = [SimpleNamespace(weight=np.full(2 + k, 1.0)) for k in range(n)]
    return [(None, one) for one in held]


class Descent:
    """A made fit: what is left of the distance to a setting's own loss halves in each sweep."""

    def __init__(self, settled, begin=8.0):
        self.settled, self.begin, self.calls = settled, begin, []

    def __call__(self, setting, fold, start):
        n_sweeps = 1 if start is None else start[1] + 1
        value = self.begin if start is None else start[0]
        own = self.settled[setting]
        value = own + (value - own) / 2
        self.calls.append((setting, start))
        return (value, n_sweeps), fold[1].weight.sum() * value


def test_a_neighbour_is_compared_after_as_many_sweeps():
    fit = Descent({"a": 1.0, "b": 1.0, "c": 0.0})
    trials = HeldOut(folds(2), fit, lambda before, after: True)
    # Alike when settled: more sweeps alone are no gain.
    assert not trials.gains("b", "a")
    assert [call[1] for call in fit.calls] == [None, (4.5, 1), (4.5, 1)]
    assert trials.gains("c", "a")
    assert trials.networks("c")[0] == (2.25, 2)
    assert trials.networks("a")[0] == (4.5, 1)


def test_fits_that_cannot_go_on_begin_anew():
    fit = Descent({"a": 1.0, "b": 0.0})
    trials = HeldOut(folds(3), fit, lambda before, after: False)
    assert trials.gains("b", "a")
    assert fit.calls == [("a", None), ("b", None)] * 3


def test_a_loss_on_a_later_fold_is_none_of_a_gain():
    def fit(setting, fold, start):
        loss = {"a": 1.0, "b": 0.5 if len(fold[1].weight) == 2 else 1.6}[setting]
        return None, loss * fold[1].weight.sum()

    trials = HeldOut(folds(3), fit, lambda before, after: False)
    assert not trials.gains("b", "a")
    assert trials.losses() == {"a": pytest.approx(1.0), "b": pytest.approx((1 + 1.6 * 3) / 5)}
    assert len(trials) == 2


@pytest.mark.parametrize(("loss", "gains"), [(0.98, False), (0.96, True), (np.nan, False)])
def test_a_gain_of_three_percent_counts(loss, gains):
    def fit(setting, fold, start):
        return None, {"a": 1.0, "b": loss}[setting] * fold[1].weight.sum()

    assert HeldOut(folds(2), fit, lambda before, after: False).gains("b", "a") == gains
