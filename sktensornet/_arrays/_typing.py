"""Types that appear in signatures throughout the package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.floating[Any]]
IntArray: TypeAlias = NDArray[np.integer[Any]]
Features: TypeAlias = "Sequence[FloatArray] | FloatArray"
"""Local features by site: item k has shape (n_samples, m_k)."""
