"""Methods that an instance may lack."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import MethodType
from typing import Any

Reason = Callable[[Any], str | None]


class only_if:  # noqa: N801
    """Decorator of a method that is there unless a function of the instance says why not.

    As `sklearn.utils.metaestimators.available_if`, but the reason is the message
    of the error, where that has it in the cause.

    Parameters
    ----------
    why_not : callable
        Gives a text such as "with loss='hinge'; use loss='log_loss'.", or None if
        the method is there.

    Examples
    --------
    >>> from sktensornet._support._only_if import only_if
    >>> class Counter:
    ...     wide = False
    ...
    ...     @only_if(lambda counter: None if counter.wide else "with wide=False; use wide=True.")
    ...     def total(self):
    ...         return 3
    >>> hasattr(Counter(), "total")
    False
    >>> Counter().total()
    Traceback (most recent call last):
        ...
    AttributeError: 'Counter' has no attribute 'total' with wide=False; use wide=True.
    """

    def __init__(self, why_not: Reason) -> None:
        self._why_not = why_not

    def __call__(self, method: Callable) -> Any:
        return _Conditional(method, self._why_not)


class _Conditional:
    """The descriptor that `only_if` puts in the place of a method."""

    def __init__(self, method: Callable, why_not: Reason) -> None:
        self._method = method
        self._why_not = why_not
        self.__doc__ = method.__doc__

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:

            @wraps(self._method)
            def checked(instance: Any, *args: Any, **kwargs: Any) -> Any:
                return self.__get__(instance)(*args, **kwargs)

            return checked
        reason = self._why_not(instance)
        if reason is not None:
            name = self._method.__name__
            owner_name = type(instance).__name__
            raise AttributeError(f"{owner_name!r} has no attribute {name!r} {reason}")
        return MethodType(self._method, instance)
