"""Methods that change their object as a whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

Method = TypeVar("Method", bound=Callable)


def all_or_nothing(method: Method) -> Method:
    """Decorate a method: if it fails or is interrupted, its object has the attributes of before."""

    @wraps(method)
    def method_that_can_fail(self: Any, *args: Any, **kwargs: Any) -> Any:
        before = dict(vars(self))
        try:
            return method(self, *args, **kwargs)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise

    return method_that_can_fail  # type: ignore[return-value]
