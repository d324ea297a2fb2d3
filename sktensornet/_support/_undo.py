"""Methods that change their object as a whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from numpy.random import RandomState

Method = TypeVar("Method", bound=Callable)


def all_or_nothing(method: Method) -> Method:
    """Decorate a method: if it fails or is interrupted, its object has the attributes of before.

    A `RandomState` among them is where it was. Of other objects that are changed in
    place nothing is undone.
    """

    @wraps(method)
    def method_that_can_fail(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = dict(vars(self))
        drawn = [
            (value, value.get_state())
            for value in before.values()
            if isinstance(value, RandomState)
        ]
        try:
            return method(self, *args, **kwargs)
        except BaseException:
            # One assignment, which a second interruption cannot leave half-way.
            self.__dict__ = before
            for random_state, state in drawn:
                random_state.set_state(state)
            raise

    return method_that_can_fail  # type: ignore[return-value]
