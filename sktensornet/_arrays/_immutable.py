"""Frozen dataclasses whose arrays cannot be written to."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np


def read_only(array: np.ndarray) -> np.ndarray:
    """A copy in C order that cannot be written to."""
    copy = np.array(array, order="C", copy=True)
    copy.flags.writeable = False
    return copy


class FieldState:
    """Mixin of dataclasses: what is saved are the fields, without what is cached of them."""

    def __getstate__(self: Any) -> dict:
        return {field.name: getattr(self, field.name) for field in fields(self)}


class ReadOnlyArrays(FieldState):
    """Mixin of frozen dataclasses: the arrays they hold are read-only copies."""

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                object.__setattr__(self, name, read_only(value))
            elif isinstance(value, tuple) and any(isinstance(v, np.ndarray) for v in value):
                object.__setattr__(self, name, tuple(map(read_only, value)))

    def __setstate__(self, state: dict) -> None:
        vars(self).update(state)
        ReadOnlyArrays.__post_init__(self)
