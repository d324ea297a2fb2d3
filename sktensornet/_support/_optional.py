"""Packages that only extras bring, imported on use."""

from __future__ import annotations

import os
import sys
import warnings
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from threading import Lock
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


WORTH_COMPILING = 50_000
"""How many numbers, of all samples of a chunk, make compiled code worth its import: a step over so
many takes about a millisecond, the import of numba one to three seconds."""

WORTH_LOADING = 5_000_000
"""The same of all samples where nothing but their scores is wanted, once: NumPy takes some 35 ms
for so many at rank 8. The call alone decides: results do not depend on what was done before."""


@cache
def can_compile() -> bool:
    """Whether the extra ``numba`` is installed, and not told to leave code as it is."""
    config = getattr(sys.modules.get("numba"), "config", None)
    if config is not None:
        return not config.DISABLE_JIT
    is_off = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
    return find_spec("numba") is not None and not is_off


_loading = Lock()


def compiled_module(name: str) -> ModuleType | None:
    """A module that needs numba; None where that is not installed or does not load.

    A numba that is older than NumPy allows, or that finds no place for what it has
    compiled, is met by whoever has it for other packages. Threads that come together
    load it once.
    """
    with _loading:
        return _loaded(name)


@cache
def _loaded(name: str) -> ModuleType | None:
    if not can_compile():
        return None
    try:
        return import_module(name)
    except Exception as error:
        warnings.warn(
            f"numba is installed but does not load, so that the passes take longer: {error}",
            RuntimeWarning,
            stacklevel=3,
        )
        return None
