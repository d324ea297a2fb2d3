"""Parts that meet at every sum."""

import numpy as np
import pytest

from sktensornet._distributed._lockstep import MONITOR, LocalParts, Part, SharedPool, run


def parts_of(*works):
    return LocalParts([Part(work) for work in works])


def test_parts_get_the_sum_of_all_and_may_change_it():
    def work(value):
        def of(ask):
            with SharedPool(1, ask) as pool:
                total = pool.total(np.full(3, value), "gradient")
                total += value
                return total, pool.total(1, "samples")

        return of

    first, count = run(parts_of(work(1.0), work(2.0), work(4.0)), lambda: False)
    np.testing.assert_array_equal(first, [8.0, 8.0, 8.0])
    assert count == 3


def test_the_monitor_hears_the_first_part_and_answers_all():
    heard, told = [], []

    def work(name):
        return lambda ask: told.append((name, ask(MONITOR, (name, 1.5))))

    run(parts_of(work("a"), work("b")), lambda point, value: heard.append((point, value)) or True)
    assert heard == [("a", 1.5)]
    assert told == [("a", True), ("b", True)]


def test_an_error_of_a_part_is_raised_and_ends_the_others():
    def fails(ask):
        raise ValueError("no such block")

    parts = [Part(fails), Part(lambda ask: ask("loss", 1))]
    with pytest.raises(ValueError, match="no such block"):
        run(LocalParts(parts), lambda: False)
    for part in parts:
        part._thread.join(5)
        assert not part._thread.is_alive()


def test_an_error_of_the_monitor_ends_the_parts():
    def monitor():
        raise KeyboardInterrupt

    part = Part(lambda ask: ask(MONITOR, ()))
    with pytest.raises(KeyboardInterrupt):
        run(LocalParts([part]), monitor)
    part._thread.join(5)
    assert not part._thread.is_alive()


def test_parts_that_decide_differently_raise():
    works = (lambda ask: ask("loss", 1.0)), (lambda ask: ask(MONITOR, ()))
    with pytest.raises(RuntimeError, match=r"round differently.* solver='lbfgs'"):
        run(parts_of(*works), lambda: False)
    shapes = (lambda ask: ask("loss", 1.0)), (lambda ask: ask("loss", np.ones(2)))
    with pytest.raises(RuntimeError, match="round differently"):
        run(parts_of(*shapes), lambda: False)
    names = (lambda ask: ask("slope", 1.0)), (lambda ask: ask("curvature", 1.0))
    with pytest.raises(RuntimeError, match=r"no longer do the same at \['curvature', 'slope'\]"):
        run(parts_of(*names), lambda: False)
    points = (lambda ask: ask(MONITOR, (1.0,))), (lambda ask: ask(MONITOR, (-1.0,)))
    with pytest.raises(RuntimeError, match=r"no longer do the same at \['monitor'"):
        run(parts_of(*points), lambda point: False, lambda values: len(set(values)) == 1)


def test_whatever_ends_a_part_is_heard_of():
    def leaves(ask):
        raise SystemExit

    with pytest.raises(SystemExit):
        run(parts_of(leaves), lambda: False)


def test_a_sum_is_not_shared_though_the_object_is():
    def work(ask):
        total = ask("gradient", np.ones(2))
        total *= 2
        return total

    first = run(parts_of(work, work, work), lambda: False)
    np.testing.assert_array_equal(first, [6.0, 6.0])
