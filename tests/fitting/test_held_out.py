"""Settings that are compared after as many sweeps, and on all folds."""

from concurrent.futures import Future
from functools import partial
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


class Later(Future):
    """A fit that is made when it is asked for, or that fails then."""

    def __init__(self, *call):
        super().__init__()
        self.call = call

    def result(self, timeout=None):
        fit, *arguments = self.call
        return fit(*arguments)


def record(begun, fit, *arguments):
    begun.append((arguments[0], arguments[2]))
    return Later(fit, *arguments)


@pytest.mark.parametrize("warm", [True, False])
@pytest.mark.parametrize("n_folds", [1, 2])
def test_what_is_found_is_the_same_beside_one_another(n_folds, warm):
    def losses(is_beside):
        fit, begun = Descent({"a": 1.0, "b": 0.5, "c": 0.1, "d": 9.0}), []
        submit = partial(record, begun, fit) if is_beside else None
        trials = HeldOut(folds(n_folds), fit, lambda before, after: warm, submit)
        trials.expect(("a", None), ("d", None))
        kept = "a"
        for after in "dbc":
            kept = after if trials.gains(after, kept) else kept
        assert len(trials) == 4
        return trials.losses(), trials.networks(kept), kept, begun

    alone, beside = losses(False), losses(True)
    assert alone[:3] == beside[:3]
    assert alone[3] == []
    assert beside[3][:2] == [("a", None), ("d", None)]


def test_neighbours_are_fitted_beside_one_another_once():
    fit, begun = Descent({"a": 1.0, "b": 2.0, "c": 3.0}), []
    trials = HeldOut(folds(3), fit, lambda before, after: True, partial(record, begun, fit))
    trials.loss("a", 1)
    trials.gains("b", "a")
    assert begun == [("a", (4.5, 1)), ("b", (4.5, 1))]
    # That of the first has been settled; a single fit has all threads.
    trials.gains("c", "a")
    assert len(begun) == 2
    trials.expect(("b", "a"), ("c", "a"))
    assert len(begun) == 2


def test_a_fit_that_is_not_asked_for_may_fail():
    def fit(setting, fold, start):
        if setting == "b":
            raise ValueError("no numbers")
        return None, 1.0

    trials = HeldOut(folds(1), fit, lambda before, after: False, partial(record, [], fit))
    trials.expect(("a", None), ("b", None))
    assert trials.loss("a", 1) == 0.5
    with pytest.raises(ValueError, match="no numbers"):
        trials.loss("b", 1)
