"""Packages that only extras bring, imported on use."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType


def require(name: str, extra: str, caller: str) -> ModuleType:
    """The module of an optional package, or an error that says how to install it."""
    try:
        return import_module(name)
    except ImportError as error:
        raise ImportError(
            f"{caller} needs the package {name.partition('.')[0]}, which is not installed; "
            f"python -m pip install 'sktensornet[{extra}]' brings it, or '.[{extra}]' in a copy of "
            "the repository."
        ) from error


@cache
def can_compile() -> bool:
    """Whether the extra ``numba`` is installed."""
    return find_spec("numba") is not None
