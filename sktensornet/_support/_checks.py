"""Checks of parameters, with errors that name them."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

import numpy as np


def check_integer(name: str, value: Any, minimum: int, why: str = "") -> int:
    """Return `value` as an int of at least `minimum`, or raise."""
    if not isinstance(value, Integral) or isinstance(value, bool) or int(value) < minimum:
        raise ValueError(f"{name}={value!r} must be an integer >= {minimum}{why}.")
    return int(value)


def check_real(
    name: str, value: Any, low: float, high: float = np.inf, *, low_allowed: bool = False
) -> float:
    """Return `value` as a float in (low, high), or in [low, high), or raise."""
    if isinstance(value, Real) and not isinstance(value, bool):
        number = float(value)
        if low < number < high or (low_allowed and number == low):
            return number
    bracket = "[" if low_allowed else "("
    raise ValueError(f"{name}={value!r} must be a number in {bracket}{low:g}, {high:g}).")


def check_boolean(name: str, value: Any) -> bool:
    """Return `value` if it is a bool, or raise."""
    if not isinstance(value, (bool, np.bool_)):
        raise ValueError(f"{name}={value!r} must be True or False.")
    return bool(value)


def check_option(name: str, value: Any, options: Iterable[str]) -> str:
    """Return `value` if it is one of the options, or raise."""
    known = list(options)
    if not isinstance(value, str) or value not in known:
        raise ValueError(f"{name}={value!r} is unknown; it must be one of {known}.")
    return value
