"""Types that appear in signatures throughout the package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from ._indicators import Indicators

FloatArray: TypeAlias = NDArray[np.floating[Any]]
IntArray: TypeAlias = NDArray[np.integer[Any]]
Features: TypeAlias = "Sequence[FloatArray] | FloatArray"
"""Local features by site: item k has shape (n_samples, m_k)."""
SiteFeatures: TypeAlias = "FloatArray | Indicators"
"""Local features of one site, dense or by the places of what is not zero."""
