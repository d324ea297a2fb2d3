"""Warnings that point at the line of the user's."""

from __future__ import annotations

import sys
import warnings

_OURS = ("sktensornet.", "sklearn.base", "sklearn.callback", "contextlib", "numpy.")
"""Modules whose frames lie between a warning and the call of a public method."""


def warn_user(message: str, category: type[Warning]) -> None:
    """Warn at the line that called into the package."""
    level, frame = 2, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(_OURS):
        level, frame = level + 1, frame.f_back
    warnings.warn(message, category, stacklevel=level)
